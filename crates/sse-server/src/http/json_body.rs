//! JSON in and out: answers, and objects as people's programs post them. A refusal names the field at fault; what a field may
//! say is checked by the types of the form.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned, Error as _};

use super::problem_details::Problem;

/// An answer that is true of this moment, so nobody shall keep it.
pub(crate) fn json_of_now(value: impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(value)
}

/// A JSON body.
pub(crate) trait Form: DeserializeOwned {
    /// Shown to those who send something else.
    const EXAMPLE: &str;

    fn read(json: &str) -> Result<Self, Problem> {
        not_an_array(json).map_err(|error| not_an_object::<Self>(&error))?;
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let form =
            serde_path_to_error::deserialize(&mut deserializer).map_err(|error| refusal::<Self>(&error))?;
        deserializer.end().map_err(|error| not_an_object::<Self>(&error))?;
        Ok(form)
    }

    /// A field that has to be there, through its check.
    fn required<T>(field: &'static str, value: Option<String>, check: Check<T>) -> Result<T, Problem> {
        Self::optional(field, value, check)?.ok_or_else(|| missing(field))
    }

    /// A field that may be left out, through its check.
    fn optional<T>(
        field: &'static str,
        value: Option<String>,
        check: Check<T>,
    ) -> Result<Option<T>, Problem> {
        let wrong = |said| Problem::bad_request(named(field, said)).in_field(field);
        value.map(|text| check(&text)).transpose().map_err(wrong)
    }
}

/// What a text has to be; an error says what to change.
pub(crate) type Check<T> = fn(&str) -> Result<T, String>;

/// A field that has to be there is not.
fn missing(field: &'static str) -> Problem {
    Problem::bad_request(format!("{field} is missing; add it")).in_field(field)
}

/// Reads an object. A struct of serde would take an array too, by the order of its fields.
pub(crate) fn from_object<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, serde_json::Error> {
    not_an_array(json)?;
    serde_json::from_str(json)
}

fn not_an_array(json: &str) -> Result<(), serde_json::Error> {
    match json.trim_ascii_start().starts_with('[') {
        true => Err(serde_json::Error::custom("expected an object, not an array")),
        false => Ok(()),
    }
}

/// What is wrong with a field, by its name. Our own types name it themselves.
fn named(field: &str, said: String) -> String {
    let names_it = said.strip_prefix(field).is_some_and(|rest| rest.starts_with([' ', ':']));
    if names_it { said } else { format!("{}: {said}", field.escape_debug()) }
}

fn refusal<F: Form>(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let (field, said) = (error.path().to_string(), without_position(error.inner()));
    match error.inner().classify() {
        serde_json::error::Category::Data if field != "." => {
            Problem::bad_request(named(&field, said)).in_field(field)
        }
        _ => not_an_object::<F>(error.inner()),
    }
}

fn not_an_object<F: Form>(error: &serde_json::Error) -> Problem {
    let (example, said) = (F::EXAMPLE, message(error));
    Problem::bad_request(format!("the body is one JSON object such as {example}; this one is not: {said}"))
}

/// What serde_json says, with the column; a line only if it is not the first.
pub(crate) fn message(error: &serde_json::Error) -> String {
    let said = without_position(error);
    match (error.line(), error.column()) {
        (0, _) => said,
        (1, column) => format!("{said} (column {column})"),
        (line, column) => format!("{said} (line {line}, column {column})"),
    }
}

fn without_position(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    said.strip_suffix(&position).unwrap_or(&said).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Note {
        name: Option<String>,
        count: Option<u64>,
    }

    fn name(text: &str) -> Result<String, String> {
        match text {
            "" => Err("name is empty".into()),
            "?" => Err("no question".into()),
            text => Ok(text.to_owned()),
        }
    }

    impl Form for Note {
        const EXAMPLE: &str = r#"{"name":"a"}"#;
    }

    fn read(json: &str) -> Result<(String, Option<u64>), Problem> {
        let Note { name, count } = Note::read(json)?;
        Ok((Note::required("name", name, self::name)?, count))
    }

    #[test]
    fn what_is_left_out_or_null_is_not_there() {
        assert_eq!(read(r#"{"name":"a"}"#).unwrap(), ("a".into(), None));
        assert_eq!(read(r#"{"count":null,"name":"a"}"#).unwrap(), ("a".into(), None));
    }

    #[test]
    fn a_refusal_says_what_is_wrong_and_with_which_field() {
        let other = "one JSON object such as {\"name\":\"a\"}; this one is not";
        for (json, field, said) in [
            (r#"{}"#, Some("name"), "name is missing; add it"),
            (r#"{"name":null}"#, Some("name"), "name is missing; add it"),
            (r#"{"name":""}"#, Some("name"), ": name is empty"),
            (r#"{"name":"?"}"#, Some("name"), ": name: no question"),
            (r#"{"name":7}"#, Some("name"), "name: invalid type: integer `7`, expected a string"),
            (r#"{"name":"a","count":-1}"#, Some("count"), "count: invalid value: integer `-1`"),
            (
                r#"{"name":"a","nmae":"b"}"#,
                Some("nmae"),
                "nmae: unknown field `nmae`, expected `name` or `count`",
            ),
            (r#"{"name":"a","a\u001b":1}"#, Some("a\u{1b}"), "a\\u{1b}: unknown field"),
            (r#"{"name":"a","name":"b"}"#, None, "duplicate field `name`"),
            (r#"{"name":"a"} x"#, None, other),
            ("[]", None, "expected an object, not an array"),
            (r#" ["a",1]"#, None, "expected an object, not an array"),
            ("hello", None, other),
        ] {
            let refusal = read(json).unwrap_err();
            assert!(refusal.to_string().contains(said), "{json}: {refusal}");
            assert_eq!(refusal.field(), field, "{json}");
        }
    }
}
