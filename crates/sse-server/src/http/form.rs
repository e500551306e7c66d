//! A JSON object as people's programs post it: taken field by field, so that each complaint names its field. What a
//! field may say is checked by those who know.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use super::error::Problem;

/// The fields of an object that have not been taken yet.
#[derive(Debug)]
pub(super) struct Form(BTreeMap<String, Value>);

impl Form {
    /// Reads an object that has these fields or fewer. `example` is shown to those who send something else.
    pub(super) fn read(json: &str, known: &[&str], example: &str) -> Result<Self, Problem> {
        let form: Self = serde_json::from_str(json).map_err(|error| {
            Problem::bad_request(format!(
                "the body is one JSON object such as {example}; this one is not: {error}"
            ))
        })?;
        if let Some(field) = form.0.keys().find(|field| !known.contains(&field.as_str())) {
            let known: Vec<String> = known.iter().map(|field| format!("`{field}`")).collect();
            let (shown, known) = (field.escape_debug(), known.join(", "));
            let detail = format!("unknown field `{shown}`; the fields are {known}");
            return Err(Problem::bad_field(field.as_str(), detail));
        }
        Ok(form)
    }

    /// A text that has to be there.
    pub(super) fn needed<T>(
        &mut self,
        field: &str,
        check: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, Problem> {
        let missing = || Problem::bad_field(field, format!("{field} is missing; add it"));
        self.text(field, check)?.ok_or_else(missing)
    }

    /// A text that may be left out.
    pub(super) fn text<T>(
        &mut self,
        field: &str,
        check: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Problem> {
        let text: Option<String> = self.value(field, "a string")?;
        let checked = text.map(|text| check(&text)).transpose();
        checked.map_err(|detail| Problem::bad_field(field, detail))
    }

    /// Any value that may be left out; `null` is as if it were. `kind` says what it should be.
    pub(super) fn value<T: DeserializeOwned>(
        &mut self,
        field: &str,
        kind: &str,
    ) -> Result<Option<T>, Problem> {
        let Some(value) = self.0.remove(field).filter(|value| !value.is_null()) else { return Ok(None) };
        let given = kind_of(&value);
        let wrong = |_| Problem::bad_field(field, format!("{field} must be {kind}, not {given}"));
        serde_json::from_value(value).map(Some).map_err(wrong)
    }
}

fn kind_of(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(_) => "a string".into(),
        Value::Array(_) => "an array".into(),
        Value::Object(_) => "an object".into(),
    }
}

/// A field that is there twice is an error: which one is meant?
impl<'de> serde::Deserialize<'de> for Form {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FormVisitor)
    }
}

struct FormVisitor;

impl<'de> Visitor<'de> for FormVisitor {
    type Value = Form;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Form, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((field, value)) = map.next_entry::<String, Value>()? {
            let shown = field.escape_debug().to_string();
            if fields.insert(field, value).is_some() {
                return Err(A::Error::custom(format!("duplicate field `{shown}`")));
            }
        }
        Ok(Form(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 3] = ["name", "note", "count"];

    fn read(json: &str) -> Result<(String, Option<String>, Option<u64>), Problem> {
        let mut form = Form::read(json, &KNOWN, "{\"name\":\"a\"}")?;
        let check = |text: &str| match text {
            "" => Err("name is empty".into()),
            text => Ok(text.to_owned()),
        };
        let name = form.needed("name", check)?;
        let note = form.text("note", |text| Ok(text.to_owned()))?;
        Ok((name, note, form.value("count", "a whole number")?))
    }

    #[test]
    fn what_is_left_out_or_null_is_not_there() {
        assert_eq!(read(r#"{"name":"a"}"#).unwrap(), ("a".into(), None, None));
        assert_eq!(read(r#"{"count":7,"note":null,"name":"a"}"#).unwrap(), ("a".into(), None, Some(7)));
    }

    #[test]
    fn complaints_say_what_is_wrong_and_with_which_field() {
        for (json, said) in [
            (r#"{}"#, "name is missing; add it"),
            (r#"{"name":null}"#, "name is missing; add it"),
            (r#"{"name":""}"#, "name is empty"),
            (r#"{"name":7}"#, "name must be a string, not 7"),
            (r#"{"name":"a","note":["b"]}"#, "note must be a string, not an array"),
            (r#"{"name":"a","count":-1}"#, "count must be a whole number, not -1"),
            (r#"{"name":"a","nmae":"b"}"#, "unknown field `nmae`; the fields are `name`, `note`, `count`"),
            (r#"{"name":"a","a\u001b":1}"#, "unknown field `a\\u{1b}`"),
            (r#"{"name":"a","name":"b"}"#, "duplicate field `name`"),
            ("[]", "one JSON object such as {\"name\":\"a\"}; this one is not"),
            ("hello", "one JSON object such as {\"name\":\"a\"}; this one is not"),
        ] {
            let refusal = read(json).unwrap_err().to_string();
            assert!(refusal.contains(said), "{json}: {refusal}");
        }
    }
}
