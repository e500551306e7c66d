//! The JSON of `POST /notifications`: what each field may say.

use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use serde::de::value::StrDeserializer;
use sse_core::payload::{Notification, NotificationSource, Severity};

use crate::http::{Form, Problem};
use crate::timestamp;

/// Most bytes of a body: the longest title and text with every character written as two `\u` escapes, and the rest.
pub(super) const MAX_BYTES: usize = 32 << 10;

/// Longest category, in characters.
const MAX_CATEGORY: usize = 32;
/// Longest title, in characters: what one line of a page or of a phone's notification shows.
const MAX_TITLE: usize = 120;
/// Longest text, in characters.
const MAX_TEXT: usize = 2_000;

/// A notification as it is posted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewNotification {
    category: Option<String>,
    severity: Option<String>,
    title: Option<String>,
    text: Option<String>,
}

impl Form for NewNotification {
    const EXAMPLE: &str = r#"{"category":"deploy","severity":"info","title":"Version 3 is live","text":""}"#;
}

impl NewNotification {
    /// The notification, taken now.
    pub(super) fn notification(self) -> Result<Notification, Problem> {
        Ok(Notification {
            category: Self::required("category", self.category, category)?,
            severity: Self::required("severity", self.severity, severity)?,
            title: Self::required("title", self.title, title)?,
            text: Self::optional("text", self.text, text)?.unwrap_or_default(),
            time: timestamp::now(),
            source: NotificationSource::Api,
        })
    }
}

fn severity(text: &str) -> Result<Severity, String> {
    let text: StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
    Severity::deserialize(text).map_err(|error| error.to_string())
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
            "category is one word of 1 to {MAX_CATEGORY} lower-case letters a-z, digits and `-` that starts with a \
             letter, such as system, deploy or security"
        )),
    }
}

/// One line that says something.
fn title(text: &str) -> Result<String, String> {
    match text.trim().chars().count() {
        0 => Err("title cannot be empty; say in one line what happened".into()),
        length if length > MAX_TITLE => Err(format!(
            "title has at most {MAX_TITLE} characters, this one has {length}; put the rest into `text`"
        )),
        _ => without_controls("title", text.trim().to_owned(), &[]),
    }
}

fn text(text: &str) -> Result<String, String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    match text.chars().count() {
        length if length > MAX_TEXT => Err(format!(
            "text has at most {MAX_TEXT} characters, this one has {length}; shorten it or link to the rest"
        )),
        _ => without_controls("text", text, &['\n', '\t']),
    }
}

/// Terminals obey control characters, and a title is one line.
fn without_controls(field: &str, text: String, but: &[char]) -> Result<String, String> {
    let control = text.chars().enumerate().find(|(_, found)| found.is_control() && !but.contains(found));
    match control {
        None => Ok(text),
        Some((at, found)) => Err(format!("{field} cannot contain {found:?} (character {})", at + 1)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn read(json: &str) -> Result<Notification, Problem> {
        NewNotification::read(json)?.notification()
    }

    fn with(field: &str, value: impl Into<Value>) -> String {
        let mut form = serde_json::json!({ "category": "deploy", "severity": "info", "title": "t" });
        form[field] = value.into();
        form.to_string()
    }

    #[test]
    fn what_is_right_is_kept_letter_by_letter_but_for_line_ends() {
        let given = |field: &str, value: &str| read(&with(field, value)).unwrap();
        assert_eq!(given("title", "  <b>Grüße</b> 👋 ").title, "<b>Grüße</b> 👋");
        assert_eq!(given("title", &"ü".repeat(120)).title, "ü".repeat(120));
        assert_eq!(given("text", "a\r\nb\rc\n\td").text, "a\nb\nc\n\td");
        assert_eq!(given("text", &"👋".repeat(2_000)).text, "👋".repeat(2_000));
        assert_eq!(given("category", "a-1").category, "a-1");
        let plain = read(&with("severity", "critical")).unwrap();
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
