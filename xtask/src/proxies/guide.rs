//! The page on proxies, as far as it is settings: its code blocks by the name after their language.

use std::collections::HashMap;

use anyhow::{Context, Result};
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use crate::shell;

const PAGE: &str = "docs/operations/proxies.md";

pub(super) struct Guide(HashMap<String, String>);

impl Guide {
    pub(super) fn read() -> Result<Self> {
        let text = std::fs::read_to_string(shell::root().join(PAGE)).context(PAGE)?;
        Ok(Self::of(&text))
    }

    fn of(text: &str) -> Self {
        let mut blocks = HashMap::new();
        let mut open: Option<(String, String)> = None;
        for event in Parser::new(text) {
            match (event, &mut open) {
                (Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))), _) => {
                    open = info.split_once(' ').map(|(_, name)| (name.to_owned(), String::new()));
                }
                (Event::Text(part), Some((_, block))) => block.push_str(&part),
                (Event::End(TagEnd::CodeBlock), _) => blocks.extend(open.take()),
                _ => {}
            }
        }
        Self(blocks)
    }

    pub(super) fn block(&self, name: &str) -> Result<&str> {
        self.0.get(name).map(String::as_str).with_context(|| format!("{PAGE} has no block {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_by_name() {
        let guide = Guide::of("# A\n\n```nginx hub.conf\nlisten 443;\n```\n\ntext\n\n```sh\nls\n```\n");
        assert_eq!(guide.block("hub.conf").unwrap(), "listen 443;\n");
        assert_eq!(guide.0.len(), 1);
    }
}
