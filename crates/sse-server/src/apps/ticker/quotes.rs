//! Quotes as they are posted: one JSON object, an array of them, or one a line. All of them are taken, or none.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::board::Quote;
use super::price::Price;
use super::symbol::Symbol;
use crate::http::message;

/// Most bytes of a request, and most quotes in it.
pub(super) const MAX_BYTES: usize = 1 << 20;
pub(super) const MAX_QUOTES: usize = 1_000;

/// Longest part of a refused value that the refusal repeats.
const MAX_SHOWN: usize = 40;

/// Why quotes cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum QuotesError {
    /// There is none.
    #[error(
        "there is no quote; send {{\"symbol\":\"ACME\",\"price\":101.50}}, an array of such, or one a line as NDJSON"
    )]
    Empty,
    /// More than [`MAX_QUOTES`].
    #[error("a request has at most {MAX_QUOTES} quotes; nothing was taken, send less at a time")]
    TooMany,
    /// The body is no JSON.
    #[error("{0}; nothing was taken")]
    Json(String),
    /// A quote is wrong.
    #[error("{}{}; nothing was taken", nth.map(|nth| nth.to_string()).unwrap_or_default(), fault.what)]
    Quote {
        /// Which one; `None` when it is the only one.
        nth: Option<Nth>,
        fault: Fault,
    },
}

impl QuotesError {
    /// The line at fault, from 1, if the quotes came in lines.
    pub(super) fn line(&self) -> Option<usize> {
        match self {
            Self::Quote { nth: Some(Nth::Line(line)), .. } => Some(*line),
            _ => None,
        }
    }

    /// The field at fault.
    pub(super) fn field(&self) -> Option<&'static str> {
        if let Self::Quote { fault, .. } = self { fault.field } else { None }
    }
}

/// A place in a batch, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nth {
    /// Of NDJSON.
    Line(usize),
    /// Of an array.
    Item(usize),
}

/// What is wrong with a quote, and the field that is at fault, if one is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    field: Option<&'static str>,
    what: String,
}

/// A quote as it is sent. The price is read digit by digit; it can be a string too.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuoteJson<'a> {
    #[serde(borrow)]
    symbol: Option<&'a RawValue>,
    #[serde(borrow)]
    price: Option<&'a RawValue>,
    #[serde(borrow)]
    time: Option<&'a RawValue>,
}

/// Reads one quote a line. Blank lines are skipped, and counted.
pub(super) fn lines(text: &str) -> Result<Vec<Quote>, QuotesError> {
    let lines = (1..).zip(text.split('\n')).filter(|(_, line)| !line.trim_ascii().is_empty());
    all(lines.map(|(nth, line)| (Some(Nth::Line(nth)), line)))
}

/// Reads one quote, or an array of them.
pub(super) fn json(text: &str) -> Result<Vec<Quote>, QuotesError> {
    if text.trim_ascii().is_empty() {
        return Err(QuotesError::Empty);
    }
    if !text.trim_ascii_start().starts_with('[') {
        return all([(None, text)].into_iter());
    }
    let items: Vec<&RawValue> =
        serde_json::from_str(text).map_err(|error| QuotesError::Json(message(&error)))?;
    all((1..).zip(&items).map(|(nth, item)| (Some(Nth::Item(nth)), item.get())))
}

fn all<'a>(texts: impl Iterator<Item = (Option<Nth>, &'a str)>) -> Result<Vec<Quote>, QuotesError> {
    let now = Timestamp::now();
    let mut quotes = Vec::new();
    for (nth, text) in texts {
        if quotes.len() == MAX_QUOTES {
            return Err(QuotesError::TooMany);
        }
        quotes.push(quote(text, now).map_err(|fault| QuotesError::Quote { nth, fault })?);
    }
    if quotes.is_empty() { Err(QuotesError::Empty) } else { Ok(quotes) }
}

fn quote(text: &str, now: Timestamp) -> Result<Quote, Fault> {
    let QuoteJson { symbol, price, time } =
        serde_json::from_str(text).map_err(|error| Fault { field: None, what: message(&error) })?;
    let symbol = required("symbol", symbol)?;
    let name = string(symbol).ok_or_else(|| wrong("symbol", "a symbol is a string", symbol))?;
    let symbol = Symbol::new(&name)
        .map_err(|error| Fault { field: Some("symbol"), what: format!("symbol: {error}") })?;
    let price = required("price", price)?;
    let digits = string(price).unwrap_or_else(|| price.get().to_owned());
    let price = Price::parse(&digits).map_err(|error| wrong("price", error, price))?;
    let time = time.filter(|time| time.get() != "null").map(|time| {
        let moment = string(time).and_then(|text| text.parse().ok());
        moment.ok_or_else(|| wrong("time", "a time is a string such as \"2026-11-22T08:17:38.747Z\"", time))
    });
    Ok(Quote { symbol, price, time: time.transpose()?.unwrap_or(now), recorded: None })
}

fn required<'a>(field: &'static str, value: Option<&'a RawValue>) -> Result<&'a RawValue, Fault> {
    value.ok_or_else(|| Fault { field: Some(field), what: format!("{field} is missing; add it") })
}

fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

fn wrong(field: &'static str, what: impl std::fmt::Display, given: &RawValue) -> Fault {
    let given: String = given.get().chars().take(MAX_SHOWN).collect();
    Fault { field: Some(field), what: format!("{field}: {what}, not {given}") }
}

impl std::fmt::Display for Nth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(nth) => write!(f, "line {nth}: "),
            Self::Item(nth) => write!(f, "quote {nth}: "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(quotes: &[Quote]) -> Vec<String> {
        quotes.iter().map(|quote| format!("{} {}", quote.symbol, quote.price)).collect()
    }

    #[test]
    fn takes_one_or_an_array_or_lines() {
        let (a, b) = (r#"{"symbol":"A","price":1.10}"#, r#"{"price":"0.2","symbol":"b","time":null}"#);
        assert_eq!(shown(&json(a).unwrap()), ["A 1.10"]);
        assert_eq!(shown(&json(&format!(" [{a},\n{b}] ")).unwrap()), ["A 1.10", "B 0.20"]);
        assert_eq!(shown(&lines(&format!("{a}\r\n\n{b}")).unwrap()), ["A 1.10", "B 0.20"]);
        let timed = json(r#"{"symbol":"A","price":1,"time":"2026-11-22T09:00:00+01:00"}"#).unwrap();
        assert_eq!(timed[0].time.to_string(), "2026-11-22T08:00:00Z");
    }

    #[test]
    fn a_refusal_names_the_field() {
        for (text, field, part) in [
            (r#"{"price":1}"#, Some("symbol"), "symbol is missing; add it"),
            (r#"{"symbol":"A"}"#, Some("price"), "price is missing; add it"),
            (r#"{"symbol":"A B","price":1}"#, Some("symbol"), "symbol: a symbol is 1 to 16"),
            (r#"{"symbol":7,"price":1}"#, Some("symbol"), "symbol: a symbol is a string, not 7"),
            (r#"{"symbol":"<img src=x>","price":1}"#, Some("symbol"), "this is \"<img src=x>\""),
            (r#"{"symbol":"A","price":-1}"#, Some("price"), "price: a price is above 0"),
            (r#"{"symbol":"A","price":1e3}"#, Some("price"), "such as 101.50, not 1e3"),
            (r#"{"symbol":"A","price":null}"#, Some("price"), "price is missing"),
            (r#"{"symbol":"A","price":1,"time":"noon"}"#, Some("time"), "time: a time is a string such as"),
            (r#"{"symbol":"A","price":1,"time":5}"#, Some("time"), "not 5"),
            (r#"{"symbol":"A","price":1,"size":5}"#, None, "unknown field `size`, expected one of"),
            ("hello", None, "expected value"),
        ] {
            let error = json(text).unwrap_err();
            assert!(
                error.to_string().contains(part) && error.to_string().ends_with("nothing was taken"),
                "{error}"
            );
            assert!(
                matches!(&error, QuotesError::Quote { nth: None, fault } if fault.field == field),
                "{error:?}"
            );
        }
    }

    #[test]
    fn a_refusal_names_the_place_in_a_batch() {
        let (good, bad) = (r#"{"symbol":"A","price":1}"#, r#"{"symbol":"A","price":0}"#);
        let said = lines(&format!("{good}\n\n{bad}")).unwrap_err().to_string();
        assert!(said.starts_with("line 3: price: "), "{said}");
        let said = json(&format!("[{good},{bad}]")).unwrap_err().to_string();
        assert!(said.starts_with("quote 2: price: "), "{said}");
    }

    #[test]
    fn none_and_too_many_are_refused() {
        for none in ["", " \n", "[]"] {
            assert_eq!(json(none).unwrap_err(), QuotesError::Empty);
        }
        assert_eq!(lines("\n\n").unwrap_err(), QuotesError::Empty);
        let many = |count| format!("[{}]", vec![r#"{"symbol":"A","price":1}"#; count].join(","));
        assert_eq!(json(&many(MAX_QUOTES)).unwrap().len(), MAX_QUOTES);
        assert_eq!(json(&many(MAX_QUOTES + 1)).unwrap_err(), QuotesError::TooMany);
    }
}
