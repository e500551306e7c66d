//! One alarm: raised when room has been short for a while, cleared when there has been enough for a while.
//! Pure: figures come in, turns come out. Knows no clock, no host and no words.

/// When an alarm turns. Room is in percent: what is idle, available or left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limits {
    /// Raised by figures below this.
    pub(super) raise_below: f64,
    /// Cleared by figures above this, which is higher: a figure that wavers around one limit would turn the alarm
    /// with every sample.
    pub(super) clear_above: f64,
    /// So many figures in a row, one way or the other.
    pub(super) samples: u32,
}

/// An alarm and what it has seen.
#[derive(Debug)]
pub(super) struct Alarm {
    limits: Limits,
    raised: bool,
    /// Figures in a row that speak for a turn.
    seen: u32,
}

/// What a figure changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// There is too little room.
    Raised,
    /// There is enough again.
    Cleared,
}

impl Alarm {
    /// An alarm that is not raised.
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, raised: false, seen: 0 }
    }

    /// Takes the next figure.
    pub(super) fn observe(&mut self, room: f64) -> Option<Turn> {
        let speaks =
            if self.raised { room > self.limits.clear_above } else { room < self.limits.raise_below };
        self.seen = if speaks { self.seen + 1 } else { 0 };
        if self.seen < self.limits.samples {
            return None;
        }
        self.seen = 0;
        self.raised = !self.raised;
        Some(if self.raised { Turn::Raised } else { Turn::Cleared })
    }

    /// Was it raised last?
    pub(super) fn is_raised(&self) -> bool {
        self.raised
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each of the figures changes, `+` raised, `-` cleared.
    fn turns(figures: &[f64]) -> String {
        let mut alarm = Alarm::new(Limits { raise_below: 10.0, clear_above: 15.0, samples: 3 });
        let turns = figures.iter().map(|room| match alarm.observe(*room) {
            Some(Turn::Raised) => '+',
            Some(Turn::Cleared) => '-',
            None => '.',
        });
        turns.collect()
    }

    #[test]
    fn turns_after_so_many_figures_in_a_row_and_only_once() {
        assert_eq!(turns(&[9.0, 9.0, 9.0, 9.0, 9.0, 9.0]), "..+...");
        assert_eq!(turns(&[9.0, 9.0, 50.0, 9.0, 9.0, 50.0, 9.0]), ".......");
        assert_eq!(turns(&[0.0, 0.0, 0.0, 50.0, 50.0, 0.0, 50.0, 50.0, 50.0]), "..+.....-");
    }

    #[test]
    fn wavering_around_either_limit_changes_nothing() {
        assert_eq!(turns(&[9.0, 11.0, 9.0, 11.0, 9.0, 11.0, 9.0]), ".......");
        let raised = [9.0, 9.0, 9.0];
        let wavering = [11.0, 14.0, 9.0, 16.0, 14.0, 16.0, 12.0, 9.0];
        assert_eq!(turns(&[&raised[..], &wavering].concat()), "..+........");
    }

    #[test]
    fn the_limits_themselves_do_not_count_and_neither_does_nonsense() {
        assert_eq!(turns(&[10.0, 10.0, 10.0, f64::NAN, f64::NAN, f64::NAN]), "......");
        assert_eq!(turns(&[9.9, 9.9, 9.9, 15.0, 15.0, 15.0, 15.1, 15.1, 15.1]), "..+.....-");
    }

    #[test]
    fn it_can_be_raised_again() {
        let round = [1.0, 1.0, 1.0, 99.0, 99.0, 99.0];
        assert_eq!(turns(&[round, round].concat()), "..+..-..+..-");
    }
}
