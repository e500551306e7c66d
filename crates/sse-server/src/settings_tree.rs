//! The settings file as a tree of values, each with where it comes from. Its sections are read from it, and all that is wrong with
//! them is noted: what is wrong is taken out, and the rest read again.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use crate::settings_fault::{Fault, Origin, did_you_mean};

/// Most faults of a section that are told.
const MAX_FAULTS: usize = 100;

/// The section whose texts may be secrets: what is wrong with one is told without it.
const SECRETIVE: &str = "auth";

/// A section of the file with a documented default for each key, each of which is a flag and a variable too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Section {
    pub(crate) name: &'static str,
    /// As it would be written: `#key = default`, with `# ` before what is no default.
    pub(crate) example: &'static str,
    /// Notes what is wrong with it.
    pub(crate) check: fn(&SettingsTree, &mut Vec<Fault>),
}

/// What the file says, and flags and variables of the keys of its sections.
#[derive(Debug, Default)]
pub(crate) struct SettingsTree {
    values: Table,
    /// By path, such as `topic[0].pattern`.
    origins: BTreeMap<String, Origin>,
}

impl SettingsTree {
    /// Reads a file; lines that do not follow the grammar are noted and left out.
    pub(crate) fn parse(text: &str, faults: &mut Vec<Fault>) -> Self {
        let lines = Lines(text.match_indices('\n').map(|(at, _)| at).collect());
        let (_, errors) = DeTable::parse_recoverable(text);
        let mut wrong: Vec<Fault> = errors
            .iter()
            .map(|error| Fault {
                origin: error.span().map(|span| lines.origin(span.start)),
                key: String::new(),
                text: error.message().to_owned(),
            })
            .collect();
        wrong.dedup_by(|next, first| next.origin == first.origin);
        let is_wrong = |line| wrong.iter().any(|fault| fault.line() == Some(line));
        let right = (1..).zip(text.split_inclusive('\n'));
        let right: String = right.map(|(line, text)| if is_wrong(line) { "\n" } else { text }).collect();
        faults.extend(wrong);
        Self::of_right(&right).unwrap_or_default()
    }

    fn of_right(text: &str) -> Result<Self, toml::de::Error> {
        let lines = Lines(text.match_indices('\n').map(|(at, _)| at).collect());
        let table = DeTable::parse(text)?;
        let mut origins = BTreeMap::new();
        lines.note("", table.get_ref(), &mut origins);
        let values = serde::Deserialize::deserialize(toml::de::Deserializer::from(table))?;
        Ok(Self { values, origins })
    }

    /// What a flag or a variable says of `section.key`, whatever the file says.
    pub(crate) fn set(&mut self, path: &str, text: &str, origin: Origin) {
        let Some((section, key)) = path.split_once('.') else { return };
        let section = self.values.entry(section).or_insert_with(|| Table::new().into());
        if let Some(section) = section.as_table_mut() {
            section.insert(key.to_owned(), value_of(text));
            self.origins.insert(path.to_owned(), origin);
        }
    }

    /// What stands at the top, without sections.
    pub(crate) fn top(&self) -> impl Iterator<Item = (&str, &Value)> {
        let top = self.values.iter().filter(|(_, value)| !is_section(value));
        top.map(|(key, value)| (key.as_str(), value))
    }

    /// Names of the sections.
    pub(crate) fn sections(&self) -> impl Iterator<Item = &str> {
        self.values.iter().filter(|(_, value)| is_section(value)).map(|(key, _)| key.as_str())
    }

    pub(crate) fn origin(&self, path: &str) -> Option<&Origin> {
        self.origins.get(path)
    }

    /// A fault of what stands at this path.
    pub(crate) fn fault(&self, path: &str, text: impl ToString) -> Fault {
        let mut around = path;
        while !self.origins.contains_key(around)
            && let Some(end) = around.rfind(['.', '['])
        {
            around = around.get(..end).unwrap_or_default();
        }
        Fault { origin: self.origin(around).cloned(), key: path.to_owned(), text: text.to_string() }
    }

    /// Reads a section, without what is wrong with it, which is noted. `None` if there is none, or nothing is left of it. A plain value
    /// of that name is a flag's.
    pub(crate) fn section<T: DeserializeOwned>(&self, name: &str, faults: &mut Vec<Fault>) -> Option<T> {
        let mut left = Left {
            value: self.values.get(name).filter(|value| is_section(value))?.clone(),
            taken: BTreeSet::new(),
        };
        for _ in 0..MAX_FAULTS {
            let error = match serde_path_to_error::deserialize(left.value.clone()) {
                Ok(read) => return Some(read),
                Err(error) => error,
            };
            let error: serde_path_to_error::Error<toml::de::Error> = error;
            let is_place = |segment: &&Segment| matches!(segment, Segment::Map { .. } | Segment::Seq { .. });
            let segments: Vec<&Segment> = error.path().iter().filter(is_place).collect();
            let (path, node) = (left.path(name, &segments), left.node(&segments));
            let message = error.inner().message();
            let secret = node.and_then(Value::as_str).filter(|_| name == SECRETIVE);
            // What was taken out is missing now, which is no fault of its own.
            let missing =
                message.strip_prefix("missing field ").map(|field| format!("{path}.{}", unquoted(field)));
            if !missing.is_some_and(|missing| left.taken.contains(&missing)) {
                faults.push(self.fault(&path, explained(message, secret)));
            }
            if !left.take_out(path, &segments) {
                return None;
            }
        }
        None
    }

    /// Each value below the sections, by its path, as TOML.
    pub(crate) fn leaves(&self) -> Vec<(String, String)> {
        let mut leaves = Vec::new();
        for section in self.sections() {
            self.values.get(section).into_iter().for_each(|value| leaves_of(section, value, &mut leaves));
        }
        leaves
    }
}

/// A section as far as it is right.
struct Left {
    value: Value,
    taken: BTreeSet<String>,
}

impl Left {
    fn node(&self, segments: &[&Segment]) -> Option<&Value> {
        segments.iter().try_fold(&self.value, |node, segment| match segment {
            Segment::Map { key } => node.get(key),
            Segment::Seq { index } => node.get(index),
            _ => None,
        })
    }

    /// The path in the file. What was taken out of a list before still counts.
    fn path(&self, name: &str, segments: &[&Segment]) -> String {
        segments.iter().fold(name.to_owned(), |path, segment| match segment {
            Segment::Map { key } => format!("{path}.{key}"),
            Segment::Seq { index } => {
                let all = (0..).map(|nth| format!("{path}[{nth}]"));
                all.filter(|path| !self.taken.contains(path)).nth(*index).unwrap_or(path)
            }
            _ => path,
        })
    }

    /// `false` if that is all of it.
    fn take_out(&mut self, path: String, segments: &[&Segment]) -> bool {
        let Some((last, parents)) = segments.split_last() else { return false };
        let parent = parents.iter().try_fold(&mut self.value, |node, segment| match segment {
            Segment::Map { key } => node.get_mut(key),
            Segment::Seq { index } => node.get_mut(index),
            _ => None,
        });
        self.taken.insert(path);
        match (parent, last) {
            (Some(Value::Table(table)), Segment::Map { key }) => table.remove(key).is_some(),
            (Some(Value::Array(list)), Segment::Seq { index }) if *index < list.len() => {
                list.remove(*index);
                true
            }
            _ => false,
        }
    }
}

/// Where the lines of a file end.
struct Lines(Vec<usize>);

impl Lines {
    fn origin(&self, byte: usize) -> Origin {
        Origin::Line(1 + self.0.partition_point(|end| *end < byte))
    }

    fn note(&self, path: &str, table: &DeTable<'_>, origins: &mut BTreeMap<String, Origin>) {
        for (key, value) in table {
            let path =
                if path.is_empty() { key.get_ref().to_string() } else { format!("{path}.{}", key.get_ref()) };
            origins.insert(path.clone(), self.origin(key.span().start));
            self.note_value(&path, value, origins);
        }
    }

    fn note_value(&self, path: &str, value: &Spanned<DeValue<'_>>, origins: &mut BTreeMap<String, Origin>) {
        match value.get_ref() {
            DeValue::Table(table) => self.note(path, table, origins),
            DeValue::Array(list) => {
                for (nth, value) in list.iter().enumerate() {
                    let path = format!("{path}[{nth}]");
                    origins.insert(path.clone(), self.origin(value.span().start));
                    self.note_value(&path, value, origins);
                }
            }
            _ => {}
        }
    }
}

fn is_section(value: &Value) -> bool {
    match value {
        Value::Table(_) => true,
        Value::Array(list) => list.first().is_some_and(Value::is_table),
        _ => false,
    }
}

/// A value as flags and variables give it.
fn value_of(text: &str) -> Value {
    let number = || text.parse().map(Value::Integer).or_else(|_| text.parse().map(Value::Float));
    text.parse().map(Value::Boolean).or_else(|_| number()).unwrap_or_else(|_| text.into())
}

fn leaves_of(path: &str, value: &Value, leaves: &mut Vec<(String, String)>) {
    match value {
        Value::Table(table) => {
            table.iter().for_each(|(key, value)| leaves_of(&format!("{path}.{key}"), value, leaves));
        }
        Value::Array(list) if is_section(value) => {
            let numbered = list.iter().enumerate();
            numbered.for_each(|(nth, value)| leaves_of(&format!("{path}[{nth}]"), value, leaves));
        }
        value => leaves.push((path.to_owned(), shown(value))),
    }
}

/// As TOML.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(is) => is.to_string(),
        Value::Datetime(time) => time.to_string(),
        Value::Array(list) => format!("[{}]", list.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Value::Table(_) => "{ … }".into(),
    }
}

/// What serde says, in the words of the file, without a secret, and what may have been meant.
fn explained(message: &str, secret: Option<&str>) -> String {
    let secret = secret.filter(|secret| !secret.is_empty());
    let message = secret.map_or_else(
        || message.to_owned(),
        |secret| message.replace(&*secret.escape_debug().to_string(), "…").replace(secret, "…"),
    );
    let message =
        message.replacen("unknown field ", "unknown key ", 1).replacen("missing field ", "missing key ", 1);
    let mut quoted = message.split('`').skip(1).step_by(2);
    let hint = match quoted.next().filter(|_| message.starts_with("unknown ")) {
        Some(text) => did_you_mean(text, quoted),
        None => String::new(),
    };
    message + &hint
}

fn unquoted(field: &str) -> &str {
    field.trim_matches('`')
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::settings_values::{Limit, Time};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Garden {
        name: String,
        #[serde(default)]
        bed: Vec<Bed>,
        #[expect(dead_code, reason = "is only read from the file")]
        water: Option<Limit<Time>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Bed {
        plant: String,
        #[expect(dead_code, reason = "is only read from the file")]
        rows: Option<u8>,
    }

    fn faults(text: &str) -> (Option<Garden>, Vec<String>) {
        let mut faults = Vec::new();
        let garden = SettingsTree::parse(text, &mut faults).section("garden", &mut faults);
        (garden, faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn everything_that_is_wrong_is_told_with_its_line_and_the_rest_is_read() {
        let text = "[garden]\nname = 'a'\nwatr = '1d'\nwater = 5\n[[garden.bed]]\nplant = 1\n[[garden.bed]]\nplant = 'rose'\nrows = 300\n\
                    [[garden.bed]]\nrows = 2\n[[garden.bed]]\nplant = 'oak'\nrow = 1\n";
        let (garden, faults) = faults(text);
        assert_eq!(garden.unwrap().bed.iter().map(|bed| &*bed.plant).collect::<Vec<_>>(), ["rose", "oak"]);
        for expected in [
            "line 3: garden.watr: unknown key `watr`, expected one of `name`, `bed`, `water`; did you mean `water`?",
            "line 4: garden.water: a number (a percentage from 0 to 100), a time such as",
            "line 6: garden.bed[0].plant: invalid type: integer `1`, expected a string",
            "line 9: garden.bed[1].rows: invalid value: integer `300`, expected u8",
            "line 10: garden.bed[2]: missing key `plant`",
            "line 14: garden.bed[3].row: unknown key `row`, expected `plant` or `rows`; did you mean `rows`?",
        ] {
            assert!(faults.iter().any(|fault| fault.starts_with(expected)), "{expected}: {faults:#?}");
        }
        assert_eq!(faults.len(), 6, "{faults:#?}");
    }

    #[test]
    fn a_section_without_what_it_needs_is_none() {
        let (garden, said) = faults("[garden]\nname = 5\n");
        assert!(garden.is_none());
        assert_eq!(said, ["line 2: garden.name: invalid type: integer `5`, expected a string"]);
        assert_eq!(faults("[garden]\n").1, ["line 1: garden: missing key `name`"]);
    }

    #[test]
    fn what_is_no_toml_is_told_all_at_once() {
        let (_, faults) = faults("a = \nb = 'x\n[garden]\nname = 'a'\nname = 'b'\n");
        for line in ["line 1: ", "line 2: ", "line 5: "] {
            assert!(faults.iter().any(|fault| fault.starts_with(line)), "{line}: {faults:#?}");
        }
    }

    #[test]
    fn a_flag_goes_before_the_file() {
        let mut faults = Vec::new();
        let mut tree = SettingsTree::parse("[garden]\nname = 'a'\n", &mut faults);
        tree.set("garden.name", "b", Origin::Flag("garden-name".into()));
        tree.set("garden.water", "x", Origin::Variable("SSE_GARDEN_WATER".into()));
        assert_eq!(tree.section::<Garden>("garden", &mut faults).unwrap().name, "b");
        assert!(faults[0].to_string().starts_with("SSE_GARDEN_WATER: garden.water: "), "{faults:?}");
        assert_eq!(tree.leaves()[0], ("garden.name".into(), "\"b\"".into()));
    }
}
