//! What arrived on one connection and when: events, bursts, silences, and facts of the wire format. No I/O and no clock:
//! bytes and times are arguments. Memory is bounded, however much arrives.

mod own_time;
mod scanner;

use std::time::Duration;

use jiff::Timestamp;
use sse_core::{Decoder, EventId, RecordId};

use scanner::Scanner;
pub(super) use scanner::Wire;

/// Pieces closer together than this are one burst.
const BURST_PAUSE: Duration = Duration::from_millis(200);
/// Events and bursts that are recorded in detail. The rest is counted.
const MAX_RECORDED: usize = 10_000;
/// Bytes of the ids of these events. An id can be as long as a line.
const MAX_ID_BYTES: usize = 8 << 20;

#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Since the request.
    pub(super) at: Duration,
    /// The id in its own block; `None` in blocks that the hub makes itself, whose ids are positions.
    pub(super) id: Option<String>,
    /// When it was made, if its data says.
    pub(super) made: Option<Timestamp>,
}

/// Bytes that arrived without a pause.
#[derive(Debug, Clone)]
pub(super) struct Burst {
    /// When its first byte arrived, since the request.
    pub(super) at: Duration,
    pub(super) until: Duration,
    pub(super) bytes: u64,
    /// It ends in the middle of a line.
    pub(super) torn: bool,
}

#[derive(Debug, Default)]
pub(super) struct Recording {
    decoder: Decoder,
    scanner: Scanner,
    pub(super) events: Vec<Seen>,
    id_bytes: usize,
    /// With those that were too large to decode.
    pub(super) event_count: u64,
    pub(super) bursts: Vec<Burst>,
    pub(super) bytes: u64,
    /// When the head of the response arrived. Silence counts from here.
    pub(super) opened: Duration,
    /// The first id that came without an event or in a block of the hub, and the number of events before it.
    start: Option<(String, usize)>,
    last_byte: Option<Duration>,
    /// Between two bytes, or before the first.
    pub(super) longest_silence: Duration,
}

impl Recording {
    /// A body whose head arrived at this time after the request.
    pub(super) fn new(opened: Duration) -> Self {
        Self { opened, ..Self::default() }
    }

    /// Records the next bytes, which arrived at this time after the request.
    pub(super) fn piece(&mut self, at: Duration, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.longest_silence = self.longest_silence.max(self.silence_at(at));
        self.last_byte = Some(at);
        self.bytes += bytes.len() as u64;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line(at, line);
        }
        self.add_to_bursts(at, bytes.len() as u64);
    }

    fn line(&mut self, at: Duration, line: &[u8]) {
        let positions = self.wire().positions;
        self.scanner.feed(line);
        for event in self.decoder.feed(line) {
            self.event_count += 1;
            let Ok(event) = event else { continue };
            let id = event.id().map(EventId::as_str);
            if event.hub().is_some() {
                self.start = self.start.take().or_else(|| Some((id?.to_owned(), self.events.len())));
            }
            let id = id.filter(|_| event.hub().is_none());
            let id_bytes = self.id_bytes + id.map_or(0, str::len);
            if self.events.len() < MAX_RECORDED && id_bytes <= MAX_ID_BYTES {
                self.id_bytes = id_bytes;
                let id = id.map(str::to_owned);
                self.events.push(Seen { at, id, made: own_time::find(event.data()) });
            }
        }
        if self.start.is_none() && self.wire().positions > positions {
            self.start = Some((self.decoder.last_event_id().to_owned(), self.events.len()));
        }
    }

    /// An id to resume from, and the ids that followed it.
    ///
    /// A hub sets the position of a new reader by an id without an event, or by that of its greeting. Around it come events
    /// from the past, such as last values, which do not come again after the position. Without a position, the first
    /// event serves. Empty when there is no id.
    pub(super) fn resume_point(&self) -> (&str, impl Iterator<Item = &str>) {
        let (start, before) =
            self.start.as_ref().map_or((None, 0), |(id, count)| (Some(id.as_str()), *count));
        let position: Option<RecordId> = start.and_then(|id| id.parse().ok());
        let is_past = move |id: &str| {
            position.is_some_and(|position| id.parse().is_ok_and(|id: RecordId| id.seq <= position.seq))
        };
        let events = self.events.get(before..).unwrap_or_default();
        let mut ids = events.iter().filter_map(|event| event.id.as_deref()).filter(|id| !id.is_empty());
        let after = start.or_else(|| ids.next()).unwrap_or_else(|| self.last_event_id());
        (after, ids.filter(move |id| !is_past(id)))
    }

    fn add_to_bursts(&mut self, at: Duration, bytes: u64) {
        let torn = self.scanner.is_inside_a_line();
        if let Some(last) = self.bursts.last_mut()
            && at.saturating_sub(last.until) < BURST_PAUSE
        {
            last.until = at;
            last.bytes += bytes;
            last.torn = torn;
        } else if self.bursts.len() < MAX_RECORDED {
            self.bursts.push(Burst { at, until: at, bytes, torn });
        }
    }

    /// How long nothing had arrived at this time.
    pub(super) fn silence_at(&self, at: Duration) -> Duration {
        at.saturating_sub(self.last_byte.unwrap_or(self.opened))
    }

    /// Since the request.
    pub(super) fn first_byte(&self) -> Option<Duration> {
        self.bursts.first().map(|burst| burst.at)
    }

    /// The id that a reader would send to resume now. Empty when there is none.
    pub(super) fn last_event_id(&self) -> &str {
        self.decoder.last_event_id()
    }

    /// The reconnection time that the server asks for.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.decoder.retry()
    }

    pub(super) fn wire(&self) -> &Wire {
        &self.scanner.wire
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_ids_do_not_exhaust_memory() {
        let mut recording = Recording::new(Duration::ZERO);
        let block = format!("id: {}\ndata: x\n\n", "i".repeat(1 << 20));
        for _ in 0..20 {
            recording.piece(Duration::ZERO, block.as_bytes());
        }
        assert_eq!((recording.events.len(), recording.event_count), (8, 20));
    }

    #[test]
    fn resumes_after_the_opening_of_a_hub() {
        let resume_point = |wire: &str| {
            let mut recording = Recording::default();
            recording.piece(Duration::ZERO, wire.as_bytes());
            let (after, ids) = recording.resume_point();
            (after.to_owned(), ids.map(str::to_owned).collect::<Vec<_>>().join(" "))
        };
        let id = |seq| format!("id: 6ce0ea04547f-{seq}\n");
        let event = |seq| id(seq) + "data: x\n\n";
        let (live, last_values) = (event(9) + &event(10), event(3) + &event(8));
        let position = id(8) + "\n";
        let expected = ("6ce0ea04547f-8".to_owned(), "6ce0ea04547f-9 6ce0ea04547f-10".to_owned());
        for greeting in ["hub: greeting\ndata: hello\n\n", &(id(8) + "hub: greeting\ndata: hello\n\n")] {
            for opening in [[&last_values, &position], [&position, &last_values]] {
                let wire = format!("{greeting}{}{}{live}", opening[0], opening[1]);
                assert_eq!(resume_point(&wire), expected, "{wire}");
            }
        }
        let live = "id: e-9\ndata: 9\n\nid: e-10\ndata: 10\n\n";
        assert_eq!(resume_point(live), ("e-9".into(), "e-10".into()));
        assert_eq!(resume_point("id: 7\n\n"), ("7".into(), String::new()));
        assert_eq!(resume_point("data: x\n\n"), (String::new(), String::new()));
    }
}
