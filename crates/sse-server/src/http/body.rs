//! The body of a request: read whole, within a limit of bytes and of time. What has arrived counts towards the budget.

use std::ops::Deref;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use actix_web::web::Payload;
use futures_util::StreamExt as _;
use sse_hub::{Budget, Held};
use tokio::time::timeout;

use super::app_state::AppState;
use super::problem_details::Problem;
use crate::auth::Access;

/// Longest time a body may take to arrive. At 16 MiB, 280 KB/s.
const MAX_TIME: Duration = Duration::from_secs(60);

/// A body, and what it takes of the budget.
#[derive(Debug)]
pub(crate) struct BodyText {
    text: String,
    held: Held,
}

impl BodyText {
    /// The text, to be kept no longer than the second.
    pub(super) fn into_parts(self) -> (String, Held) {
        (self.text, self.held)
    }
}

impl Deref for BodyText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

/// Reads the body as text, for one who may send it. `what` has at most `max_bytes`.
pub(crate) async fn read_text(
    request: &HttpRequest,
    access: &Access,
    payload: Payload,
    what: &str,
    max_bytes: usize,
) -> Result<BodyText, Problem> {
    let body = read_unchecked(request, payload, what, max_bytes).await?;
    // It may have taken its time.
    AppState::of(request).auth.check(access)?;
    Ok(body)
}

/// Reads a body that anybody may send.
pub(super) async fn read_unchecked(
    request: &HttpRequest,
    payload: Payload,
    what: &str,
    max_bytes: usize,
) -> Result<BodyText, Problem> {
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
    let budget = AppState::of(request).hub().budget();
    let (bytes, held) = timeout(MAX_TIME, whole(payload, announced.unwrap_or(max_bytes), budget, too_large))
        .await
        .map_err(|_| Problem::too_slow(MAX_TIME.as_secs()))??;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Problem::bad_request(format!("the body is not UTF-8 (byte {at}); events are UTF-8 text"))
    })?;
    Ok(BodyText { text, held })
}

/// The body of at most so many bytes. Makes room for what has arrived, then doubles it: a body that was only announced
/// takes none, and a small one is copied once.
async fn whole(
    mut payload: Payload,
    max_bytes: usize,
    budget: &Budget,
    too_large: impl FnOnce() -> Problem,
) -> Result<(Vec<u8>, Held), Problem> {
    let mut body = Vec::new();
    let mut held = budget.try_hold(0).ok_or_else(Problem::over_budget)?;
    while let Some(chunk) = payload.next().await {
        let chunk =
            chunk.map_err(|error| Problem::bad_request(format!("the body did not arrive whole: {error}")))?;
        let bytes = body.len() + chunk.len();
        if bytes > max_bytes {
            return Err(too_large());
        }
        if bytes > held.bytes() {
            let room = bytes.max((2 * held.bytes()).min(max_bytes));
            if !held.grow(room - held.bytes()) {
                return Err(Problem::over_budget());
            }
            body.reserve_exact(room - body.len());
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body, held))
}

fn announced_bytes(request: &HttpRequest) -> Option<usize> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
