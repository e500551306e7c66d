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

#[derive(Debug, Clone, Serialize)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// One line, without values from outside.
    pub(super) title: &'static str,
    /// The evidence.
    pub(super) seen: String,
    /// The effect on readers.
    pub(super) why: &'static str,
    #[serde(skip)]
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

/// Made as it is read: `Finding::fault(title).seen(evidence).why(effect).fix(fix)`.
impl Finding {
    pub(super) fn fault(title: &'static str) -> Self {
        Self::new(Severity::Fault, title)
    }

    pub(super) fn warning(title: &'static str) -> Self {
        Self::new(Severity::Warning, title)
    }

    pub(super) fn note(title: &'static str) -> Self {
        Self::new(Severity::Note, title)
    }

    pub(super) fn new(severity: Severity, title: &'static str) -> Self {
        Self { severity, title, seen: String::new(), why: "", fix: Fix::default() }
    }

    pub(super) fn seen(self, seen: impl Into<String>) -> Self {
        Self { seen: seen.into(), ..self }
    }

    pub(super) fn why(self, why: &'static str) -> Self {
        Self { why, ..self }
    }

    /// Completes the finding.
    pub(super) fn fix(self, fix: Fix) -> Verdict {
        Verdict::Found(vec![Self { fix, ..self }])
    }
}

impl Verdict {
    /// The findings of all, or `Good` if there are none.
    pub(super) fn of(parts: impl IntoIterator<Item = Self>, good: impl FnOnce() -> String) -> Self {
        let findings = parts.into_iter().flat_map(|part| match part {
            Self::Found(findings) => findings,
            Self::Good(_) | Self::Unjudged(_) => Vec::new(),
        });
        let findings: Vec<_> = findings.collect();
        if findings.is_empty() { Self::Good(good()) } else { Self::Found(findings) }
    }
}
