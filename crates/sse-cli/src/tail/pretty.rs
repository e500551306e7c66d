//! An event as aligned, coloured lines for people. Keeps the widths of the columns; writes nothing.

use std::borrow::Cow;
use std::fmt::Write;

use anstyle::{AnsiColor, Effects, Style};
use jiff::tz::TimeZone;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::event_view::EventView;
use crate::escape_terminal::escape_terminal;

const BOLD: Style = Style::new().effects(Effects::BOLD);
const DIM: Style = Style::new().effects(Effects::DIMMED);
const GAP: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);

/// Picked by event type. Red is reserved for gaps; black and white are invisible on some terminals.
const COLORS: [AnsiColor; 10] = [
    AnsiColor::Green,
    AnsiColor::Yellow,
    AnsiColor::Blue,
    AnsiColor::Magenta,
    AnsiColor::Cyan,
    AnsiColor::BrightGreen,
    AnsiColor::BrightYellow,
    AnsiColor::BrightBlue,
    AnsiColor::BrightMagenta,
    AnsiColor::BrightCyan,
];

/// Columns grow up to this width; longer text pushes the rest to the right.
const MAX_COLUMN: usize = 24;

/// Initial width of the event type: enough for common names, so that the columns rarely move.
const TYPE_WIDTH: usize = 12;

const TOPIC_WIDTH: usize = 8;

/// On a narrower terminal the id would leave too little room for the data.
const MIN_COLUMNS_FOR_ID: usize = 100;
/// Columns of the data at least, even if the line then wraps.
const MIN_ROOM: usize = 20;

/// The layout of the lines so far.
#[derive(Debug)]
pub(crate) struct Pretty {
    /// Width of the stream's name; 0 with one stream.
    name_width: usize,
    type_width: usize,
    /// 0 until the first id.
    id_width: usize,
    topics: Topics,
}

/// The column of topics.
#[derive(Debug)]
enum Topics {
    /// Not shown: at most this one so far.
    One(Option<String>),
    /// Shown with this width.
    Several(usize),
}

impl Pretty {
    /// `several_topics`: show topics from the first event on.
    pub(crate) fn new(several_topics: bool) -> Self {
        let topics = if several_topics { Topics::Several(TOPIC_WIDTH) } else { Topics::One(None) };
        Self { name_width: 0, type_width: TYPE_WIDTH, id_width: 0, topics }
    }

    /// `time  name  topic  type  id  data`, with further lines of data below the first. Ends with LF; has ANSI colours.
    /// The name is shown with several streams, the topic with several topics.
    ///
    /// `terminal` is the number of columns to fit into: data is cut there, and a narrow terminal gets no ids.
    pub(crate) fn lines(&mut self, event: &EventView<'_>, terminal: Option<usize>) -> String {
        let mut out = String::with_capacity(event.data.len() + 80);
        let time = time(event);
        // Writing to a String cannot fail.
        let _ = write!(out, "{DIM}{time}{DIM:#}  ");
        let mut indent = time.width() + 2;
        indent += column(&mut out, BOLD, &escape_terminal(event.name), &mut self.name_width);
        if let Some(width) = self.topics.width(event.topic) {
            indent +=
                column(&mut out, Style::new(), &escape_terminal(event.topic.unwrap_or_default()), width);
        }
        let style = match event.hub {
            _ if event.is_gap => GAP,
            Some("end") => BOLD,
            _ => style_of(event.event_type),
        };
        indent += column(&mut out, style, &escape_terminal(event.event_type), &mut self.type_width);
        if terminal.is_none_or(|columns| columns >= MIN_COLUMNS_FOR_ID) {
            indent += column(&mut out, DIM, &escape_terminal(event.own_id), &mut self.id_width);
        }
        let room = terminal.map(|columns| columns.saturating_sub(indent).max(MIN_ROOM));
        if let Some(room) = room
            && let Some(json) = spaced(event.data, room)
        {
            out.push_str(&json);
            out.push('\n');
            return out;
        }
        for (n, line) in event.data.split('\n').enumerate() {
            if n > 0 {
                let _ = write!(out, "\n{:indent$}", "");
            }
            out.push_str(&cut(escape_terminal(line), room));
        }
        out.push('\n');
        out
    }
}

/// The local time of day, with the date unless it is the day of arrival.
fn time(event: &EventView<'_>) -> String {
    let zone = TimeZone::system();
    let (time, received) = (event.time().to_zoned(zone.clone()), event.received.to_zoned(zone));
    let format = if time.date() == received.date() { "%H:%M:%S%.3f" } else { "%Y-%m-%d %H:%M:%S%.3f" };
    time.strftime(format).to_string()
}

impl Topics {
    /// The width of the column, if it is shown for this event.
    fn width(&mut self, topic: Option<&str>) -> Option<&mut usize> {
        if let (Self::One(seen), Some(topic)) = (&mut *self, topic) {
            match seen {
                None => *seen = Some(topic.to_owned()),
                Some(seen) if seen == topic => {}
                Some(_) => *self = Self::Several(TOPIC_WIDTH),
            }
        }
        match self {
            Self::One(_) => None,
            Self::Several(width) => Some(width),
        }
    }
}

/// Appends `text`, padded to the column's width and followed by two spaces; gives the width used. A column that was
/// always empty uses none.
fn column(out: &mut String, style: Style, text: &str, width: &mut usize) -> usize {
    let length = text.width();
    *width = (*width).max(length.min(MAX_COLUMN));
    if *width == 0 {
        return 0;
    }
    let padding = width.saturating_sub(length) + 2;
    let _ = write!(out, "{style}{text}{style:#}{:padding$}", "");
    length + padding
}

/// `text` if it fits, else its start and `…`. A tab counts as one column, since its width is unknown.
fn cut(text: Cow<'_, str>, room: Option<usize>) -> Cow<'_, str> {
    let Some(room) = room else { return text };
    let (mut used, mut end) = (0, 0);
    for (at, c) in text.char_indices() {
        if used < room {
            end = at;
        }
        used += c.width().unwrap_or(1);
        if used > room {
            return format!("{}…", text.get(..end).unwrap_or_default()).into();
        }
    }
    text
}

/// A JSON object or array on one line with a space after each `:` and `,`, and dimmed names. `None` when the data is
/// something else, or does not fit.
fn spaced(data: &str, room: usize) -> Option<String> {
    let first = data.trim_start().bytes().next()?;
    if data.len() > room * 4 || !matches!(first, b'{' | b'[') {
        return None;
    }
    serde_json::from_str::<serde::de::IgnoredAny>(data).ok()?;
    let (mut out, mut used) = (String::with_capacity(data.len() * 2), 0);
    let mut rest = data.trim();
    while let Some(c) = rest.chars().next() {
        let token = match c {
            '"' => string(rest),
            _ => rest.get(..c.len_utf8()).unwrap_or_default(),
        };
        rest = rest.get(token.len()..).unwrap_or_default();
        if c.is_ascii_whitespace() {
            continue;
        }
        let shown = escape_terminal(token);
        used += shown.width();
        let is_name = c == '"' && rest.trim_start().starts_with(':');
        // Writing to a String cannot fail.
        let _ = if is_name { write!(out, "{DIM}{shown}{DIM:#}") } else { write!(out, "{shown}") };
        if matches!(c, ':' | ',') {
            out.push(' ');
            used += 1;
        }
        if used > room {
            return None;
        }
    }
    Some(out)
}

/// The JSON string at the start of `text`, with its quotes.
fn string(text: &str) -> &str {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return text.get(..=at).unwrap_or(text),
            _ => {}
        }
    }
    text
}

/// The same type has the same colour in every run.
fn style_of(event_type: &str) -> Style {
    // FNV-1a: short, and spreads short names well.
    let hash = event_type
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let color = COLORS.iter().cycle().nth(hash as usize % COLORS.len());
    color.map_or(Style::new(), |color| color.on_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_the_column() {
        for (text, room, shown) in [
            ("abcdef", 6, "abcdef"),
            ("abcdef", 5, "abcd…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("e\u{301}e\u{301}", 2, "e\u{301}e\u{301}"),
            ("", 3, ""),
        ] {
            assert_eq!(cut(text.into(), Some(room)), shown, "{text} in {room}");
        }
        assert_eq!(cut("abcdef".into(), None), "abcdef");
    }

    #[test]
    fn json_gets_spaces_when_it_fits() {
        let plain =
            |data, room| spaced(data, room).map(|text| anstream::adapter::strip_str(&text).to_string());
        for (data, shown) in [
            (r#"{"a":1,"b":[true,null,-2.5e3]}"#, r#"{"a": 1, "b": [true, null, -2.5e3]}"#),
            (r#"{ "a" : "x, y: \"z\"" }"#, r#"{"a": "x, y: \"z\""}"#),
            ("{\n  \"a\": 1\n}", r#"{"a": 1}"#),
            ("[]", "[]"),
        ] {
            assert_eq!(plain(data, 80).as_deref(), Some(shown), "{data}");
        }
        assert_eq!(plain(r#"{"a":1}"#, 8).as_deref(), Some(r#"{"a": 1}"#));
        for (data, room) in [(r#"{"a":1}"#, 7), ("{\"a\":", 80), ("7", 80), ("x", 80), ("", 80)] {
            assert_eq!(plain(data, room), None, "{data}");
        }
        assert_eq!(spaced(r#"{"a":1}"#, 80).unwrap(), format!("{{{DIM}\"a\"{DIM:#}: 1}}"));
    }

    #[test]
    fn topics_are_shown_from_the_second_on() {
        let mut topics = Topics::One(None);
        assert!(topics.width(None).is_none());
        assert!(topics.width(Some("a")).is_none());
        assert!(topics.width(Some("a")).is_none());
        assert!(topics.width(Some("b")).is_some());
        assert!(topics.width(None).is_some());
    }

    #[test]
    fn types_keep_their_colour_and_differ() {
        assert_eq!(style_of("metrics"), style_of("metrics"));
        assert_ne!(style_of("metrics"), style_of("message"));
    }
}
