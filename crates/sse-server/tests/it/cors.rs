//! What pages of other origins may read.

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};

use crate::api::{Answer, Api, send};
use crate::harness::Server;
use crate::process::refuses;

const APP: &str = "https://app.example";
const ALLOWED: [&str; 6] =
    ["--apps", "chat", "--allow-origin", APP, "--allow-origin", "https://second.example"];

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

/// Origin and credentials that an answer allows.
fn allowed(headers: &HeaderMap) -> (Option<&str>, bool) {
    assert_eq!(header(headers, "vary"), Some("Origin"));
    let credentials = header(headers, "access-control-allow-credentials") == Some("true");
    (header(headers, "access-control-allow-origin"), credentials)
}

fn preflight(api: &Api, origin: &str) -> RequestBuilder {
    let request = api.request(Method::OPTIONS, "/topics/a").header("Origin", origin);
    request.header("Access-Control-Request-Method", "DELETE")
}

async fn read(api: &Api, origin: &str) -> Answer {
    send(api.request(Method::GET, "/topics").header("Origin", origin)).await
}

#[tokio::test]
async fn an_allowed_page_can_read_every_answer() {
    let api = Api::of(Server::start(&ALLOWED));
    let long = "x".repeat(2 << 20);
    for (request, status) in [
        (api.request(Method::GET, "/events"), 200),
        (api.request(Method::GET, "/chat/events?username=ann"), 200),
        (api.request(Method::GET, "/poll?timeout=0"), 200),
        (api.request(Method::GET, "/topics"), 200),
        (api.request(Method::HEAD, "/hub"), 200),
        (api.request(Method::GET, "/sse.js"), 200),
        (api.request(Method::GET, "/sse/parser.js"), 200),
        (api.post("/topics/a", "x"), 200),
        (api.request(Method::GET, "/topics/a"), 200),
        (api.post("/topics/a?no-such=1", "x"), 400),
        (api.request(Method::GET, "/events?topic=a%20b"), 400),
        (api.post("/topics/chat/lobby", "x"), 403),
        (api.request(Method::GET, "/hub").header("X-Forwarded-For", "203.0.113.7"), 403),
        (api.request(Method::GET, "/not-here"), 404),
        (api.request(Method::PATCH, "/topics"), 405),
        (api.request(Method::OPTIONS, "/topics"), 405),
        (api.post("/topics/a", long), 413),
        (api.post("/topics", "x"), 415),
        (api.request(Method::GET, "/hub").header("Host", "evil.example"), 421),
    ] {
        let answer = request.header("Origin", APP).send().await.unwrap();
        let (url, headers) = (answer.url().clone(), answer.headers());
        assert_eq!(answer.status(), status, "{url}");
        assert_eq!(allowed(headers), (Some(APP), true), "{url}");
        let exposed = header(headers, "access-control-expose-headers").unwrap();
        for name in ["Allow", "ETag", "Location", "Retry-After", "WWW-Authenticate"] {
            assert!(exposed.contains(name), "{exposed}");
        }
        for (name, value) in
            [("cross-origin-resource-policy", "same-origin"), ("x-content-type-options", "nosniff")]
        {
            assert_eq!(header(headers, name), Some(value), "{url}");
        }
    }
}

#[tokio::test]
async fn a_preflight_permits_what_it_asks_for() {
    let api = Api::of(Server::start(&ALLOWED));
    let wanted = "authorization, last-event-id, x-anything";
    let request = preflight(&api, APP).header("Access-Control-Request-Headers", wanted);
    let answer = send(request.header("Access-Control-Request-Private-Network", "true")).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    assert_eq!(allowed(&answer.headers), (Some(APP), true));
    assert_eq!(answer.header("access-control-allow-headers"), wanted);
    assert_eq!(answer.header("access-control-allow-private-network"), "true");
    assert_eq!(answer.header("access-control-max-age"), "7200");
    for method in ["GET", "HEAD", "POST", "DELETE"] {
        assert!(answer.header("access-control-allow-methods").contains(method));
    }
    let (status, detail) = send(preflight(&api, "https://evil.example")).await.problem();
    assert!(status == 403 && detail.contains("--allow-origin https://evil.example"), "{status} {detail}");
    assert_eq!(send(preflight(&api, "null")).await.status, 403);
}

#[tokio::test]
async fn no_other_origin_is_allowed_or_repeated() {
    let listed = Api::of(Server::start(&ALLOWED));
    assert_eq!(
        allowed(&read(&listed, "https://second.example").await.headers),
        (Some("https://second.example"), true)
    );
    for origin in [
        "null",
        "https://evil.example",
        "https://app.example.evil.example",
        "https://sub.app.example",
        "http://app.example",
        "https://app.example:8443",
        "https://APP.example",
        "https://app.example/",
        "http://localhost.evil.example:3000",
    ] {
        assert_eq!(allowed(&read(&listed, origin).await.headers), (None, false), "{origin}");
    }
    let twice = listed.request(Method::GET, "/topics").header("Origin", APP).header("Origin", APP);
    assert_eq!(allowed(&send(twice).await.headers), (None, false));
    assert_eq!(allowed(&listed.get("/topics").await.headers), (None, false));
    for origin in ["http://localhost:5173", "https://app.localhost", "http://127.0.0.1", "http://[::1]:8000"]
    {
        assert_eq!(
            allowed(&read(&listed, origin).await.headers),
            (Some(origin), true),
            "pages of this machine"
        );
    }
}

#[tokio::test]
async fn a_star_is_every_origin_without_credentials() {
    let api = Api::of(Server::start(&["--apps", "none", "--allow-origin", &format!("*,{APP}")]));
    assert_eq!(allowed(&read(&api, "https://any.example").await.headers), (Some("*"), false));
    assert_eq!(allowed(&read(&api, APP).await.headers), (Some(APP), true), "it is listed, too");
    assert_eq!(allowed(&read(&api, "null").await.headers), (None, false));
    let answer = send(
        preflight(&api, "https://any.example").header("Access-Control-Request-Headers", "authorization"),
    )
    .await;
    assert_eq!((answer.status, answer.header("access-control-allow-headers")), (204, "authorization"));
    assert_eq!(allowed(&answer.headers), (Some("*"), false));
    assert_eq!(send(api.post("/topics/a", "x").header("Origin", "https://any.example")).await.status, 200);
    assert_eq!(send(api.post("/topics/a", "x").header("Origin", "null")).await.status, 403);
}

#[test]
fn what_is_no_origin_or_host_is_refused_at_the_start() {
    for (flag, value, expected) in [
        ("--allow-origin", "app.example", "such as https://app.example.com"),
        ("--allow-origin", "https://app.example/", "nothing behind them"),
        ("--allow-origin", "https://*.example", "must be `*`, or an origin"),
        ("--allow-origin", "null", "`null` cannot be allowed"),
        ("--allowed-host", "https://hub.example", "must be the name of a host"),
        ("--allowed-host", "hub.example:80", "no port"),
    ] {
        let said = refuses(&[flag, value]);
        assert!(said.contains(flag) && said.contains(expected), "{value}: {said}");
    }
}
