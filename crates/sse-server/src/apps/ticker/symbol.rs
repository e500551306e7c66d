//! The name of what is quoted, as exchanges write it: `ACME`, `BRK.B`, `BTC-USD`. Also an event type and the end of a topic.

use std::fmt;

use serde::Serialize;
use sse_core::Topic;

/// 1 to 16 of A to Z, 0 to 9, `.`, `-`, `_` and `:`, the first a letter or a digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub(super) struct Symbol(Box<str>);

impl Symbol {
    /// Longest symbol. The longest that exchanges have are about as long.
    const MAX_BYTES: usize = 16;
    /// The topics of all symbols are below this one.
    const PREFIX: &str = "ticker";
    /// Most characters of a refused text that the error repeats.
    const MAX_SHOWN: usize = 40;

    /// Checks `text`; small letters become capital ones.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let fits = (1..=Self::MAX_BYTES).contains(&text.len())
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':'));
        match fits {
            true => Ok(Self(text.to_ascii_uppercase().into())),
            false => Err(format!(
                "a symbol is 1 to {} of A to Z, 0 to 9, '.', '-', '_' and ':', the first a letter or a digit, such as \
                 ACME or BRK.B; this is {:?}",
                Self::MAX_BYTES,
                text.chars().take(Self::MAX_SHOWN).collect::<String>(),
            )),
        }
    }

    /// The topic of its prices.
    pub(super) fn topic(&self) -> Topic {
        Topic::new(format!("{}/{self}", Self::PREFIX)).expect("a symbol is a segment of a topic")
    }

    /// The prefix of all their topics.
    pub(super) fn all_topics() -> Topic {
        Topic::new(Self::PREFIX).expect("the name follows the grammar")
    }

    /// The type of its events. Never one that means something else: those are written small.
    pub(super) fn event_type(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_exchanges_use_in_capital_letters() {
        for (text, symbol) in [
            ("ACME", "ACME"),
            ("brk.b", "BRK.B"),
            ("BTC-USD", "BTC-USD"),
            ("7203:T", "7203:T"),
            ("gap", "GAP"),
        ] {
            let symbol_of = Symbol::new(text).unwrap();
            assert_eq!(symbol_of.to_string(), symbol);
            assert_eq!(symbol_of.topic().as_str(), format!("ticker/{symbol}"));
            assert_eq!(symbol_of.event_type(), symbol);
        }
    }

    #[test]
    fn refuses_what_would_not_be_a_topic_or_not_a_name() {
        let long = "A".repeat(17);
        for text in ["", ".", "..", "-A", "A B", "A/B", "A\n", "É", "<script>", "A*", &long] {
            assert!(Symbol::new(text).is_err(), "{text:?}");
        }
        assert!(Symbol::new(&"x".repeat(9_999)).unwrap_err().len() < 250);
    }
}
