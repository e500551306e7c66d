//! The result of a check: good, unjudged, or findings. Does not say how it is printed.

use serde::Serialize;

use super::fix::Fix;

/// In ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// Good to know.
    Note,
    /// Breaks the stream under some conditions.
    Warning,
    /// Breaks the stream for some readers now.
    Fault,
}

#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// One line, without values from outside.
    pub(super) title: &'static str,
    /// The evidence.
    pub(super) seen: String,
    /// The effect on readers.
    pub(super) why: &'static str,
    pub(super) fix: Fix,
}

#[derive(Debug, Clone)]
pub(super) enum Verdict {
    /// Nothing is wrong; with what was seen.
    Good(String),
    /// The stream did not show it, and why.
    Unjudged(&'static str),
    Found(Vec<Finding>),
}

impl Verdict {
    pub(super) fn found(finding: Finding) -> Self {
        Self::Found(vec![finding])
    }

    /// The findings, or `Good` if there are none.
    pub(super) fn of(findings: Vec<Finding>, good: impl FnOnce() -> String) -> Self {
        if findings.is_empty() { Self::Good(good()) } else { Self::Found(findings) }
    }
}
