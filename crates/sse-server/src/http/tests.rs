//! The hub's part of the protocol over real sockets: how a subscription opens, and what its worker does with it.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use actix_web::http::Method;
use serde_json::Value;
use sse_core::{Event, Topic};
use sse_hub::{Counters, Fanout, Hub, Policies};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::reloads::Reloads;
use super::routes::api;
use super::{AppState, Endpoint, OpenApi, Pages, STREAMS, routes};
use crate::apps::APPLICATIONS;
use crate::auth::Authenticator;
use crate::client_limits::ClientLimits;
use crate::metrics;
use crate::transport::{Limits, Listeners, Shared, serve};

const HEAD: &str = "GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\n";

/// A server with one worker, which is no more when this is dropped.
struct World {
    hub: Hub,
    addrs: Vec<std::net::SocketAddr>,
    /// One for each worker's state that was made.
    made: mpsc::Receiver<()>,
    handle: actix_server::ServerHandle,
    running: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl World {
    fn start() -> Self {
        let hub = Hub::in_memory(&Policies::default());
        let (report, made) = mpsc::channel();
        let of_worker = hub.clone();
        let state = move || {
            report.send(()).unwrap();
            let fanout = Fanout::start(of_worker.clone(), CancellationToken::new());
            AppState {
                fanout,
                drain: Arc::default(),
                has_admin_listener: false,
                heartbeat: None,
                apps: Vec::new(),
                reserved: [].into(),
                auth: Authenticator::new(None),
                is_tls: false,
                hsts: None,
                guard: Arc::default(),
                reloads: Reloads::default(),
                clients: ClientLimits::default(),
                streams: [].into(),
            }
        };
        let pages = Pages::new([], None, Default::default()).unwrap();
        let routes = move |config: &mut actix_web::web::ServiceConfig, state, _| {
            routes(config, state, Vec::new(), &pages);
        };
        let mut listeners = Listeners::open("127.0.0.1:0").unwrap();
        listeners.tcp.extend(Listeners::open("127.0.0.1:0").unwrap().tcp);
        let addrs = listeners.tcp.iter().map(|listener| listener.local_addr().unwrap()).collect();
        let shared = Shared {
            limits: limits(),
            budget: hub.budget().clone(),
            clients: ClientLimits::default(),
            drain: Arc::default(),
        };
        let server = serve(listeners, NonZeroUsize::new(1), shared, state, routes).unwrap();
        Self { hub, addrs, made, handle: server.handle(), running: actix_web::rt::spawn(server) }
    }

    async fn stop(self) {
        self.handle.stop(false).await;
        self.running.await.unwrap().unwrap();
    }
}

fn limits() -> Limits {
    let second = Duration::from_secs(1);
    Limits { heartbeat: None, write_timeout: second, head_timeout: second, keep_alive: second, direct: true }
}

/// What the event stream of this request brings until the event, and whether that came by a direct write.
async fn stream(request: &str) -> (String, bool) {
    let world = World::start();
    let mut connection = TcpStream::connect(world.addrs[0]).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let text = |answer: &[u8]| String::from_utf8_lossy(answer).into_owned();
    for part in ["Connected to event stream", "data: the event\n\n"] {
        if part.starts_with("data") {
            world.hub.publish(Topic::new("a").unwrap(), Event::new("the event")).await.unwrap();
        }
        while !text(&answer).contains(part) {
            assert!(connection.read_buf(&mut answer).await.unwrap() > 0, "{}", text(&answer));
        }
    }
    // The delivery pass is counted right after it.
    let counters = world.hub.counters();
    let direct = || Counters::get(&counters.direct_deliveries);
    while direct() + Counters::get(&counters.wakes) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let direct = direct() > 0;
    world.stop().await;
    (text(&answer), direct)
}

#[actix_web::test]
async fn all_listeners_of_a_thread_share_its_state() {
    let world = World::start();
    for addr in &world.addrs {
        let mut connection = TcpStream::connect(addr).await.unwrap();
        connection.write_all(b"GET /topics HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut answer = [0; 15];
        connection.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
    }
    assert_eq!(world.made.try_iter().count(), 1);
    world.stop().await;
}

#[actix_web::test]
async fn an_idle_connection_is_written_to_directly() {
    let (answer, direct) = stream(&format!("{HEAD}\r\n")).await;
    assert!(answer.contains("\r\ntransfer-encoding: chunked\r\n"), "{answer}");
    assert!(direct);
}

#[actix_web::test]
async fn a_body_that_may_not_be_in_chunks_is_left_to_its_task() {
    let (_, direct) = stream(&format!("{HEAD}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n")).await;
    assert!(!direct);
}

#[actix_web::test]
async fn an_event_stream_over_http_1_0_has_no_chunks_and_ends_with_its_connection() {
    let request = HEAD.replace("HTTP/1.1", "HTTP/1.0") + "Connection: keep-alive\r\n\r\n";
    let (answer, direct) = stream(&request).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("chunked") && !head.contains("keep-alive"), "{head}");
    assert!(body.starts_with("retry: "), "{body}");
    assert!(!direct);
}

#[test]
fn every_route_is_described_and_every_description_has_a_route() {
    let described = |part: &str| {
        let document: Value = serde_json::from_str(part).unwrap();
        let mut described = Vec::new();
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
            described.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
        }
        described.sort();
        described
    };
    let routes = |endpoints: &[Endpoint]| {
        // HEAD is GET without the body, so it is not described by itself.
        let operations = endpoints.iter().flat_map(|endpoint| {
            let methods = endpoint.methods().iter().filter(|method| *method != Method::HEAD);
            methods.map(|method| format!("{method} {}", endpoint.path()))
        });
        let mut operations: Vec<_> = operations.collect();
        operations.sort();
        operations
    };
    assert_eq!(described(include_str!("openapi.json")), routes(&api()));
    assert_eq!(described(metrics::OPENAPI), routes(&metrics::endpoints()));
    for app in &APPLICATIONS {
        assert_eq!(described(app.openapi), routes(&(app.endpoints)()), "{}", app.name);
    }
}

#[test]
fn the_event_streams_that_are_announced_are_there() {
    let has = |endpoints: &[Endpoint], path: &str| endpoints.iter().any(|endpoint| endpoint.path() == path);
    assert!(STREAMS.iter().all(|stream| has(&api(), stream)));
    for app in &APPLICATIONS {
        assert!(app.streams.iter().all(|stream| has(&(app.endpoints)(), stream)), "{}", app.name);
    }
}

#[test]
fn parts_of_the_description_are_merged() {
    let with = OpenApi::with(APPLICATIONS.iter().map(|app| app.openapi));
    assert!(with.len() > OpenApi::with([]).len());
}
