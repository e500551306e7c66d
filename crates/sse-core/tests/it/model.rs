//! Reference decoder: the standard's algorithm word for word, on a whole body at once. Not incremental, not fast, and
//! without limits; it shares no code with the crate.

use std::time::Duration;

use sse_core::{DecodeError, Event};

/// What a browser fires, and what only a reader of the wire can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// `None` where a browser says `message`, for want of a type.
    pub(crate) event_type: Option<String>,
    pub(crate) data: String,
    pub(crate) last_event_id: String,
    /// The id in the block itself.
    pub(crate) id: Option<String>,
    /// The reconnection time in the block itself.
    pub(crate) retry: Option<Duration>,
}

/// All that a reader knows after the bodies read so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Messages in order, and in their places the blocks that were dropped.
    pub(crate) items: Vec<Result<Message, DecodeError>>,
    pub(crate) last_event_id: String,
    pub(crate) retry: Option<Duration>,
}

/// The buffers that a blank line empties.
#[derive(Debug, Default)]
struct Buffers {
    data: String,
    event_type: String,
    id: Option<String>,
    retry: Option<Duration>,
}

impl Message {
    /// The decoder's event in the words of the model.
    pub(crate) fn of(event: &Event, last_event_id: &str) -> Self {
        Self {
            event_type: event.event_type().map(|event_type| event_type.as_str().to_owned()),
            data: event.data().to_owned(),
            last_event_id: last_event_id.to_owned(),
            id: event.id().map(|id| id.as_str().to_owned()),
            retry: event.retry(),
        }
    }
}

impl Outcome {
    /// What one body alone gives.
    pub(crate) fn of(body: &[u8]) -> Self {
        let mut outcome = Self::default();
        outcome.read(body);
        outcome
    }

    /// Reads one body from its first byte to its last. What it leaves unfinished is discarded.
    pub(crate) fn read(&mut self, body: &[u8]) {
        let text = String::from_utf8_lossy(body);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut buffers = Buffers::default();
        for line in whole_lines(text) {
            if line.is_empty() {
                self.dispatch(std::mem::take(&mut buffers));
            } else if let Some(colon) = line.find(':') {
                let value = &line[colon + 1..];
                self.process(&mut buffers, &line[..colon], value.strip_prefix(' ').unwrap_or(value));
            } else {
                self.process(&mut buffers, &line, "");
            }
        }
    }

    fn process(&mut self, buffers: &mut Buffers, name: &str, value: &str) {
        match name {
            "event" => buffers.event_type = value.to_owned(),
            "data" => {
                buffers.data.push_str(value);
                buffers.data.push('\n');
            }
            "id" if !value.contains('\0') => buffers.id = Some(value.to_owned()),
            "retry" if !value.is_empty() && value.chars().all(|c| c.is_ascii_digit()) => {
                let time = Duration::from_millis(value.parse().unwrap_or(u64::MAX));
                self.retry = Some(time);
                buffers.retry = Some(time);
            }
            _ => {}
        }
    }

    fn dispatch(&mut self, buffers: Buffers) {
        let Buffers { mut data, event_type, id, retry } = buffers;
        if let Some(id) = &id {
            self.last_event_id = id.clone();
        }
        if data.pop().is_none() {
            return;
        }
        self.items.push(Ok(Message {
            event_type: Some(event_type).filter(|event_type| !event_type.is_empty()),
            data,
            last_event_id: self.last_event_id.clone(),
            id,
            retry,
        }));
    }
}

/// The lines that have an end, without it.
fn whole_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                chars.next_if_eq(&'\n');
                lines.push(std::mem::take(&mut line));
            }
            '\n' => lines.push(std::mem::take(&mut line)),
            c => line.push(c),
        }
    }
    lines
}
