//! The events of one request as NDJSON. Sends nothing.

use std::time::Duration;

use serde::Serialize;
use sse_core::EventType;

use super::input::Line;

/// The body of one request, and which lines it contains.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) body: String,
    /// Numbers of the first and the last line.
    pub(super) lines: (u64, u64),
    /// Numbers of the lines with an event, in order.
    events: Vec<u64>,
}

#[derive(Serialize)]
struct EventLine<'a> {
    data: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'a str>,
}

impl Batch {
    /// Each line is the data of one event.
    pub(super) fn of_data(lines: &[Line], event_type: Option<&EventType>, ttl: Option<Duration>) -> Self {
        let event = event_type.map(EventType::as_str);
        let ttl = ttl.map(|ttl| humantime::format_duration(ttl).to_string());
        Self::new(lines, |line| {
            let event = EventLine { data: &line.text, event, ttl: ttl.as_deref() };
            Some(serde_json::to_string(&event).expect("strings become JSON"))
        })
    }

    /// Each line is a JSON object, which the hub checks. Blank lines are skipped.
    pub(super) fn of_json(lines: &[Line]) -> Self {
        Self::new(lines, |line| Some(line.text.clone()).filter(|text| !text.trim().is_empty()))
    }

    fn new(lines: &[Line], json: impl Fn(&Line) -> Option<String>) -> Self {
        let (mut body, mut events) = (String::new(), Vec::with_capacity(lines.len()));
        for line in lines {
            if let Some(json) = json(line) {
                body.push_str(&json);
                body.push('\n');
                events.push(line.number);
            }
        }
        let number = |line: Option<&Line>| line.map_or(0, |line| line.number);
        Self { body, lines: (number(lines.first()), number(lines.last())), events }
    }

    pub(super) fn count(&self) -> usize {
        self.events.len()
    }

    /// The invalid line of the input if the hub named it (`nth` line of the body, counted from 1), else all lines.
    pub(super) fn line_numbers(&self, nth: Option<usize>) -> String {
        let named = nth.and_then(|nth| self.events.get(nth.checked_sub(1)?));
        match (named, self.lines) {
            (Some(number), _) => format!("line {number}"),
            (None, (first, last)) if first == last => format!("line {first}"),
            (None, (first, last)) => format!("lines {first} to {last}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(texts: &[&str]) -> Vec<Line> {
        (5..).zip(texts).map(|(number, text)| Line { number, text: (*text).into(), permit: None }).collect()
    }

    #[test]
    fn data_becomes_json() {
        let batch = Batch::of_data(&lines(&["a", "\"\t", ""]), None, None);
        assert_eq!(batch.body, "{\"data\":\"a\"}\n{\"data\":\"\\\"\\t\"}\n{\"data\":\"\"}\n");
        assert_eq!(batch.count(), 3);
        let tick = EventType::new("tick").unwrap();
        let batch = Batch::of_data(&lines(&["a"]), Some(&tick), Some(Duration::from_secs(90)));
        assert_eq!(batch.body, "{\"data\":\"a\",\"event\":\"tick\",\"ttl\":\"1m 30s\"}\n");
    }

    #[test]
    fn json_stays_and_blank_lines_are_skipped() {
        let batch = Batch::of_json(&lines(&["", "{\"data\":1}", "  ", "x"]));
        assert_eq!((batch.body.as_str(), batch.count()), ("{\"data\":1}\nx\n", 2));
        assert_eq!(batch.line_numbers(Some(2)), "line 8");
        assert_eq!(batch.line_numbers(Some(3)), "lines 5 to 8");
        assert_eq!(batch.line_numbers(None), "lines 5 to 8");
    }
}
