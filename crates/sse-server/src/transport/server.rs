//! Serves what is listened on, and says what an accepted connection is made of: HTTP/1.1, the routes of its worker.
//! Takes the place of actix-web's `HttpServer`, which does not let subscriptions share their connection with the fan-out.

use std::any::Any;
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
use actix_web::web::ServiceConfig;

use super::connection::Connection;
use super::listeners::Listeners;
#[cfg(unix)]
use super::socket::Socket;
use super::socket::tcp;

/// How long connections may take to send what they hold once every subscription has been ended. One that has stopped
/// reading is cut then.
const DRAIN_SECONDS: u64 = 1;
/// How long a connection that is done may take to close.
const CLOSE: Duration = Duration::from_millis(500);

thread_local! {
    /// The state of this thread's worker, for the connections of all listeners.
    static STATE: RefCell<Option<Weak<dyn Any>>> = const { RefCell::new(None) };
}

/// Serves what these listeners accept once the server is polled. `workers` is the number of threads, by default one
/// for each core; each makes its own state, and its routes from it.
///
/// # Errors
/// When a listener cannot be used.
pub(crate) fn serve<S: 'static>(
    listeners: Listeners,
    workers: Option<NonZeroUsize>,
    state: impl Fn() -> S + Clone + Send + 'static,
    routes: impl Fn(&mut ServiceConfig, Rc<S>) + Clone + Send + 'static,
) -> io::Result<Server> {
    let mut builder = Server::build().disable_signals().shutdown_timeout(DRAIN_SECONDS);
    if let Some(workers) = workers {
        builder = builder.workers(workers.get());
    }
    let stopping = builder.graceful_shutdown_signal();
    let service = move || {
        let state = of_this_thread(&state);
        service(&|config| routes(config, Rc::clone(&state)), stopping.clone())
    };
    for listener in listeners.tcp {
        let service = service.clone();
        builder = builder.listen("http", listener, move || {
            fn_service(async |accepted: TcpStream| {
                let peer = accepted.peer_addr().ok();
                Ok((Connection::new(tcp(accepted)), peer))
            })
            .and_then(service())
        })?;
    }
    #[cfg(unix)]
    if let Some(listener) = listeners.unix {
        builder = builder.listen_uds("http", listener, move || {
            fn_service(async |accepted: UnixStream| Ok((Connection::new(Socket::Right(accepted)), None)))
                .and_then(service())
        })?;
    }
    Ok(builder.run())
}

fn of_this_thread<S: 'static>(make: impl FnOnce() -> S) -> Rc<S> {
    STATE.with_borrow_mut(|known| {
        let known_state = known.as_ref().and_then(Weak::upgrade).and_then(|state| state.downcast().ok());
        known_state.unwrap_or_else(|| {
            let state = Rc::new(make());
            let weak: Weak<dyn Any> = Rc::<S>::downgrade(&state);
            *known = Some(weak);
            state
        })
    })
}

/// What is done with the connections of one worker.
fn service(
    routes: &dyn Fn(&mut ServiceConfig),
    stopping: GracefulShutdownSignal,
) -> impl ServiceFactory<
    (Connection, Option<SocketAddr>),
    Config = (),
    Response = (),
    Error = DispatchError,
    InitError = (),
> + use<> {
    let app = App::new().configure(|config| routes(config));
    HttpService::build()
        // Without it, a connection stays open when its client closes.
        .h1_allow_half_closed(false)
        .client_disconnect_timeout(CLOSE)
        // Connections without a request end with the server, and not when the drain is over.
        .graceful_shutdown_signal(move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
        .on_connect_ext(|connection: &Connection, data| {
            data.insert(connection.direct_writer());
        })
        .h1(map_config(app, |()| AppConfig::default()))
}
