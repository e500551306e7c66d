//! Fuzz target: what the guard takes for a host or an origin is that for a browser, too. Not a test of what it allows.
//!
//! Input: text of a `Host` or an `Origin`.

#![no_main]
// The server uses more of it.
#![allow(dead_code)]

use libfuzzer_sys::fuzz_target;
use url::{Host, Url};

#[path = "../../crates/sse-server/src/auth/authority.rs"]
mod authority;
#[path = "../../crates/sse-server/src/auth/origin.rs"]
mod origin;

use authority::Authority;
use origin::AllowedOrigin;

fuzz_target!(|text: &str| {
    if let Some(found) = Authority::parse(text) {
        let written = found.host.to_string();
        let again = Authority::parse(&written).map(|again| again.host);
        assert_eq!(again, Some(found.host), "a host is read as it is written");
        if let (true, Ok(url)) = (found.host.is_loopback(), Url::parse(&format!("http://{text}/"))) {
            assert!(is_loopback(&url), "a browser goes to {url}");
        }
    }
    if let Ok(AllowedOrigin::One(origin)) = text.parse() {
        assert_eq!(origin.parse(), Ok(AllowedOrigin::One(origin.clone())), "an origin is read as it is written");
        if let Ok(url) = Url::parse(&origin)
            && url.origin().is_tuple()
            && matches!(url.host(), Some(Host::Domain(_)))
        {
            assert_eq!(url.origin().ascii_serialization(), origin, "as a browser sends it");
        }
    }
});

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.trim_end_matches('.') == "localhost" || name.trim_end_matches('.').ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}
