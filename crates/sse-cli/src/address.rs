//! The URL of a server: short forms, the default, `SSE_SERVER`, and how a URL is shown. Connects to nothing.

use sse_client::reqwest::Url;
use sse_core::Topic;
use strsim::levenshtein;

use crate::secret::Secret;

/// The stream of a hub on this machine.
pub(crate) const DEFAULT: &str = "http://127.0.0.1:3000/events";
/// The environment variable that replaces the default.
pub(crate) const VARIABLE: &str = "SSE_SERVER";
/// The help of every argument that takes a server.
pub(crate) const HELP: &str = "The server: a URL, `host[:port][/path]` or `:port[/path]`. The default scheme is http, \
                               the default path /events";
/// Commands that a mistyped word may mean.
pub(crate) const COMMANDS: [&str; 5] = ["tail", "publish", "bench", "doctor", "completions"];

/// The URL of a command that opens one stream.
#[derive(Debug, clap::Args)]
pub(crate) struct StreamArgs {
    #[arg(value_name = "URL", help = HELP, env = VARIABLE, hide_env_values = true, default_value = DEFAULT)]
    #[arg(value_parser = Secret::parser(parse))]
    pub(crate) url: Secret<Url>,
}

/// Why a text is not accepted as an address.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    /// A single word, which is more likely a mistyped command.
    #[error("{0:?} is not a URL; did you mean the command `{1}`? A host alone is written `{0}:80`")]
    Command(String, &'static str),
    #[error("{0:?} is neither a command nor a URL; a host alone is written `{0}:80`")]
    Word(String),
    #[error("expected http or https, not {0}")]
    Scheme(String),
    #[error("not a URL: {0}")]
    Syntax(String),
}

/// Parses a URL, `host[:port][/path]` or `:port[/path]`. The scheme defaults to http, the host to this machine, and the
/// path (if there is not even a `/`) to `/events`.
pub(crate) fn parse(text: &str) -> Result<Url, AddressError> {
    parse_with(text, "/events")
}

/// The same with another default path.
pub(crate) fn parse_with(text: &str, default_path: &str) -> Result<Url, AddressError> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
        return Err(AddressError::Scheme(scheme.to_owned()));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let tail = rest.strip_prefix(authority).unwrap_or_default();
    if rest == text && tail.is_empty() && !authority.contains([':', '.']) && authority != "localhost" {
        let word = text.to_owned();
        return Err(match similar_command(text) {
            Some(command) => AddressError::Command(word, command),
            None => AddressError::Word(word),
        });
    }
    if authority.is_empty() {
        return Err(AddressError::Syntax("it has no host".to_owned()));
    }
    let host = if authority.starts_with(':') { "127.0.0.1" } else { "" };
    let path = if tail.starts_with('/') { "" } else { default_path };
    Url::parse(&format!("{scheme}://{host}{authority}{path}{tail}"))
        .map_err(|error| AddressError::Syntax(error.to_string()))
}

/// The stream of these topics; of all that the URL has without any.
pub(crate) fn with_topics(url: &Url, topics: &[String]) -> Url {
    let mut url = url.clone();
    if !topics.is_empty() {
        url.query_pairs_mut().extend_pairs(topics.iter().map(|topic| ("topic", topic)));
    }
    url
}

/// Where a hub takes events for a topic: at `topics` beside its `/events`, else below the path.
pub(crate) fn topic_url(server: &Url, topic: &Topic) -> Url {
    let mut url = server.clone();
    let beside_events = url.path_segments().and_then(|mut path| path.next_back()) == Some("events");
    // Fails only on URLs that have no host.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty();
        if beside_events {
            path.pop();
        }
        path.push("topics").extend(topic.as_str().split('/'));
    }
    url
}

/// The command that differs from the word in at most half of its letters, and in at most two.
fn similar_command(word: &str) -> Option<&'static str> {
    let distances = COMMANDS.into_iter().map(|command| (levenshtein(word, command), command));
    let (distance, command) = distances.min()?;
    (distance <= 2 && distance * 2 <= word.len()).then_some(command)
}

/// The URL without user and password, and without the values of parameters that are likely secret.
pub(crate) fn redacted(url: &Url) -> Url {
    let mut url = url.clone();
    // Both fail only on URLs that cannot have them.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if url.query_pairs().any(|(name, _)| is_secret(&name)) {
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let pairs = pairs.iter().map(|(name, value)| (name, if is_secret(name) { "***" } else { value }));
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    url
}

/// Names under which servers take credentials in a URL.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["token", "secret", "password", "passwd", "signature", "authorization", "credential"]
        .iter()
        .any(|part| name.contains(part))
        || matches!(name.as_str(), "key" | "apikey" | "api_key" | "api-key" | "auth" | "sig" | "jwt" | "pass")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_short_forms() {
        for (text, url) in [
            (":3000", "http://127.0.0.1:3000/events"),
            (":3000/ticker/events", "http://127.0.0.1:3000/ticker/events"),
            (":3000?topic=a", "http://127.0.0.1:3000/events?topic=a"),
            ("localhost", "http://localhost/events"),
            ("localhost:8080/x?y=1", "http://localhost:8080/x?y=1"),
            ("hub/stream", "http://hub/stream"),
            ("hub:80", "http://hub/events"),
            ("[::1]:3000", "http://[::1]:3000/events"),
            ("example.com", "http://example.com/events"),
        ] {
            assert_eq!(parse(text).map(String::from).as_deref(), Ok(url), "{text}");
        }
    }

    #[test]
    fn leaves_a_full_url_as_it_is() {
        for url in ["https://example.com/", "http://example.com:3000/a/b?c=d", "https://u:p@example.com/x"] {
            assert_eq!(parse(url).map(String::from).as_deref(), Ok(url));
        }
        assert_eq!(parse("https://example.com").unwrap().as_str(), "https://example.com/events");
    }

    #[test]
    fn topics_are_beside_events_or_below_the_path() {
        for (server, url) in [
            (":3000", "http://127.0.0.1:3000/topics/a/b"),
            (":3000/", "http://127.0.0.1:3000/topics/a/b"),
            ("https://example.com/hub/events", "https://example.com/hub/topics/a/b"),
            ("https://example.com/hub", "https://example.com/hub/topics/a/b"),
        ] {
            let topic = Topic::new("a/b").unwrap();
            assert_eq!(topic_url(&parse(server).unwrap(), &topic).as_str(), url, "{server}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for (text, command) in [("tial", "tail"), ("publsh", "publish"), ("docter", "doctor")] {
            assert_eq!(parse(text), Err(AddressError::Command(text.into(), command)));
        }
        assert_eq!(parse("stage"), Err(AddressError::Word("stage".into())));
        assert_eq!(parse("ftp://x/y"), Err(AddressError::Scheme("ftp".into())));
        for text in ["", ":x", "http://", "a b:3", ":99999"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
