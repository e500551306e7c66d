//! Short ways to write the URL of a stream or of a hub.

use sse_client::reqwest::Url;

/// The stream that a hub on this machine serves.
pub(crate) const DEFAULT: &str = "http://127.0.0.1:3000/events";
/// The hub on this machine.
pub(crate) const DEFAULT_BASE: &str = "http://127.0.0.1:3000";

/// Why a text is not taken as an address.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    /// A single word, which is more likely a mistyped command.
    #[error("{0:?} is neither a command nor a URL; a host alone is written `{0}:80`")]
    Word(String),
    #[error("events go over http or https, not over {0}")]
    Scheme(String),
    #[error("not a URL: {0}")]
    Syntax(String),
}

/// Takes a URL, `host[:port][/path]` or `:port[/path]`. Without a scheme it is http, without a host this machine,
/// without a path (not even `/`) `/events`.
pub(crate) fn parse(text: &str) -> Result<Url, AddressError> {
    parse_with(text, "/events")
}

/// The same for the URL that a hub's paths are below, which has no path of its own unless one is written.
pub(crate) fn parse_base(text: &str) -> Result<Url, AddressError> {
    parse_with(text, "/")
}

fn parse_with(text: &str, default_path: &str) -> Result<Url, AddressError> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
        return Err(AddressError::Scheme(scheme.to_owned()));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let tail = rest.strip_prefix(authority).unwrap_or_default();
    if rest == text && tail.is_empty() && !authority.contains([':', '.']) && authority != "localhost" {
        return Err(AddressError::Word(text.to_owned()));
    }
    if authority.is_empty() {
        return Err(AddressError::Syntax("it has no host".to_owned()));
    }
    let host = if authority.starts_with(':') { "127.0.0.1" } else { "" };
    let path = if tail.starts_with('/') { "" } else { default_path };
    Url::parse(&format!("{scheme}://{host}{authority}{path}{tail}"))
        .map_err(|error| AddressError::Syntax(error.to_string()))
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
    fn a_hub_has_no_path_of_its_own() {
        for (text, url) in
            [(":3000", "http://127.0.0.1:3000/"), ("https://example.com/hub", "https://example.com/hub")]
        {
            assert_eq!(parse_base(text).map(String::from).as_deref(), Ok(url), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        assert_eq!(parse("tial"), Err(AddressError::Word("tial".into())));
        assert_eq!(parse("ftp://x/y"), Err(AddressError::Scheme("ftp".into())));
        for text in ["", ":x", "http://", "a b:3", ":99999"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
