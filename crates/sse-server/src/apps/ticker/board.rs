//! What is quoted: each symbol with its first and its newest price, and who quotes it. Knows nothing of the log.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use sse_hub::Draft;

use super::price::Price;
use super::symbol::Symbol;
use crate::json_event::json_event;
use crate::timestamp::rfc3339;

/// Most symbols. Each is a topic that keeps 300 events of about 200 bytes.
pub(super) const MAX_SYMBOLS: usize = 500;

/// Who quotes a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Source {
    /// The market that the server makes up.
    Simulated,
    /// A file of quotes that is played back.
    Replay,
    /// Whoever posts quotes.
    Posted,
}

/// One price of one symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Quote {
    pub(super) symbol: Symbol,
    pub(super) price: Price,
    pub(super) time: Timestamp,
    /// When it was recorded, if this is a replay.
    pub(super) recorded: Option<Timestamp>,
}

/// One line of the list of symbols. What is `null` is not known yet.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Listing {
    pub(super) symbol: Symbol,
    /// Of a company that does not exist; `null` for all others.
    name: Option<&'static str>,
    source: Source,
    /// First and newest price.
    open: Option<Price>,
    price: Option<Price>,
    time: Option<String>,
}

/// The data of an event: one price, and how it stands to the first one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Tick<'a> {
    symbol: &'a Symbol,
    price: Price,
    open: Price,
    change: Price,
    change_percent: Price,
    time: String,
    source: Source,
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded_time: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are {MAX_SYMBOLS} symbols, the most there can be; quote one of them")]
pub(super) struct BoardFull;

/// All symbols, by name.
#[derive(Debug, Default)]
pub(super) struct Board(BTreeMap<Symbol, Listing>);

impl Board {
    /// Adds a symbol that has no price yet.
    pub(super) fn list(&mut self, symbol: Symbol, name: Option<&'static str>, source: Source) {
        if self.0.len() < MAX_SYMBOLS {
            let unquoted = Listing { name, ..Listing::new(symbol.clone(), source) };
            self.0.entry(symbol).or_insert(unquoted);
        }
    }

    /// Takes quotes, all or none, and makes events of them. What is posted wins: from then on nobody else quotes the
    /// symbol, so that no real price stands among made-up ones.
    pub(super) fn take(&mut self, source: Source, quotes: &[Quote]) -> Result<Vec<Draft>, BoardFull> {
        let mut new: Vec<&Symbol> =
            quotes.iter().map(|quote| &quote.symbol).filter(|symbol| !self.0.contains_key(symbol)).collect();
        new.sort_unstable();
        new.dedup();
        if self.0.len() + new.len() > MAX_SYMBOLS {
            return Err(BoardFull);
        }
        Ok(quotes.iter().filter_map(|quote| self.take_one(source, quote)).collect())
    }

    fn take_one(&mut self, source: Source, quote: &Quote) -> Option<Draft> {
        let listing =
            self.0.entry(quote.symbol.clone()).or_insert_with(|| Listing::new(quote.symbol.clone(), source));
        if listing.source != source {
            if source != Source::Posted {
                return None;
            }
            *listing = Listing::new(quote.symbol.clone(), source);
        }
        Some(listing.tick(quote))
    }

    pub(super) fn listings(&self) -> Vec<Listing> {
        self.0.values().cloned().collect()
    }
}

impl Listing {
    fn new(symbol: Symbol, source: Source) -> Self {
        Self { symbol, name: None, source, open: None, price: None, time: None }
    }

    fn tick(&mut self, quote: &Quote) -> Draft {
        let open = *self.open.get_or_insert(quote.price);
        let change = quote.price.change_from(open);
        let time = rfc3339(quote.time);
        self.price = Some(quote.price);
        self.time = Some(time.clone());
        let tick = Tick {
            symbol: &quote.symbol,
            price: quote.price,
            open,
            change,
            change_percent: change.percent_of(open),
            time,
            source: self.source,
            recorded_time: quote.recorded.map(rfc3339),
        };
        Draft::new(quote.symbol.topic(), json_event(quote.symbol.event_type(), &tick))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quote(symbol: &str, price: &str) -> Quote {
        let (symbol, price) = (Symbol::new(symbol).unwrap(), Price::parse(price).unwrap());
        Quote { symbol, price, time: Timestamp::UNIX_EPOCH, recorded: None }
    }

    fn data(drafts: &[Draft]) -> Vec<&str> {
        drafts.iter().map(|draft| draft.event.data()).collect()
    }

    #[test]
    fn change_is_from_the_first_price() {
        let mut board = Board::default();
        let drafts = board.take(Source::Posted, &[quote("A", "0.1"), quote("A", "0.3")]).unwrap();
        assert_eq!(
            data(&drafts),
            [
                r#"{"symbol":"A","price":0.10,"open":0.10,"change":0.00,"changePercent":0.00,"time":"1970-01-01T00:00:00.000Z","source":"posted"}"#,
                r#"{"symbol":"A","price":0.30,"open":0.10,"change":0.20,"changePercent":200.00,"time":"1970-01-01T00:00:00.000Z","source":"posted"}"#,
            ]
        );
        assert_eq!(drafts[0].topic.as_str(), "ticker/A");
        assert_eq!(drafts[0].event.event_type().unwrap().as_str(), "A");
    }

    #[test]
    fn a_posted_quote_ends_the_simulation_of_its_symbol() {
        let mut board = Board::default();
        board.list(Symbol::new("A").unwrap(), Some("Made Up"), Source::Simulated);
        board.take(Source::Simulated, &[quote("A", "5")]).unwrap();
        let posted = board.take(Source::Posted, &[quote("A", "100")]).unwrap();
        assert!(data(&posted)[0].contains(r#""open":100.00,"change":0.00"#), "{posted:?}");
        assert!(board.take(Source::Simulated, &[quote("A", "6")]).unwrap().is_empty());
        let listing = &board.listings()[0];
        assert_eq!((listing.name, listing.source), (None, Source::Posted));
    }

    #[test]
    fn a_symbol_too_many_is_refused_with_its_whole_batch() {
        let mut board = Board::default();
        let full: Vec<Quote> = (0..MAX_SYMBOLS - 1).map(|n| quote(&format!("S{n}"), "1")).collect();
        board.take(Source::Posted, &full).unwrap();
        let two = [quote("X", "1"), quote("X", "2"), quote("Y", "1")];
        assert_eq!(board.take(Source::Posted, &two).unwrap_err(), BoardFull);
        assert_eq!(board.take(Source::Posted, &two[..2]).unwrap().len(), 2, "one symbol, twice");
        assert_eq!(board.take(Source::Posted, &full).unwrap().len(), full.len(), "known symbols go on");
    }
}
