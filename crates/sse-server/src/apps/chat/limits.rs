//! How much of the chat people may have: `[chat]` of the settings file, and the defaults.

use std::num::NonZeroU32;

use serde::Deserialize;

use crate::settings_fault::Fault;
use crate::settings_tree::{Section, SettingsTree};

/// What is left out is as in [`Limits::default`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Limits {
    /// Of one name at one address.
    pub(super) person_messages_per_second: NonZeroU32,
    /// And arrivals. An office or a proxy can be behind an address.
    pub(super) address_messages_per_second: NonZeroU32,
    pub(super) people_per_room: usize,
    /// Of all rooms together.
    pub(super) people: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            person_messages_per_second: NonZeroU32::MIN,
            address_messages_per_second: NonZeroU32::new(20).expect("not zero"),
            people_per_room: 1000,
            people: 10_000,
        }
    }
}

pub(super) const SECTION: Section = Section {
    name: "chat",
    example: include_str!("settings.toml"),
    check: |tree, faults| {
        let _ = Limits::read(tree, faults);
    },
};

impl Limits {
    /// What the settings say of the chat; notes what is wrong with that.
    pub(super) fn read(settings: &SettingsTree, faults: &mut Vec<Fault>) -> Self {
        settings.section(SECTION.name, faults).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_can_be_set_and_mistakes_are_named() {
        let read = |text: &str| {
            let mut faults = Vec::new();
            let limits = Limits::read(&SettingsTree::parse(text, &mut faults), &mut faults);
            (limits, faults.iter().map(ToString::to_string).collect::<String>())
        };
        // Without the marks of what is no prose.
        let example = SECTION.example.replace("\n#", "\n").replace("\n ", "\n# ");
        for text in ["[limits]\ntopics = 5", &example] {
            assert_eq!(read(text), (Limits::default(), String::new()));
        }
        let (given, _) = read("[chat]\npeople_per_room = 7");
        assert_eq!(given, Limits { people_per_room: 7, ..Limits::default() });
        for (text, expected) in [
            ("[chat]\npeeple = 5", "unknown key `peeple`"),
            ("[chat]\nperson_messages_per_second = 0", "nonzero"),
        ] {
            let (_, error) = read(text);
            assert!(error.contains(expected), "{error}");
        }
    }
}
