//! An answer in JSON that may be long: made part by part, as the connection takes it, so that a client that does not read
//! holds what the answer is made of and not its text.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::Version;
use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use serde::Serialize;
use sse_hub::Held;
use tokio::task::yield_now;

/// Bytes after which a piece is given to the connection, which takes more whenever it has less than 32 KiB to write.
const PIECE: usize = 16 << 10;
/// Bytes of text in a part of a string. Escaped they are at most six times as many.
const SLICE: usize = 2 << 10;

/// Answers with these parts, true of this moment. `held` is what they take of the budget.
pub(super) fn json_of_parts(
    request: &HttpRequest,
    parts: impl Iterator<Item = String> + 'static,
    held: Held,
) -> HttpResponse {
    let mut body = JsonParts { parts: Box::new(parts), first: None, gave_piece: false, _held: held };
    let first = body.piece();
    let mut response = HttpResponse::Ok();
    response.insert_header(ContentType::json()).insert_header((CACHE_CONTROL, "no-store"));
    if first.len() < PIECE {
        return response.body(first);
    }
    if request.version() < Version::HTTP_11 {
        // It has no chunks: a body of unknown length ends with its connection.
        response.no_chunking(0).force_close();
    }
    body.first = Some(first);
    response.body(body)
}

/// A value as a part.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers become JSON")
}

/// A text as the inside of a JSON string, slice by slice.
pub(super) fn json_slices(text: String) -> impl Iterator<Item = String> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let rest = text.get(from..).filter(|rest| !rest.is_empty())?;
        let slice = rest.get(..rest.floor_char_boundary(SLICE))?;
        from += slice.len();
        let quoted = json(&slice);
        quoted.get(1..quoted.len() - 1).map(str::to_owned)
    })
}

struct JsonParts {
    parts: Box<dyn Iterator<Item = String>>,
    /// The piece that is made already.
    first: Option<Bytes>,
    gave_piece: bool,
    _held: Held,
}

impl JsonParts {
    /// The next parts: shorter than [`PIECE`] only at the end, and empty after it.
    fn piece(&mut self) -> Bytes {
        let mut piece = String::new();
        while piece.len() < PIECE
            && let Some(part) = self.parts.next()
        {
            piece.push_str(&part);
        }
        piece.into()
    }
}

impl MessageBody for JsonParts {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        if this.gave_piece {
            this.gave_piece = false;
            // Others have their turn. After a plain wake, sockets would be looked at only every 61 turns.
            let _ = pin!(yield_now()).poll(context);
            return Poll::Pending;
        }
        this.gave_piece = true;
        let piece = this.first.take().unwrap_or_else(|| this.piece());
        Poll::Ready((!piece.is_empty()).then_some(Ok(piece)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_the_inside_of_the_whole_string() {
        let texts = ["", "a", "\"\\\u{7}\n\u{20ac}", "\u{1}", "x\u{1f600}", "\u{e9}"];
        for text in texts.iter().flat_map(|text| [1, 700, 2 * SLICE + 1].map(|count| text.repeat(count))) {
            let slices: Vec<String> = json_slices(text.clone()).collect();
            assert_eq!(format!("\"{}\"", slices.concat()), json(&text));
            assert!(slices.iter().all(|slice| !slice.is_empty() && slice.len() <= 6 * SLICE));
        }
    }
}
