//! What was published in a loss test. Every event that was begun is brought to its end, so there is no doubt about any.

/// All topics of the test are below this.
pub(super) const PREFIX: &str = "loss/";
/// The type of all events, which keeps them apart from the server's greeting.
pub(super) const EVENT_TYPE: &str = "loss";
/// Number of topics.
const TOPICS: u64 = 3;
/// What texts are made of.
const CHARS: [char; 11] = ['a', 'b', 'c', ' ', '\n', '"', '\\', ':', 'ä', '✓', '😀'];
/// Longest text of an event.
const MOST_CHARS: usize = 600;

/// One event; no other has the same publisher and count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Payload {
    pub(super) publisher: usize,
    pub(super) count: u64,
}

impl Payload {
    /// The last event of a test.
    pub(super) const END: Self = Self { publisher: usize::MAX, count: 0 };

    /// The key under which it is sent again.
    pub(super) fn key(self) -> String {
        format!("{}-{}", self.publisher, self.count)
    }

    pub(super) fn topic(self) -> String {
        format!("{PREFIX}{}", self.count % TOPICS)
    }

    /// A text that this event alone has: of any length, with line ends and characters that JSON escapes.
    pub(super) fn data(self) -> String {
        let mut random = fastrand::Rng::with_seed(self.count ^ (self.publisher as u64) << 40);
        let length = random.usize(..MOST_CHARS) >> random.u32(..10);
        let filler = std::iter::repeat_with(|| random.choice(CHARS).unwrap_or(' '));
        format!("{} {}|{}|", self.publisher, self.count, filler.take(length).collect::<String>())
    }
}

/// What was published.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Every event with the id that the hub answered.
    pub(super) events: Vec<(String, Payload)>,
    /// How often an event was sent again because no answer came.
    pub(super) repeats: u64,
}

impl Ledger {
    pub(super) fn add(&mut self, other: Self) {
        self.events.extend(other.events);
        self.repeats += other.repeats;
    }
}
