//! What a check says: good, not to be judged, or something found. Not how it is printed.

use serde::Serialize;

use super::remedy::Remedy;

/// How bad it is. In this order, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// Good to know.
    Note,
    /// Breaks the stream under some conditions.
    Warning,
    /// Breaks the stream for somebody, now.
    Fault,
}

/// One thing that was found.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// One line, in which no value from outside stands.
    pub(super) title: &'static str,
    /// The evidence.
    pub(super) seen: String,
    /// What it does to readers.
    pub(super) why: &'static str,
    pub(super) remedy: Remedy,
}

/// What a check comes to.
#[derive(Debug, Clone)]
pub(super) enum Verdict {
    /// Nothing wrong; with what was seen, in few words.
    Good(String),
    /// It could not be seen, and why.
    Unjudged(&'static str),
    Found(Vec<Finding>),
}

impl Verdict {
    pub(super) fn found(finding: Finding) -> Self {
        Self::Found(vec![finding])
    }

    /// What was found, or `Good` if it is nothing.
    pub(super) fn of(findings: Vec<Finding>, good: impl FnOnce() -> String) -> Self {
        if findings.is_empty() { Self::Good(good()) } else { Self::Found(findings) }
    }
}
