//! Quotes as they are posted: one JSON object, an array of them, or one a line. All of them are taken, or none.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::board::Quote;
use super::price::Price;
use super::symbol::Symbol;
use crate::http::{Problem, from_object, message};

/// Most bytes of a request, and most quotes in it.
pub(super) const MAX_BYTES: usize = 1 << 20;
pub(super) const MAX_QUOTES: usize = 1_000;

/// Longest part of a refused value that the refusal repeats.
const MAX_SHOWN: usize = 40;

/// A place in a batch, from 1.
#[derive(Clone, Copy)]
enum Nth {
    /// It is alone.
    Only,
    /// Of NDJSON.
    Line(usize),
    /// Of an array.
    Item(usize),
}

/// What is wrong with a quote, and the field that is at fault, if one is.
struct Fault {
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
pub(super) fn lines(text: &str) -> Result<Vec<Quote>, Problem> {
    let lines = (1..).zip(text.split('\n')).filter(|(_, line)| !line.trim_ascii().is_empty());
    all(lines.map(|(nth, line)| (Nth::Line(nth), line)))
}

/// Reads one quote, or an array of them.
pub(super) fn json(text: &str) -> Result<Vec<Quote>, Problem> {
    let trimmed = text.trim_ascii_start();
    if !trimmed.starts_with('[') {
        return all((!trimmed.is_empty()).then_some((Nth::Only, text)).into_iter());
    }
    let items: Vec<&RawValue> = serde_json::from_str(text)
        .map_err(|error| Problem::bad_request(format!("{}; nothing was taken", message(&error))))?;
    all((1..).zip(&items).map(|(nth, item)| (Nth::Item(nth), item.get())))
}

fn all<'a>(texts: impl Iterator<Item = (Nth, &'a str)>) -> Result<Vec<Quote>, Problem> {
    let now = Timestamp::now();
    let mut quotes = Vec::new();
    for (nth, text) in texts {
        if quotes.len() == MAX_QUOTES {
            return Err(Problem::too_large(format!(
                "a request has at most {MAX_QUOTES} quotes; nothing was taken, send less at a time"
            )));
        }
        quotes.push(quote(text, now).map_err(|fault| fault.problem(nth))?);
    }
    if quotes.is_empty() {
        let example = r#"{"symbol":"ACME","price":101.50}"#;
        let detail = format!("there is no quote; send {example}, an array of such, or one a line as NDJSON");
        return Err(Problem::bad_request(detail));
    }
    Ok(quotes)
}

fn quote(text: &str, now: Timestamp) -> Result<Quote, Fault> {
    let QuoteJson { symbol, price, time } =
        from_object(text).map_err(|error| Fault { field: None, what: message(&error) })?;
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

impl Fault {
    fn problem(self, nth: Nth) -> Problem {
        let place = match nth {
            Nth::Only => String::new(),
            Nth::Line(nth) => format!("line {nth}: "),
            Nth::Item(nth) => format!("quote {nth}: "),
        };
        let mut problem = Problem::bad_request(format!("{place}{}; nothing was taken", self.what));
        if let Nth::Line(line) = nth {
            problem = problem.in_line(line);
        }
        match self.field {
            Some(field) => problem.in_field(field),
            None => problem,
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
            let refusal = json(text).unwrap_err();
            assert!(
                refusal.detail().contains(part) && refusal.detail().ends_with("nothing was taken"),
                "{refusal}"
            );
            assert_eq!((refusal.field(), refusal.line()), (field, None), "{refusal}");
        }
    }

    #[test]
    fn a_refusal_names_the_place_in_a_batch() {
        let (good, bad) = (r#"{"symbol":"A","price":1}"#, r#"{"symbol":"A","price":0}"#);
        let refusal = lines(&format!("{good}\n\n{bad}")).unwrap_err();
        assert!(refusal.detail().starts_with("line 3: price: "), "{refusal}");
        assert_eq!(refusal.line(), Some(3));
        let refusal = json(&format!("[{good},{bad}]")).unwrap_err();
        assert!(refusal.detail().starts_with("quote 2: price: "), "{refusal}");
        assert_eq!(refusal.line(), None);
    }

    #[test]
    fn none_and_too_many_are_refused() {
        let none = "400 Bad Request: there is no quote; send {\"symbol\":\"ACME\",\"price\":101.50}, ";
        for refused in [json(""), json(" \n"), json("[]"), lines("\n\n")] {
            let refusal = refused.unwrap_err();
            assert!(refusal.to_string().starts_with(none), "{refusal}");
        }
        let many = |count| format!("[{}]", vec![r#"{"symbol":"A","price":1}"#; count].join(","));
        assert_eq!(json(&many(MAX_QUOTES)).unwrap().len(), MAX_QUOTES);
        let refusal = json(&many(MAX_QUOTES + 1)).unwrap_err().to_string();
        assert!(refusal.starts_with("413 Payload Too Large: a request has at most 1000 quotes"), "{refusal}");
    }
}
