//! The settings that are in force, and where each comes from: for people, and to tell what a reload changes.

use std::collections::BTreeMap;
use std::fmt;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::file_flags::keys_of;
use crate::settings_fault::Origin;
use crate::settings_tree::{Section, SettingsTree};

/// A setting that has a value.
#[derive(Clone)]
pub(crate) struct InForce {
    /// Such as `write_timeout` and `limits.topics`.
    pub(crate) key: String,
    /// As TOML. May be a secret.
    pub(crate) value: String,
    origin: Origin,
}

/// The command line as it was read, with what the file has put there.
pub(crate) struct Sources<'a> {
    pub(crate) command: &'a Command,
    pub(crate) flags: &'a ArgMatches,
    /// By flag, with the line of the file.
    pub(crate) of_file: &'a BTreeMap<String, (Origin, Vec<String>)>,
}

impl Sources<'_> {
    /// Puts what flags and variables say of sections into the tree.
    pub(crate) fn set_sections(&self, tree: &mut SettingsTree) {
        for flag in self.command.get_arguments().filter(|flag| flag.get_id().as_str().contains('.')) {
            let id = flag.get_id().as_str();
            if let (Some(text), Some(origin)) = (self.flags.get_one::<String>(id), self.origin(flag)) {
                tree.set(id, text, origin);
            }
        }
    }

    /// All settings that have a value: flags, then sections.
    pub(crate) fn in_force(&self, tree: &SettingsTree, sections: &[Section]) -> Vec<InForce> {
        let flags = self.command.get_arguments().filter(|flag| !flag.get_id().as_str().contains('.'));
        let mut all: Vec<InForce> = flags.filter_map(|flag| self.of_flag(flag)).collect();
        let given = tree.leaves();
        let path = |section: &Section, key: &str| format!("{}.{key}", section.name);
        for section in sections {
            let defaults = keys_of(section).into_iter().filter(|key| key.is_default);
            let defaults = defaults.map(|key| (path(section, key.key), key.value.to_owned()));
            let left = defaults.filter(|(path, _)| !given.iter().any(|(given, _)| given == path));
            all.extend(left.map(|(key, value)| InForce { key, value, origin: Origin::Default }));
        }
        all.extend(given.into_iter().map(|(key, value)| {
            let origin = tree.fault(&key, "").origin.unwrap_or(Origin::Default);
            InForce { key, value, origin }
        }));
        all
    }

    fn of_flag(&self, flag: &Arg) -> Option<InForce> {
        let id = flag.get_id().as_str();
        let origin = self.origin(flag)?;
        let mut values: Vec<String> =
            self.flags.get_raw(id)?.map(|value| format!("{:?}", value.to_string_lossy())).collect();
        let value = match flag.get_action() {
            ArgAction::SetTrue => self.flags.get_flag(id).to_string(),
            ArgAction::Append => format!("[{}]", values.join(", ")),
            _ => values.pop()?,
        };
        Some(InForce { key: id.to_owned(), value, origin })
    }

    fn origin(&self, flag: &Arg) -> Option<Origin> {
        let id = flag.get_id().as_str();
        match self.flags.value_source(id)? {
            ValueSource::EnvVariable => {
                Some(Origin::Variable(flag.get_env()?.to_string_lossy().into_owned()))
            }
            ValueSource::CommandLine => Some(match self.of_file.get(id) {
                Some((origin, _)) => origin.clone(),
                None => Origin::Flag(flag.get_long()?.to_owned()),
            }),
            _ => Some(Origin::Default),
        }
    }
}

/// Without a secret.
impl fmt::Display for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, origin } = self;
        let value = if key.ends_with(".secret") { "\"(redacted)\"" } else { value };
        write!(f, "{key} = {value}  # {origin}")
    }
}

impl fmt::Debug for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
