//! A decoder under test: fed in pieces, it notes all that a user can see of it. Judges nothing.

use sse_core::{Decoder, Limits};

use crate::model::{Message, Outcome};

/// Decoder and notes.
#[derive(Debug)]
pub(crate) struct Probe {
    decoder: Decoder,
    outcome: Outcome,
}

impl Probe {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { decoder: Decoder::with_limits(limits), outcome: Outcome::default() }
    }

    pub(crate) fn feed(&mut self, piece: &[u8]) {
        let mut events = self.decoder.feed(piece);
        while let Some(item) = events.next() {
            self.outcome.items.push(item.map(|event| Message::of(&event, events.last_event_id())));
        }
        self.decoder.last_event_id().clone_into(&mut self.outcome.last_event_id);
        self.outcome.retry = self.decoder.retry();
    }

    pub(crate) fn restart(&mut self) {
        self.decoder.restart();
    }

    /// What has been seen so far.
    pub(crate) fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    pub(crate) fn into_outcome(self) -> Outcome {
        self.outcome
    }
}

/// What a fresh decoder makes of a body that comes in these pieces.
pub(crate) fn decode<'a>(limits: Limits, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut probe = Probe::new(limits);
    pieces.into_iter().for_each(|piece| probe.feed(piece));
    probe.into_outcome()
}

/// The body in pieces that end at these places, given in any order; a place past the end counts as the end.
pub(crate) fn cut<'a>(body: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| (*place).min(body.len())).collect();
    places.sort_unstable();
    places.push(body.len());
    let mut start = 0;
    let piece = |end| &body[std::mem::replace(&mut start, end)..end];
    places.into_iter().map(piece).collect()
}

/// What a decoder makes of a body, after a check that no way of cutting it changes that.
pub(crate) fn decode_every_way(body: impl AsRef<[u8]>) -> Outcome {
    let body = body.as_ref();
    let whole = decode(Limits::default(), [body]);
    assert_eq!(decode(Limits::default(), body.chunks(1)), whole, "byte by byte: {}", body.escape_ascii());
    for place in 0..=body.len() {
        let pieces = cut(body, &[place]);
        assert_eq!(decode(Limits::default(), pieces), whole, "cut at {place}: {}", body.escape_ascii());
    }
    whole
}

/// The data of each event of a body, with the check of [`decode_every_way`].
pub(crate) fn data(body: impl AsRef<[u8]>) -> Vec<String> {
    decode_every_way(body).items.into_iter().map(|item| item.unwrap().data).collect()
}
