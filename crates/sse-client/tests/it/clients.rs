//! A `reqwest::Client` of the caller's own: its settings hold, and the source's rules on top of them.

use sse_client::EventSource;
use sse_client::reqwest::Client;
use sse_client::reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use sse_client::reqwest::redirect::Policy;

use super::story::{tell, tell_of};
use super::{next, quick};
use crate::server::{Script, Server};

#[tokio::test]
async fn its_default_headers_are_sent_and_the_sources_own_win() {
    let defaults = HeaderMap::from_iter([
        (HeaderName::from_static("x-key"), HeaderValue::from_static("k")),
        (ACCEPT, HeaderValue::from_static("*/*")),
    ]);
    let client = Client::builder().default_headers(defaults).user_agent("mine/1").build().unwrap();
    let requests = tell(
        [Script::stream()],
        |source| source.client(client),
        "> GET /events
        opened /events
        again in 100 ms, 1: end of the stream
        > GET /events
        closed by 204",
    )
    .await;
    for request in requests {
        assert_eq!(request.header("x-key").unwrap(), "k");
        assert_eq!(request.header("user-agent").unwrap(), "mine/1");
        assert_eq!(request.header("accept").unwrap(), "text/event-stream");
    }
}

#[tokio::test]
async fn the_default_one_names_itself_unless_told_otherwise() {
    let requests = tell([], |source| source, "> GET /events\nclosed by 204").await;
    let agent = requests[0].header("user-agent").unwrap();
    assert!(agent.starts_with("sse-client/"), "{agent}");
    let mine = HeaderValue::from_static("mine/2");
    let requests = tell([], |source| source.header(USER_AGENT, mine), "> GET /events\nclosed by 204").await;
    assert_eq!(requests[0].header("user-agent").unwrap(), "mine/2");
}

#[tokio::test]
async fn its_redirect_policy_holds() {
    let client = Client::builder().redirect(Policy::none()).build().unwrap();
    tell(
        [Script::redirect("302 Found", "/there")],
        |source| source.client(client),
        "> GET /events
        closed: the server answered 302 Found",
    )
    .await;
}

#[tokio::test]
async fn its_read_timeout_is_a_lost_connection() {
    let client = Client::builder().read_timeout(super::millis(200)).build().unwrap();
    tell(
        [Script::stream().send("data: x\n\n").hold()],
        |source| source.client(client),
        "> GET /events
        opened /events
        message [] x
        again in 100 ms, 1: operation timed out
        > GET /events
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn several_sources_share_one() {
    let client = Client::new();
    let mut servers = Vec::new();
    let mut sources = Vec::new();
    for _ in 0..3 {
        let server = Server::start([Script::stream().send("data: x\n\n").hold()]).await;
        sources.push(quick(&server).client(client.clone()).build().unwrap());
        servers.push(server);
    }
    for source in &mut sources {
        next(source).await;
        assert_eq!(super::story::line(&next(source).await), "message [] x");
    }
    drop(sources.remove(0));
    servers[0].client_closed().await;
}

#[tokio::test]
async fn name_and_password_in_the_url_are_sent_as_basic_authorisation() {
    let mut server = Server::start([]).await;
    let url = server.url("/events").replace("http://", "http://ann:s3cret@");
    let source = EventSource::builder(url);
    let requests = tell_of(&mut server, source, "> GET /events\nclosed by 204").await;
    assert_eq!(requests[0].header("authorization").unwrap(), "Basic YW5uOnMzY3JldA==");
}
