//! A stream of HTTP/2: a request and its answer. Ends when its peer resets it, at once, and so does what answers it.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;

use actix_http::body::{BodySize, BoxBody, MessageBody};
use actix_http::header::EXPECT;
use actix_http::{Request, Response, StatusCode};
use actix_service::Service;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::Method;
use sse_hub::{Budget, CloseReason, Held};
use tokio::time::sleep;

use super::messages;
use super::queue::{Queued, StreamQueue};
use crate::client_limits::Slot;
use crate::transport::cut;
use crate::transport::event_sockets::EventSockets;
use crate::transport::limits::SMALL_HEAD_BYTES;

/// Most bytes of an answer that h2 holds until they are written.
pub(super) const SEND_BYTES: usize = 16 << 10;

/// Answers a request. The future holds neither the request nor the head of its answer: event streams last.
pub(super) fn answer<S, B>(
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Queued>,
    peer: Option<SocketAddr>,
    service: &S,
    ((sockets, queue), slot): ((Rc<EventSockets>, Rc<StreamQueue>), Option<Slot>),
) -> impl Future<Output = ()> + use<S, B>
where
    S: Service<Request>,
    S::Error: Into<Response<BoxBody>>,
    S::Response: Into<Response<B>>,
    B: MessageBody + 'static,
{
    let may_have_body = request.method() != Method::HEAD;
    let called = match &slot {
        Some(_) => call(request, &mut respond, peer, service, &sockets.budget),
        None => {
            let peer = peer.map(tracing::field::display);
            tracing::warn!(target: "request", peer, "refused: too many streams from this address");
            Err(Reason::REFUSED_STREAM)
        }
    };
    async move {
        let _slot = slot;
        let (call, held) = match called {
            Ok(called) => called,
            Err(reason) => return respond.send_reset(reason),
        };
        let answered = tokio::select! {
            biased;
            _ = poll_fn(|context| respond.poll_reset(context)) => return,
            answered = call => answered,
        };
        drop(held);
        let answer = answered.map_or_else(Into::into, |answer| answer.into().map_into_boxed_body());
        if let Some((mut out, mut body)) = begin(respond, answer, may_have_body)
            && let Err((reason, closes)) = send(Pin::new(&mut body), &mut out, &sockets, &queue).await
        {
            cut::drop_for(closes, body);
            out.send_reset(reason);
        }
    }
}

/// Has a request answered, and counts its head meanwhile. The error is why its stream is to be reset.
fn call<S: Service<Request>>(
    request: http::Request<RecvStream>,
    respond: &mut SendResponse<Queued>,
    peer: Option<SocketAddr>,
    service: &S,
    budget: &Budget,
) -> Result<(S::Future, Held), Reason> {
    let large = messages::head_bytes(&request).saturating_sub(SMALL_HEAD_BYTES);
    let held = budget.try_hold(large).ok_or(Reason::REFUSED_STREAM)?;
    if request.headers().contains_key(EXPECT.as_str()) && !request.body().is_end_stream() {
        let mut go_on = http::Response::new(());
        *go_on.status_mut() = http::StatusCode::CONTINUE;
        // A peer that has gone is noticed when the stream is polled.
        let _ = respond.send_informational(go_on);
    }
    let request = messages::request(request, peer).ok_or(Reason::PROTOCOL_ERROR)?;
    Ok((service.call(request), held))
}

/// Sends the head of an answer. Gives the body, if one follows.
fn begin(
    mut respond: SendResponse<Queued>,
    answer: Response<BoxBody>,
    may_have_body: bool,
) -> Option<(SendStream<Queued>, BoxBody)> {
    let (head, body) = answer.into_parts();
    let has_body = may_have_body && !is_empty(head.status(), body.size());
    let Some(head) = messages::response(head.head(), body.size()) else {
        respond.send_reset(Reason::INTERNAL_ERROR);
        return None;
    };
    let out = respond.send_response(head, !has_body).ok()?;
    has_body.then_some((out, body))
}

fn is_empty(status: StatusCode, size: BodySize) -> bool {
    size.is_eof() || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status)
}

/// Sends a body to its end, or until the peer resets the stream. The error is why it is to be reset here.
async fn send(
    mut body: Pin<&mut BoxBody>,
    out: &mut SendStream<Queued>,
    sockets: &EventSockets,
    queue: &Rc<StreamQueue>,
) -> Result<(), (Reason, CloseReason)> {
    let failed = |_: h2::Error| (Reason::CANCEL, CloseReason::Client);
    loop {
        let next = tokio::select! {
            biased;
            _ = poll_fn(|context| out.poll_reset(context)) => return Ok(()),
            next = poll_fn(|context| body.as_mut().poll_next(context)) => next,
            why = stuck(queue, 0, sockets) => return Err((Reason::CANCEL, why)),
        };
        let Some(next) = next else { break };
        let Ok(mut bytes) = next else {
            return written(queue, sockets).await.and(Err((Reason::INTERNAL_ERROR, CloseReason::Client)));
        };
        while !bytes.is_empty() {
            let room = tokio::select! {
                biased;
                room = room(out, bytes.len().min(SEND_BYTES)) => room,
                why = stuck(queue, bytes.len(), sockets) => return Err((Reason::CANCEL, why)),
            };
            let Some(room) = room else { return Ok(()) };
            let part = queue.add(bytes.split_to(room.min(bytes.len())));
            out.send_data(part, false).map_err(failed)?;
        }
    }
    out.send_data(queue.add(Bytes::new()), true).map_err(failed)?;
    written(queue, sockets).await
}

async fn written(queue: &StreamQueue, sockets: &EventSockets) -> Result<(), (Reason, CloseReason)> {
    tokio::select! {
        () = queue.emptied() => Ok(()),
        why = stuck(queue, 0, sockets) => Err((Reason::CANCEL, why)),
    }
}

/// For how many bytes there is room, once there is some; `None` when the stream has ended.
async fn room(out: &mut SendStream<Queued>, bytes: usize) -> Option<usize> {
    out.reserve_capacity(bytes);
    // Only what is added to it is waited for.
    match out.capacity() {
        0 => poll_fn(|context| out.poll_capacity(context)).await?.ok(),
        room => Some(room),
    }
}

/// Ready when a peer has taken nothing of what waits for it for too long, or when others need the memory more. `next` bytes are
/// not with h2 yet. A stream with nothing more to send is not woken by the progress of what it has sent, so it may be given as
/// much time again.
async fn stuck(queue: &StreamQueue, next: usize, sockets: &EventSockets) -> CloseReason {
    let Some(_held) = sockets.budget.try_hold(next) else { return CloseReason::Memory };
    loop {
        let waiting = queue.bytes();
        tokio::select! {
            () = queue.emptied(), if next > 0 && waiting > 0 => {}
            () = sleep(sockets.limits.write_timeout), if next + waiting > 0 => {
                if queue.bytes() == waiting {
                    return CloseReason::WriteTimeout;
                }
            }
            else => std::future::pending().await,
        }
    }
}
