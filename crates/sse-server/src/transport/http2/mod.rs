//! HTTP/2: one connection and its streams. The `h2` crate speaks the protocol; the routes are those of HTTP/1.1, and what one
//! peer may have is limited here. Streams are futures of the connection's task, so they end with it.
//!
//! A peer costs at most [`CONNECTION_WINDOW`] bytes of bodies that nobody has read yet, and [`SEND_BYTES`] of answers a
//! stream that wait for the socket; see `peer_socket.rs` and `stream.rs` for what counts towards the memory limit.

mod messages;
mod peer_socket;
mod queue;
mod stream;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_http::body::{BoxBody, MessageBody};
use actix_http::{Request, Response};
use actix_service::Service;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use h2::server::{Builder, Connection};
use sse_hub::CloseReason;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub(super) use self::peer_socket::PeerSocket;
use self::queue::Queued;
use self::stream::SEND_BYTES;
use super::cut;
use super::deadline::Deadline;
use super::limits::Limits;

/// Streams that are open at once. Further ones are refused, and may be tried again.
const MAX_STREAMS: u32 = 100;
/// Most bytes of a request's headers, as HTTP/2 counts them: 32 more for each.
const HEADER_LIST_BYTES: u32 = 64 << 10;
/// Most bytes of a body that nobody has read yet; of all on a connection.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 128 << 10;
/// Streams that are reset before anybody has looked at them, in one go, after which the connection ends ("rapid reset").
const MAX_EARLY_RESETS: usize = MAX_STREAMS as usize;
/// Streams that were reset here and for which frames may still be on their way.
const MAX_REMEMBERED_RESETS: usize = 50;
/// Streams that the peer got reset by its errors, after which the connection ends.
const MAX_ERRORS: usize = 1024;

/// Serves a connection until it ends.
pub(super) async fn serve<S, B>(
    mut socket: PeerSocket,
    peer: Option<SocketAddr>,
    service: Rc<S>,
    closing: CancellationToken,
) -> io::Result<()>
where
    S: Service<Request>,
    S::Error: Into<Response<BoxBody>>,
    S::Response: Into<Response<B>>,
    B: MessageBody + 'static,
{
    let (sockets, queue, slot) = (socket.sockets(), socket.queue(), socket.take_slot());
    let handshake = builder().handshake(socket);
    let mut connection = timeout(sockets.limits.head_timeout, handshake).await?.map_err(io::Error::other)?;
    let mut streams = FuturesUnordered::new();
    let mut end = End::default();
    let mut closing = pin!(closing.cancelled());
    let served = poll_fn(|context| {
        loop {
            while let Poll::Ready(Some(())) = streams.poll_next_unpin(context) {}
            if !end.is_asked && closing.as_mut().poll(context).is_ready() {
                end.ask(&mut connection);
            }
            match connection.poll_accept(context) {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    let shared = (Rc::clone(&sockets), queue.of_stream());
                    streams.push(stream::answer(request, respond, peer, &*service, (shared, slot.another())));
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending if !end.is_due(connection.has_streams(), &sockets.limits, context) => {
                    return Poll::Pending;
                }
                Poll::Pending if end.is_asked => return Poll::Ready(Ok(())),
                Poll::Pending => end.ask(&mut connection),
            }
        }
    })
    .await;
    served.map_err(|error| {
        cut::drop_for(close_reason(&error), streams);
        io::Error::other(error)
    })
}

/// Why the streams of a connection close that ends with this error.
fn close_reason(error: &h2::Error) -> CloseReason {
    match error.get_io().map(io::Error::kind) {
        Some(io::ErrorKind::TimedOut) => CloseReason::WriteTimeout,
        Some(io::ErrorKind::OutOfMemory) => CloseReason::Memory,
        _ => CloseReason::Client,
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(HEADER_LIST_BYTES)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BYTES)
        .max_pending_accept_reset_streams(MAX_EARLY_RESETS)
        .max_concurrent_reset_streams(MAX_REMEMBERED_RESETS)
        .max_local_error_reset_streams(Some(MAX_ERRORS));
    builder
}

/// When a connection is asked to end, by GOAWAY, and when it is no longer waited for.
#[derive(Default)]
struct End {
    is_asked: bool,
    /// Of the silence between streams, and of what a peer has to answer to the GOAWAY.
    deadline: Deadline,
}

impl End {
    fn ask(&mut self, connection: &mut Connection<PeerSocket, Queued>) {
        connection.graceful_shutdown();
        (self.is_asked, self.deadline) = (true, Deadline::default());
    }

    /// The connection is idle for too long, to go on or to be waited for.
    fn is_due(&mut self, has_streams: bool, limits: &Limits, context: &mut Context<'_>) -> bool {
        if has_streams {
            self.deadline = Deadline::default();
        }
        let most = if self.is_asked { limits.head_timeout } else { limits.keep_alive };
        !has_streams && self.deadline.has_passed(most, context)
    }
}
