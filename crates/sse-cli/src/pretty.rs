//! An event as aligned, coloured lines for people. Keeps the widths of the columns; does no output.

use std::borrow::Cow;
use std::fmt::Write;

use anstyle::{AnsiColor, Effects, Style};
use sse_client::Event;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::harmless::harmless;

const DIM: Style = Style::new().effects(Effects::DIMMED);
const GAP: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);

/// One is picked by the event type. Red is kept for trouble; black and white vanish on some terminals.
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

/// Columns grow with what they hold up to this width; what is longer pushes the rest to the right.
const MAX_COLUMN: usize = 24;

/// Width of the event type at the start: that of the common names, so that the columns rarely move.
const TYPE_WIDTH: usize = 12;

/// On a narrower terminal the id would leave too little of the data.
const MIN_COLUMNS_FOR_ID: usize = 100;
/// Data gets at least this many columns, even if the line then wraps.
const MIN_ROOM: usize = 20;

/// The layout of the lines so far.
#[derive(Debug)]
pub(crate) struct Pretty {
    type_width: usize,
    /// 0 as long as there was no id.
    id_width: usize,
}

impl Default for Pretty {
    fn default() -> Self {
        Self { type_width: TYPE_WIDTH, id_width: 0 }
    }
}

impl Pretty {
    /// `time  type  id  data`, with the further lines of data below the first. Ends with LF; has ANSI colours.
    ///
    /// `terminal` is the number of columns to fit into: data is cut there, and a narrow terminal gets no ids.
    /// Without it nothing is left out.
    pub(crate) fn lines(&mut self, time: &str, event: &Event, terminal: Option<usize>) -> String {
        let mut out = String::with_capacity(event.data().len() + 80);
        // Writing to a String cannot fail.
        let _ = write!(out, "{DIM}{time}{DIM:#}  ");
        let mut indent = time.width() + 2;
        let style = style_of(event.event_type());
        indent += column(&mut out, style, &harmless(event.event_type()), &mut self.type_width);
        if terminal.is_none_or(|columns| columns >= MIN_COLUMNS_FOR_ID) {
            indent += column(&mut out, DIM, &harmless(event.last_event_id()), &mut self.id_width);
        }
        let room = terminal.map(|columns| columns.saturating_sub(indent).max(MIN_ROOM));
        for (n, line) in event.data().split('\n').enumerate() {
            if n > 0 {
                let _ = write!(out, "\n{:indent$}", "");
            }
            out.push_str(&cut(harmless(line), room));
        }
        out.push('\n');
        out
    }
}

/// Appends `text`, padded to the column's width and set off by two spaces; gives the width it took. A column that
/// has never held anything takes none.
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

/// `text` as it is if it fits, else its start and `…`. A tab counts as one column, since it moves to an unknown
/// place.
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

/// The same type has the same colour in every run.
fn style_of(event_type: &str) -> Style {
    if event_type == "gap" {
        return GAP;
    }
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
    fn types_keep_their_colour_and_differ() {
        assert_eq!(style_of("metrics"), style_of("metrics"));
        assert_ne!(style_of("metrics"), style_of("message"));
        assert_eq!(style_of("gap"), GAP);
    }
}
