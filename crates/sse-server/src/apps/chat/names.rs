//! What people put into a chat, checked: rooms, names, texts. Each error says what is wrong and what to do.

use std::sync::Arc;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::CodePointSetData;
use icu_properties::props::{BidiControl, DefaultIgnorableCodePoint};
use sse_core::Topic;
use sse_hub::TopicList;

/// What stands before a room's name in its topic.
const TOPIC_PREFIX: &str = "chat/";
/// The room of those who name none.
const DEFAULT_ROOM: &str = "lobby";
/// Longest name of a room, in bytes.
const MAX_ROOM_BYTES: usize = 64;
/// Longest name of a person, in characters.
const MAX_NAME_CHARS: usize = 40;
/// Longest text of a message, in characters.
const MAX_TEXT_CHARS: usize = 2000;
/// Longest id of a client, in bytes.
const MAX_CLIENT_BYTES: usize = 64;

/// A room: the topic `chat/{room}`, and nothing more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Room(Topic);

/// The name that somebody goes by in a room. Nobody proves that it is theirs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Username(Arc<str>);

/// The text of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text(String);

/// Names one page or program that keeps somebody in a room. Not told to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Client(Box<str>);

impl Room {
    /// Checks the name of a room.
    pub(super) fn new(name: &str) -> Result<Self, String> {
        // On its own first, so that the place in the error is the place in the name.
        let checked = Topic::new(name).map_err(|error| format!("room {name:?}: {error}"))?;
        if name.contains('/') {
            return Err(format!("room {name:?}: the name of a room has no `/`"));
        }
        if name.len() > MAX_ROOM_BYTES {
            let bytes = name.len();
            return Err(format!(
                "the name of a room has at most {MAX_ROOM_BYTES} bytes, this one has {bytes}"
            ));
        }
        let topic = Topic::new(format!("{TOPIC_PREFIX}{checked}"));
        topic.map(Self).map_err(|error| error.to_string())
    }

    /// All rooms, as far as anybody brought so many into being.
    pub(super) fn list() -> TopicList {
        TopicList { prefix: TOPIC_PREFIX.into(), limit: 10_000, ..TopicList::default() }
    }

    /// The room that this topic is, if it is one.
    pub(super) fn of_topic(topic: &Topic) -> Option<Self> {
        let name = topic.as_str().strip_prefix(TOPIC_PREFIX)?;
        Self::new(name).ok()
    }

    pub(super) fn topic(&self) -> &Topic {
        &self.0
    }

    pub(super) fn name(&self) -> &str {
        self.0.as_str().strip_prefix(TOPIC_PREFIX).unwrap_or_default()
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::new(DEFAULT_ROOM).expect("the lobby's name follows the grammar")
    }
}

impl Username {
    /// Checks a name: without space around it, single spaces within, and composed as Unicode's NFC, so that names
    /// that look the same because of these are the same.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let name = ComposingNormalizerBorrowed::new_nfc().normalize(&name);
        // Marks that turn the direction of text could make a name read as another.
        let direction = CodePointSetData::new::<BidiControl>();
        if let Some(control) = name.chars().find(|c| c.is_control() || direction.contains(*c)) {
            return Err(format!("username cannot contain the control character {}", code(control)));
        }
        visible("username", &name)?;
        at_most("username", &name, MAX_NAME_CHARS)?;
        Ok(Self(name.into()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Text {
    /// Checks a text: line ends become LF, empty lines and space around it go.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let text = text.trim();
        if let Some(control) = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            return Err(format!("text cannot contain the control character {}", code(control)));
        }
        visible("text", text)?;
        at_most("text", text, MAX_TEXT_CHARS)?;
        Ok(Self(text.to_owned()))
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

impl Client {
    /// Checks an id that a client has given itself.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let fits = (1..=MAX_CLIENT_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        match fits {
            true => Ok(Self(text.into())),
            false => Err(format!(
                "client is an id of your own choice: 1 to {MAX_CLIENT_BYTES} visible ASCII characters"
            )),
        }
    }

    /// The id of an event stream; no client can choose it.
    pub(super) fn stream(number: u64) -> Self {
        Self(format!(" {number}").into())
    }
}

fn visible(what: &str, text: &str) -> Result<(), String> {
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    // U+2800 is a Braille cell without dots: no space by name, and yet nothing to be seen.
    let seen = |c: char| !c.is_whitespace() && !ignorable.contains(c) && c != '\u{2800}';
    if text.chars().any(seen) {
        return Ok(());
    }
    Err(format!("{what} is empty, or nothing in it can be seen"))
}

fn at_most(what: &str, text: &str, max: usize) -> Result<(), String> {
    match text.chars().count() {
        count if count <= max => Ok(()),
        count => Err(format!("{what} has at most {max} characters, this one has {count}")),
    }
}

fn code(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_brought_into_one_form() {
        for (given, name) in [
            ("ann", "ann"),
            ("  Ann \t of\u{a0}York ", "Ann of York"),
            ("Zoe\u{308}", "Zoë"),
            ("李雷", "李雷"),
            ("👩\u{200d}🚀", "👩\u{200d}🚀"),
            ("<script>", "<script>"),
            (&"é".repeat(40), &"é".repeat(40)),
        ] {
            assert_eq!(Username::new(given).unwrap().as_str(), name);
        }
    }

    #[test]
    fn names_that_mislead_are_refused() {
        for (name, part) in [
            ("", "empty, or nothing"),
            (" \n ", "empty, or nothing"),
            ("\u{200b}\u{3164}\u{2800}", "nothing in it can be seen"),
            ("a\u{7}b", "control character U+0007"),
            ("\u{202e}nhoj", "control character U+202E"),
            (&"x".repeat(41), "at most 40 characters, this one has 41"),
        ] {
            let error = Username::new(name).unwrap_err();
            assert!(error.contains(part), "{name:?}: {error}");
        }
    }

    #[test]
    fn texts_keep_their_lines_and_lose_the_space_around_them() {
        assert_eq!(Text::new("\r\n a\r\nb\rc\td \n\n").unwrap().into_string(), "a\nb\nc\td");
        assert_eq!(Text::new(&"ü".repeat(2000)).unwrap().into_string().chars().count(), 2000);
        for (text, part) in [
            (" \n\t", "text is empty"),
            ("\u{feff}", "nothing in it can be seen"),
            ("a\u{1b}[31m", "control character U+001B"),
            (&"x".repeat(2001), "at most 2000 characters, this one has 2001"),
        ] {
            assert!(Text::new(text).unwrap_err().contains(part), "{text:?}");
        }
    }

    #[test]
    fn a_room_is_one_segment_of_a_topic() {
        let lobby = Room::default();
        assert_eq!((lobby.name(), lobby.topic().as_str()), ("lobby", "chat/lobby"));
        assert_eq!(Room::of_topic(lobby.topic()), Some(lobby));
        for topic in ["chat", "chatter/a", "chat/a/b"] {
            assert_eq!(Room::of_topic(&Topic::new(topic).unwrap()), None, "{topic}");
        }
        for (name, part) in [
            ("", "cannot be empty"),
            ("a b", "cannot contain ' ' (byte 1)"),
            ("<b>", "cannot contain '<' (byte 0)"),
            ("..", "segment"),
            ("a/b", "has no `/`"),
            (&"x".repeat(65), "at most 64 bytes, this one has 65"),
        ] {
            let error = Room::new(name).unwrap_err();
            assert!(error.contains(part), "{name:?}: {error}");
        }
    }
}
