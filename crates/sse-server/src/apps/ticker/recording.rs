//! Recorded quotes from a CSV file, played back at the pace at which they were recorded. Checked whole before the first is
//! played; has no clock of its own.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use csv::{ReaderBuilder, StringRecord, Trim};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::board::{MAX_SYMBOLS, Source};
use super::market::{Market, MarketTick, Step};
use super::price::Price;
use super::symbol::Symbol;

/// Most bytes of a file, which is read into memory; and most quotes in it.
const MAX_BYTES: u64 = 64 << 20;
const MAX_QUOTES: usize = 1_000_000;
/// Most quotes that are published at once, however many have the same time.
const MAX_AT_ONCE: usize = 1_000;
/// Pause between the last quote and the first one, when the file starts over.
const START_OVER: Duration = Duration::from_secs(1);

const TIME: &str = "time";
const SYMBOL: &str = "symbol";
const PRICE: &str = "price";

#[derive(Debug, Clone)]
struct Recorded {
    time: Timestamp,
    symbol: Symbol,
    price: Price,
}

/// The market that the file has recorded.
pub(super) fn market(file: &Path) -> anyhow::Result<Market> {
    let mut text = String::new();
    File::open(file)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    ensure!(text.len() as u64 <= MAX_BYTES, "it is larger than {} MiB; split it", MAX_BYTES >> 20);
    let quotes = parse(&text)?;
    let symbols: BTreeSet<&Symbol> = quotes.iter().map(|quote| &quote.symbol).collect();
    let symbols = symbols.into_iter().map(|symbol| (symbol.clone(), None)).collect();
    Ok(Market { source: Source::Replay, symbols, steps: Box::new(Replay { quotes, next: 0, played: false }) })
}

fn parse(text: &str) -> anyhow::Result<Vec<Recorded>> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).flexible(true).from_reader(text.as_bytes());
    let columns = columns(reader.headers().map_err(with_line)?)?;
    let mut quotes: Vec<Recorded> = Vec::new();
    let mut symbols = BTreeSet::new();
    for record in reader.records() {
        let record = record.map_err(with_line)?;
        let line = line_of(text, &record);
        let quote = quote(&record, columns).map_err(|what| anyhow!("line {line}: {what}"))?;
        if let Some(before) = quotes.last().filter(|before| before.time > quote.time) {
            let (time, before) = (quote.time, before.time);
            bail!(
                "line {line}: {time} is before {before}, the time of the quote above; sort the file by time"
            );
        }
        symbols.insert(quote.symbol.clone());
        if symbols.len() > MAX_SYMBOLS || quotes.len() == MAX_QUOTES {
            bail!("line {line}: a file has at most {MAX_QUOTES} quotes of {MAX_SYMBOLS} symbols; split it");
        }
        quotes.push(quote);
    }
    ensure!(!quotes.is_empty(), "there is no quote in it");
    Ok(quotes)
}

/// Where time, symbol and price are. Other columns may be there too.
fn columns(header: &StringRecord) -> anyhow::Result<[usize; 3]> {
    let place = |name| {
        let place = header.iter().position(|column| column.eq_ignore_ascii_case(name));
        place.with_context(|| {
            format!(
                "line 1: there is no column `{name}`; the first line names the columns: time,symbol,price"
            )
        })
    };
    Ok([place(TIME)?, place(SYMBOL)?, place(PRICE)?])
}

fn quote(record: &StringRecord, [time, symbol, price]: [usize; 3]) -> Result<Recorded, String> {
    let field = |place, name| {
        record.get(place).ok_or_else(|| format!("there is no {name}; {} columns", record.len()))
    };
    let (time, symbol, price) = (field(time, TIME)?, field(symbol, SYMBOL)?, field(price, PRICE)?);
    Ok(Recorded {
        time: moment(time)
            .ok_or_else(|| format!("{TIME}: {time:?} is not a time such as 2026-11-20T14:30:00.250Z"))?,
        symbol: Symbol::new(symbol).map_err(|error| format!("{SYMBOL}: {error}"))?,
        price: Price::parse(price).map_err(|error| format!("{PRICE}: {error}, not {price:?}"))?,
    })
}

/// A time without a zone is taken for UTC; for the pace it makes no difference.
fn moment(text: &str) -> Option<Timestamp> {
    let local = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
    text.parse().ok().or_else(|| Some(local()?.timestamp()))
}

fn with_line(error: csv::Error) -> anyhow::Error {
    let line = error.position().map_or(1, csv::Position::line);
    anyhow!("line {line}: {error}")
}

/// The line that a record is on. The reader counts from the end of the record before, blank lines included.
fn line_of(text: &str, record: &StringRecord) -> u64 {
    let Some(position) = record.position() else { return 1 };
    let at = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + blank.filter(|byte| **byte == b'\n').count() as u64
}

/// The quotes again and again.
struct Replay {
    /// At least one, by time.
    quotes: Vec<Recorded>,
    next: usize,
    /// Not the first time round.
    played: bool,
}

impl Iterator for Replay {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let rest = self.quotes.get(self.next..).filter(|rest| !rest.is_empty());
        let rest = rest.unwrap_or_else(|| {
            (self.next, self.played) = (0, true);
            &self.quotes
        });
        let time = rest.first()?.time;
        let wait = match self.next.checked_sub(1).and_then(|before| self.quotes.get(before)) {
            Some(before) => Duration::try_from(time.duration_since(before.time)).unwrap_or_default(),
            None if self.played => START_OVER,
            None => Duration::ZERO,
        };
        let ticks: Vec<MarketTick> = rest
            .iter()
            .take(MAX_AT_ONCE)
            .take_while(|quote| quote.time == time)
            .map(Recorded::tick)
            .collect();
        self.next += ticks.len();
        Some(Step { wait, ticks })
    }
}

impl Recorded {
    fn tick(&self) -> MarketTick {
        let Self { time, symbol, price } = self;
        MarketTick { symbol: symbol.clone(), price: *price, age: Duration::ZERO, recorded: Some(*time) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn columns_are_found_by_name_and_others_ignored() {
        let text = "\u{feff}Symbol, volume ,PRICE,time\r\nacme,10,101.5,2026-11-20T14:30:00Z\r\n\r\n\"BRK.B\",,7,2026-11-20 15:30:00+01:00\n";
        let quotes = parse(text).unwrap();
        let shown: Vec<String> =
            quotes.iter().map(|q| format!("{} {} {}", q.time, q.symbol, q.price)).collect();
        assert_eq!(shown, ["2026-11-20T14:30:00Z ACME 101.50", "2026-11-20T14:30:00Z BRK.B 7.00"]);
    }

    #[test]
    fn a_refusal_names_the_line_and_the_column() {
        let head = "time,symbol,price\n2026-11-20T14:30:00Z,ACME,1\n";
        for (line, said) in [
            ("noon,ACME,1", "line 3: time: \"noon\" is not a time such as"),
            ("2026-11-20T14:30:01Z,A B,1", "line 3: symbol: a symbol is 1 to 16"),
            (
                "2026-11-20T14:30:01Z,ACME,1e3",
                "line 3: price: a price is a plain decimal number such as 101.50, not \"1e3\"",
            ),
            ("2026-11-20T14:30:01Z,ACME,-1", "line 3: price: a price is above 0"),
            ("2026-11-20T14:30:01Z,ACME", "line 3: there is no price"),
            ("2026-11-20T14:29:59Z,ACME,1", "line 3: 2026-11-20T14:29:59Z is before 2026-11-20T14:30:00Z"),
            ("\n\r\nnoon,ACME,1", "line 5: time"),
        ] {
            for ends in ["\n", "\r\n"] {
                let text = format!("{head}{line}\n").replace("\r\n", "\n").replace('\n', ends);
                assert!(refusal(&text).starts_with(said), "{line:?}: {}", refusal(&text));
            }
        }
        for headless in ["when,symbol,price\n", ""] {
            let said =
                "line 1: there is no column `time`; the first line names the columns: time,symbol,price";
            assert_eq!(refusal(headless), said);
        }
        assert_eq!(refusal("time,symbol,price\n"), "there is no quote in it");
    }

    #[test]
    fn waits_as_long_as_the_times_say_and_starts_over() {
        let text = "time,symbol,price\n2026-11-20T14:30:00Z,A,1\n2026-11-20T14:30:00Z,B,2\n2026-11-20T14:30:02.5Z,A,3\n";
        let replay = Replay { quotes: parse(text).unwrap(), next: 0, played: false };
        let shown: Vec<(u128, Vec<String>)> = replay
            .take(4)
            .map(|step| {
                (step.wait.as_millis(), step.ticks.iter().map(|tick| tick.price.to_string()).collect())
            })
            .collect();
        let (first, second) = (vec!["1.00".to_owned(), "2.00".to_owned()], vec!["3.00".to_owned()]);
        assert_eq!(shown, [(0, first.clone()), (2500, second.clone()), (1000, first), (2500, second)]);
    }
}
