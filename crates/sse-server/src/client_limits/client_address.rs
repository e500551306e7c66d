//! Who a request is from, when proxies stand in between. A proxy that is trusted says for whom it asks, and what others say
//! does not count: each proxy adds the address that it sees at the end of the list, so it is read from there.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use actix_web::dev::RequestHead;
use actix_web::http::header::{FORWARDED, HeaderName, HeaderValue};
use ipnet::IpNet;

/// Proxies in a row that are looked at.
const MAX_HOPS: usize = 16;

/// A proxy whose word on the client's address counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustedProxy {
    /// At an address, or one of a network.
    At(IpNet),
    /// Whoever connects to the Unix socket.
    Unix,
}

/// All of them, and the header in which they speak.
#[derive(Debug)]
pub(crate) struct Proxies {
    trusted: Vec<TrustedProxy>,
    header: HeaderName,
}

impl FromStr for TrustedProxy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "unix" {
            return Ok(Self::Unix);
        }
        let one = text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
        let network = one.or_else(|_| text.parse());
        network.map(Self::At).map_err(|_| "must be an address, a network such as 10.0.0.0/8, or `unix`")
    }
}

impl Proxies {
    pub(crate) fn new(trusted: Vec<TrustedProxy>, header: HeaderName) -> Self {
        Self { trusted, header }
    }

    pub(super) fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted.iter().any(|proxy| matches!(proxy, TrustedProxy::At(network) if network.contains(&peer)))
    }

    /// See [`ClientLimits::client`](super::ClientLimits::client).
    pub(crate) fn client(&self, head: &RequestHead) -> Option<IpAddr> {
        let peer = head.peer_addr.map(|peer| peer.ip().to_canonical());
        let named = self.trusts_sender(head).then(|| self.named(head)).flatten();
        let is_local = peer.is_none_or(|peer| peer.is_loopback()) && !self.came_through_proxy(head);
        if named.is_none() && is_local {
            return None;
        }
        // Several clients of a proxy on this machine that nobody trusts count as one.
        Some(network(named.or(peer).unwrap_or(Ipv6Addr::LOCALHOST.into())))
    }

    /// See [`ClientLimits::is_of_this_machine`](super::ClientLimits::is_of_this_machine).
    pub(super) fn is_of_this_machine(&self, head: &RequestHead) -> bool {
        let is_loopback = head.peer_addr.is_some_and(|peer| peer.ip().to_canonical().is_loopback());
        is_loopback && !self.trusts_sender(head) && !self.came_through_proxy(head)
    }

    fn trusts_sender(&self, head: &RequestHead) -> bool {
        match head.peer_addr {
            Some(peer) => self.trusts(peer.ip()),
            None => self.trusted.contains(&TrustedProxy::Unix),
        }
    }

    fn came_through_proxy(&self, head: &RequestHead) -> bool {
        let mut names = head.headers.iter().map(|(name, _)| name);
        names.any(|name| {
            *name == FORWARDED || *name == self.header || name.as_str().starts_with("x-forwarded-")
        })
    }

    /// The last address in the header that is not a trusted proxy's.
    fn named(&self, head: &RequestHead) -> Option<IpAddr> {
        let values: Vec<&HeaderValue> = head.headers.get_all(&self.header).collect();
        let hops = values.into_iter().rev().flat_map(|value| self.hops(value));
        let mut last = None;
        for hop in hops.take(MAX_HOPS) {
            // What stands before a hop that cannot be read may be anybody's word.
            let Some(address) = hop else { break };
            last = Some(address);
            if !self.trusts(address) {
                break;
            }
        }
        last
    }

    /// The addresses of one header, from the last; `None` for each that cannot be read.
    fn hops(&self, value: &HeaderValue) -> Vec<Option<IpAddr>> {
        let text = String::from_utf8_lossy(value.as_bytes());
        if self.header == FORWARDED {
            return elements(&text)
                .map_or(vec![None], |hops| hops.into_iter().rev().map(Option::flatten).collect());
        }
        text.rsplit(',').map(address).collect()
    }
}

/// What each element of `Forwarded` names: `for=192.0.2.1;proto=http, for="[2001:db8::1]:4711"`. `None` if it is not written so: with
/// one quote too many, what a proxy repeats of a request, such as its host, could be read as what the proxy says itself.
fn elements(mut text: &str) -> Option<Vec<Option<Option<IpAddr>>>> {
    let mut hops = vec![None];
    loop {
        let (name, rest) = text.split_once('=')?;
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(rest.find([',', ';', '"']).unwrap_or(rest.len())),
        };
        if name.contains([',', ';', '"']) || value.contains('\\') {
            return None;
        }
        // Each parameter stands there once.
        if name.trim().eq_ignore_ascii_case("for") && hops.last_mut()?.replace(address(value)).is_some() {
            return None;
        }
        let rest = rest.trim_start();
        match rest.chars().next() {
            None => return Some(hops),
            Some(',') => hops.push(None),
            Some(';') => {}
            Some(_) => return None,
        }
        text = rest.get(1..)?;
    }
}

/// The address in one hop: `192.0.2.1`, `192.0.2.1:4711`, `[2001:db8::1]:4711`.
fn address(hop: &str) -> Option<IpAddr> {
    let text = hop.trim();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().map(|address| address.ip());
    bare.parse().or_else(|_| with_port()).ok().map(|address: IpAddr| address.to_canonical())
}

/// The network that one customer has: with IPv6 that is a /64, with more addresses than can be counted.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn client(trusted: &[&str], header: &'static str, peer: Option<&str>, sent: &[&str]) -> Option<String> {
        let trusted = trusted.iter().map(|proxy| proxy.parse().unwrap()).collect();
        let proxies = Proxies::new(trusted, HeaderName::from_static(header));
        let mut request = TestRequest::get();
        if let Some(peer) = peer {
            request = request.peer_addr(SocketAddr::new(peer.parse().unwrap(), 1));
        }
        let request = sent.iter().fold(request, |request, value| request.append_header((header, *value)));
        proxies.client(request.to_srv_request().head()).map(|address| address.to_string())
    }

    fn of(trusted: &[&str], peer: &str, sent: &[&str]) -> Option<String> {
        client(trusted, "x-forwarded-for", Some(peer), sent)
    }

    #[test]
    fn a_trusted_proxy_names_the_client_and_nobody_else_does() {
        let at_proxy = |sent: &[&str]| of(&["10.0.0.0/8", "::1"], "10.0.0.1", sent).unwrap();
        assert_eq!(at_proxy(&["203.0.113.7"]), "203.0.113.7");
        assert_eq!(at_proxy(&["1.2.3.4, 203.0.113.7"]), "203.0.113.7", "what the client itself wrote");
        assert_eq!(at_proxy(&["1.2.3.4", "203.0.113.7,10.0.0.2 , 10.9.9.9:80"]), "203.0.113.7");
        assert_eq!(at_proxy(&["10.0.0.3, 10.0.0.2"]), "10.0.0.3", "a client that is one of them");
        assert_eq!(at_proxy(&["1.2.3.4, unknown"]), "10.0.0.1");
        assert_eq!(at_proxy(&["1.2.3.4, unknown, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(at_proxy(&[]), "10.0.0.1");
        assert_eq!(at_proxy(&["2001:db8:1:2:3::4"]), "2001:db8:1:2::");
        assert_eq!(at_proxy(&["[2001:db8:1:2:3::4]:80"]), "2001:db8:1:2::");
        assert_eq!(of(&["10.0.0.1"], "10.0.0.2", &["203.0.113.7"]).unwrap(), "10.0.0.2", "not trusted");
        assert_eq!(of(&["10.0.0.1"], "::ffff:10.0.0.1", &["203.0.113.7"]).unwrap(), "203.0.113.7");
    }

    #[test]
    fn programs_on_this_machine_are_nobody_unless_they_ask_for_others() {
        assert_eq!(of(&[], "127.0.0.1", &[]), None);
        assert_eq!(of(&[], "::1", &[]), None);
        assert_eq!(client(&[], "x-forwarded-for", None, &[]), None);
        assert_eq!(of(&[], "127.0.0.1", &["203.0.113.7"]).unwrap(), "127.0.0.1", "all of its clients as one");
        assert_eq!(of(&["127.0.0.1"], "127.0.0.1", &["203.0.113.7"]).unwrap(), "203.0.113.7");
        assert_eq!(client(&["unix"], "x-forwarded-for", None, &["203.0.113.7"]).unwrap(), "203.0.113.7");
        assert_eq!(client(&[], "x-forwarded-for", None, &["203.0.113.7"]).unwrap(), "::");
    }

    #[test]
    fn the_standard_header_is_understood() {
        let at = |sent| client(&["10.0.0.1"], "forwarded", Some("10.0.0.1"), &[sent]).unwrap();
        assert_eq!(at("for=192.0.2.60;proto=http;by=203.0.113.43"), "192.0.2.60");
        assert_eq!(at("proto=http; For=\"[2001:db8:cafe::17]:4711\""), "2001:db8:cafe::");
        assert_eq!(at("for=1.2.3.4, for=_hidden"), "10.0.0.1");
        assert_eq!(at("for=1.2.3.4, for=192.0.2.60 ; host=\"a:1\""), "192.0.2.60");
        assert_eq!(at("for=192.0.2.60;for=1.2.3.4"), "10.0.0.1");
    }

    #[test]
    fn what_a_proxy_repeats_of_a_request_names_nobody() {
        let at = |sent: &[&str]| client(&["10.0.0.1"], "forwarded", Some("10.0.0.1"), sent).unwrap();
        let hosts = ["a, for=1.2.3.4;x", "a;for=1.2.3.4;x", "a\\\", for=1.2.3.4;x=\\\"", ";for=1.2.3.4"];
        for host in hosts {
            let client = at(&[&format!("for=192.0.2.60;host=\"{host}\"")]);
            assert!(["192.0.2.60", "10.0.0.1"].contains(&&*client), "{host}: {client}");
            let client = at(&[&format!("host=\"{host}\";for=192.0.2.60")]);
            assert!(["192.0.2.60", "10.0.0.1"].contains(&&*client), "{host}: {client}");
            for begun in ["for=1.2.3.4;by=\"", "for=1.2.3.4, by=\"x\\"] {
                assert_eq!(
                    at(&[&format!("{begun}, for=192.0.2.60;host=\"{host}\"")]),
                    "10.0.0.1",
                    "{begun} {host}"
                );
                assert_eq!(at(&[begun, "for=192.0.2.60"]), "192.0.2.60");
            }
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused() {
        assert!("proxy.example".parse::<TrustedProxy>().is_err());
        assert_eq!("10.0.0.0/8".parse::<TrustedProxy>(), Ok(TrustedProxy::At("10.0.0.0/8".parse().unwrap())));
    }
}
