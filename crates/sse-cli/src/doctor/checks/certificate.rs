//! The certificate: validity, names, trust.

use jiff::{SignedDuration, Timestamp};

use crate::doctor::certificate::Facts;
use crate::doctor::finding::{Finding, Verdict};
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
    let facts = certificate.facts.as_ref();
    let time = facts.and_then(|facts| time(facts, now));
    let name = facts.and_then(|facts| name(facts, host));
    let trust = match (&certificate.refused, facts.filter(|facts| facts.self_signed)) {
        (Some(_), Some(facts)) => {
            let seen = format!("issued by {}, for {}", facts.issuer, facts.names());
            Some(Finding::fault("the certificate is self-signed").seen(seen))
        }
        // An expired certificate or one for another host is not trusted either.
        (Some(refused), None) if time.is_none() && name.is_none() => {
            Some(Finding::fault("the certificate is not trusted").seen(refused))
        }
        _ => None,
    };
    let trust = trust.map(|finding| finding.why(WHY).fix(fix::TRUSTED));
    Verdict::of([time, name, trust].into_iter().flatten(), || match facts {
        Some(facts) => format!("until {}", facts.not_after.strftime("%Y-%m-%d")),
        None => "accepted".to_owned(),
    })
}

const WHY: &str =
    "Browsers and clients refuse the connection. For a stream there is no warning page to click through.";

fn time(facts: &Facts, now: Timestamp) -> Option<Verdict> {
    let lifetime = facts.not_after.duration_since(facts.not_before);
    let day = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M UTC");
    let finding = if facts.not_after < now {
        let seen = format!("it expired {}", day(facts.not_after));
        Finding::fault("the certificate has expired").seen(seen).why(WHY)
    } else if facts.not_before > now {
        let seen = format!("it is valid from {}", day(facts.not_before));
        Finding::fault("the certificate is not valid yet").seen(seen).why(WHY)
    } else if facts.not_after.duration_since(now) < SOON.min(lifetime / 3) {
        Finding::warning("the certificate expires soon")
            .seen(format!("it expires {}", day(facts.not_after)))
            .why("From then on browsers and clients refuse the connection.")
    } else {
        return None;
    };
    Some(finding.fix(fix::RENEW))
}

fn name(facts: &Facts, host: &str) -> Option<Verdict> {
    (!facts.is_for(host)).then(|| {
        Finding::fault("the certificate is for another host")
            .seen(format!("it is for {}, not for {host}", facts.names()))
            .why(WHY)
            .fix(fix::RIGHT_NAME)
    })
}
