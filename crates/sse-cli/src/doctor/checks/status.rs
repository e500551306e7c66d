//! Does the server answer, after which redirects, and with a status that opens a stream?

use sse_client::reqwest::StatusCode;

use crate::address;
use crate::doctor::finding::{Finding, Verdict};
use crate::doctor::fix;
use crate::doctor::observation::{Answer, NoAnswer, Observation, Redirect};
use crate::units::seconds;

pub(super) fn answered(seen: &Observation) -> Verdict {
    match &seen.answer {
        Ok(answer) => Verdict::Good(format!("after {}", seconds(answer.at))),
        Err(NoAnswer::Elsewhere) => Verdict::Unjudged("a redirect leads away from the socket"),
        Err(NoAnswer::Unreachable(reason)) => {
            let (seen, fix) = match &seen.socket {
                Some(path) => (format!("{reason}: {}", path.display()), fix::REACH_SOCKET),
                None => (reason.clone(), fix::REACH),
            };
            Finding::fault("the server cannot be reached").seen(seen).why("Nobody can read the stream.").fix(fix)
        }
        Err(NoAnswer::Broken(reason)) => Finding::fault("the connection breaks off before the answer")
            .seen(reason)
            .why("Nobody can read the stream. Browsers retry again and again.")
            .fix(fix::REACH),
        Err(NoAnswer::Silent) => Finding::fault("no answer comes")
            .seen(format!("the request was accepted, but no byte came for {}", seconds(seen.watch)))
            .why(
                "A proxy buffers the response, or the application sends the head together with the first event. \
                 Until then a page does not know that it is connected.",
            )
            .fix(fix::FIRST_BYTE),
        Err(NoAnswer::Redirects(how)) => Finding::fault("the redirects lead nowhere")
            .seen(format!("{} redirects, {how}", seen.redirects.len()))
            .why("Browsers give up and do not retry.")
            .fix(fix::REDIRECT),
    }
}

pub(super) fn redirects(seen: &Observation) -> Verdict {
    let Some(first) = seen.redirects.first() else { return Verdict::Good("none".to_owned()) };
    let unsafe_hop =
        seen.redirects.iter().find(|hop| hop.from.scheme() == "https" && hop.to.scheme() == "http");
    if let Some(hop) = unsafe_hop {
        return Finding::fault("a redirect leads from https to http")
            .seen(format!("{} from {}", hop.status.as_u16(), from_to(hop, hop)))
            .why("Browsers block it as mixed content, and anyone on the network can read the stream.")
            .fix(fix::REDIRECT);
    }
    let last = seen.redirects.last().unwrap_or(first);
    let away = seen.redirects.iter().any(|hop| hop.from.origin() != hop.to.origin());
    let (status, steps) = (first.status.as_u16(), seen.redirects.len());
    let seen = format!("{status} from {}, in {steps} step(s)", from_to(first, last));
    if away {
        Finding::warning("a redirect leads to another origin")
            .seen(seen)
            .why(
                "A page then needs CORS to read the stream, cookies and Authorization are not \
                 forwarded, and each reconnect follows the redirect again.",
            )
            .fix(fix::REDIRECT)
    } else {
        Finding::note("the stream is behind a redirect")
            .seen(seen)
            .why("Each reconnect follows the redirect again.")
            .fix(fix::REDIRECT)
    }
}

fn from_to(first: &Redirect, last: &Redirect) -> String {
    format!("{} to {}", address::redacted(&first.from), address::redacted(&last.to))
}

pub(super) fn status(_: &Observation, answer: &Answer) -> Verdict {
    if answer.status == StatusCode::OK {
        return Verdict::Good("200".to_owned());
    }
    let (title, why) = match answer.status.as_u16() {
        204 => ("the server ends the stream", "204 tells browsers to close and not to reconnect."),
        401 | 403 | 407 => (
            "the server denies access",
            "EventSource cannot send custom headers: a page needs a cookie (withCredentials) or a token in the \
             URL. Here, use -H or --token.",
        ),
        404 | 410 => ("there is no stream here", "Browsers close and do not retry."),
        405 | 406 => (
            "the server does not accept the request",
            "EventSource sends GET with Accept: text/event-stream, and nothing else.",
        ),
        429 => ("too many requests", "Browsers close for good at 429; they ignore Retry-After here."),
        502 | 504 => (
            "a proxy cannot reach the application",
            "Browsers close for good at any status but 200, even if the application is soon back.",
        ),
        500..=599 => (
            "the server fails",
            "Browsers close for good at any status but 200, even if the server soon recovers.",
        ),
        _ => ("the status does not open a stream", "Browsers close at any status but 200."),
    };
    let seen = format!("{}", answer.status);
    Finding::fault(title).seen(seen).why(why).fix(fix::STATUS)
}
