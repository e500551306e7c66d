//! `--template`: a line with fields of the event.

use std::borrow::Cow;

use super::event_view::EventView;

#[derive(Debug, Clone)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Field(Field),
}

type Field = for<'a> fn(&EventView<'a>) -> Cow<'a, str>;

const FIELDS: [(&str, Field); 6] = [
    ("id", |event| event.id.into()),
    ("event", |event| event.event_type.into()),
    ("topic", |event| event.topic.unwrap_or_default().into()),
    ("data", |event| event.data.into()),
    ("time", |event| format!("{:.3}", event.time()).into()),
    ("url", |event| event.url.into()),
];

impl Template {
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            parts.push(Part::Text(before.to_owned()));
            let (part, after) = if let Some(after) = brace.strip_prefix("{{") {
                (Part::Text("{".to_owned()), after)
            } else if let Some(after) = brace.strip_prefix("}}") {
                (Part::Text("}".to_owned()), after)
            } else {
                let field = brace.strip_prefix('{').and_then(|inside| inside.split_once('}'));
                let (name, after) = field.ok_or("unmatched brace; write {{ or }} for a brace")?;
                (Part::Field(field_named(name)?), after)
            };
            parts.push(part);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    /// The line for an event, without a line end.
    pub(crate) fn fill(&self, event: &EventView<'_>) -> String {
        let text = |part| match part {
            &Part::Field(field) => field(event),
            Part::Text(text) => Cow::Borrowed(text.as_str()),
        };
        self.0.iter().map(text).collect()
    }
}

fn field_named(name: &str) -> Result<Field, String> {
    let field = FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| *field);
    field.ok_or_else(|| {
        let known = FIELDS.map(|(name, _)| format!("{{{name}}}")).join(" ");
        format!("unknown field {{{name}}}; expected {known}")
    })
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
