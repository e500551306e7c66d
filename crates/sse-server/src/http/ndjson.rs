//! A batch of events as NDJSON: one JSON object a line. All of it is read, or none.

use serde::Deserialize;
use serde_json::value::RawValue;
use sse_core::Topic;
use sse_hub::Draft;

use super::event_fields::{self, MAX_DATA_BYTES};
use super::json_body::message;
use super::problem_details::Problem;

/// Most events in a batch.
pub(super) const MAX_EVENTS: usize = 10_000;
/// Most bytes of a batch.
pub(super) const MAX_BYTES: usize = 16 << 20;

/// Why a batch cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BatchError {
    /// There is no line that is not blank.
    #[error("the batch is empty; send one JSON object a line, such as {{\"data\":\"hello\"}}")]
    Empty,
    /// More than [`MAX_EVENTS`].
    #[error(
        "a batch has at most {MAX_EVENTS} events; nothing was stored: split it before line {line} and send both parts"
    )]
    TooManyEvents { line: usize },
    /// The data of one event passes [`MAX_DATA_BYTES`].
    #[error("line {line}: data has at most {MAX_DATA_BYTES} bytes, this has {bytes}; nothing was stored")]
    TooLarge { line: usize, bytes: usize },
    /// Something else is wrong with a line.
    #[error("line {line}: {what}; nothing was stored")]
    Line { line: usize, what: String },
}

/// One line, as it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    /// A string is taken as text, anything else as the JSON that it is, letter by letter.
    #[serde(borrow)]
    data: &'a RawValue,
    event: Option<Box<str>>,
    retry: Option<u64>,
    topic: Option<Box<str>>,
}

impl From<BatchError> for Problem {
    fn from(error: BatchError) -> Self {
        match error {
            BatchError::Empty => Self::bad_request(error),
            BatchError::TooManyEvents { line } | BatchError::TooLarge { line, .. } => {
                Self::too_large(error).in_line(Some(line))
            }
            BatchError::Line { line, .. } => Self::bad_request(error).in_line(Some(line)),
        }
    }
}

/// Reads a batch for `topic`, or, if that is `None`, for the topic that each line names. Blank lines are skipped.
pub(super) fn parse(text: &str, topic: Option<&Topic>) -> Result<Vec<Draft>, BatchError> {
    let mut drafts = Vec::new();
    for (line, text) in (1..).zip(text.split('\n')) {
        if text.trim_ascii().is_empty() {
            continue;
        }
        if drafts.len() == MAX_EVENTS {
            return Err(BatchError::TooManyEvents { line });
        }
        let draft = draft(text, topic).map_err(|what| BatchError::Line { line, what })?;
        let bytes = draft.event.data().len();
        if bytes > MAX_DATA_BYTES {
            return Err(BatchError::TooLarge { line, bytes });
        }
        drafts.push(draft);
    }
    if drafts.is_empty() {
        return Err(BatchError::Empty);
    }
    Ok(drafts)
}

fn draft(text: &str, topic: Option<&Topic>) -> Result<Draft, String> {
    let line: Line<'_> = serde_json::from_str(text).map_err(|error| message(&error))?;
    let topic = match (topic, line.topic) {
        (Some(topic), None) => topic.clone(),
        (None, Some(topic)) => Topic::new(topic).map_err(|error| format!("topic: {error}"))?,
        (Some(_), Some(_)) => {
            return Err("the topic is in the path; leave out `topic`, or use /topics".into());
        }
        (None, None) => return Err("missing field `topic`; add it, or use /topics/{topic}".into()),
    };
    let event_type = line.event.map(event_fields::event_type).transpose()?;
    let retry = line.retry.map(event_fields::retry).transpose()?;
    let event = event_fields::event(data(line.data)?, event_type, retry);
    Ok(Draft { topic, event })
}

fn data(value: &RawValue) -> Result<String, String> {
    match value.get() {
        text if text.starts_with('"') => {
            serde_json::from_str(text).map_err(|error| format!("data: {}", message(&error)))
        }
        json => Ok(json.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic() -> Topic {
        Topic::new("a").unwrap()
    }

    fn data_of(batch: &str) -> Vec<String> {
        parse(batch, Some(&topic())).unwrap().into_iter().map(|draft| draft.event.into_data()).collect()
    }

    fn refusal(batch: &str) -> String {
        parse(batch, Some(&topic())).unwrap_err().to_string()
    }

    #[test]
    fn a_string_is_text_and_all_else_the_json_that_it_is() {
        let batch =
            "{\"data\":\"a\\n\\u00e4\"}\r\n\n  \n{\"data\": {\"b\": 1.50, \"a\":[ ]} }\n{\"data\":null}";
        assert_eq!(data_of(batch), ["a\nä", "{\"b\": 1.50, \"a\":[ ]}", "null"]);
    }

    #[test]
    fn fields_are_checked_as_for_a_single_event() {
        let drafts = parse(r#"{"data":"","event":"tick","retry":1500}"#, Some(&topic())).unwrap();
        let event = &drafts[0].event;
        assert_eq!(event.event_type().unwrap().as_str(), "tick");
        assert_eq!(event.retry().unwrap().as_millis(), 1500);
        for (batch, part) in [
            (r#"{"data":"","event":""}"#, "cannot be empty"),
            (r#"{"data":"","event":"a\nb"}"#, "line end"),
            (r#"{"data":"","event":"gap"}"#, "the server's own"),
            (r#"{"data":"","retry":86400001}"#, "from 0 to 86400000"),
            (r#"{"data":"","topic":"b"}"#, "the topic is in the path"),
        ] {
            assert!(refusal(batch).contains(part), "{batch}: {}", refusal(batch));
        }
    }

    #[test]
    fn a_refusal_names_the_line_and_what_is_wrong_with_it() {
        let good = "{\"data\":1}\n";
        for (line, part) in [
            ("{\"data\":1,\"extra\":2}", "line 2: unknown field `extra`, expected one of `data`, `event`"),
            ("{\"event\":\"x\"}", "line 2: missing field `data` (column 13)"),
            ("{\"data\":1", "line 2: EOF while parsing"),
            ("hello", "line 2: expected value (column 1)"),
            ("{\"data\":1}{\"data\":2}", "line 2: trailing characters"),
            ("{\"data\":\"\\ud800\"}", "line 2: "),
            ("{\"data\":1,\"data\":2}", "line 2: duplicate field `data`"),
        ] {
            let said = refusal(&format!("{good}{line}\n{good}"));
            assert!(said.starts_with(part) && said.ends_with("nothing was stored"), "{line}: {said}");
        }
        assert_eq!(parse(" \n", Some(&topic())).unwrap_err(), BatchError::Empty);
    }

    #[test]
    fn limits_hold_to_the_letter() {
        assert_eq!(data_of(&"{\"data\":1}\n".repeat(MAX_EVENTS)).len(), MAX_EVENTS);
        let too_many = parse(&"{\"data\":1}\n".repeat(MAX_EVENTS + 1), Some(&topic()));
        assert_eq!(too_many.unwrap_err(), BatchError::TooManyEvents { line: MAX_EVENTS + 1 });
        let of_bytes = |bytes| format!("{{\"data\":\"{}\"}}", "x".repeat(bytes));
        assert_eq!(data_of(&of_bytes(MAX_DATA_BYTES))[0].len(), MAX_DATA_BYTES);
        let bytes = MAX_DATA_BYTES + 1;
        assert_eq!(
            parse(&of_bytes(bytes), Some(&topic())).unwrap_err(),
            BatchError::TooLarge { line: 1, bytes }
        );
    }

    #[test]
    fn each_line_names_its_topic_when_the_path_does_not() {
        let drafts = parse("{\"topic\":\"a/b\",\"data\":1}\n{\"data\":2,\"topic\":\"c\"}", None).unwrap();
        let topics: Vec<&str> = drafts.iter().map(|draft| draft.topic.as_str()).collect();
        assert_eq!(topics, ["a/b", "c"]);
        let refusal = |batch| parse(batch, None).unwrap_err().to_string();
        assert!(refusal("{\"data\":1}").contains("missing field `topic`"));
        assert!(refusal("{\"data\":1,\"topic\":\"a b\"}").contains("topic: a topic name cannot contain ' '"));
    }
}
