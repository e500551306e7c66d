//! What all checks came to: findings, what was good, what could not be judged, and the exit code.

use super::checks::CHECKS;
use super::finding::{Finding, Severity, Verdict};
use super::observation::Observation;
use crate::exit::Exit;

/// The verdicts, by kind, in the order of the checks. Each with the name of its check.
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

    /// The worst of the findings.
    pub(super) fn severity(&self) -> Option<Severity> {
        self.findings.iter().map(|(_, finding)| finding.severity).max()
    }

    pub(super) fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|(_, finding)| finding.severity == severity).count()
    }

    /// A refusal counts before everything else.
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
