//! The hub over HTTP/2: the same promises on many streams of one connection, and peers that abuse it.

mod attacks;

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Reason, RecvStream};
use http::{Request, StatusCode, Version};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use self::attacks::{Raw, frame, get};
use crate::harness::{DEADLINE, Reader, Server};
use crate::metrics;
use crate::tls::Secure;

/// A connection to a server, driven by a task.
struct Connection {
    requests: SendRequest<Bytes>,
    base: String,
    driven: JoinHandle<Result<(), h2::Error>>,
}

impl Connection {
    async fn open(server: &Server) -> Self {
        Self::with(server, &Builder::new()).await
    }

    async fn with(server: &Server, builder: &Builder) -> Self {
        let address = server.base.strip_prefix("http://").unwrap();
        let socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let (requests, connection) = builder.handshake(socket).await.unwrap();
        Self { requests, base: server.base.clone(), driven: tokio::spawn(connection) }
    }

    /// A request without a body.
    async fn get(&self, path: &str) -> ResponseFuture {
        self.send(Request::get(format!("{}{path}", self.base))).await
    }

    async fn send(&self, request: http::request::Builder) -> ResponseFuture {
        let mut requests = self.requests.clone().ready().await.unwrap();
        requests.send_request(request.body(()).unwrap(), true).unwrap().0
    }

    /// An event stream that has begun.
    async fn events(&self, path: &str) -> RecvStream {
        let answer = timeout(DEADLINE, self.get(path).await).await.unwrap().unwrap();
        assert_eq!(answer.status(), 200);
        let mut body = answer.into_body();
        until(&mut body, "event stream").await;
        body
    }
}

/// Reads on until this has come, and takes no more after it than came with it.
async fn until(body: &mut RecvStream, text: &str) {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(text) {
        let piece = timeout(DEADLINE, body.data()).await.expect("the stream is silent");
        let piece = piece.expect("the stream has ended").expect("the stream was reset");
        body.flow_control().release_capacity(piece.len()).unwrap();
        read.extend_from_slice(&piece);
    }
}

/// Reads on to the end. The error is why there is none.
async fn to_end(body: &mut RecvStream) -> Result<(), h2::Error> {
    while let Some(piece) = timeout(DEADLINE, body.data()).await.expect("the stream is silent") {
        body.flow_control().release_capacity(piece?.len())?;
    }
    Ok(())
}

async fn publish(server: &Server, data: impl Into<String>) {
    let answer = reqwest::Client::new().post(server.url("/topics/a")).body(data.into()).send();
    assert_eq!(answer.await.unwrap().status(), 200);
}

async fn open_streams(server: &Server) -> u64 {
    let info = reqwest::get(server.url("/hub")).await.unwrap().text().await.unwrap();
    serde_json::from_str::<serde_json::Value>(&info).unwrap()["connectionsOpen"].as_u64().unwrap()
}

async fn until_open(server: &Server, expected: u64) {
    let reached = async {
        while open_streams(server).await != expected {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, reached).await.expect("the number of open streams is reached");
}

#[tokio::test]
async fn it_is_the_same_hub_over_tls_tcp_and_the_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("hub.sock");
    let plain = Server::start(&["--apps", "none", "--unix-socket", socket.to_str().unwrap()]);
    let known = || reqwest::Client::builder().http2_prior_knowledge();
    let secure = Secure::start(&[]);
    for (base, client) in [
        (&plain.base, known()),
        (&plain.base, known().unix_socket(&*socket)),
        (&secure.server.base, secure.client()),
    ] {
        let client = client.build().unwrap();
        let mut reader = Reader::of(client.get(format!("{base}/events?topic=a"))).await;
        reader.event().await;
        for text in crate::tls::texts() {
            let answer = client.post(format!("{base}/topics/a")).body(text.clone()).send().await.unwrap();
            assert_eq!((answer.version(), answer.status()), (Version::HTTP_2, StatusCode::OK));
            assert_eq!(reader.event().await.data(), text);
        }
        let first = client.get(format!("{base}/topics/a?limit=1")).send().await.unwrap();
        assert!(first.headers().contains_key("date") && first.headers().contains_key("content-length"));
        let missing = client.head(format!("{base}/topics/missing/")).send().await.unwrap();
        assert!(missing.status().is_client_error());
        assert_eq!(missing.text().await.unwrap(), "");
        let over = client.get(format!("{base}/events?topic=a&last=2")).send().await.unwrap();
        assert_eq!(over.headers()["content-type"], "text/event-stream");
    }
}

#[tokio::test]
async fn fifty_event_streams_share_a_connection() {
    let server = Server::start(&["--apps", "none"]);
    let connection = Connection::open(&server).await;
    let mut streams = Vec::new();
    for _ in 0..50 {
        streams.push(connection.events("/events?topic=a").await);
    }
    publish(&server, "to all").await;
    for stream in &mut streams {
        until(stream, "data: to all\n\n").await;
    }
}

#[tokio::test]
async fn the_largest_batch_arrives_and_a_larger_one_is_refused_early() {
    let server = Server::start(&["--apps", "none"]);
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let line = format!("{{\"topic\":\"a\",\"data\":\"{}\"}}\n", "x".repeat(900 << 10));
    let count = (16 << 20) / line.len();
    let send = |count| {
        let batch = client.post(server.url("/topics")).header("content-type", "application/x-ndjson");
        batch.body(line.repeat(count)).send()
    };
    let answer = send(count).await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    let mut reader = Reader::of(client.get(server.url("/events?topic=a&last=100"))).await;
    reader.event().await;
    for _ in 0..count {
        assert_eq!(reader.event().await.data().len(), 900 << 10);
    }
    assert_eq!(send(count + 1).await.unwrap().status(), 413);
}

/// Event streams that were closed because their peer did not read.
async fn cut(server: &Server) -> f64 {
    metrics::value(server, "sse_connections_closed_total{transport=\"http2\",reason=\"write_timeout\"}").await
}

#[tokio::test]
async fn a_closed_window_is_cut_and_its_neighbour_goes_on() {
    // Time enough for the neighbour to read a piece, on a busy machine too.
    let server = Server::start(&["--apps", "none", "--write-timeout", "2s"]);
    let mut builder = Builder::new();
    let connection = Connection::with(&server, builder.initial_window_size(1 << 10)).await;
    let mut stalled = connection.events("/events?topic=a").await;
    let mut neighbour = connection.events("/events?topic=a").await;
    publish(&server, format!("{}!", "x".repeat(100 << 10))).await;
    until(&mut neighbour, "x!\n\n").await;
    // Nothing is read of it, so its window stays closed.
    until_open(&server, 1).await;
    assert_eq!(cut(&server).await, 1.0);
    let reason = loop {
        match timeout(DEADLINE, stalled.data()).await.unwrap() {
            Some(Ok(_)) => {}
            end => break end.expect("no clean end").unwrap_err().reason(),
        }
    };
    assert_eq!(reason, Some(Reason::CANCEL));
    publish(&server, "goes on").await;
    until(&mut neighbour, "data: goes on\n\n").await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_its_socket_is_cut() {
    let server = Server::start(&["--apps", "none", "--write-timeout", "300ms", "--heartbeat", "off"]);
    let mut raw = Raw::open(&server);
    // A window without end, for streams and for the connection.
    raw.write(&frame(4, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]));
    raw.write(&frame(8, 0, 0, &[0x7f, 0, 0, 0]));
    raw.write(&get(1, "/events?topic=a"));
    until_open(&server, 1).await;
    for _ in 0..16 {
        publish(&server, "x".repeat(900 << 10)).await;
    }
    until_open(&server, 0).await;
    assert_eq!(cut(&server).await, 1.0);
}

#[tokio::test]
async fn streams_that_are_reset_leave_no_subscription() {
    let server = Server::start(&["--apps", "none", "--heartbeat", "off"]);
    let mut connections = Vec::new();
    let mut streams = Vec::new();
    for _ in 0..10 {
        let connection = Connection::open(&server).await;
        for _ in 0..100 {
            streams.push(connection.get("/events?topic=a").await);
        }
        connections.push(connection);
    }
    until_open(&server, 1000).await;
    streams.clear();
    until_open(&server, 0).await;
    // The connections are still of use; and with them their streams end.
    let mut last = connections.pop().unwrap();
    let _stream = last.events("/events?topic=a").await;
    until_open(&server, 1).await;
    last.driven.abort();
    assert!((&mut last.driven).await.unwrap_err().is_cancelled());
    until_open(&server, 0).await;
}

#[tokio::test]
async fn a_stop_ends_streams_cleanly_and_says_goaway() {
    let mut server = Server::start(&["--apps", "none"]);
    let connection = Connection::open(&server).await;
    let mut stream = connection.events("/events?topic=a").await;
    let mut idle = Raw::open(&server);
    idle.frame().expect("it is served");
    server.signal("TERM");
    to_end(&mut stream).await.unwrap();
    drop(connection);
    assert_eq!(idle.goodbye(), (0, String::new()));
    let (status, took) = server.ended().await;
    assert!(status.success() && took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn an_idle_connection_ends_and_one_with_a_stream_does_not() {
    let server = Server::start(&["--apps", "none", "--keep-alive", "1s"]);
    let busy = Connection::open(&server).await;
    let mut stream = busy.events("/events?topic=a").await;
    let idle = Connection::open(&server).await;
    // An answer without a body is over as soon as its head is written.
    assert_eq!(idle.send(Request::head(server.url("/hub"))).await.await.unwrap().status(), 200);
    timeout(DEADLINE, idle.driven).await.unwrap().unwrap().unwrap();
    // Who does not answer the GOAWAY is not waited for.
    let mut silent = Raw::open(&server);
    assert_eq!(silent.goodbye().0, 0);
    publish(&server, "still there").await;
    until(&mut stream, "still there").await;
}

#[tokio::test]
async fn requests_that_are_none_are_refused_by_themselves() {
    let server = Server::start(&["--apps", "none"]);
    let connection = Connection::open(&server).await;
    let url = |path| server.url(path);
    let long = "x".repeat(70 << 10);
    assert_eq!(
        connection.send(Request::get(url("/hub")).header("x", long)).await.await.unwrap().status(),
        431
    );
    let foreign = connection.send(Request::get("http://evil.example/hub").header("host", "localhost")).await;
    assert_eq!(foreign.await.unwrap().status(), 421);
    let connect = connection.send(Request::connect("example.com:80")).await.await.unwrap();
    assert!(connect.status().is_client_error(), "{}", connect.status());
    for length in ["5", "15"] {
        let request = Request::post(url("/topics/a")).header("content-length", length);
        let mut requests = connection.requests.clone().ready().await.unwrap();
        let (answer, mut body) = requests.send_request(request.body(()).unwrap(), false).unwrap();
        body.send_data(Bytes::from_static(b"ten bytes."), true).unwrap();
        assert_eq!(answer.await.unwrap_err().reason(), Some(Reason::PROTOCOL_ERROR), "{length}");
    }
    let waits = Request::post(url("/topics/a")).header("expect", "100-continue");
    let mut requests = connection.requests.clone().ready().await.unwrap();
    let (mut answer, mut body) = requests.send_request(waits.body(()).unwrap(), false).unwrap();
    let go_on = timeout(DEADLINE, poll_fn(|context| answer.poll_informational(context))).await.unwrap();
    assert_eq!(go_on.unwrap().unwrap().status(), 100);
    body.send_data(Bytes::from_static(b"it came"), true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 200);
}

#[tokio::test]
async fn an_offer_to_upgrade_stays_with_http_1() {
    let server = Server::start(&["--apps", "none"]);
    let offer = reqwest::Client::new().get(server.url("/hub")).header("Upgrade", "h2c");
    let offer =
        offer.header("Connection", "Upgrade, HTTP2-Settings").header("HTTP2-Settings", "AAMAAABkAAQAAP__");
    let answer = offer.send().await.unwrap();
    assert_eq!((answer.version(), answer.status()), (Version::HTTP_11, StatusCode::OK));
}
