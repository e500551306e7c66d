//! Does the server answer, where, and does its status open a stream?

use sse_client::reqwest::StatusCode;

use super::seconds;
use crate::doctor::finding::{Finding, Severity, Verdict};
use crate::doctor::observation::{Answer, NoAnswer, Observation};
use crate::doctor::remedy::Remedy;
use crate::talk;

pub(super) fn answered(seen: &Observation) -> Verdict {
    let fault = |title, seen, why, remedy| {
        Verdict::found(Finding { severity: Severity::Fault, title, seen, why, remedy })
    };
    match &seen.answer {
        Ok(answer) => Verdict::Good(format!("after {}", seconds(answer.at))),
        Err(NoAnswer::Unreachable(reason)) => {
            let (seen, remedy) = match &seen.socket {
                Some(path) => (format!("{reason}: {}", path.display()), Remedy::ReachSocket),
                None => (reason.clone(), Remedy::Reach),
            };
            fault("the server cannot be reached", seen, "Nobody can read the stream.", remedy)
        }
        Err(NoAnswer::Elsewhere) => Verdict::Unjudged("a redirect leads away from the socket"),
        Err(NoAnswer::Broken(reason)) => fault(
            "the connection breaks off before the answer",
            reason.clone(),
            "Nobody can read the stream. Browsers try again and again.",
            Remedy::Reach,
        ),
        Err(NoAnswer::Silent) => fault(
            "no answer comes",
            format!("the request was taken, and then no byte came for {}", seconds(seen.watch)),
            "A proxy holds the answer back until its buffer is full, or the application sends the head \
             together with the first event. Until then a page does not even know that it is connected.",
            Remedy::TimeToFirstByte,
        ),
        Err(NoAnswer::Redirects(how)) => fault(
            "the redirects lead nowhere",
            format!("{} redirects, {how}", seen.redirects.len()),
            "Browsers give up and do not try again.",
            Remedy::Redirect,
        ),
    }
}

pub(super) fn redirects(seen: &Observation) -> Verdict {
    let Some(first) = seen.redirects.first() else { return Verdict::Good("none".to_owned()) };
    let unsafe_hop =
        seen.redirects.iter().find(|hop| hop.from.scheme() == "https" && hop.to.scheme() == "http");
    if let Some(hop) = unsafe_hop {
        return Verdict::found(Finding {
            severity: Severity::Fault,
            title: "a redirect leads from https to http",
            seen: format!(
                "{} from {} to {}",
                hop.status.as_u16(),
                talk::shown(&hop.from),
                talk::shown(&hop.to)
            ),
            why: "Browsers block it as mixed content, and everybody on the way can read the stream.",
            remedy: Remedy::Redirect,
        });
    }
    let last = seen.redirects.last().unwrap_or(first);
    let away = seen.redirects.iter().any(|hop| hop.from.origin() != hop.to.origin());
    let seen = format!(
        "{} from {} to {}, in {} step(s)",
        first.status.as_u16(),
        talk::shown(&first.from),
        talk::shown(&last.to),
        seen.redirects.len()
    );
    Verdict::found(if away {
        Finding {
            severity: Severity::Warning,
            title: "a redirect leads to another origin",
            seen,
            why: "A page may then only read the stream with CORS, cookies and Authorization are not sent on, \
                  and each reconnection goes the long way.",
            remedy: Remedy::Redirect,
        }
    } else {
        Finding {
            severity: Severity::Note,
            title: "the stream is behind a redirect",
            seen,
            why: "Each reconnection goes the long way.",
            remedy: Remedy::Redirect,
        }
    })
}

pub(super) fn status(_: &Observation, answer: &Answer) -> Verdict {
    if answer.status == StatusCode::OK {
        return Verdict::Good("200".to_owned());
    }
    let (title, why) = match answer.status.as_u16() {
        204 => ("the server ends the stream", "204 tells browsers to close and not to come back."),
        401 | 403 | 407 => (
            "the server does not let us in",
            "EventSource cannot send headers of its own: a page needs a cookie (withCredentials) or a token \
             in the URL. Here, give them with -H.",
        ),
        404 | 410 => ("there is no stream here", "Browsers close and do not try again."),
        405 | 406 => (
            "the server does not take the request",
            "EventSource sends GET with Accept: text/event-stream, and nothing else.",
        ),
        429 => {
            ("too many requests", "Browsers close for good at a 429: they do not honour Retry-After here.")
        }
        502 | 504 => (
            "a proxy cannot reach the application",
            "Browsers close for good at any status but 200, also when the application is soon back.",
        ),
        500..=599 => (
            "the server is in trouble",
            "Browsers close for good at any status but 200, also when the server is soon well again.",
        ),
        _ => ("the status does not open a stream", "Browsers close at any status but 200."),
    };
    let seen = format!("{}", answer.status);
    Verdict::found(Finding { severity: Severity::Fault, title, seen, why, remedy: Remedy::Status })
}
