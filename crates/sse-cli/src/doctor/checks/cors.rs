//! May a page of another origin read the stream?

use sse_client::reqwest::Url;
use sse_client::reqwest::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN, VARY,
};

use crate::doctor::finding::{Finding, Verdict};
use crate::doctor::fix;
use crate::doctor::observation::{Answer, Observation, Page};

const BLOCKED: &str = "The browser closes the stream for good, and its console says CORS.";

pub(super) fn check(seen: &Observation, answer: &Answer) -> Verdict {
    let (Some(page), Some(cors)) = (&seen.page, &seen.cors) else { return Verdict::Unjudged("no --origin") };
    if is_same_origin(seen, answer, page) {
        return Verdict::Good("the page is of the same origin".to_owned());
    }
    let Some(plain) = &cors.plain else {
        return refused("no answer to a request with Origin".to_owned());
    };
    if !plain.status.is_success() && answer.status.is_success() {
        return refused(format!("with Origin: {} the answer is {}", page.origin, plain.status));
    }
    if let Some(finding) = blocked(page, plain) {
        return finding;
    }
    let findings = [vary(plain), preflight(page, cors.preflight.as_ref())];
    Verdict::of(findings.into_iter().flatten(), || format!("{} may read it", page.origin))
}

/// Over a Unix socket the scheme says nothing: the proxy in front decides whether browsers use https.
fn is_same_origin(seen: &Observation, answer: &Answer, page: &Page) -> bool {
    if seen.socket.is_none() {
        return answer.url.origin().ascii_serialization() == page.origin;
    }
    let host = |url: &Url| (url.host_str().map(str::to_owned), url.port());
    Url::parse(&page.origin).is_ok_and(|origin| host(&origin) == host(&answer.url))
}

fn refused(seen: String) -> Verdict {
    Finding::fault("the server refuses the page's origin").seen(seen).why(BLOCKED).fix(fix::ALLOW_ORIGIN)
}

/// Why the browser keeps the page from reading the stream.
fn blocked(page: &Page, plain: &Answer) -> Option<Verdict> {
    let fault = |title, seen, fix| Some(Finding::fault(title).seen(seen).why(BLOCKED).fix(fix));
    let Some(allowed) = plain.header(ACCESS_CONTROL_ALLOW_ORIGIN) else {
        let seen = format!("no Access-Control-Allow-Origin for {}", page.origin);
        return fault("the page's origin is not allowed", seen, fix::ALLOW_ORIGIN);
    };
    if allowed != page.origin && allowed != "*" {
        let seen = format!("Access-Control-Allow-Origin: {allowed}, but the page is of {}", page.origin);
        return fault("another origin is allowed, not the page's", seen, fix::ALLOW_ORIGIN);
    }
    if !page.credentials {
        return None;
    }
    if allowed == "*" {
        let seen = "Access-Control-Allow-Origin: *".to_owned();
        return fault("a wildcard does not allow credentials", seen, fix::ALLOW_CREDENTIALS);
    }
    let credentials = plain.header(ACCESS_CONTROL_ALLOW_CREDENTIALS);
    if credentials.as_deref() != Some("true") {
        let seen = "no Access-Control-Allow-Credentials: true".to_owned();
        return fault("credentials are not allowed", seen, fix::ALLOW_CREDENTIALS);
    }
    None
}

fn vary(plain: &Answer) -> Option<Verdict> {
    let allowed = plain.header(ACCESS_CONTROL_ALLOW_ORIGIN)?;
    if allowed == "*" || has_word(plain.header(VARY).as_deref(), "origin") {
        return None;
    }
    Some(
        Finding::note("the response depends on the origin without saying so")
            .seen("no Vary: Origin")
            .why("A cache may give one page the response for another.")
            .fix(fix::VARY),
    )
}

/// `EventSource` needs none: browsers allow its `Last-Event-ID`.
fn preflight(page: &Page, preflight: Option<&Answer>) -> Option<Verdict> {
    let note = |seen| {
        Some(
            Finding::note("scripts may not send Last-Event-ID")
                .seen(seen)
                .why("EventSource needs no permission, but clients that use fetch() need it to resume.")
                .fix(fix::ALLOW_LAST_EVENT_ID),
        )
    };
    let Some(answer) = preflight else { return note("no answer to the preflight".to_owned()) };
    if !answer.status.is_success() {
        return note(format!("the preflight (OPTIONS) is answered {}", answer.status));
    }
    let allowed = answer.header(ACCESS_CONTROL_ALLOW_ORIGIN);
    if allowed.as_deref() != Some(&page.origin) && allowed.as_deref() != Some("*") {
        return note("the preflight does not allow the origin".to_owned());
    }
    let headers = answer.header(ACCESS_CONTROL_ALLOW_HEADERS);
    let star = !page.credentials && has_word(headers.as_deref(), "*");
    if star || has_word(headers.as_deref(), "last-event-id") {
        return None;
    }
    note(match headers {
        Some(headers) => format!("Access-Control-Allow-Headers: {headers}"),
        None => "the preflight allows no headers".to_owned(),
    })
}

fn has_word(list: Option<&str>, word: &str) -> bool {
    list.is_some_and(|list| list.split(',').any(|one| one.trim().eq_ignore_ascii_case(word)))
}
