//! The result of all checks: findings, what is good, what is unjudged, and the exit code.

use super::checks::CHECKS;
use super::finding::{Finding, Severity, Verdict};
use super::observation::Observation;
use crate::exit::Exit;

/// Each verdict with the name of its check, in the order of the checks.
#[derive(Debug, Default)]
pub(super) struct Diagnosis {
    /// The worst first.
    pub(super) findings: Vec<(&'static str, Finding)>,
    pub(super) good: Vec<(&'static str, String)>,
    pub(super) unjudged: Vec<(&'static str, &'static str)>,
}

impl Diagnosis {
    pub(super) fn of(seen: &Observation) -> Self {
        let mut diagnosis = Self::default();
        for check in &CHECKS {
            match check.verdict(seen) {
                Verdict::Good(what) => diagnosis.good.push((check.name, what)),
                Verdict::Unjudged(why) => diagnosis.unjudged.push((check.name, why)),
                Verdict::Found(findings) => {
                    diagnosis.findings.extend(findings.into_iter().map(|finding| (check.name, finding)));
                }
            }
        }
        diagnosis.findings.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity));
        diagnosis
    }

    /// Of the worst finding.
    pub(super) fn severity(&self) -> Option<Severity> {
        self.findings.iter().map(|(_, finding)| finding.severity).max()
    }

    pub(super) fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|(_, finding)| finding.severity == severity).count()
    }

    /// An error status decides, else the worst finding.
    pub(super) fn exit(&self, seen: &Observation) -> Exit {
        let refused = seen.answer.as_ref().ok().map(|answer| answer.status);
        match refused.filter(|status| status.is_client_error() || status.is_server_error()) {
            Some(status) => Exit::from_status(status),
            None => match self.severity() {
                Some(Severity::Fault) => Exit::Failed,
                Some(Severity::Warning) => Exit::Warned,
                Some(Severity::Note) | None => Exit::Done,
            },
        }
    }
}
