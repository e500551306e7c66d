//! Memory and descriptors that clients take: what they get when there is no more, and that it comes back.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use crate::api::{Answer, Api, send};
use crate::harness::{DEADLINE, Reader, Server, command, eventually};

/// Sends a batch of so many bytes, but for the last.
fn unfinished_batch(server: &Server, bytes: usize) -> TcpStream {
    let mut connection = server.connect();
    let head = format!(
        "POST /topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n\
         Content-Length: {bytes}\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(&vec![b' '; bytes - 1]).unwrap();
    connection
}

/// Asks until the answer has this status.
async fn until_status(status: u16, what: &str, ask: impl AsyncFn() -> Answer) -> Answer {
    let from = std::time::Instant::now();
    loop {
        let answer = ask().await;
        if answer.status == status {
            return answer;
        }
        assert!(from.elapsed() < DEADLINE, "{what}: {answer:?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn at_the_memory_limit_large_requests_are_refused_and_small_ones_and_event_streams_are_not() {
    let api = Api::of(Server::start(&["--apps", "none", "--memory-limit", "96MiB"]));
    api.publish("a", "before").await;
    // Three quarters are for requests, and of these three for large ones: all but 16 bytes of that.
    let sizes = [16 << 20, 16 << 20, 16 << 20, (6 << 20) - 16];
    let held = RefCell::new(sizes.map(|bytes| unfinished_batch(&api.server, bytes)));
    let publish = async || {
        // One that came in just as an event was being published was refused itself.
        for (connection, bytes) in held.borrow_mut().iter_mut().zip(sizes) {
            connection.set_nonblocking(true).unwrap();
            if connection.read(&mut [0]).is_ok() {
                *connection = unfinished_batch(&api.server, bytes);
            }
        }
        send(api.post("/topics/b", "x".repeat(100_000))).await
    };
    let refused = until_status(503, "publishing is refused", publish).await;
    assert_eq!(refused.header("retry-after"), "5");
    assert_eq!(refused.header("content-type"), "application/problem+json");
    assert!(refused.problem().1.contains("memory limit; nothing was done"), "{refused:?}");
    for path in ["/topics/a", "/poll?topic=a&after=earliest"] {
        let refused = api.get(path).await;
        assert_eq!((refused.status, refused.header("retry-after")), (503, "5"), "{path}");
    }
    for _ in 0..20 {
        api.publish("a", "small").await;
    }
    assert_eq!(
        Reader::open(api.server.url("/events?topic=c")).await.event().await.hub(),
        Some(sse_core::HubBlock::Greeting)
    );
    drop(held);
    let again = async || send(api.post("/topics/b", "x".repeat(100_000))).await;
    until_status(200, "memory comes back", again).await;
    assert_eq!(api.kept("a").await.len(), 21);
}

#[tokio::test]
async fn a_body_that_was_only_announced_takes_no_memory() {
    let api = Api::of(Server::start(&["--apps", "none", "--memory-limit", "96MiB"]));
    let mut announced = Vec::new();
    for _ in 0..20 {
        let mut connection = api.server.connect();
        connection
            .write_all(b"POST /topics/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\nx")
            .unwrap();
        announced.push(connection);
        api.publish("a", "x").await;
    }
    // Had it been kept free for them, this would not fit.
    let batch = format!("{{\"data\":\"{}\"}}\n", "x".repeat(1_000_000)).repeat(16);
    assert_eq!(send(api.batch("/topics/a", batch)).await.status, 200);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_answer_that_is_not_read_holds_its_events_and_not_their_json() {
    let api = Api::of(Server::start(&["--apps", "none"]));
    // Six times as long in JSON.
    let data = "\u{1}".repeat(1 << 20);
    for _ in 0..4 {
        api.publish("big", data.clone()).await;
    }
    assert_eq!(api.get("/topics/big").await.data(), [data.as_str()]);
    let before = api.server.resident_bytes();
    let mut stalled = Vec::new();
    for _ in 0..30 {
        let mut connection = api.server.connect();
        connection.write_all(b"GET /topics/big?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        connection.read_exact(&mut [0; 16]).unwrap();
        stalled.push(connection);
    }
    let each = (api.server.resident_bytes().saturating_sub(before)) / 30;
    assert!(each < 3 << 20, "{each} bytes each");
}

#[tokio::test]
async fn a_long_list_of_topics_comes_whole_over_each_version_of_http() {
    let api = Api::of(Server::start(&["--apps", "none"]));
    let lines: String = (0..500).map(|n| format!("{{\"topic\":\"t/{n}\",\"data\":1}}\n")).collect();
    assert_eq!(send(api.batch("/topics", lines)).await.status, 200);
    let list = api.get("/topics").await.json();
    let names: Vec<&str> =
        list["topics"].as_array().unwrap().iter().map(|t| t["topic"].as_str().unwrap()).collect();
    assert!(names.len() == 500 && names.is_sorted());
    let mut connection = api.server.connect();
    connection.write_all(b"GET /topics HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(!head.to_ascii_lowercase().contains("chunked"), "{head}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(body).unwrap(), list);
}

#[cfg(unix)]
#[tokio::test]
async fn without_descriptors_the_connections_that_are_there_live_on() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.txt");
    let server = command(folder.path());
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 64; exec \"$0\" \"$@\""]).arg(server.get_program());
    limited.args(["--listen", "127.0.0.1:0", "--apps", "none", "--workers", "1"]).current_dir(folder.path());
    limited.env_remove("SSE_LOG").env("SSE_DATA_DIR", folder.path().join("data"));
    let server = Server::spawn_logging_to(std::fs::File::create(&log).unwrap(), &mut limited);
    let mut reader = Reader::open(server.url("/events?topic=a")).await;
    reader.event().await;
    let mut kept = server.connect();
    request(&mut kept, "GET /hub HTTP/1.1\r\nHost: localhost\r\n\r\n", "\"topics\":0");
    // One that is not accepted gets no answer.
    let others: Vec<TcpStream> = (0..80).map(|_| server.connect()).collect();
    let count = |text: &str| std::fs::read_to_string(&log).unwrap().matches(text).count();
    eventually("descriptors are used up", || count("Error accepting connection") > 0).await;
    let post = "POST /topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello";
    request(&mut kept, post, "\"id\":");
    assert_eq!(reader.event().await.data(), "hello");
    // The first read of the file.
    request(&mut kept, "GET /topics/a HTTP/1.1\r\nHost: localhost\r\n\r\n", "\"data\":\"hello\"");
    // It tries again every half a second.
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    assert_eq!(count("Error accepting connection"), 1);
    drop(others);
    let api = Api::of(server);
    let answer = tokio::time::timeout(DEADLINE, api.get("/topics/a")).await.expect("it recovers");
    assert_eq!(answer.data(), ["hello"]);
}

/// Sends a request on a connection and reads until its answer has this part.
fn request(connection: &mut TcpStream, request: &str, part: &str) {
    connection.write_all(request.as_bytes()).unwrap();
    let (mut answer, mut piece) = (Vec::new(), [0; 1024]);
    while !String::from_utf8_lossy(&answer).contains(part) {
        let bytes = connection.read(&mut piece).unwrap();
        assert!(bytes > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&piece[..bytes]);
    }
}

#[tokio::test]
async fn requests_that_are_none_leave_one_line_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.txt");
    let mut command = command(folder.path());
    command.args(["--listen", "127.0.0.1:0", "--apps", "none"]);
    let server = Server::spawn_logging_to(std::fs::File::create(&log).unwrap(), &mut command);
    for _ in 0..5 {
        let mut connection = server.connect();
        connection.write_all(b"\x16\x03\x01 no HTTP\r\n\r\n").unwrap();
        let mut answer = String::new();
        let _ = connection.read_to_string(&mut answer);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    let said = || std::fs::read_to_string(&log).unwrap();
    eventually("it says who was refused", || said().contains("request refused peer=127.0.0.1:")).await;
    assert_eq!(said().matches("refused").count() + said().matches("ERROR").count(), 1, "{}", said());
}

#[tokio::test]
async fn no_answer_is_taken_for_what_it_does_not_say_it_is() {
    let api = Api::start();
    for (method, path) in [
        ("GET", "/"),
        ("HEAD", "/chat"),
        ("GET", "/sse.js"),
        ("GET", "/topics"),
        ("GET", "/topics/a%20b"),
        ("POST", "/topics/a"),
        ("DELETE", "/topics"),
        ("PUT", "/"),
        ("GET", "/nothing-here"),
        ("GET", "/events"),
        ("GET", "/chat/users"),
        ("POST", "/notifications"),
        ("GET", "/openapi.json"),
    ] {
        let answer = api.request(method.parse().unwrap(), path).send().await.unwrap();
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{method} {path}");
    }
}
