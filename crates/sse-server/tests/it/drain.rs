//! How the server ends: what goes on, what is finished, and what its readers and its successor find.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::api::{Api, send};
use crate::harness::{DEADLINE, Reader, Server, command, eventually};

/// Far longer than a test takes.
const LONG: &str = "1h";

/// The reconnection time that a stream gave last.
fn last_retry(raw: &[u8]) -> Duration {
    let text = String::from_utf8_lossy(raw);
    let (_, after) = text.rsplit_once("retry: ").unwrap();
    Duration::from_millis(after.lines().next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn during_the_delay_everything_goes_on_but_it_is_not_ready() {
    let mut api = Api::of(Server::start(&["--apps", "none", "--drain-delay", LONG]));
    assert_eq!((api.get("/readyz").await.status, api.get("/readyz").await.text.as_str()), (200, "ready\n"));
    api.server.signal("TERM");
    let from = std::time::Instant::now();
    let unready = loop {
        let answer = api.get("/readyz").await;
        if answer.status != 200 {
            break answer;
        }
        assert!(from.elapsed() < DEADLINE);
    };
    assert_eq!((unready.status, unready.text.as_str()), (503, "unready\n"));
    // So that nobody's next request meets a connection that has just ended.
    assert_eq!(unready.header("connection"), "close");
    assert_eq!(api.get("/livez").await.text, "live\n");
    let why = api.get("/readyz?verbose").await;
    assert_eq!((why.status, &why.json()["reasons"][0]["reason"]), (503, &"draining".into()));
    let mut reader = Reader::open(api.server.url("/events?topic=a")).await;
    let id = api.publish("a", "x").await;
    reader.until_raw(&id).await;
    // A second one ends it at once.
    api.server.signal("TERM");
    let (status, took) = api.server.ended().await;
    assert!(!status.success() && took < Duration::from_secs(5), "{status} after {took:?}");
}

#[tokio::test]
async fn event_streams_end_with_a_time_to_come_back() {
    for direct in ["on", "off"] {
        let mut server = Server::start(&["--apps", "none", "--direct", direct]);
        let mut clean = Reader::open(server.url("/events?topic=a")).await;
        let mut aborted = Reader::open(server.url("/events?topic=a&end=abort")).await;
        let mut of_http2 = Reader::of(
            reqwest::Client::builder()
                .http2_prior_knowledge()
                .build()
                .unwrap()
                .get(server.url("/events?topic=a&end=abort")),
        )
        .await;
        for reader in [&mut clean, &mut aborted, &mut of_http2] {
            reader.event().await;
            reader.raw.clear();
        }
        server.signal("TERM");
        for (reader, is_clean) in [(&mut clean, true), (&mut aborted, false), (&mut of_http2, false)] {
            assert_eq!(reader.finish().await, is_clean, "--direct {direct}");
            let retry = last_retry(&reader.raw);
            assert!(retry < Duration::from_secs(3), "{retry:?}");
        }
        let (status, _) = server.ended().await;
        assert!(status.success(), "{status}");
    }
}

#[tokio::test]
async fn what_is_under_way_is_answered() {
    // So that all has arrived by then.
    let mut server = Server::start(&["--apps", "none", "--drain-delay", "2s"]);
    let [mut idle, mut poll, mut publish] = [(); 3].map(|()| server.connect());
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    poll.write_all(b"GET /poll?topic=a&timeout=60 HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let head = "POST /topics/b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n";
    publish.write_all(format!("{head}wh").as_bytes()).unwrap();
    server.signal("TERM");
    let mut text = String::new();
    idle.read_to_string(&mut text).unwrap();
    assert!(text.ends_with("live\n"), "{text}");
    text.clear();
    poll.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    publish.write_all(b"at").unwrap();
    text.clear();
    publish.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 ") && text.contains("connection: close"), "{text}");
    let (status, _) = server.ended().await;
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn who_is_over_a_limit_can_ask_for_an_abort_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hub.toml");
    std::fs::write(&file, "[limits]\nsubscribes_per_second = 1").unwrap();
    let args =
        ["--config", file.to_str().unwrap(), "--apps", "none", "--trusted-proxy", "127.0.0.1", "--open"];
    let server = Server::start(&args);
    let client = reqwest::Client::new();
    for (query, is_clean) in [("&end=abort", false), ("", true)] {
        let sent_away = async {
            loop {
                let request = client.get(server.url(&format!("/events?topic=a{query}")));
                let mut stream = Reader::of(request.header("X-Forwarded-For", "203.0.113.7")).await;
                stream.until_raw("\n\n").await;
                if last_retry(&stream.raw) >= Duration::from_secs(5) {
                    return stream.finish().await;
                }
            }
        };
        assert_eq!(tokio::time::timeout(DEADLINE, sent_away).await.unwrap(), is_clean, "{query}");
    }
}

/// A server at a socket that is not its own, as systemd starts it.
fn activated(listener: &TcpListener, data: &Path) -> Command {
    let mut command = command(&std::env::temp_dir());
    let socket: OwnedFd = listener.try_clone().unwrap().into();
    command.stdin(Stdio::from(socket));
    command.env("LISTEN_FDS", "1").env("LISTEN_FDS_FIRST_FD", "0").env("SSE_DATA_DIR", data);
    command.args(["--apps", "none"]);
    command
}

#[tokio::test]
async fn a_successor_takes_over_the_socket_and_the_log_and_nobody_is_refused() {
    let (data, listener) = (tempfile::tempdir().unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = listener.local_addr().unwrap();
    let mut first = Server::spawn(&mut activated(&listener, data.path()));
    assert_eq!(first.base, format!("http://{address}"));
    let client = reqwest::Client::new();
    let publish = |base: String, data: &'static str| {
        let request = client.post(format!("{base}/topics/a")).body(data);
        async move { send(request).await.json()["id"].as_str().unwrap().to_owned() }
    };
    publish(first.base.clone(), "before").await;
    let mut command = activated(&listener, data.path());
    let second = tokio::task::spawn_blocking(move || Server::spawn(&mut command));
    first.signal("TERM");
    let (status, _) = first.ended().await;
    assert!(status.success(), "{status}");
    // Whoever connects meanwhile waits for the second.
    TcpStream::connect(address).unwrap();
    let second = second.await.unwrap();
    assert_eq!(second.base, first.base);
    let id = publish(second.base.clone(), "after").await;
    let mut reader = Reader::open(second.url("/events?topic=a&last=2")).await;
    reader.until_raw(&id).await;
    assert!(String::from_utf8_lossy(&reader.raw).contains("data: before"));
}

#[tokio::test]
async fn one_that_waits_for_the_log_ends_at_a_signal() {
    let data = tempfile::tempdir().unwrap();
    let _first = Server::start_on(data.path(), &["--apps", "none"]);
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = command(&std::env::temp_dir());
    command.env("SSE_DATA_DIR", data.path()).args(["--listen", "127.0.0.1:0"]);
    let mut second = command.stdout(Stdio::null()).stderr(log.reopen().unwrap()).spawn().unwrap();
    let said = || std::fs::read_to_string(log.path()).unwrap();
    eventually("it waits", || said().contains("another process uses the log")).await;
    let killed = Command::new("kill").arg(second.id().to_string()).status().unwrap();
    assert!(killed.success());
    eventually("it ends", || second.try_wait().unwrap().is_some()).await;
    assert!(said().contains("ended by SIGTERM while it waited for the log"), "{}", said());
}
