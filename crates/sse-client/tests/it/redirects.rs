//! Redirects: which are followed, how far, with what, and that none is remembered.

use sse_client::EventId;
use sse_client::reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};

use super::quick;
use super::story::{happen, tell, tell_of};
use crate::server::{Script, Server};

#[tokio::test]
async fn follows_301_302_303_307_and_308() {
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let requests = tell(
            [Script::redirect(status, "/there"), Script::stream().send("data: x\n\n")],
            |source| source,
            "> GET /events
            > GET /there
            opened /there
            message [] x
            again in 100 ms, 1: end of the stream
            > GET /events
            closed by 204",
        )
        .await;
        assert_eq!(requests[1].header("accept").unwrap(), "text/event-stream");
        assert_eq!(requests[1].header("cache-control").unwrap(), "no-cache");
    }
}

#[tokio::test]
async fn each_attempt_follows_redirects_anew() {
    tell(
        [
            Script::redirect("301 Moved Permanently", "/a"),
            Script::stream().send("id: 1\ndata: x\n\n"),
            Script::redirect("308 Permanent Redirect", "/b"),
            Script::stream().send("data: y\n\n"),
        ],
        |source| source,
        "> GET /events
        > GET /a
        opened /a
        message [1] x
        again in 100 ms, 1: end of the stream
        > GET /events [1]
        > GET /b [1]
        opened /b
        message [1] y
        again in 100 ms, 1: end of the stream
        > GET /events [1]
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn the_answer_after_a_redirect_counts() {
    for (head, end) in
        [("204 No Content", "closed by 204"), ("404 Not Found", "closed: the server answered 404 Not Found")]
    {
        let story = format!("> GET /events\n> GET /there\n{end}");
        tell([Script::redirect("302 Found", "/there"), Script::answer(head)], |source| source, &story).await;
    }
}

#[tokio::test]
async fn a_relative_location_is_resolved() {
    tell(
        [Script::redirect("302 Found", "below/../there?x=y#z"), Script::answer("204 No Content")],
        |source| source,
        "> GET /events
        > GET /there?x=y
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn twenty_redirects_are_followed_and_one_more_is_a_lost_connection() {
    let redirects = |count| (0..count).map(|_| Script::redirect("302 Found", "/events"));
    let mut server = Server::start(redirects(20).chain([Script::stream().send(":\n")])).await;
    let source = quick(&server).max_reconnects(0);
    let story = happen(&mut server, source).await;
    assert_eq!((story.requests.len(), story.lines[21].as_str()), (21, "opened /events"));
    let mut server = Server::start(redirects(21)).await;
    let source = quick(&server);
    let story = happen(&mut server, source).await;
    assert_eq!(story.requests.len(), 22);
    assert!(story.lines[21].starts_with("again in 100 ms, 1: too many redirects"), "{}", story.lines[21]);
}

#[tokio::test]
async fn a_redirect_to_another_scheme_is_not_followed() {
    tell(
        [Script::redirect("302 Found", "ftp://127.0.0.1/x")],
        |source| source,
        "> GET /events
        closed: the request cannot be made: URL scheme is not allowed",
    )
    .await;
}

#[tokio::test]
async fn another_origin_gets_the_id_but_no_credentials() {
    let mut other = Server::start([Script::stream().send("data: x\n\n")]).await;
    let there = other.url("/there");
    let mut server =
        Server::start([Script::redirect("307 Temporary Redirect", &there), Script::answer("204 No Content")])
            .await;
    let source = quick(&server)
        .header(AUTHORIZATION, HeaderValue::from_static("Bearer abc"))
        .header(HeaderName::from_static("cookie"), HeaderValue::from_static("a=b"))
        .last_event_id(EventId::new("7").unwrap());
    let requests = tell_of(
        &mut server,
        source,
        "> GET /events [7]
        opened /there
        message [7] x
        again in 100 ms, 1: end of the stream
        > GET /events [7]
        closed by 204",
    )
    .await;
    let redirected = other.request().await;
    assert_eq!(redirected.in_words(), "> GET /there [7]");
    assert_eq!(redirected.header("authorization"), None);
    assert_eq!(redirected.header("cookie"), None);
    assert_eq!(redirected.header("referer"), None, "the first URL may hold a token");
    for request in requests {
        assert_eq!(request.header("authorization").unwrap(), "Bearer abc");
        assert_eq!(request.header("cookie").unwrap(), "a=b");
    }
}
