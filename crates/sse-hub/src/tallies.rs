//! Tallies: events and their bytes, by the rule of the policies that their topics follow.

/// Events, and bytes of their frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events.
    pub events: u64,
    /// Bytes of their frames, as they are on the wire.
    pub bytes: u64,
}

/// One for each rule. As long as the highest rule that was counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tallies(Vec<Tally>);

impl Tallies {
    /// What the log itself makes follows none, and is not counted.
    pub(crate) const NO_RULE: u16 = u16::MAX;

    pub(crate) fn add(&mut self, rule: u16, Tally { events, bytes }: Tally) {
        let nth = usize::from(rule);
        if rule == Self::NO_RULE {
            return;
        }
        if nth >= self.0.len() {
            self.0.resize(nth + 1, Tally::default());
        }
        if let Some(tally) = self.0.get_mut(nth) {
            tally.events += events;
            tally.bytes += bytes;
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        other.0.iter().zip(0..).for_each(|(tally, rule)| self.add(rule, *tally));
    }

    pub(crate) fn of(&self, rule: usize) -> Tally {
        self.0.get(rule).copied().unwrap_or_default()
    }
}
