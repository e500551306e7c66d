//! Which events are shown, and what of their data. Counts and prints nothing.

use std::borrow::Cow;

use globset::{GlobBuilder, GlobMatcher};
use regex::Regex;
use sse_client::{Event, HubBlock};

use super::jq::{Jq, JqError, JqOutput};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Which events")]
pub(crate) struct FilterArgs {
    /// Request only this topic, for example `chat/lobby`, `chat/*` or `*` [repeatable]
    #[arg(short, long = "topic", value_name = "TOPIC")]
    pub(crate) topics: Vec<String>,

    /// Only events of matching types: `*`, `?`, `[a-c]`, `{a,b}`. Events without a type have the type `message`
    /// [repeatable]
    #[arg(short, long = "event", value_name = "GLOB", value_parser = glob)]
    pub(crate) events: Vec<GlobMatcher>,

    /// No events of matching types [repeatable]
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    exclude: Vec<GlobMatcher>,

    /// Only events with an id of their own, as every event published to sse-server has
    #[arg(long)]
    with_id: bool,

    /// Also the greeting with which sse-server opens each connection
    #[arg(long)]
    greeting: bool,

    /// Only events whose data matches this regular expression; (?i) at the start ignores case
    #[arg(long, value_name = "RE")]
    grep: Option<Regex>,

    /// Run this jq filter on the data. `false`, `null` or no result skips the event, `true` keeps it unchanged, and any
    /// other result replaces the data (strings without quotes). Data that is not JSON is skipped
    #[arg(long, value_name = "EXPR", value_parser = Jq::new)]
    jq: Option<Jq>,
}

fn glob(text: &str) -> Result<GlobMatcher, String> {
    let glob = GlobBuilder::new(text).backslash_escape(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| error.kind().to_string())
}

impl FilterArgs {
    /// The data to show of this event; `None` to skip it.
    pub(super) fn apply<'a>(&self, event: &'a Event) -> Result<Option<Cow<'a, str>>, JqError> {
        let is_greeting = event.hub() == Some(HubBlock::Greeting);
        if is_greeting && !self.greeting
            || self.with_id && event.id().is_none()
            || !self.includes_type(event.event_type())
        {
            return Ok(None);
        }
        let data = event.data();
        if self.grep.as_ref().is_some_and(|pattern| !pattern.is_match(data)) {
            return Ok(None);
        }
        Ok(match self.jq.as_ref().map(|jq| jq.run(data)).transpose()? {
            None | Some(JqOutput::Unchanged) => Some(data.into()),
            Some(JqOutput::Replaced(text)) => Some(text.into()),
            Some(JqOutput::Skipped) => None,
        })
    }

    /// Without --event every type; --exclude wins.
    fn includes_type(&self, event_type: &str) -> bool {
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
