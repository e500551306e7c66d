//! Requests and answers as actix-http has them, and as h2 does: each has types of its own.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use actix_http::body::BodySize;
use actix_http::error::PayloadError;
use actix_http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE,
};
use actix_http::uri::Uri;
use actix_http::{BoxedPayloadStream, Method, Payload, Request, ResponseHead, Version};
use bytes::Bytes;
use futures_util::Stream;
use h2::RecvStream;
use http::header::DATE;

/// They are about a connection, which is not of one request here.
const OF_CONNECTION: [HeaderName; 3] = [CONNECTION, TRANSFER_ENCODING, UPGRADE];
/// What a header takes beside its text.
const HEADER_BYTES: usize = 128;

/// Bytes that the head of a request takes.
pub(super) fn head_bytes(request: &http::Request<RecvStream>) -> usize {
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        HEADER_BYTES + name.as_str().len() + value.len()
    };
    let path = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    path + request.headers().iter().map(header).sum::<usize>()
}

/// `None` if it is none, by the types of actix-http.
pub(super) fn request(given: http::Request<RecvStream>, peer: Option<SocketAddr>) -> Option<Request> {
    let (given, body) = given.into_parts();
    let mut request = Request::with_payload(payload(body));
    let head = request.head_mut();
    head.version = Version::HTTP_2;
    head.peer_addr = peer;
    head.method = Method::from_bytes(given.method.as_str().as_bytes()).ok()?;
    let mut uri = Uri::builder();
    if let Some(scheme) = given.uri.scheme_str() {
        uri = uri.scheme(scheme);
    }
    if let Some(authority) = given.uri.authority() {
        uri = uri.authority(authority.as_str());
    }
    if let Some(path) = given.uri.path_and_query() {
        uri = uri.path_and_query(path.as_str());
    }
    head.uri = uri.build().ok()?;
    let mut cookies = Vec::new();
    for (name, value) in &given.headers {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
        if name == COOKIE {
            // Each may stand by itself here, and together they are one header.
            cookies.push(value.as_bytes());
        } else {
            head.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).ok()?);
        }
    }
    if !cookies.is_empty() {
        head.headers.insert(COOKIE, HeaderValue::from_bytes(&cookies.join(&b"; "[..])).ok()?);
    }
    Some(request)
}

/// `None` if it is none, by the types of h2.
pub(super) fn response(head: &ResponseHead, size: BodySize) -> Option<http::Response<()>> {
    let mut response = http::Response::new(());
    *response.status_mut() = http::StatusCode::from_u16(head.status.as_u16()).ok()?;
    let headers = response.headers_mut();
    for (name, value) in head.headers.iter().filter(|(name, _)| !OF_CONNECTION.contains(name)) {
        let name = http::HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
        headers.append(name, http::HeaderValue::from_bytes(value.as_bytes()).ok()?);
    }
    if let BodySize::Sized(bytes) = size {
        headers.insert(CONTENT_LENGTH.as_str(), bytes.into());
    }
    if !headers.contains_key(DATE) {
        headers.insert(DATE, httpdate::fmt_http_date(SystemTime::now()).parse().ok()?);
    }
    Some(response)
}

fn payload(body: RecvStream) -> Payload {
    if body.is_end_stream() {
        return Payload::None;
    }
    let body: BoxedPayloadStream = Box::pin(Body(body));
    body.into()
}

/// The body of a request. Its peer may send as much again as is read.
struct Body(RecvStream);

impl Stream for Body {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let read = ready!(self.0.poll_data(context)).map(|read| {
            read.and_then(|bytes| {
                self.0.flow_control().release_capacity(bytes.len())?;
                Ok(bytes)
            })
        });
        Poll::Ready(read.map(|read| read.map_err(|error| PayloadError::Io(io::Error::other(error)))))
    }
}
