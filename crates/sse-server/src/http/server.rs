//! Serves what is listened on, and says what an accepted connection is made of: HTTP/1.1, the routes of its worker.
//! Takes the place of actix-web's `HttpServer`, which does not let streams share their connection with the fan-out.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::rc::{Rc, Weak};
use std::time::Duration;

use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_server::{GracefulShutdownSignal, Server};
use actix_service::{ServiceFactory, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::App;
use actix_web::dev::AppConfig;
use actix_web::rt::net::TcpStream;
#[cfg(unix)]
use actix_web::rt::net::UnixStream;

use super::listeners::Listeners;
use super::{Pages, Worker, routes};
use crate::connection::Connection;
use crate::socket::Socket;

/// How long connections may take to send what they hold once every stream has been ended. A reader that has
/// stopped reading is cut then.
const DRAIN_SECONDS: u64 = 1;
/// How long a connection that is done may take to close.
const CLOSE: Duration = Duration::from_millis(500);

thread_local! {
    /// The worker of this thread, for the connections of all listeners.
    static WORKER: RefCell<Weak<Worker>> = const { RefCell::new(Weak::new()) };
}

/// Serves what these listeners accept once the server is polled. `workers` is the number of threads, by default one
/// for each core; each makes its own [`Worker`].
///
/// # Errors
/// When a listener cannot be used.
pub(crate) fn serve(
    listeners: Listeners,
    workers: Option<NonZeroUsize>,
    pages: &Pages,
    worker: impl Fn() -> Worker + Clone + Send + 'static,
) -> io::Result<Server> {
    let mut builder = Server::build().disable_signals().shutdown_timeout(DRAIN_SECONDS);
    if let Some(workers) = workers {
        builder = builder.workers(workers.get());
    }
    let (pages, stopping) = (pages.clone(), builder.graceful_shutdown_signal());
    let service = move || service(of_this_thread(&worker), &pages, stopping.clone());
    for listener in listeners.tcp {
        let service = service.clone();
        builder = builder.listen("http", listener, move || {
            fn_service(async |accepted: TcpStream| {
                let peer = accepted.peer_addr().ok();
                Ok((Connection::new(Socket::tcp(accepted)), peer))
            })
            .and_then(service())
        })?;
    }
    #[cfg(unix)]
    if let Some(listener) = listeners.unix {
        builder = builder.listen_uds("http", listener, move || {
            fn_service(async |accepted: UnixStream| Ok((Connection::new(Socket::Unix(accepted)), None)))
                .and_then(service())
        })?;
    }
    Ok(builder.run())
}

fn of_this_thread(make: impl FnOnce() -> Worker) -> Rc<Worker> {
    WORKER.with_borrow_mut(|known| {
        known.upgrade().unwrap_or_else(|| {
            let worker = Rc::new(make());
            *known = Rc::downgrade(&worker);
            worker
        })
    })
}

/// What is done with the connections of one worker.
fn service(
    worker: Rc<Worker>,
    pages: &Pages,
    stopping: GracefulShutdownSignal,
) -> impl ServiceFactory<
    (Connection, Option<SocketAddr>),
    Config = (),
    Response = (),
    Error = DispatchError,
    InitError = (),
> + use<> {
    let app = App::new().configure(|config| routes(config, worker, pages));
    HttpService::build()
        // Without it, a stream stays open when its client closes.
        .h1_allow_half_closed(false)
        .client_disconnect_timeout(CLOSE)
        // Connections without a request end with the server, and not when the drain is over.
        .graceful_shutdown_signal(move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
        .on_connect_ext(|connection: &Connection, data| {
            data.insert(connection.outlet());
        })
        .h1(map_config(app, |()| AppConfig::default()))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use sse_core::{Event, Topic};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::chat::Chat;
    use crate::config::Heartbeat;
    use crate::hub::{Fanout, Hub};
    use crate::policy::Policies;
    use crate::shutdown::ShutdownSwitch;
    use crate::source::ticker::Ticker;

    const HEAD: &str = "GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\n";

    /// What the stream of this request brings until the event, and whether it came past the task.
    async fn stream(request: &str) -> (String, bool) {
        let (_switch, shutdown) = ShutdownSwitch::new();
        let hub = Hub::in_memory(&Policies::default());
        let (report, reports) = mpsc::channel();
        let of_worker = hub.clone();
        let worker = move || {
            let hub = of_worker.clone();
            let fanout = Fanout::start(hub.clone(), shutdown.clone());
            let (watched, report) = (fanout.clone(), report.clone());
            actix_web::rt::spawn(async move {
                while report.send(watched.sent_to()).is_ok() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
            let (chat, ticker) = (Chat::new(hub.clone(), Duration::ZERO), Ticker::new(hub));
            Worker { fanout, chat, heartbeat: Heartbeat(None), ticker }
        };
        let pages = Pages::find(None).unwrap();
        let listeners = Listeners::tcp("127.0.0.1:0").unwrap();
        let addr = listeners.addr().unwrap();
        let server = serve(listeners, NonZeroUsize::new(1), &pages, worker).unwrap();
        let handle = server.handle();
        let running = actix_web::rt::spawn(server);
        let mut connection = tokio::net::TcpStream::connect(addr).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let text = |answer: &[u8]| String::from_utf8_lossy(answer).into_owned();
        while !text(&answer).contains("Connected to event stream") {
            assert!(connection.read_buf(&mut answer).await.unwrap() > 0, "{}", text(&answer));
        }
        hub.publish(Topic::new("a").unwrap(), Event::new("the event")).await.unwrap();
        while !text(&answer).contains("data: the event\n\n") {
            assert!(connection.read_buf(&mut answer).await.unwrap() > 0, "{}", text(&answer));
        }
        // What was reported before is of no interest.
        while reports.try_recv().is_ok() {}
        let sent_to = tokio::task::spawn_blocking(move || reports.recv().unwrap()).await.unwrap();
        handle.stop(false).await;
        running.await.unwrap().unwrap();
        (text(&answer), sent_to > 0)
    }

    #[actix_web::test]
    async fn all_listeners_of_a_thread_share_its_worker() {
        let (_switch, shutdown) = ShutdownSwitch::new();
        let hub = Hub::in_memory(&Policies::default());
        let (made, makes) = mpsc::channel();
        let worker = move || {
            made.send(()).unwrap();
            let (chat, ticker) = (Chat::new(hub.clone(), Duration::ZERO), Ticker::new(hub.clone()));
            let fanout = Fanout::start(hub.clone(), shutdown.clone());
            Worker { fanout, chat, heartbeat: Heartbeat(None), ticker }
        };
        let mut listeners = Listeners::tcp("127.0.0.1:0").unwrap();
        listeners.tcp.extend(Listeners::tcp("127.0.0.1:0").unwrap().tcp);
        let addrs: Vec<_> = listeners.tcp.iter().map(|listener| listener.local_addr().unwrap()).collect();
        let server = serve(listeners, NonZeroUsize::new(1), &Pages::find(None).unwrap(), worker).unwrap();
        let handle = server.handle();
        let running = actix_web::rt::spawn(server);
        for addr in addrs {
            let mut connection = tokio::net::TcpStream::connect(addr).await.unwrap();
            connection.write_all(b"GET /topics HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
            let mut answer = [0; 15];
            connection.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 200 OK");
        }
        assert_eq!(makes.try_iter().count(), 1);
        handle.stop(false).await;
        running.await.unwrap().unwrap();
    }

    #[actix_web::test]
    async fn an_idle_stream_is_sent_events_past_its_task() {
        let (answer, past_task) = stream(&format!("{HEAD}\r\n")).await;
        assert!(answer.contains("\r\ntransfer-encoding: chunked\r\n"), "{answer}");
        assert!(past_task);
    }

    #[actix_web::test]
    async fn a_stream_that_may_not_be_in_chunks_is_left_to_its_task() {
        let (_, past_task) =
            stream(&format!("{HEAD}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n")).await;
        assert!(!past_task);
    }

    #[actix_web::test]
    async fn a_stream_of_http_1_0_has_no_chunks_and_ends_with_its_connection() {
        let request = HEAD.replace("HTTP/1.1", "HTTP/1.0") + "Connection: keep-alive\r\n\r\n";
        let (answer, past_task) = stream(&request).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(!head.contains("chunked") && !head.contains("keep-alive"), "{head}");
        assert!(body.starts_with("retry: "), "{body}");
        assert!(!past_task);
    }
}
