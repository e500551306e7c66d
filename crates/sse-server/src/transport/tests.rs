//! Connections over Unix sockets, with the locked actix-http above them: what it is passed, when an event stream takes its
//! socket, and how that stream writes, waits and ends. Where time is paused it jumps to the next timer whenever nothing
//! else is to do.

mod event_sockets;
mod http2;
mod requests;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_service::{Service as _, ServiceFactory as _};
use actix_web::web::{self, Bytes, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use sse_core::{Event, Topic};
use sse_hub::{Counters, Fanout, Hub, Policies, Policy, Selectors, Start, Transport};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::task::{LocalSet, spawn_local, yield_now};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{Connection, ConnectionHandle};
use super::event_sockets::EventSockets;
use super::server::{Accepted, service};
use super::socket::Socket;
use super::{Drain, EventBody, Limits, Opening, Subscriber};
use crate::client_limits::Slot;

const HEAD: &str = "GET /events HTTP/1.1\r\nHost: hub\r\n\r\n";
/// Less than HTTP/2 takes of an answer before there is room for it.
const PAGE_BYTES: usize = 15_000;
const DEADLINE: Duration = Duration::from_secs(10);
const LIMITS: Limits = Limits {
    heartbeat: None,
    write_timeout: Duration::from_secs(60),
    keep_alive: Duration::from_secs(75),
    head_timeout: Duration::from_secs(5),
    direct: true,
};

/// One worker.
struct World {
    hub: Hub,
    limits: Limits,
    sockets: Rc<EventSockets>,
    /// Event streams that own their socket.
    streams: TaskTracker,
    fanout: Fanout,
    shutdown: CancellationToken,
    drain: Arc<Drain>,
    /// Requests that wait hold one more.
    waiting: Rc<()>,
}

impl World {
    fn new(limits: Limits) -> Self {
        let last_value = Policy { last_value: true, ..Policy::default() };
        let hub = Hub::in_memory(&Policies::new(vec![("state".parse().unwrap(), last_value)]));
        let (streams, shutdown) = (TaskTracker::new(), CancellationToken::new());
        Self {
            fanout: Fanout::start(hub.clone(), shutdown.clone()),
            sockets: EventSockets::start(limits, streams.clone(), hub.budget().clone()),
            waiting: Rc::new(()),
            hub,
            limits,
            streams,
            shutdown,
            drain: Arc::default(),
        }
    }

    /// A connection: its peer, and our side of it.
    async fn connect(&self) -> (Peer, ConnectionHandle) {
        let (peer, accepted) = UnixStream::pair().unwrap();
        let socket = (Socket::Unix(accepted), Slot::default());
        let connection = Connection::new(socket, Vec::new(), Rc::clone(&self.sockets));
        let handle = connection.handle();
        self.serve(Accepted::Http1(connection)).await;
        (Peer { socket: peer, read: Vec::new() }, handle)
    }

    async fn serve(&self, accepted: Accepted) {
        let routes = |config: &mut ServiceConfig| {
            let waiting = Rc::clone(&self.waiting);
            let wait = move || {
                let waiting = Rc::clone(&waiting);
                async move {
                    let _waiting = waiting;
                    std::future::pending::<HttpResponse>().await
                }
            };
            config.app_data(self.fanout.clone());
            config.route("/events", web::get().to(events)).route("/wait", web::to(wait));
            config.route("/echo", web::to(async |body: Bytes| HttpResponse::Ok().body(body)));
            config.route("/big", web::to(async || HttpResponse::Ok().body(vec![b'x'; 4 << 20])));
            config.route("/page", web::to(async || HttpResponse::Ok().body(vec![b'x'; PAGE_BYTES])));
            config.route("/cookies", web::get().to(cookies));
        };
        let service = service(&routes, &self.limits, &self.drain).new_service(()).await.unwrap();
        spawn_local(async move {
            let _ = service.call((accepted, None)).await;
        });
    }

    /// The peer of an event stream that has opened and owns its socket.
    async fn open(&self) -> Peer {
        let (mut peer, _) = self.connect().await;
        peer.write(HEAD).await;
        peer.until("data: hello\n\n\r\n").await;
        self.until(|| !self.streams.is_empty()).await;
        peer.read.clear();
        peer
    }

    async fn publish(&self, topic: &str, data: impl Into<String>) {
        self.hub.publish(Topic::new(topic).unwrap(), Event::new(data)).await.unwrap();
    }

    /// Lets the other tasks run until it is so.
    async fn until(&self, condition: impl Fn() -> bool) {
        let from = std::time::Instant::now();
        while !condition() {
            assert!(from.elapsed() < DEADLINE, "never");
            yield_now().await;
        }
    }
}

/// What the peer of a connection has read.
struct Peer {
    socket: UnixStream,
    read: Vec<u8>,
}

impl Peer {
    async fn write(&mut self, text: impl AsRef<[u8]>) {
        self.socket.write_all(text.as_ref()).await.unwrap();
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.read).into_owned()
    }

    /// Reads until what was read ends with this.
    async fn until(&mut self, end: &str) {
        while !self.read.ends_with(end.as_bytes()) {
            assert!(self.socket.read_buf(&mut self.read).await.unwrap() > 0, "closed after {}", self.text());
        }
    }

    /// Reads to the end, clean or not.
    async fn finish(&mut self) {
        while self.socket.read_buf(&mut self.read).await.is_ok_and(|read| read > 0) {}
    }
}

async fn cookies(request: HttpRequest) -> String {
    let cookies = request.headers().get_all("cookie");
    cookies.map(|header| format!("[{}]", header.to_str().unwrap())).collect()
}

async fn events(request: HttpRequest, query: Query<Vec<(String, String)>>) -> HttpResponse<EventBody> {
    let of = |name: &str| query.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str());
    let fanout = request.app_data::<Fanout>().unwrap();
    let selectors = Selectors::exactly(Topic::new(of("topic").unwrap_or("a")).unwrap());
    let subscription = fanout.subscribe(selectors, Start::Now).await.unwrap();
    let greeting = of("greeting").is_none().then(|| Event::new("hello"));
    let (opening, connection) = (Opening { greeting, with_id: true }, (Transport::Http1Unix, None));
    let subscriber = Subscriber::new(subscription, opening, connection, Arc::default());
    let mut response = HttpResponse::Ok().finish();
    response.head_mut().no_chunking(request.version() < actix_web::http::Version::HTTP_11);
    response.set_body(EventBody::new(subscriber, request.conn_data().cloned(), None))
}

async fn local(limits: Limits, test: impl AsyncFnOnce(World)) {
    LocalSet::new()
        .run_until(async { timeout(DEADLINE * 10, test(World::new(limits))).await.unwrap() })
        .await;
}

#[tokio::test]
async fn a_stream_owns_its_socket_when_its_head_is_the_last_thing_that_was_sent() {
    local(LIMITS, async |world| {
        let heads = [
            HEAD.to_owned(),
            HEAD.replace("\r\n", "\n"),
            format!("\r\n\n{HEAD}"),
            HEAD.replace("Host", "Connection: keep-alive\r\nUpgrade-Insecure-Requests: 1\nHost"),
        ];
        for head in heads {
            for split in 0..head.len() {
                let (mut peer, _) = world.connect().await;
                let (first, second) = head.split_at(split);
                peer.write(first).await;
                yield_now().await;
                peer.write(second).await;
                peer.until("data: hello\n\n\r\n").await;
                world.until(|| world.streams.len() == 1).await;
                world.publish("a", "event").await;
                peer.until("data: event\n\n\r\n").await;
                drop(peer);
                world.until(|| world.streams.is_empty()).await;
            }
        }
        assert!(Counters::get(&world.hub.counters().direct_deliveries) > 0);
    })
    .await;
}

#[tokio::test]
async fn who_sends_more_than_the_head_of_a_stream_is_cut() {
    local(LIMITS, async |world| {
        for more in ["x", "\r\n", HEAD, &"x".repeat(10_000)] {
            let (mut peer, _) = world.connect().await;
            peer.write(format!("{HEAD}{more}")).await;
            peer.finish().await;
            assert!(!peer.text().contains("\r\n0\r\n"), "{more:.10}: an end that is not one");
            let mut peer = world.open().await;
            peer.write(more).await;
            peer.finish().await;
            assert_eq!(peer.text(), "", "{more:.10}");
            world.until(|| world.streams.is_empty()).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_cannot_own_its_socket_is_left_to_actix_http() {
    let http_1_0 = HEAD.replace("1.1", "1.0");
    let websocket = HEAD.replace("Host", "Connection: upgrade\r\nUpgrade: websocket\r\nHost");
    let with_body = HEAD.replace("Host", "Content-Length: 1\r\nHost") + "x";
    let chunked = HEAD.replace("Host", "Transfer-Encoding: chunked\r\nHost") + "0\r\n\r\n";
    let off = Limits { direct: false, ..LIMITS };
    let cases =
        [(LIMITS, http_1_0), (LIMITS, websocket), (LIMITS, with_body), (LIMITS, chunked), (off, HEAD.into())];
    for (limits, head) in cases {
        local(limits, async |world| {
            let (mut peer, _) = world.connect().await;
            peer.write(&head).await;
            while !peer.text().contains("data: hello\n\n") {
                assert!(peer.socket.read_buf(&mut peer.read).await.unwrap() > 0, "{}", peer.text());
            }
            let large = "x".repeat(100_000);
            world.publish("a", &large).await;
            while !peer.text().replace("\r\n8000\r\n", "").contains("xxx\n\n") {
                assert!(peer.socket.read_buf(&mut peer.read).await.unwrap() > 0, "{head}");
            }
            assert!(world.streams.is_empty(), "{head}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_peer_that_goes_is_noticed_at_once() {
    local(LIMITS, async |world| {
        let (mut peer, _) = world.connect().await;
        let routes = Rc::strong_count(&world.waiting);
        peer.write("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
        world.until(|| Rc::strong_count(&world.waiting) > routes).await;
        drop(peer);
        world.until(|| Rc::strong_count(&world.waiting) <= routes).await;
        let peer = world.open().await;
        drop(peer);
        world.until(|| world.streams.is_empty()).await;
        assert_eq!(Counters::get(&world.hub.counters().connections_open), 0);
    })
    .await;
}
