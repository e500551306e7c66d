//! Serves what is listened on, and says what an accepted connection is made of: HTTP/1.1 or HTTP/2, the routes of its worker.
//! Takes the place of actix-web's `HttpServer`, which does not let event streams take over their sockets.

use std::any::Any;
use std::cell::RefCell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use actix_http::body::MessageBody;
use actix_http::error::DispatchError;
use actix_http::{ConnectionType, HttpService, Request};
use actix_server::Server;
use actix_service::{
    Service, ServiceFactory, ServiceFactoryExt as _, apply_fn_factory, fn_factory, fn_service, map_config,
};
use actix_web::App;
use actix_web::dev::{AppConfig, ServiceResponse};
use actix_web::rt::net::TcpStream;
#[cfg(unix)]
use actix_web::rt::net::UnixStream;
use actix_web::web::ServiceConfig;
use futures_util::future::{Either, TryFutureExt as _};
use sse_hub::Budget;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, ConnectionHandle};
use super::drain::Drain;
use super::event_sockets::EventSockets;
use super::http2::{self, PeerSocket};
use super::limits::Limits;
use super::listeners::Listeners;
use super::places::Places;
use super::preface;
use super::socket::{Socket, notice_lost_peer};
use super::tls::Tls;
use crate::client_limits::{ClientLimits, Slot};

/// Longer than any drain: whoever stops the server drops it when the time is over.
const DRAIN_SECONDS: u64 = 2 * 3600;
/// How long a connection that is done may take to close.
const CLOSE: Duration = Duration::from_millis(500);

/// Connections of HTTP/1.1, with about 11 KiB for each, and of HTTP/2. Further ones wait to be accepted; event streams that own their
/// socket do not count.
const MAX_CONNECTIONS: usize = 16_384;

/// What a peer can send in a TLS handshake before it is complete.
const HANDSHAKE_BYTES: usize = 64 << 10;

thread_local! {
    /// The worker of this thread, for the connections of all listeners.
    static WORKER: RefCell<Option<Weak<dyn Any>>> = const { RefCell::new(None) };
}

/// A connection, when it is known what is spoken on it.
pub(super) enum Accepted {
    Http1(Connection),
    /// Boxed: far larger.
    Http2(Box<PeerSocket>),
}

/// What the connections of all listeners and threads share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) budget: Budget,
    pub(crate) clients: ClientLimits,
    pub(crate) drain: Arc<Drain>,
}

/// What is served at an address.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role {
    Hub,
    /// What is for operators, to all who reach it.
    Admin,
    /// Where the hub is.
    Redirect,
}

/// What the connections of one thread share.
struct Worker<S> {
    state: Rc<S>,
    sockets: Rc<EventSockets>,
}

/// Serves what these listeners accept once the server is polled. `workers` is the number of threads, by default one
/// for each core; each makes its own state, and from it the routes of each role.
///
/// # Errors
/// When a listener cannot be used.
pub(crate) fn serve<S: 'static>(
    listeners: Listeners,
    workers: Option<NonZeroUsize>,
    shared: Shared,
    state: impl Fn() -> S + Clone + Send + 'static,
    routes: impl Fn(&mut ServiceConfig, Rc<S>, Role) + Clone + Send + 'static,
) -> io::Result<Server> {
    let workers = workers.or(thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let builder = Server::build().disable_signals().shutdown_timeout(DRAIN_SECONDS).workers(workers);
    let of_worker = MAX_CONNECTIONS.div_ceil(workers);
    let (mut builder, places) =
        (builder.max_concurrent_connections(of_worker), Places::new(of_worker * workers));
    let clients = shared.clients.clone();
    let worker = move |role| {
        let Shared { limits, budget, drain, .. } = &shared;
        let make = || Worker {
            state: Rc::new(state()),
            sockets: EventSockets::start(*limits, drain.streams().clone(), budget.clone()),
        };
        let worker = of_this_thread(make);
        let service = service(&|config| routes(config, Rc::clone(&worker.state), role), limits, drain);
        (worker, service, drain.closing().clone())
    };
    let of =
        |listeners: Vec<_>, tls, role| listeners.into_iter().map(move |it| (it, Option::clone(&tls), role));
    let tcp = of(listeners.tcp, listeners.tls, Role::Hub).chain(of(listeners.admin, None, Role::Admin));
    for (listener, tls, role) in tcp.chain(of(listeners.redirect, None, Role::Redirect)) {
        let (worker, clients, places) = (worker.clone(), clients.clone(), Arc::clone(&places));
        builder = builder.listen("http", listener, move || {
            let (worker, service, closing) = worker(role);
            let (tls, clients) = (tls.clone(), clients.clone());
            let accepted = fn_service(move |accepted: TcpStream| {
                let (tls, sockets) = (tls.clone(), Rc::clone(&worker.sockets));
                let (clients, closing) = (clients.clone(), closing.clone());
                async move {
                    // One that is gone already has no address, and is no Unix socket for that.
                    let peer = accepted.peer_addr().unwrap_or((Ipv4Addr::UNSPECIFIED, 0).into());
                    let Some(slot) = clients.connect(peer.ip()) else {
                        return Err(io::Error::from(io::ErrorKind::QuotaExceeded).into());
                    };
                    accept(open(accepted, tls, Rc::clone(&sockets)), (slot, Some(peer)), sockets, closing)
                        .await
                }
            });
            places.of(accepted.and_then(service))
        })?;
    }
    #[cfg(unix)]
    if let Some(listener) = listeners.unix {
        builder = builder.listen_uds("http", listener, move || {
            let (worker, service, closing) = worker(Role::Hub);
            let accepted = fn_service(move |accepted: UnixStream| {
                let socket = std::future::ready(Ok(Socket::Unix(accepted)));
                accept(socket, (Slot::default(), None), Rc::clone(&worker.sockets), closing.clone())
            });
            places.of(accepted.and_then(service))
        })?;
    }
    Ok(builder.run())
}

async fn open(tcp: TcpStream, tls: Option<Arc<Tls>>, sockets: Rc<EventSockets>) -> io::Result<Socket> {
    notice_lost_peer(&tcp, sockets.limits.write_timeout);
    let Some(tls) = tls else { return Ok(Socket::Tcp(tcp)) };
    let _held = sockets.budget.try_hold_small(HANDSHAKE_BYTES).ok_or(io::ErrorKind::OutOfMemory)?;
    Ok(Socket::Tls(Box::new(tls.accept(tcp).await?)))
}

/// Waits until it can be told what the peer speaks.
async fn accept(
    socket: impl Future<Output = io::Result<Socket>>,
    (slot, peer): (Slot, Option<SocketAddr>),
    sockets: Rc<EventSockets>,
    closing: CancellationToken,
) -> Result<(Accepted, Option<SocketAddr>), DispatchError> {
    let told = async {
        let mut socket = socket.await?;
        let (is_http2, early) = match &socket {
            Socket::Tls(tls) => (tls.is_http2(), Vec::new()),
            _ => preface::read(&mut socket).await?,
        };
        io::Result::Ok((socket, is_http2, early))
    };
    let told = tokio::select! {
        () = closing.cancelled() => Err(io::ErrorKind::Interrupted.into()),
        told = timeout(sockets.limits.head_timeout, told) => told.map_err(io::Error::from).flatten(),
    };
    let (socket, is_http2, early) = told.inspect_err(|error| {
        let peer = peer.map(tracing::field::display);
        tracing::debug!(target: "request", peer, %error, "connection ended before its first request");
    })?;
    let accepted = if is_http2 {
        Accepted::Http2(Box::new(PeerSocket::new((socket, slot), early, sockets)))
    } else {
        Accepted::Http1(Connection::new((socket, slot), early, sockets))
    };
    Ok((accepted, peer))
}

fn of_this_thread<W: 'static>(make: impl FnOnce() -> W) -> Rc<W> {
    WORKER.with_borrow_mut(|known| {
        let known_worker = known.as_ref().and_then(Weak::upgrade).and_then(|worker| worker.downcast().ok());
        known_worker.unwrap_or_else(|| {
            let worker = Rc::new(make());
            let weak: Weak<dyn Any> = Rc::<W>::downgrade(&worker);
            *known = Some(weak);
            worker
        })
    })
}

/// What is done with the connections of one worker.
pub(super) fn service(
    routes: &dyn Fn(&mut ServiceConfig),
    limits: &Limits,
    drain: &Arc<Drain>,
) -> impl ServiceFactory<
    (Accepted, Option<SocketAddr>),
    Config = (),
    Response = (),
    Error = DispatchError,
    InitError = (),
> + use<> {
    let app = App::new().configure(|config| routes(config));
    let app = map_config(app, |()| AppConfig::default());
    let (closing, drain) = (drain.closing().clone(), Arc::clone(drain));
    let decided = apply_fn_factory(app, move |mut request: Request, app| {
        let may_be_kept = ConnectionHandle::decide(&mut request) && !drain.is_begun();
        let answer = app.call(request);
        async move {
            let mut answer = answer.await?;
            if !may_be_kept {
                answer.response_mut().head_mut().set_connection_type(ConnectionType::Close);
            }
            Ok(answer)
        }
    });
    let limits = *limits;
    fn_factory(move || {
        let (app, closing) = (decided.new_service(()), closing.clone());
        async move {
            let app = Rc::new(app.await?);
            let http1 = http1(Rc::clone(&app), limits, closing.clone());
            let http1 = Rc::new(http1.new_service(()).await?);
            Ok(fn_service(move |(accepted, peer)| {
                let served = match accepted {
                    Accepted::Http1(connection) => Either::Left(http1.call((connection, peer))),
                    Accepted::Http2(socket) => {
                        let served = http2::serve(*socket, peer, Rc::clone(&app), closing.clone());
                        Either::Right(Box::pin(served.map_err(DispatchError::Io)))
                    }
                };
                served.inspect_err(move |error| log_refused(peer, error))
            }))
        }
    })
}

fn http1<S, B>(
    app: Rc<S>,
    limits: Limits,
    closing: CancellationToken,
) -> impl ServiceFactory<
    (Connection, Option<SocketAddr>),
    Config = (),
    Response = (),
    Error = DispatchError,
    InitError = (),
>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    HttpService::build()
        // Without it, a connection stays open when its client closes.
        .h1_allow_half_closed(false)
        .client_request_timeout(limits.head_timeout)
        .keep_alive(limits.keep_alive)
        .client_disconnect_timeout(CLOSE)
        // Connections without a request end with the server, and not when the drain is over.
        .graceful_shutdown_signal(move || closing.clone().cancelled_owned())
        .on_connect_ext(|connection: &Connection, data| {
            data.insert(connection.handle());
        })
        .h1(fn_factory(move || std::future::ready(Ok::<_, ()>(Rc::clone(&app)))))
}

/// Under a target that is not ours, so that it is limited as foreign lines are.
fn log_refused(peer: Option<SocketAddr>, error: &DispatchError) {
    let peer = peer.map(tracing::field::display);
    match error {
        DispatchError::Parse(_) => tracing::warn!(target: "request", peer, %error, "request refused"),
        error => tracing::debug!(target: "request", peer, %error, "connection failed"),
    }
}
