//! Escapes text from outside, so that it cannot control the terminal that shows it.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// Writes every character that controls a terminal or the direction of text as `\u{1b}`. Tabs stay.
pub(crate) fn escape_terminal(text: &str) -> Cow<'_, str> {
    replace(text, |shown, c| write!(shown, "{}", c.escape_unicode()))
}

/// The same for JSON, without changing its meaning: inside strings, where alone they can stand, such characters become
/// `\u009b`.
pub(crate) fn escape_json(json: &str) -> Cow<'_, str> {
    replace(json, |shown, c| write!(shown, "\\u{:04x}", u32::from(c)))
}

fn replace(text: &str, escape: impl Fn(&mut String, char) -> fmt::Result) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_control(c) {
            // Writing to a String cannot fail.
            let _ = escape(&mut shown, c);
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Control characters (C0, DEL, C1), line and paragraph separators, and marks that turn the writing direction.
fn is_control(c: char) -> bool {
    c.is_control() && c != '\t'
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays() {
        for text in ["", "{\"a\": 1}\t2", "grün ✓ 日本語 👩‍💻"] {
            assert!(matches!(escape_terminal(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn control_characters_are_shown_as_its_number() {
        assert_eq!(escape_terminal("a\x1b[2Jb\r"), "a\\u{1b}[2Jb\\u{d}");
        assert_eq!(escape_terminal("\u{9b}31m\x07\x7f\0"), "\\u{9b}31m\\u{7}\\u{7f}\\u{0}");
        assert_eq!(escape_terminal("x\u{202e}y\u{2066}z"), "x\\u{202e}y\\u{2066}z");
    }

    #[test]
    fn json_means_the_same() {
        let text = "a\u{9b}1m\x7f\u{202e}\"é";
        let json = serde_json::to_string(text).unwrap();
        let shown = escape_json(&json);
        assert_eq!(shown, "\"a\\u009b1m\\u007f\\u202e\\\"é\"");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
    }
}
