//! What came over one connection and when: events, clumps, silences and the facts of the wire. Pure: bytes and times
//! come in as arguments, nothing is judged. Bounded, however much comes.

mod own_time;
mod scanner;

use std::time::Duration;

use jiff::Timestamp;
use sse_core::Decoder;

use scanner::Scanner;
pub(super) use scanner::Wire;

/// Pieces that come closer together than this are one clump.
const CLUMP_PAUSE: Duration = Duration::from_millis(200);
/// Events and clumps that are kept in detail. The rest is counted.
const MAX_KEPT: usize = 10_000;
/// Bytes of the ids of these events. An id can be as long as a line.
const MAX_ID_BYTES: usize = 8 << 20;

/// An event as it came.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Since the request.
    pub(super) at: Duration,
    /// The id in its own block.
    pub(super) id: Option<String>,
    /// When it was made, if its data says so.
    pub(super) made: Option<Timestamp>,
}

/// Bytes that came without a pause.
#[derive(Debug, Clone)]
pub(super) struct Clump {
    /// When its first byte came, since the request.
    pub(super) at: Duration,
    pub(super) until: Duration,
    pub(super) bytes: u64,
    /// It ends in the middle of a line.
    pub(super) torn: bool,
}

/// One connection's body.
#[derive(Debug, Default)]
pub(super) struct Recording {
    decoder: Decoder,
    scanner: Scanner,
    pub(super) events: Vec<Seen>,
    id_bytes: usize,
    /// Also those that were too large for us.
    pub(super) event_count: u64,
    pub(super) clumps: Vec<Clump>,
    pub(super) bytes: u64,
    /// When the head of the answer came. Silence is counted from here.
    pub(super) opened: Duration,
    last_byte: Option<Duration>,
    longest_silence: Duration,
}

impl Recording {
    /// A body whose head came at this time after the request.
    pub(super) fn new(opened: Duration) -> Self {
        Self { opened, ..Self::default() }
    }

    /// Takes the next bytes, which came at this time after the request.
    pub(super) fn piece(&mut self, at: Duration, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.longest_silence = self.longest_silence.max(self.silence_at(at));
        self.last_byte = Some(at);
        self.bytes += bytes.len() as u64;
        self.scanner.feed(bytes);
        for event in self.decoder.feed(bytes) {
            self.event_count += 1;
            let Ok(event) = event else { continue };
            let id = event.id().map(|id| id.as_str());
            let id_bytes = self.id_bytes + id.map_or(0, str::len);
            if self.events.len() < MAX_KEPT && id_bytes <= MAX_ID_BYTES {
                self.id_bytes = id_bytes;
                let id = id.map(str::to_owned);
                self.events.push(Seen { at, id, made: own_time::find(event.data()) });
            }
        }
        self.add_to_clumps(at, bytes.len() as u64);
    }

    fn add_to_clumps(&mut self, at: Duration, bytes: u64) {
        let torn = self.scanner.is_inside_a_line();
        if let Some(last) = self.clumps.last_mut()
            && at.saturating_sub(last.until) < CLUMP_PAUSE
        {
            last.until = at;
            last.bytes += bytes;
            last.torn = torn;
        } else if self.clumps.len() < MAX_KEPT {
            self.clumps.push(Clump { at, until: at, bytes, torn });
        }
    }

    /// How long nothing had come at this time.
    pub(super) fn silence_at(&self, at: Duration) -> Duration {
        at.saturating_sub(self.last_byte.unwrap_or(self.opened))
    }

    /// The longest silence between two bytes, or before the first.
    pub(super) fn longest_silence(&self) -> Duration {
        self.longest_silence
    }

    /// Since the request.
    pub(super) fn first_byte(&self) -> Option<Duration> {
        self.clumps.first().map(|clump| clump.at)
    }

    /// The id that a reader would send to resume now. Empty when there is none.
    pub(super) fn last_event_id(&self) -> &str {
        self.decoder.last_event_id()
    }

    /// The reconnection time that the server asks for.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.decoder.retry()
    }

    /// The facts of the bytes themselves.
    pub(super) fn wire(&self) -> &Wire {
        self.scanner.wire()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_ids_do_not_fill_the_memory() {
        let mut recording = Recording::new(Duration::ZERO);
        let block = format!("id: {}\ndata: x\n\n", "i".repeat(1 << 20));
        for _ in 0..20 {
            recording.piece(Duration::ZERO, block.as_bytes());
        }
        assert_eq!((recording.events.len(), recording.event_count), (8, 20));
    }
}
