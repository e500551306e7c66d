//! Which events are shown, and what of their data. Keeps no count and prints nothing.

use std::borrow::Cow;

use globset::{GlobBuilder, GlobMatcher};
use sse_client::Event;

use super::args::FilterArgs;
use super::jq::{JqError, Verdict};

/// Parses a pattern for event types.
pub(crate) fn glob(text: &str) -> Result<GlobMatcher, String> {
    let glob = GlobBuilder::new(text).backslash_escape(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| error.kind().to_string())
}

impl FilterArgs {
    /// The data to show of this event; `None` when it is not wanted.
    ///
    /// # Errors
    /// When --jq cannot be run on it.
    pub(crate) fn apply<'a>(&self, event: &'a Event) -> Result<Option<Cow<'a, str>>, JqError> {
        if !self.wants_type(event.event_type()) || self.with_id && event.id().is_none() {
            return Ok(None);
        }
        let data = event.data();
        if self.grep.as_ref().is_some_and(|pattern| !pattern.is_match(data)) {
            return Ok(None);
        }
        Ok(match self.jq.as_ref().map(|jq| jq.run(data)).transpose()? {
            None | Some(Verdict::AsItIs) => Some(data.into()),
            Some(Verdict::Instead(text)) => Some(text.into()),
            Some(Verdict::Out) => None,
        })
    }

    /// No --event wants every type; --exclude wins.
    fn wants_type(&self, event_type: &str) -> bool {
        let matches = |patterns: &[GlobMatcher]| patterns.iter().any(|glob| glob.is_match(event_type));
        (self.events.is_empty() || matches(&self.events)) && !matches(&self.exclude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_for_names_and_not_for_paths() {
        for (pattern, name, matches) in [
            ("message", "message", true),
            ("message", "messages", false),
            ("*", "a/b", true),
            ("user*", "userConnected", true),
            ("user?", "users", true),
            ("{a,b}[0-9]", "b7", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("User*", "user", false),
        ] {
            assert_eq!(glob(pattern).unwrap().is_match(name), matches, "{pattern} {name}");
        }
        assert!(glob("[a").is_err());
    }
}
