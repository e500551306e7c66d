//! The JSON of `POST /notifications`: checked field by field; each complaint names its field and what to change.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use sse_core::payload::{Notification, NotificationSource, Severity};

use crate::http::error::Problem;
use crate::source::timestamp;

/// Most bytes of a body: the longest title and text with every character written as two `\u` escapes, and the rest.
pub(super) const MAX_BYTES: usize = 32 << 10;

/// Longest category, in characters.
const MAX_CATEGORY: usize = 32;
/// Longest title, in characters: what one line of a page or of a phone's notification shows.
const MAX_TITLE: usize = 120;
/// Longest text, in characters.
const MAX_TEXT: usize = 2_000;

/// The body with nothing but its fields known, so that each is checked by itself and all unknown ones are found.
#[derive(Deserialize)]
struct Form {
    category: Option<Value>,
    severity: Option<Value>,
    title: Option<Value>,
    text: Option<Value>,
    #[serde(flatten)]
    unknown: BTreeMap<String, IgnoredAny>,
}

/// Reads a notification that is taken now.
pub(super) fn read(json: &str) -> Result<Notification, Problem> {
    let form: Form = serde_json::from_str(json).map_err(|error| {
        let detail = "the body is one JSON object such as \
            {\"category\":\"deploy\",\"severity\":\"info\",\"title\":\"Version 3 is live\",\"text\":\"\"}";
        Problem::bad_request(format!("{detail}; this one is not: {error}"))
    })?;
    if let Some(field) = form.unknown.into_keys().next() {
        let detail = format!(
            "unknown field `{}`; the fields are `category`, `severity`, `title`, `text`",
            field.escape_debug()
        );
        return Err(Problem::bad_field(field, detail));
    }
    Ok(Notification {
        category: field("category", needed(form.category), category)?,
        severity: field("severity", needed(form.severity), severity)?,
        title: field("title", needed(form.title), title)?,
        text: field("text", string(form.text.unwrap_or_else(|| Value::from(""))), text)?,
        time: timestamp(),
        source: NotificationSource::Api,
    })
}

/// Checks one field; a complaint gets its name.
fn field<T>(
    name: &str,
    value: Result<String, String>,
    check: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, Problem> {
    let checked = value.and_then(|value| check(&value));
    checked.map_err(|what| Problem::bad_field(name, format!("{name} {what}")))
}

fn needed(value: Option<Value>) -> Result<String, String> {
    string(value.ok_or("is missing; add it")?)
}

fn string(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(format!("must be a string, not {}", kind(&other))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// One short word, so that readers can choose by it.
fn category(text: &str) -> Result<String, String> {
    let fits = |(at, character): (usize, char)| match character {
        'a'..='z' => true,
        '0'..='9' | '-' => at > 0,
        _ => false,
    };
    match text.char_indices().all(fits) && (1..=MAX_CATEGORY).contains(&text.len()) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "is one word of 1 to {MAX_CATEGORY} lower-case letters a-z, digits and `-` that starts with a letter, such as system, deploy or security"
        )),
    }
}

fn severity(text: &str) -> Result<Severity, String> {
    Severity::deserialize(Value::from(text))
        .map_err(|_| "is one of info, success, warning, critical".to_owned())
}

/// One line that says something.
fn title(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("cannot be empty; say in one line what happened".into()),
        length if length > MAX_TITLE => Err(format!(
            "has at most {MAX_TITLE} characters, this one has {length}; put the rest into `text`"
        )),
        _ => without_controls(text.to_owned(), &[]),
    }
}

fn text(text: &str) -> Result<String, String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    match text.chars().count() {
        length if length > MAX_TEXT => Err(format!(
            "has at most {MAX_TEXT} characters, this one has {length}; shorten it or link to the rest"
        )),
        _ => without_controls(text, &['\n', '\t']),
    }
}

/// Terminals obey control characters, and a title is one line.
fn without_controls(text: String, but: &[char]) -> Result<String, String> {
    let control = text.chars().enumerate().find(|(_, found)| found.is_control() && !but.contains(found));
    match control {
        None => Ok(text),
        Some((at, found)) => Err(format!("cannot contain {found:?} (character {})", at + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(field: &str, value: impl Into<Value>) -> String {
        let mut form = serde_json::json!({ "category": "deploy", "severity": "info", "title": "t" });
        form[field] = value.into();
        form.to_string()
    }

    #[test]
    fn what_is_right_is_kept_letter_by_letter_but_for_line_ends() {
        let read = |field: &str, value: &str| read(&with(field, value)).unwrap();
        assert_eq!(read("title", "  <b>Grüße</b> 👋 ").title, "<b>Grüße</b> 👋");
        assert_eq!(read("title", &"ü".repeat(120)).title, "ü".repeat(120));
        assert_eq!(read("text", "a\r\nb\rc\n\td").text, "a\nb\nc\n\td");
        assert_eq!(read("text", &"👋".repeat(2_000)).text, "👋".repeat(2_000));
        assert_eq!(read("category", "a-1").category, "a-1");
        let plain = super::read(&with("severity", "critical")).unwrap();
        assert_eq!(
            (&*plain.text, plain.severity, plain.source),
            ("", Severity::Critical, NotificationSource::Api)
        );
    }

    #[test]
    fn the_longest_notification_fits_the_body_however_it_is_escaped() {
        let escaped = |count: usize| r"\ud83d\udc4b".repeat(count);
        let [title, text] = [escaped(MAX_TITLE), escaped(MAX_TEXT)];
        let category = "c".repeat(MAX_CATEGORY);
        let json =
            format!(r#"{{"category":"{category}","severity":"critical","title":"{title}","text":"{text}"}}"#);
        assert_eq!(read(&json).unwrap().text.chars().count(), MAX_TEXT);
        assert!(json.len() < MAX_BYTES);
    }
}
