//! Targets of figures, and whether they are met.

use std::fmt::{self, Display, Formatter};

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

/// Whether a figure meets its target. Displays both.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verdict {
    target: Target,
    is_met: bool,
}

impl Target {
    pub(super) fn verdict(self, figure: f64) -> Verdict {
        let is_met = match self {
            Self::AtMost(most) => figure <= most,
            Self::AtLeast(least) => figure >= least,
        };
        Verdict { target: self, is_met }
    }
}

impl Display for Verdict {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self.target {
            Target::AtMost(most) => write!(formatter, "(target: at most {most}, ")?,
            Target::AtLeast(least) => write!(formatter, "(target: at least {least}, ")?,
        }
        formatter.write_str(if self.is_met { "met)" } else { "NOT MET)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_names_its_target() {
        assert_eq!(Target::AtMost(1.5).verdict(1.5).to_string(), "(target: at most 1.5, met)");
        assert_eq!(Target::AtLeast(0.9).verdict(0.89).to_string(), "(target: at least 0.9, NOT MET)");
        assert_eq!(Target::AtMost(3.0).verdict(f64::NAN).to_string(), "(target: at most 3, NOT MET)");
    }
}
