//! `--template`: a line with fields of the event.

use std::fmt::Write;

use super::event_view::EventView;

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Id,
    Event,
    Topic,
    Data,
    Time,
    Url,
}

impl Template {
    /// Parses a template.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            parts.push(Part::Text(before.to_owned()));
            rest = if let Some(after) = brace.strip_prefix("{{") {
                parts.push(Part::Text("{".to_owned()));
                after
            } else if let Some(after) = brace.strip_prefix("}}") {
                parts.push(Part::Text("}".to_owned()));
                after
            } else {
                let (name, after) = brace
                    .strip_prefix('{')
                    .and_then(|inside| inside.split_once('}'))
                    .ok_or("unmatched brace; write {{ or }} for a brace")?;
                parts.push(Part::Field(Field::new(name)?));
                after
            };
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    /// The line for an event, without a line end.
    pub(crate) fn fill(&self, event: &EventView<'_>) -> String {
        let mut line = String::with_capacity(event.data.len() + 64);
        for part in &self.0 {
            let text = match part {
                Part::Text(text) => text,
                Part::Field(Field::Id) => event.id,
                Part::Field(Field::Event) => event.event_type,
                Part::Field(Field::Topic) => event.topic.unwrap_or_default(),
                Part::Field(Field::Data) => event.data,
                Part::Field(Field::Url) => event.url,
                Part::Field(Field::Time) => {
                    // Writing to a String cannot fail.
                    let _ = write!(line, "{:.3}", event.time());
                    continue;
                }
            };
            line.push_str(text);
        }
        line
    }
}

impl Field {
    fn new(name: &str) -> Result<Self, String> {
        Ok(match name {
            "id" => Self::Id,
            "event" => Self::Event,
            "topic" => Self::Topic,
            "data" => Self::Data,
            "time" => Self::Time,
            "url" => Self::Url,
            _ => {
                return Err(format!(
                    "unknown field {{{name}}}; expected {{id}} {{event}} {{topic}} {{data}} {{time}} {{url}}"
                ));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_filled_in() {
        let event = EventView {
            id: "7",
            own_id: "7",
            event_type: "tick",
            topic: None,
            data: "{x}",
            url: "http://a/",
            name: "a",
            hub: None,
            is_gap: false,
            published: None,
            received: jiff::Timestamp::UNIX_EPOCH,
        };
        for (template, line) in [
            ("{id} {event}: {data}", "7 tick: {x}"),
            ("{topic}|{url}|{time}", "|http://a/|1970-01-01T00:00:00.000Z"),
            ("{{{id}}}", "{7}"),
            ("", ""),
        ] {
            assert_eq!(Template::new(template).unwrap().fill(&event), line);
        }
    }

    #[test]
    fn mistakes_are_named() {
        assert!(Template::new("{ID}").unwrap_err().contains("unknown field {ID}"));
        for text in ["{id", "id}", "{", "a } b {id}"] {
            assert!(Template::new(text).unwrap_err().contains("unmatched brace"), "{text}");
        }
    }
}
