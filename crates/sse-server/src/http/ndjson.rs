//! A batch of events as NDJSON: one JSON object a line. All of it is read, or none.

use serde::Deserialize;
use serde_json::value::RawValue;
use sse_core::Topic;
use sse_hub::{Batch, Draft};

use super::event_fields::{self, MAX_DATA_BYTES};
use super::json_body::{from_object, message};
use super::problem_details::Problem;

/// Most events in a batch.
pub(super) const MAX_EVENTS: usize = 10_000;
/// Most bytes of a batch.
pub(super) const MAX_BYTES: usize = 16 << 20;

/// One line, as it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    /// A string is taken as text, anything else as the JSON that it is, letter by letter.
    #[serde(borrow)]
    data: &'a RawValue,
    event: Option<Box<str>>,
    /// Not a number here, because the error would repeat a text of any length.
    #[serde(borrow)]
    retry: Option<&'a RawValue>,
    #[serde(borrow)]
    ttl: Option<&'a RawValue>,
    topic: Option<Box<str>>,
}

/// Reads a batch for `topic`, or, if that is `None`, for the topic that each line names. Blank lines are skipped.
/// `permit` says which topics may be published to, or why not.
pub(super) fn parse(
    text: &str,
    topic: Option<&Topic>,
    permit: impl Fn(&Topic) -> Result<(), Problem>,
) -> Result<Vec<Draft>, Problem> {
    let mut drafts = Vec::new();
    let mut frames = 0;
    for (line, text) in (1..).zip(text.split('\n')) {
        if text.trim_ascii().is_empty() {
            continue;
        }
        if drafts.len() == MAX_EVENTS {
            let detail = format!(
                "a batch has at most {MAX_EVENTS} events; nothing was stored: split it before line {line} and send \
                 both parts"
            );
            return Err(too_large(line, detail));
        }
        let draft = draft(text, topic).map_err(|what| Problem::bad_request(what).of_batch_line(line))?;
        permit(&draft.topic).map_err(|why| why.of_batch_line(line))?;
        let bytes = draft.event.data().len();
        if bytes > MAX_DATA_BYTES {
            let detail = format!(
                "line {line}: data has at most {MAX_DATA_BYTES} bytes, this has {bytes}; nothing was stored"
            );
            return Err(too_large(line, detail));
        }
        let frame = event_fields::frame_bytes(&draft)
            .map_err(|what| too_large(line, format!("line {line}: {what}; nothing was stored")))?;
        frames += frame;
        if frames > Batch::MAX_FRAME_BYTES {
            let max = Batch::MAX_FRAME_BYTES;
            let detail = format!(
                "a batch has at most {max} bytes on the wire, where each event has an id, a topic and a time, and each \
                 line of data begins with `data: `; nothing was stored: split it before line {line} and send both parts"
            );
            return Err(too_large(line, detail));
        }
        drafts.push(draft);
    }
    if drafts.is_empty() {
        let example = r#"{"data":"hello"}"#;
        let detail = format!("the batch is empty; send one JSON object a line, such as {example}");
        return Err(Problem::bad_request(detail));
    }
    Ok(drafts)
}

fn too_large(line: usize, detail: String) -> Problem {
    Problem::too_large(detail).in_line(line)
}

fn draft(text: &str, topic: Option<&Topic>) -> Result<Draft, String> {
    let line: Line<'_> = from_object(text).map_err(|error| message(&error))?;
    let topic = match (topic, line.topic) {
        (Some(topic), None) => topic.clone(),
        (None, Some(topic)) => Topic::new(topic).map_err(|error| format!("topic: {error}"))?,
        (Some(_), Some(_)) => {
            return Err("the topic is in the path; leave out `topic`, or use /topics".into());
        }
        (None, None) => return Err("missing field `topic`; add it, or use /topics/{topic}".into()),
    };
    let event_type = line.event.map(event_fields::event_type).transpose()?;
    let retry = line.retry.map(|retry| event_fields::retry_text(retry.get())).transpose()?;
    let ttl = line.ttl.map(|ttl| event_fields::ttl(ttl.get().trim_matches('"'))).transpose()?;
    let event = event_fields::event(data(line.data)?, event_type, retry);
    Ok(Draft::new(topic, event).with_ttl(ttl))
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

    fn parse(text: &str, topic: Option<&Topic>) -> Result<Vec<Draft>, Problem> {
        super::parse(text, topic, |_| Ok(()))
    }

    fn topic() -> Topic {
        Topic::new("a").unwrap()
    }

    fn data_of(batch: &str) -> Vec<String> {
        parse(batch, Some(&topic())).unwrap().into_iter().map(|draft| draft.event.into_data()).collect()
    }

    fn refusal(batch: &str) -> String {
        parse(batch, Some(&topic())).unwrap_err().detail().to_owned()
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
            ("[\"hello\"]", "line 2: expected an object, not an array"),
            ("{\"data\":1}{\"data\":2}", "line 2: trailing characters"),
            ("{\"data\":\"\\ud800\"}", "line 2: "),
            ("{\"data\":1,\"data\":2}", "line 2: duplicate field `data`"),
        ] {
            let said = refusal(&format!("{good}{line}\n{good}"));
            assert!(said.starts_with(part) && said.ends_with("nothing was stored"), "{line}: {said}");
        }
        let empty = parse(" \n", Some(&topic())).unwrap_err();
        assert!(empty.to_string().starts_with("400 Bad Request: the batch is empty; "), "{empty}");
    }

    #[test]
    fn limits_hold_to_the_letter() {
        assert_eq!(data_of(&"{\"data\":1}\n".repeat(MAX_EVENTS)).len(), MAX_EVENTS);
        let is_too_large = |batch: &str, line: usize, said: &str| {
            let problem = parse(batch, Some(&topic())).unwrap_err();
            assert!(problem.to_string().starts_with("413 "), "{problem}");
            assert_eq!((problem.line(), problem.detail()), (Some(line), said));
        };
        is_too_large(
            &"{\"data\":1}\n".repeat(MAX_EVENTS + 1),
            MAX_EVENTS + 1,
            "a batch has at most 10000 events; nothing was stored: split it before line 10001 and send both parts",
        );
        let of_bytes = |bytes| format!("{{\"data\":\"{}\"}}", "x".repeat(bytes));
        assert_eq!(data_of(&of_bytes(MAX_DATA_BYTES))[0].len(), MAX_DATA_BYTES);
        is_too_large(
            &of_bytes(MAX_DATA_BYTES + 1),
            1,
            "line 1: data has at most 1048576 bytes, this has 1048577; nothing was stored",
        );
    }

    #[test]
    fn short_lines_of_data_count_as_they_are_on_the_wire() {
        let of_line_ends = |count| format!("{{\"data\":\"{}\"}}\n", "\\n".repeat(count));
        let problem = |batch: &str| parse(batch, Some(&topic())).err().unwrap();
        let event = problem(&of_line_ends(300_000));
        assert!(event.to_string().starts_with("413 "), "{event}");
        for part in ["line 1: ", "1048576 bytes of data", "2097152 bytes on the wire", "`data: `"] {
            assert!(event.detail().contains(part), "{event}");
        }
        let most = of_line_ends(299_000).repeat(16);
        assert_eq!(data_of(&most).len(), 16);
        let batch = problem(&(most + &of_line_ends(10_000)));
        assert_eq!(batch.line(), Some(17));
        assert!(batch.detail().contains("33554432 bytes on the wire"), "{batch}");
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
