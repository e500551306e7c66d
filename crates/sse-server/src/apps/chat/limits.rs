//! How much of the chat people may have: `[chat]` of the settings file, and the defaults.

use std::num::NonZeroU32;

use serde::Deserialize;

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

/// The settings file as far as it is ours.
#[derive(Debug, Deserialize)]
struct File {
    #[serde(default)]
    chat: Limits,
}

impl Limits {
    /// What a settings file says of the chat.
    pub(super) fn read(settings: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(settings).map(|File { chat }| chat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_can_be_set_and_mistakes_are_named() {
        assert_eq!(Limits::read("[limits]\ntopics = 5").unwrap(), Limits::default());
        let given = Limits::read("[chat]\npeople_per_room = 7").unwrap();
        assert_eq!(given, Limits { people_per_room: 7, ..Limits::default() });
        for (text, expected) in [
            ("[chat]\npeeple = 5", "unknown field `peeple`"),
            ("[chat]\nperson_messages_per_second = 0", "nonzero"),
        ] {
            let error = Limits::read(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
