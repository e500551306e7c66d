//! Who is let in: addresses, hosts, proxies, pages of other origins.

use std::io::{Read as _, Write as _};

use reqwest::{Method, RequestBuilder};

use crate::api::{Answer, Api, send};
use crate::harness::{Server, command, eventually};
use crate::process::refuses;

/// What a page of any site can send without being asked.
const SIMPLE_TYPES: [&str; 3] =
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"];
/// What acts, on every path that does.
const ACTS: [(&str, &str, &str); 9] = [
    ("POST", "/topics/a", "x"),
    ("POST", "/topics", "{\"topic\":\"a\",\"data\":1}"),
    ("POST", "/topics/a?close=true", ""),
    ("DELETE", "/topics/a", ""),
    ("POST", "/chat/messages", r#"{"username":"eve","text":"hello"}"#),
    ("POST", "/chat/presence", r#"{"username":"eve","client":"1"}"#),
    ("GET", "/chat/events?username=eve", ""),
    ("POST", "/notifications", r#"{"category":"a","severity":"critical","title":"t"}"#),
    ("POST", "/ticker/quotes", r#"{"symbol":"A","price":1.5}"#),
];

fn start(args: &[&str]) -> Api {
    Api::of(Server::start(&[&["--apps", "chat,ticker,notifications"], args].concat()))
}

/// What the server answers to these bytes, after which the connection ends.
fn raw(api: &Api, head: &str) -> String {
    let mut connection = api.server.connect();
    connection.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

async fn under(api: &Api, host: &str) -> Answer {
    send(api.request(Method::GET, "/hub").header("Host", host)).await
}

fn act(api: &Api, (method, path, body): (&str, &str, &'static str)) -> RequestBuilder {
    api.request(method.parse().unwrap(), path).body(body)
}

/// Status and detail of a refusal. An answer that is none may have no end.
async fn refusal(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    match response.status().as_u16() {
        200 => (200, String::new()),
        status => (status, response.text().await.unwrap()),
    }
}

#[test]
fn beyond_loopback_it_does_not_start_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut args = vec!["--listen", "0.0.0.0:0", "--data-dir", data.to_str().unwrap()];
    let socket = folder.path().join("hub.sock");
    if cfg!(unix) {
        args.extend(["--unix-socket", socket.to_str().unwrap()]);
    }
    let said = refuses(&args);
    for part in ["0.0.0.0:0", "not loopback", "--open", "[auth]"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_name_of_somebody_else_is_refused() {
    let api = start(&["--allowed-host", "Hub.Example.com", "--allowed-host", "second.example"]);
    for host in [
        "evil.example",
        "EVIL.example:3000",
        "evil.example.",
        "localhost.evil.example",
        "hub.example.com.evil.example",
        "127.0.0.1.evil.example",
        "x.second.example",
    ] {
        let (status, detail) = under(&api, host).await.problem();
        let name = host.split(':').next().unwrap().trim_end_matches('.').to_lowercase();
        assert!(
            status == 421 && detail.ends_with(&format!("--allowed-host {name}")),
            "{host}: {status} {detail}"
        );
    }
    for host in [
        "localhost",
        "LOCALHOST.:99",
        "127.0.0.1:1",
        "10.0.0.7",
        "[::1]:3000",
        "[2001:db8::1]",
        "hub",
        "app.localhost:8080",
        "printer.local",
        "hub.example.COM:443",
        "second.example.",
    ] {
        assert_eq!(under(&api, host).await.status, 200, "{host}");
    }
    for host in ["localhost@evil.example", "a b", "a,b", "localhost:x", "[::1", "[evil.example]"] {
        assert_eq!(under(&api, host).await.status, 400, "{host}");
    }
    for path in ["/", "/sse.js", "/events", "/nothing", "/topics/a"] {
        let request = api
            .request(Method::GET, path)
            .header("Host", "evil.example")
            .header("X-Forwarded-Host", "localhost");
        assert!(matches!(send(request).await.status, 403 | 421), "{path}");
    }
}

#[tokio::test]
async fn the_target_of_a_request_counts_before_its_host() {
    let api = start(&[]);
    for (head, status) in [
        ("GET http://evil.example/hub HTTP/1.1\r\nHost: localhost", 421),
        ("GET http://localhost@evil.example/hub HTTP/1.1\r\nHost: localhost", 421),
        ("GET http://localhost:3000/hub HTTP/1.1\r\nHost: evil.example", 200),
        ("GET /hub HTTP/1.0", 200),
        ("GET /hub HTTP/1.0\r\nHost: evil.example", 421),
        ("GET /hub HTTP/1.1\r\nHost:", 400),
        ("GET /hub HTTP/1.1\r\nX: y", 400),
        ("GET /hub HTTP/1.1\r\nHost: localhost\r\nHost: evil.example", 400),
        ("GET /hub HTTP/1.1\r\nHost: evil.example\r\nHost: localhost", 400),
    ] {
        let answer = raw(&api, &format!("{head}\r\nConnection: close\r\n\r\n"));
        let found = answer.get(9..12);
        assert_eq!(found, Some(status.to_string().as_str()), "{head}: {answer}");
    }
}

#[tokio::test]
async fn what_came_through_a_proxy_is_not_local() {
    let (local, open) = (start(&[]), start(&["--open"]));
    for name in ["Forwarded", "X-Forwarded-For", "x-forwarded-proto", "X-Forwarded-Anything"] {
        for path in ["/hub", "/", "/events"] {
            let request = |api: &Api| api.request(Method::GET, path).header(name, "203.0.113.7");
            let (status, detail) = send(request(&local)).await.problem();
            assert!(
                status == 403 && detail.contains("--open") && detail.contains("[auth]"),
                "{path}: {status} {detail}"
            );
            let answer = request(&open).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
        }
    }
    assert_eq!(under(&open, "evil.example").await.status, 421, "rebinding is not what is meant");
}

#[tokio::test]
async fn a_page_of_another_site_cannot_act() {
    let api = start(&["--allow-origin", "https://app.example"]);
    api.publish("a", "kept").await;
    for acting in ACTS {
        for content_type in SIMPLE_TYPES.into_iter().chain(["", "application/json", "application/x-ndjson"]) {
            let request = || act(&api, acting).header("Content-Type", content_type);
            let (status, detail) = refusal(request().header("Origin", "https://evil.example")).await;
            let named = detail.contains("--allow-origin https://evil.example\"");
            assert!(status == 403 && named, "{acting:?} {content_type}: {status} {detail}");
        }
        for origin in [
            "null",
            "",
            "https://app.example.evil.example",
            "https://app.example:444",
            "http://app.example",
            "https://APP.example",
            "http://localhost.evil.example",
            "https://app.example/",
            "https://u@app.example",
            "file://",
            "https://a, https://b",
            "http://127.0.0.1.evil.example",
        ] {
            let (status, _) = refusal(act(&api, acting).header("Origin", origin)).await;
            assert_eq!(status, 403, "{acting:?} {origin}");
        }
        let twice =
            act(&api, acting).header("Origin", "https://app.example").header("Origin", "https://app.example");
        assert_eq!(refusal(twice).await.0, 403, "{acting:?}");
        // A request of an image, a form or a link in a browser that does not send Origin with it.
        for site in ["cross-site", "same-site", ""] {
            let (status, _) = refusal(act(&api, acting).header("Sec-Fetch-Site", site)).await;
            assert_eq!(status, 403, "{acting:?} {site}");
        }
    }
    assert_eq!(api.kept("a").await, ["kept"]);
    assert_eq!(api.get("/chat/users").await.json()["users"], serde_json::json!([]));
    assert_eq!(api.get("/topics").await.json()["topics"].as_array().unwrap().len(), 1);
    let unknown = api.post("/not-here", "x").header("Origin", "https://evil.example");
    assert_eq!(send(unknown).await.status, 403, "paths that come later are guarded too");
}

#[tokio::test]
async fn own_pages_and_programs_can_act() {
    let api = start(&["--allow-origin", "https://app.example"]);
    let address = api.server.base.strip_prefix("http://").unwrap().to_owned();
    let own = [
        vec![],
        vec![("Origin", format!("http://{address}"))],
        vec![("Origin", format!("https://{address}"))],
        vec![("Origin", "https://hub".to_owned()), ("Host", "hub".to_owned())],
        vec![("Origin", "http://localhost:5173".to_owned()), ("Sec-Fetch-Site", "same-site".to_owned())],
        vec![("Origin", "http://[::1]:8000".to_owned())],
        vec![("Origin", "https://app.example".to_owned()), ("Sec-Fetch-Site", "cross-site".to_owned())],
        // A form of an own page without referrer; a bookmark.
        vec![("Origin", "null".to_owned()), ("Sec-Fetch-Site", "same-origin".to_owned())],
        vec![("Sec-Fetch-Site", "none".to_owned())],
    ];
    for (nth, headers) in own.iter().enumerate() {
        let request = headers
            .iter()
            .fold(api.post("/topics/a", "x"), |request, (name, value)| request.header(*name, value));
        assert_eq!(send(request).await.status, 200, "{headers:?}");
        assert_eq!(api.kept("a").await.len(), nth + 1);
    }
    // Whoever follows a link from anywhere sees the page.
    let link = api
        .request(Method::GET, "/chat")
        .header("Sec-Fetch-Site", "cross-site")
        .header("Sec-Fetch-Mode", "navigate");
    assert_eq!(send(link).await.status, 200);
}

#[tokio::test]
async fn refusals_are_logged_once_and_name_the_flag() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = command(&std::env::temp_dir());
    let command = command.args(["--listen", "127.0.0.1:0", "--apps", "none"]);
    let api = Api::of(Server::spawn_logging_to(log.reopen().unwrap(), command));
    let logged = || std::fs::read_to_string(log.path()).unwrap();
    for _ in 0..20 {
        let request = api.post("/topics/a", "x").header("Origin", "https://evil.example");
        assert_eq!(send(request).await.status, 403);
    }
    eventually("a line", || logged().contains("--allow-origin https://evil.example")).await;
    assert_eq!(logged().matches("request refused").count(), 1, "{}", logged());
}
