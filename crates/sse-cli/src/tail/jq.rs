//! `--jq`: a jq filter over the data of events.

use std::fmt;
use std::sync::Arc;

use jaq_core::data::JustLut;
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Vars, load, unwrap_valr};
use jaq_json::Val;

/// Results per event, so that `repeat(.)` cannot exhaust memory.
const MAX_VALUES: usize = 10_000;

#[derive(Clone)]
pub(crate) struct Jq(Arc<jaq_core::Filter<JustLut<Val>>>);

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum JqOutput {
    /// No result, or only `false` and `null`.
    Skipped,
    /// `true`.
    Unchanged,
    /// Other values, one per line.
    Replaced(String),
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum JqError {
    #[error("the data is not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    #[error("--jq: {0}")]
    Run(String),
    #[error("--jq: more than {MAX_VALUES} results for one event")]
    TooMany,
}

impl Jq {
    pub(crate) fn new(code: &str) -> Result<Self, String> {
        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let arena = Arena::default();
        let modules = Loader::new(definitions)
            .load(&arena, File { code, path: () })
            .map_err(|errors| syntax(&errors))?;
        let filter = Compiler::default().with_funs(functions).compile(modules).map_err(|errors| {
            let names = errors.iter().flat_map(|(_, errors)| errors);
            let names: Vec<String> =
                names.map(|(name, what)| format!("no {} `{name}`", what.as_str())).collect();
            format!("there is {}", names.join(", "))
        })?;
        Ok(Self(Arc::new(filter)))
    }

    /// Runs the filter on the data of an event: JSON, nested at most 128 deep.
    pub(crate) fn run(&self, data: &str) -> Result<JqOutput, JqError> {
        let input: Val = serde_json::from_str(data)?;
        let context = Ctx::<JustLut<Val>>::new(&self.0.lut, Vars::new([]));
        let mut lines: Vec<String> = Vec::new();
        let mut unchanged = false;
        for (count, value) in self.0.id.run((context, input)).map(unwrap_valr).enumerate() {
            if count == MAX_VALUES {
                return Err(JqError::TooMany);
            }
            match value.map_err(|error| JqError::Run(error.to_string()))? {
                Val::Null | Val::Bool(false) => {}
                Val::Bool(true) => unchanged = true,
                Val::TStr(text) => lines.push(String::from_utf8_lossy(&text).into_owned()),
                other => lines.push(other.to_string()),
            }
        }
        Ok(match (lines.is_empty(), unchanged) {
            (true, false) => JqOutput::Skipped,
            (true, true) => JqOutput::Unchanged,
            (false, _) => JqOutput::Replaced(lines.join("\n")),
        })
    }
}

impl fmt::Debug for Jq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jq")
    }
}

fn syntax(errors: &load::Errors<&str, ()>) -> String {
    let found = |rest: &str| match rest.trim() {
        "" => "at the end".to_owned(),
        rest => format!("at `{}`", rest.chars().take(40).collect::<String>()),
    };
    let first = match errors.first().map(|(_, error)| error) {
        Some(load::Error::Lex(errors)) => errors.first().map(|(wanted, rest)| (wanted.as_str(), *rest)),
        Some(load::Error::Parse(errors)) => errors.first().map(|(wanted, rest)| (wanted.as_str(), *rest)),
        Some(load::Error::Io(_)) => return "modules are not supported".to_owned(),
        None => return "not a filter".to_owned(),
    };
    first.map_or_else(String::new, |(wanted, rest)| format!("expected {wanted} {}", found(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(code: &str, data: &str) -> Result<JqOutput, String> {
        Jq::new(code)?.run(data).map_err(|error| error.to_string())
    }

    #[test]
    fn filters_and_replaces() {
        for (code, verdict) in [
            (".a > 1", JqOutput::Unchanged),
            (".a > 2", JqOutput::Skipped),
            ("select(.a == 9)", JqOutput::Skipped),
            (".missing", JqOutput::Skipped),
            (".b", JqOutput::Replaced("x y".into())),
            (".a, .b", JqOutput::Replaced("2\nx y".into())),
            ("{a}", JqOutput::Replaced("{\"a\":2}".into())),
            ("select(.a == 2)", JqOutput::Replaced("{\"a\":2,\"b\":\"x y\"}".into())),
            ("\"\\(.a)!\"", JqOutput::Replaced("2!".into())),
        ] {
            assert_eq!(run(code, "{\"a\":2,\"b\":\"x y\"}"), Ok(verdict), "{code}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (code, data, reason) in [
            (".a", "[DONE]", "the data is not JSON: expected value at line 1 column 2"),
            (".a.b", "{\"a\":3}", "--jq: cannot index 3 with \"b\""),
            ("repeat(1)", "1", "--jq: more than 10000 results for one event"),
            (".a | foo", "1", "there is no filter `foo`"),
            (".a[", "1", "expected closing bracket at the end"),
            ("", "1", "expected term at the end"),
        ] {
            assert_eq!(run(code, data), Err(reason.to_owned()), "{code}");
        }
    }

    #[test]
    fn deeply_nested_data_is_refused() {
        let deep = "[".repeat(1_000_000);
        assert!(run(".", &deep).unwrap_err().contains("recursion limit"));
    }
}
