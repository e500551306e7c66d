//! Origins of pages, as browsers send them, and those that the operator allows.

use std::str::FromStr;

use super::authority::Authority;

/// `scheme://host` or `scheme://host:port`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    scheme: &'a str,
    authority: Authority<'a>,
}

/// What `--allow-origin` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// Every origin but `null`, without credentials.
    Any,
    /// As browsers send it.
    One(String),
}

impl<'a> Origin<'a> {
    /// `None` for anything else: `null` above all, which files, sandboxed frames and redirected requests share.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let fits = (1..=32).contains(&scheme.len()) && scheme.bytes().all(is_scheme);
        fits.then_some(Self { scheme, authority: Authority::parse(authority)? })
    }

    /// A page of a server on the browser's own machine.
    pub(super) fn is_loopback(&self) -> bool {
        self.default_port().is_some() && self.authority.host.is_loopback()
    }

    /// The page is from where the request goes to. Behind a proxy the hub cannot tell http from https.
    pub(super) fn is_at(&self, target: Authority<'_>) -> bool {
        let port = |authority: Authority<'_>| authority.port.or(self.default_port());
        self.authority.host == target.host && port(self.authority) == port(target)
    }

    fn default_port(&self) -> Option<u16> {
        match self.scheme {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        }
    }
}

impl AllowedOrigin {
    pub(super) fn is(&self, origin: &str) -> bool {
        matches!(self, Self::One(allowed) if allowed == origin)
    }
}

impl FromStr for AllowedOrigin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let lower = text.to_ascii_lowercase();
        let origin = Origin::parse(&lower).filter(|_| !lower.ends_with([':', '.']));
        let origin = origin.ok_or(
            "must be `*`, or an origin such as https://app.example.com or http://10.0.0.7:8080: scheme, host and port, with \
             nothing behind them; `null` cannot be allowed",
        )?;
        let Origin { scheme, authority: Authority { host, port } } = origin;
        // Browsers leave the scheme's own port out.
        let port = port.filter(|port| origin.default_port() != Some(*port));
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        Ok(Self::One(format!("{scheme}://{host}{port}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowed_origin_is_written_as_browsers_write_it() {
        for (text, expected) in [
            ("https://App.example.com", "https://app.example.com"),
            ("https://a.example:443", "https://a.example"),
            ("http://[0::1]:8080", "http://[::1]:8080"),
            ("tauri://localhost", "tauri://localhost"),
            ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ] {
            assert_eq!(text.parse(), Ok(AllowedOrigin::One(expected.to_owned())));
        }
        assert_eq!("*".parse(), Ok(AllowedOrigin::Any));
        for text in [
            "",
            "null",
            "a.example",
            "https://",
            "https://a.example/",
            "https://a.example:",
            "https://*.example",
            "https://u@a.example",
            "//a.example",
            "file://",
            "https://a.example,https://b.example",
            "https://bücher.example",
        ] {
            assert!(text.parse::<AllowedOrigin>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_page_is_where_its_host_and_port_are() {
        let is_at = |origin, target| Origin::parse(origin).unwrap().is_at(Authority::parse(target).unwrap());
        for (origin, target, expected) in [
            ("http://localhost:3000", "LOCALHOST:3000", true),
            ("https://hub.example", "hub.example", true),
            ("https://hub.example", "hub.example:443", true),
            ("http://hub.example", "hub.example:443", false),
            ("http://[::1]:80", "[0:0::1]", true),
            ("http://localhost:5173", "localhost:3000", false),
            ("http://localhost:3000", "127.0.0.1:3000", false),
            ("http://localhost.evil.example:3000", "localhost:3000", false),
        ] {
            assert_eq!(is_at(origin, target), expected, "{origin} {target}");
        }
    }

    #[test]
    fn loopback_is_this_machine_and_nothing_that_looks_like_it() {
        for (origin, expected) in [
            ("http://localhost:5173", true),
            ("https://app.localhost", true),
            ("http://127.0.0.1", true),
            ("http://[::1]:8000", true),
            ("http://localhost.evil.example", false),
            ("http://127.0.0.1.evil.example", false),
            ("http://0.0.0.0", false),
            ("http://192.168.1.7", false),
            ("chrome-extension://localhost", false),
        ] {
            assert_eq!(Origin::parse(origin).unwrap().is_loopback(), expected, "{origin}");
        }
    }
}
