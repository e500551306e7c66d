//! Listens, and says what an accepted connection is made of: socket options, HTTP/1.1, the routes of its worker. Takes
//! the place of actix-web's `HttpServer`, which does not let streams share their connection with the fan-out.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::time::Duration;

use actix_http::HttpService;
use actix_server::{Server, ServerBuilder};
use actix_service::{ServiceFactoryExt as _, fn_service, map_config};
use actix_web::App;
use actix_web::dev::AppConfig;
use actix_web::rt::net::TcpStream;
use socket2::{Domain, Socket, Type};

use super::{Pages, Worker, routes, socket};
use crate::connection::Connection;

/// How long connections may take to send what they hold once every stream has been ended. A reader that has
/// stopped reading is cut then.
const DRAIN_SECONDS: u64 = 1;
/// How long a connection that is done may take to close.
const CLOSE: Duration = Duration::from_millis(500);
/// Connections that may wait to be accepted; after a restart all readers come back at once.
const BACKLOG: i32 = 1024;

/// Starts to listen. Connections are accepted once the server is polled. `workers` is the number of threads, by
/// default one for each core; each makes its own [`Worker`].
///
/// # Errors
/// When none of the addresses that `listen` stands for can be used.
pub(crate) fn serve(
    listen: &str,
    workers: Option<NonZeroUsize>,
    pages: &Pages,
    worker: impl Fn() -> Worker + Clone + Send + 'static,
) -> io::Result<(Server, SocketAddr)> {
    let mut builder = Server::build().disable_signals().shutdown_timeout(DRAIN_SECONDS);
    if let Some(workers) = workers {
        builder = builder.workers(workers.get());
    }
    let listeners = bind(listen)?;
    let addr = listeners.first().ok_or(io::ErrorKind::AddrNotAvailable)?.local_addr()?;
    for listener in listeners {
        builder = accept(builder, listener, pages.clone(), worker.clone())?;
    }
    tracing::info!(%addr, "accepting connections");
    Ok((builder.run(), addr))
}

fn accept(
    builder: ServerBuilder,
    listener: TcpListener,
    pages: Pages,
    worker: impl Fn() -> Worker + Clone + Send + 'static,
) -> io::Result<ServerBuilder> {
    let stopping = builder.graceful_shutdown_signal();
    builder.listen("http", listener, move || {
        let stopping = stopping.clone();
        let app = App::new().configure(|config| routes(config, worker(), &pages));
        let http = HttpService::build()
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
            .h1(map_config(app, |()| AppConfig::default()));
        fn_service(async |accepted: TcpStream| {
            socket::prepare(&accepted);
            let peer = accepted.peer_addr().ok();
            Ok((Connection::new(accepted), peer))
        })
        .and_then(http)
    })
}

/// A socket for each address that can be used.
fn bind(listen: &str) -> io::Result<Vec<TcpListener>> {
    let bound: Vec<_> = listen.to_socket_addrs()?.map(bind_to).collect();
    if bound.iter().all(Result::is_err) {
        return bound.into_iter().collect();
    }
    Ok(bound.into_iter().flatten().collect())
}

fn bind_to(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    // On Windows it would let two servers have the same port.
    socket.set_reuse_address(cfg!(unix))?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
