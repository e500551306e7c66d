//! The certificate: validity, names, trust.

use jiff::{SignedDuration, Timestamp};

use crate::doctor::certificate::Facts;
use crate::doctor::finding::{Finding, Severity, Verdict};
use crate::doctor::fix;
use crate::doctor::observation::Observation;

/// Time to renew by hand. Short-lived certificates are renewed later.
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
                title: "the certificate is self-signed",
                seen: format!("issued by {}, for {}", facts.issuer, facts.names()),
                why: WHY,
                fix: fix::TRUSTED,
            }),
            // An expired certificate or one for another host is not trusted either.
            None if findings.is_empty() => findings.push(Finding {
                severity: Severity::Fault,
                title: "the certificate is not trusted",
                seen: refused.clone(),
                why: WHY,
                fix: fix::TRUSTED,
            }),
            None => {}
        }
    }
    Verdict::of(findings, || match &certificate.facts {
        Some(facts) => format!("until {}", facts.not_after.strftime("%Y-%m-%d")),
        None => "accepted".to_owned(),
    })
}

const WHY: &str =
    "Browsers and clients refuse the connection. For a stream there is no warning page to click through.";

fn time(facts: &Facts, now: Timestamp) -> Option<Finding> {
    let lifetime = facts.not_after.duration_since(facts.not_before);
    let day = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M UTC");
    let (severity, title, seen) = if facts.not_after < now {
        (Severity::Fault, "the certificate has expired", format!("it expired {}", day(facts.not_after)))
    } else if facts.not_before > now {
        (
            Severity::Fault,
            "the certificate is not valid yet",
            format!("it is valid from {}", day(facts.not_before)),
        )
    } else if facts.not_after.duration_since(now) < SOON.min(lifetime / 3) {
        (Severity::Warning, "the certificate expires soon", format!("it expires {}", day(facts.not_after)))
    } else {
        return None;
    };
    let why = if severity == Severity::Fault {
        WHY
    } else {
        "From then on browsers and clients refuse the connection."
    };
    Some(Finding { severity, title, seen, why, fix: fix::RENEW })
}

fn name(facts: &Facts, host: &str) -> Option<Finding> {
    (!facts.is_for(host)).then(|| Finding {
        severity: Severity::Fault,
        title: "the certificate is for another host",
        seen: format!("it is for {}, not for {host}", facts.names()),
        why: WHY,
        fix: fix::RIGHT_NAME,
    })
}
