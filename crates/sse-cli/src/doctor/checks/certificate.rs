//! The certificate: times, names, who signed it.

use jiff::{SignedDuration, Timestamp};

use crate::doctor::certificate::Facts;
use crate::doctor::finding::{Finding, Severity, Verdict};
use crate::doctor::observation::Observation;
use crate::doctor::remedy::Remedy;

/// Whoever renews by hand wants to know so long before. Certificates that live for days are renewed later.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

pub(super) fn check(seen: &Observation) -> Verdict {
    check_at(seen, Timestamp::now())
}

fn check_at(seen: &Observation, now: Timestamp) -> Verdict {
    let Some(certificate) = &seen.certificate else { return Verdict::Unjudged("not https") };
    let url = seen.answer.as_ref().map_or(&seen.url, |answer| &answer.url);
    let host = url.host_str().unwrap_or_default();
    let mut findings = match &certificate.facts {
        Some(facts) => [time(facts, now), name(facts, host)].into_iter().flatten().collect(),
        None => Vec::new(),
    };
    if let Some(refused) = &certificate.refused {
        let self_signed = certificate.facts.as_ref().filter(|facts| facts.self_signed);
        match self_signed {
            Some(facts) => findings.push(Finding {
                severity: Severity::Fault,
                title: "the certificate is signed by itself",
                seen: format!("issued by {}, for {}", facts.issuer, facts.names()),
                why: WHY,
                remedy: Remedy::Trusted,
            }),
            // Expired or for another host is reason enough.
            None if findings.is_empty() => findings.push(Finding {
                severity: Severity::Fault,
                title: "the certificate is not trusted",
                seen: refused.clone(),
                why: WHY,
                remedy: Remedy::Trusted,
            }),
            None => {}
        }
    }
    Verdict::of(findings, || match &certificate.facts {
        Some(facts) => format!("until {}", facts.not_after.strftime("%Y-%m-%d")),
        None => "accepted".to_owned(),
    })
}

const WHY: &str = "Browsers and clients refuse the connection. For a stream there is no page on which a person could agree.";

fn time(facts: &Facts, now: Timestamp) -> Option<Finding> {
    let lifetime = facts.not_after.duration_since(facts.not_before);
    let day = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M UTC");
    let (severity, title, seen) = if facts.not_after < now {
        (Severity::Fault, "the certificate has expired", format!("it ended {}", day(facts.not_after)))
    } else if facts.not_before > now {
        (Severity::Fault, "the certificate is not valid yet", format!("it begins {}", day(facts.not_before)))
    } else if facts.not_after.duration_since(now) < SOON.min(lifetime / 3) {
        (Severity::Warning, "the certificate ends soon", format!("it ends {}", day(facts.not_after)))
    } else {
        return None;
    };
    let why = if severity == Severity::Fault {
        WHY
    } else {
        "From then on browsers and clients refuse the connection."
    };
    Some(Finding { severity, title, seen, why, remedy: Remedy::Renew })
}

fn name(facts: &Facts, host: &str) -> Option<Finding> {
    (!facts.is_for(host)).then(|| Finding {
        severity: Severity::Fault,
        title: "the certificate is for another host",
        seen: format!("it is for {}, not for {host}", facts.names()),
        why: WHY,
        remedy: Remedy::RightName,
    })
}
