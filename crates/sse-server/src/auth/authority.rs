//! `host` or `host:port`: in the header `Host`, in the target of a request, and in an origin.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// Longest name of a host.
const MAX_NAME_BYTES: usize = 253;

/// A host and its port.
#[derive(Debug, Clone, Copy)]
pub(super) struct Authority<'a> {
    pub(super) host: Host<'a>,
    pub(super) port: Option<u16>,
}

/// A host by address or by name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Host<'a> {
    Address(IpAddr),
    /// In any case, without a dot at its end.
    Name(&'a str),
}

/// A name by which the hub is reached, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHost(String);

impl<'a> Authority<'a> {
    /// `None` for anything else, a user before the host included.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let end = match text.starts_with('[') {
            true => text.find(']')? + 1,
            false => text.find(':').unwrap_or(text.len()),
        };
        let (host, port) = text.split_at_checked(end)?;
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            Some("") => None,
            port => Some(port.filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()?),
        };
        Some(Self { host: Host::parse(host)?, port })
    }
}

impl<'a> Host<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        if let Some(address) = text.strip_prefix('[') {
            let address: Ipv6Addr = address.strip_suffix(']')?.parse().ok()?;
            return Some(Self::Address(address.to_canonical()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        if let Ok(address) = name.parse() {
            return Some(Self::Address(IpAddr::V4(address)));
        }
        let is_label = |label: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            !label.is_empty() && label.bytes().all(fits)
        };
        let fits = name.len() <= MAX_NAME_BYTES && name.split('.').all(is_label);
        fits.then_some(Self::Name(name))
    }

    pub(super) fn is_loopback(&self) -> bool {
        match self {
            Self::Address(address) => address.is_loopback(),
            Self::Name(name) => name.eq_ignore_ascii_case("localhost") || ends_with(name, ".localhost"),
        }
    }

    /// Nobody on the Internet can make a name like this one lead here: there is none to register.
    pub(super) fn is_local(&self) -> bool {
        match self {
            Self::Address(_) => true,
            Self::Name(name) => {
                !name.contains('.') || ends_with(name, ".localhost") || ends_with(name, ".local")
            }
        }
    }
}

fn ends_with(name: &str, end: &str) -> bool {
    let start = name.len().checked_sub(end.len());
    start.and_then(|start| name.get(start..)).is_some_and(|found| found.eq_ignore_ascii_case(end))
}

impl PartialEq for Host<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Address(one), Self::Address(other)) => one == other,
            (Self::Name(one), Self::Name(other)) => one.eq_ignore_ascii_case(other),
            _ => false,
        }
    }
}

/// In lower case, as browsers write it.
impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Name(name) => f.write_str(&name.to_ascii_lowercase()),
        }
    }
}

impl AllowedHost {
    pub(super) fn is(&self, host: Host<'_>) -> bool {
        Host::Name(&self.0) == host
    }
}

impl FromStr for AllowedHost {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match Authority::parse(text) {
            Some(Authority { host: host @ Host::Name(_), port: None }) if !text.ends_with(':') => {
                Ok(Self(host.to_string()))
            }
            _ => Err("must be the name of a host, such as hub.example.com: no scheme, no port, no wildcard"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, Option<u16>)> {
        Authority::parse(text).map(|found| (found.host.to_string(), found.port))
    }

    #[test]
    fn a_host_has_a_port_or_none() {
        for (text, host, port) in [
            ("localhost", "localhost", None),
            ("LOCALHOST.:3000", "localhost", Some(3000)),
            ("hub.example.com:", "hub.example.com", None),
            ("127.0.0.1.:1", "127.0.0.1", Some(1)),
            ("[::1]", "[::1]", None),
            ("[0:0::1]:80", "[::1]", Some(80)),
            ("[::ffff:127.0.0.1]", "127.0.0.1", None),
            ("xn--bcher-kva.example", "xn--bcher-kva.example", None),
        ] {
            assert_eq!(read(text), Some((host.to_owned(), port)), "{text}");
        }
        let long = "a".repeat(254);
        for text in [
            "",
            ".",
            "localhost..",
            ".localhost",
            "a..b",
            ":80",
            "a b",
            "user@localhost",
            "localhost@evil.example",
            "a,b",
            "a/b",
            "a:65536",
            "a:+1",
            "a:1:2",
            "::1",
            "[::1",
            "[::1]x",
            "[localhost]",
            "[fe80::1%25eth0]",
            "bücher.example",
            &long,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn local_is_what_nobody_can_register() {
        let host = |text| Authority::parse(text).unwrap().host;
        for text in
            ["localhost", "hub", "a.b.LOCALHOST", "printer.Local.", "192.168.1.7", "8.8.8.8", "[2001:db8::1]"]
        {
            assert!(host(text).is_local(), "{text}");
        }
        // Browsers write 127.1 as 127.0.0.1 before they send it.
        for text in ["evil.example", "localhost.evil.example", "evil.example.", "xlocal.de", "127.1"] {
            assert!(!host(text).is_local(), "{text}");
        }
        for (text, expected) in [
            ("localhost.", true),
            ("app.localhost", true),
            ("127.9.9.9", true),
            ("[::1]", true),
            ("[::ffff:127.0.0.1]", true),
            ("notlocalhost", false),
            ("hub", false),
            ("0.0.0.0", false),
            ("a.local", false),
        ] {
            assert_eq!(host(text).is_loopback(), expected, "{text}");
        }
    }

    #[test]
    fn an_allowed_host_is_a_name() {
        let allowed: AllowedHost = "Hub.Example.com.".parse().unwrap();
        for (text, expected) in
            [("hub.example.com:8080", true), ("HUB.EXAMPLE.COM.", true), ("example.com", false)]
        {
            assert_eq!(allowed.is(Authority::parse(text).unwrap().host), expected, "{text}");
        }
        for text in ["", "*.example.com", "https://a.example", "a.example:80", "a.example:", "127.0.0.1"] {
            assert!(text.parse::<AllowedHost>().is_err(), "{text}");
        }
    }
}
