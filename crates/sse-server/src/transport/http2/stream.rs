//! A stream of HTTP/2: a request and its answer. Ends when its peer resets it, at once, and so does what answers it.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;

use actix_http::body::{BodySize, BoxBody, MessageBody};
use actix_http::header::EXPECT;
use actix_http::{Request, Response, StatusCode};
use actix_service::Service;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::Method;
use tokio::time::sleep;

use super::messages;
use super::peer_socket::{Queued, QueuedBytes, SEND_BYTES};
use crate::transport::event_sockets::EventSockets;

/// Bytes of a head that do not count towards the memory limit, since nearly every stream has so many.
const SMALL_HEAD_BYTES: usize = 4 << 10;

/// Answers a request.
pub(super) async fn answer<S, B>(
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Queued>,
    peer: Option<SocketAddr>,
    service: Rc<S>,
    sockets: Rc<EventSockets>,
    queued: QueuedBytes,
) where
    S: Service<Request>,
    S::Error: Into<Response<BoxBody>>,
    S::Response: Into<Response<B>>,
    B: MessageBody + 'static,
{
    let held = sockets.budget.try_hold(messages::head_bytes(&request).saturating_sub(SMALL_HEAD_BYTES));
    let Some(held) = held else { return respond.send_reset(Reason::REFUSED_STREAM) };
    let has_body = request.method() != Method::HEAD;
    if request.headers().contains_key(EXPECT.as_str()) && !request.body().is_end_stream() {
        let mut go_on = http::Response::new(());
        *go_on.status_mut() = http::StatusCode::CONTINUE;
        // A peer that has gone is noticed below.
        let _ = respond.send_informational(go_on);
    }
    let Some(request) = messages::request(request, peer) else {
        return respond.send_reset(Reason::PROTOCOL_ERROR);
    };
    let answered = tokio::select! {
        biased;
        _ = poll_fn(|context| respond.poll_reset(context)) => return,
        answered = service.call(request) => answered,
    };
    drop((held, service));
    let answer = match answered {
        Ok(answer) => answer.into().map_into_boxed_body(),
        Err(error) => error.into(),
    };
    let (head, body) = answer.into_parts();
    let has_body = has_body && !is_empty(head.status(), body.size());
    let Some(head) = messages::response(head.head(), body.size()) else {
        return respond.send_reset(Reason::INTERNAL_ERROR);
    };
    if let Ok(mut out) = respond.send_response(head, !has_body)
        && has_body
        && let Err(reason) = send(body, &mut out, &sockets, &queued).await
    {
        out.send_reset(reason);
    }
}

fn is_empty(status: StatusCode, size: BodySize) -> bool {
    size.is_eof() || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status)
}

/// Sends a body to its end, or until the peer resets the stream. The error is why it is to be reset here.
async fn send(
    body: BoxBody,
    out: &mut SendStream<Queued>,
    sockets: &EventSockets,
    queued: &QueuedBytes,
) -> Result<(), Reason> {
    let mut body = pin!(body);
    loop {
        let next = tokio::select! {
            biased;
            _ = poll_fn(|context| out.poll_reset(context)) => return Ok(()),
            next = poll_fn(|context| body.as_mut().poll_next(context)) => next,
        };
        let Some(next) = next else { break };
        let mut bytes = next.map_err(|_| Reason::INTERNAL_ERROR)?;
        while !bytes.is_empty() {
            let room = tokio::select! {
                biased;
                room = room(out, bytes.len().min(SEND_BYTES)) => room,
                () = stuck(bytes.len(), sockets) => return Err(Reason::CANCEL),
            };
            let Some(room) = room else { return Ok(()) };
            let part = queued.add(bytes.split_to(room.min(bytes.len())));
            out.send_data(part, false).map_err(|_| Reason::CANCEL)?;
        }
    }
    out.send_data(queued.add(Bytes::new()), true).map_err(|_| Reason::CANCEL)
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

/// Ready when a peer has not made room for too long, or when others need the memory more.
async fn stuck(bytes: usize, sockets: &EventSockets) {
    if let Some(_held) = sockets.budget.try_hold(bytes) {
        sleep(sockets.limits.write_timeout).await;
    }
}
