//! The body of a request: read whole, within a limit of bytes and of time.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use actix_web::web::Payload;
use futures_util::StreamExt as _;
use tokio::time::timeout;

use super::problem_details::Problem;

/// Longest time a body may take to arrive. At 16 MiB, 280 KB/s.
const MAX_TIME: Duration = Duration::from_secs(60);
/// Most bytes of room for a body of which only the beginning has arrived.
const MAX_ROOM: usize = 64 << 10;

/// Reads the body as text. `what` has at most `max_bytes`.
pub(crate) async fn read_text(
    request: &HttpRequest,
    payload: Payload,
    what: &str,
    max_bytes: usize,
) -> Result<String, Problem> {
    let encoding = request.headers().get(CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding != "identity") {
        return Err(Problem::unsupported("the body is compressed; send it without Content-Encoding"));
    }
    let too_large = || {
        Problem::too_large(format!(
            "{what} has at most {max_bytes} bytes; send less at a time, or a link to the rest"
        ))
    };
    let announced = announced_bytes(request);
    if announced.is_some_and(|bytes| bytes > max_bytes) {
        return Err(too_large());
    }
    let room = announced.unwrap_or(0).min(MAX_ROOM);
    let bytes = timeout(MAX_TIME, whole(payload, room, max_bytes))
        .await
        .map_err(|_| Problem::too_slow(MAX_TIME.as_secs()))?
        .map_err(|error| Problem::bad_request(format!("the body did not arrive whole: {error}")))?
        .ok_or_else(too_large)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Problem::bad_request(format!("the body is not UTF-8 (byte {at}); events are UTF-8 text"))
    })
}

/// The body, or `None` when it is too large. Makes room for what was announced once something of it is there: actix-web's
/// own way takes 32 KiB for each body, however small.
async fn whole(mut payload: Payload, room: usize, max_bytes: usize) -> Result<Option<Vec<u8>>, PayloadError> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await.transpose()? {
        if body.len() + chunk.len() > max_bytes {
            return Ok(None);
        }
        if body.is_empty() {
            body.reserve_exact(room.max(chunk.len()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

fn announced_bytes(request: &HttpRequest) -> Option<usize> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
