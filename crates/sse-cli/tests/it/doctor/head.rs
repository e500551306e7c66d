//! What the head of the answer, or its absence, tells.

use super::{EVENTS, HEAD, all, diagnose, diagnose_url, diagnose_with, expect, healthy, resumed};
use crate::server::{Absent, Script, Server};

#[tokio::test]
async fn nobody_listens() {
    let absent = Absent::new();
    let url = absent.url("/x");
    let diagnosis = diagnose_url(&url, &["--watch", "1s"]).await;
    assert_eq!(diagnosis.findings(), ["answer: fault: the server cannot be reached"]);
    assert_eq!((diagnosis.seen(), diagnosis.code), ("Connection refused", Some(1)));
}

#[tokio::test]
async fn the_connection_breaks_off_or_stays_silent() {
    expect([Script::default()], "answer: fault: the connection breaks off before the answer", 1).await;
    expect([Script::default().hold()], "answer: fault: no answer comes", 1).await;
}

fn redirect(to: &str) -> Script {
    Script::redirect("302 Found", to)
}

#[tokio::test]
async fn redirects_are_told() {
    let near = [redirect("/y"), healthy(), healthy(), resumed()];
    expect(near, "redirects: note: the stream is behind a redirect", 0).await;
    let loops = std::iter::repeat_n(redirect("/x"), 25);
    let diagnosis = diagnose(loops).await;
    assert_eq!(diagnosis.findings()[0], "answer: fault: the redirects lead nowhere");
    let other = Server::start([healthy(), healthy(), resumed()]).await;
    let away = [redirect(&other.url("/y"))];
    expect(away, "redirects: warning: a redirect leads to another origin", 3).await;
}

#[tokio::test]
async fn secrets_do_not_follow_a_redirect_to_another_origin() {
    let mut other = Server::start([healthy(), healthy(), resumed()]).await;
    let args = ["--watch", "1s", "-H", "Authorization: Bearer secret", "-H", "X-Kept: yes"];
    diagnose_with([redirect(&other.url("/y"))], &args).await;
    let request = other.request().await;
    assert_eq!(request.header("authorization"), None);
    assert_eq!(request.header("x-kept").as_deref(), Some("yes"));
}

#[tokio::test]
async fn statuses_that_open_no_stream() {
    let cases = [
        ("204 No Content", "the server ends the stream", 1),
        ("401 Unauthorized", "the server denies access", 4),
        ("404 Not Found", "there is no stream here", 4),
        ("405 Method Not Allowed", "the server does not accept the request", 4),
        ("429 Too Many Requests", "too many requests", 4),
        ("500 Internal Server Error", "the server fails", 5),
        ("502 Bad Gateway", "a proxy cannot reach the application", 5),
        ("301 Moved Permanently", "the status does not open a stream", 1),
    ];
    let case =
        |(status, title, code)| expect([Script::answer(status)], format!("status: fault: {title}"), code);
    all(cases.map(case)).await;
}

#[tokio::test]
async fn the_content_type_must_be_an_event_stream_in_utf8() {
    let html = Script::answer("200 OK\r\nContent-Type: text/html").send(EVENTS);
    expect([html], "content-type: fault: the answer is not an event stream", 1).await;
    expect([Script::answer("200 OK")], "content-type: fault: the answer is not an event stream", 1).await;
    let head = "200 OK\r\nContent-Type: text/event-stream; charset=latin1\r\nCache-Control: no-cache";
    let latin = Script::answer(head).send(EVENTS).hold();
    expect([latin, healthy(), resumed()], "content-type: warning: the charset is not UTF-8", 3).await;
}

#[tokio::test]
async fn http_1_0_is_told() {
    let head = "HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n";
    let old = Script::default().send(head).send(EVENTS).hold();
    let finding = "http-version: warning: the server answers with HTTP/1.0";
    expect([old, healthy(), resumed()], finding, 3).await;
}

#[tokio::test]
async fn caches_are_to_keep_out() {
    let cases = [
        ("X-Y: z", "warning: nothing keeps caches from storing the stream", 3),
        ("Cache-Control: public, max-age=60", "warning: caches may store the stream", 3),
        ("Cache-Control: no-cache\r\nAge: 7", "fault: the answer comes from a cache", 1),
    ];
    let case = |(header, finding, code)| {
        let head = format!("200 OK\r\nContent-Type: text/event-stream\r\n{header}");
        let script = Script::answer(&head).send(EVENTS).hold();
        expect([script, healthy(), resumed()], format!("cache-control: {finding}"), code)
    };
    all(cases.map(case)).await;
}

/// Answers to the page's request and to the preflight.
async fn expect_page(
    plain: impl Into<String>,
    preflight: &'static str,
    args: &'static [&'static str],
    findings: &'static [&'static str],
    code: i32,
) {
    let plain = Script::answer(&format!("{HEAD}\r\n{}", plain.into())).hold();
    let scripts = [healthy(), healthy(), resumed(), plain, Script::answer(preflight)];
    let origin = ["--watch", "1s", "--origin", "https://app.example.com"];
    let diagnosis = diagnose_with(scripts, &[&origin, args].concat()).await;
    assert_eq!(diagnosis.findings(), findings, "{preflight}");
    assert_eq!(diagnosis.code, Some(code));
}

const ALLOWED: &str = "Access-Control-Allow-Origin: https://app.example.com\r\nVary: Origin";
const PREFLIGHT: &str = "204 No Content\r\nAccess-Control-Allow-Origin: https://app.example.com\r\n\
                         Access-Control-Allow-Headers: Authorization, last-event-id";

#[tokio::test]
async fn a_page_that_may_read_the_stream() {
    let star = "Access-Control-Allow-Origin: *";
    let headers = "200 OK\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: *";
    let credentials = format!("{ALLOWED}\r\nAccess-Control-Allow-Credentials: true");
    tokio::join!(
        expect_page(ALLOWED, PREFLIGHT, &[], &[], 0),
        expect_page(star, headers, &[], &[], 0),
        expect_page(credentials, PREFLIGHT, &["--credentials"], &[], 0),
    );
}

#[tokio::test]
async fn a_page_that_may_not() {
    let other = "Access-Control-Allow-Origin: https://other.example.com";
    let star = "Access-Control-Allow-Origin: *";
    let credentials: &[&str] = &["--credentials"];
    tokio::join!(
        expect_page("X: y", PREFLIGHT, &[], &["cors: fault: the page's origin is not allowed"], 1),
        expect_page(other, PREFLIGHT, &[], &["cors: fault: another origin is allowed, not the page's"], 1),
        expect_page(star, PREFLIGHT, credentials, &["cors: fault: a wildcard does not allow credentials"], 1),
        expect_page(ALLOWED, PREFLIGHT, credentials, &["cors: fault: credentials are not allowed"], 1),
    );
}

#[tokio::test]
async fn a_server_that_refuses_the_origin_outright() {
    let scripts = [healthy(), healthy(), resumed(), Script::answer("403 Forbidden")];
    let args = ["--watch", "1s", "--origin", "https://app.example.com"];
    let diagnosis = diagnose_with(scripts, &args).await;
    assert_eq!(diagnosis.findings(), ["cors: fault: the server refuses the page's origin"]);
}

#[tokio::test]
async fn what_scripts_and_caches_want_besides() {
    let no_vary = "Access-Control-Allow-Origin: https://app.example.com";
    let vary: &[&str] = &["cors: note: the response depends on the origin without saying so"];
    expect_page(no_vary, PREFLIGHT, &[], vary, 0).await;
    let preflights = [
        "405 Method Not Allowed",
        "204 No Content",
        "204 No Content\r\nAccess-Control-Allow-Origin: *",
        "204 No Content\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: authorization",
    ];
    let scripts: &[&str] = &["cors: note: scripts may not send Last-Event-ID"];
    all(preflights.map(|preflight| expect_page(ALLOWED, preflight, &[], scripts, 0))).await;
}
