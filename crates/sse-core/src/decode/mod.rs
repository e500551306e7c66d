//! Incremental wire decoder: bytes in, events out. Knows nothing of connections or of time.
//!
//! It follows the standard's algorithm to the letter: UTF-8 always, one leading byte order mark dropped, lines
//! ended by CRLF, LF or CR, an event given out at the very byte that completes it. Work is linear in the bytes
//! fed, however they are cut up, and memory is bounded by [`Limits`].

mod block;
mod limits;
mod lines;

use std::time::Duration;

use crate::{Event, EventId};
use block::Block;
pub use limits::{DecodeError, Limits};
use lines::Lines;

/// Decodes one stream. Feed it the body as it arrives; call [`restart`](Self::restart) between connections.
#[derive(Debug)]
pub struct Decoder {
    lines: Lines,
    block: Block,
    last_event_id: String,
    retry: Option<Duration>,
}

impl Decoder {
    /// A decoder with the default limits.
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// A decoder with limits of your own.
    pub fn with_limits(limits: Limits) -> Self {
        Self {
            lines: Lines::new(limits.max_line_bytes),
            block: Block::new(limits.max_event_bytes),
            last_event_id: String::new(),
            retry: None,
        }
    }

    /// Sets the last event id to start from, as a client does that resumes from an id it has stored.
    pub fn with_last_event_id(mut self, id: &EventId) -> Self {
        id.as_str().clone_into(&mut self.last_event_id);
        self
    }

    /// Decodes the next piece of the body. The iterator gives each event that is complete now, and each event
    /// that had to be dropped as an error; what is unfinished waits for the next piece.
    ///
    /// Run the iterator to its end: bytes it has not come to are lost when it is dropped.
    pub fn feed<'a>(&'a mut self, piece: &'a [u8]) -> Events<'a> {
        Events { decoder: self, piece }
    }

    /// The last event id: what a client sends as `Last-Event-ID`. Empty when there is none, or when the server
    /// has reset it.
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// The latest reconnection time the server has asked for, on this connection or an earlier one.
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Gets ready for the body of a new connection: drops an unfinished event and the id in it, keeps the last
    /// event id and the reconnection time.
    pub fn restart(&mut self) {
        self.lines.restart();
        self.block.clear();
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

/// The events that one piece of the body completes. Made by [`Decoder::feed`].
#[derive(Debug)]
#[must_use = "the piece is only decoded as far as this iterator is run"]
pub struct Events<'a> {
    decoder: &'a mut Decoder,
    piece: &'a [u8],
}

impl Events<'_> {
    /// The last event id as of the event that was given out last; see [`Decoder::last_event_id`].
    pub fn last_event_id(&self) -> &str {
        &self.decoder.last_event_id
    }
}

impl Iterator for Events<'_> {
    type Item = Result<Event, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Decoder { lines, block, last_event_id, retry } = &mut *self.decoder;
        while let Some(line) = lines.next(&mut self.piece) {
            match line {
                Ok([]) => {
                    if let Some(event) = block.finish(last_event_id) {
                        return Some(Ok(event));
                    }
                }
                Ok(line) => match block.field(line) {
                    Ok(time) => *retry = time.or(*retry),
                    Err(error) => return Some(Err(error)),
                },
                Err(error) => {
                    if block.discard() {
                        return Some(Err(error));
                    }
                }
            }
        }
        None
    }
}
