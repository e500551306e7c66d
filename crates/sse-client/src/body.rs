//! The body of one response, read line by line. Knows nothing of events.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_core::Stream;
use reqwest::Response;

/// Holds one piece of the body at a time, as large as one read of the connection.
pub(crate) struct Body {
    pieces: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    piece: Bytes,
}

impl Body {
    pub(crate) fn new(response: Response) -> Self {
        Self { pieces: Box::pin(response.bytes_stream()), piece: Bytes::new() }
    }

    /// Waits for the next piece; the previous one must be used up. `None` at the end of the body.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<reqwest::Result<()>>> {
        self.pieces.as_mut().poll_next(cx).map(|piece| {
            piece.map(|piece| {
                self.piece = piece?;
                Ok(())
            })
        })
    }

    /// Passes the next line of the piece with its end to `read`; the last one may be incomplete. `None` when the piece is
    /// used up.
    ///
    /// A line completes at most one event, so decoding line by line needs no queue of events.
    pub(crate) fn read_line<T>(&mut self, read: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let length = self.piece.len();
        if length == 0 {
            return None;
        }
        let end = memchr::memchr2(b'\n', b'\r', &self.piece).map_or(length, |at| at + 1);
        let (line, _) = self.piece.split_at(end);
        let result = read(line);
        self.piece.advance(end);
        Some(result)
    }
}
