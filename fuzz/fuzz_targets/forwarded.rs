//! Fuzz target: the client of a request is the peer, or an address that only trusted proxies stand behind. Not a test of who is
//! trusted.
//!
//! Input: `f` for `Forwarded`, else `X-Forwarded-For`; in upper case from a peer that is no proxy. Then the headers, one a line.

#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sse_server::fuzzing::Clients;

const TRUSTED: [&str; 2] = ["10.0.0.0/8", "fd00::/8"];
const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const STRANGE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));
const STANDARD: &str = "forwarded";
const USUAL: &str = "x-forwarded-for";

static BEHIND: LazyLock<[Clients; 2]> =
    LazyLock::new(|| [STANDARD, USUAL].map(|header| Clients::behind(&TRUSTED, header)));

fuzz_target!(|input: &[u8]| {
    let Some((kind, text)) = input.split_first() else { return };
    let is_standard = kind.eq_ignore_ascii_case(&b'f');
    let [standard, usual] = &*BEHIND;
    let (clients, header) = if is_standard { (standard, STANDARD) } else { (usual, USUAL) };
    let values: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    if kind.is_ascii_uppercase() {
        assert_eq!(clients.client(STRANGE, header, &values), Some(STRANGE), "who is no proxy speaks for itself");
        return;
    }
    let found = clients.client(PROXY, header, &values).expect("no program of this machine");
    // Those that are no text do not get here.
    let lines = values.iter().filter(|value| value.iter().all(|byte| *byte >= b' ' && *byte != 127 || *byte == b'\t'));
    let hops: Vec<Option<IpAddr>> = lines
        .flat_map(|line| {
            let line = String::from_utf8_lossy(line);
            if is_standard { elements(&line) } else { line.split(',').map(address).collect() }
        })
        .collect();
    let last = hops.iter().rposition(|hop| !hop.is_some_and(is_trusted)).unwrap_or(0);
    let mut may_be = hops[last..].iter().flatten().copied().map(network).chain([PROXY]);
    assert!(may_be.any(|address| address == found), "{found} stands left of one that is not trusted");
});

/// What the elements of one header say of `for`, with quotes and escapes as the standard has them.
fn elements(line: &str) -> Vec<Option<IpAddr>> {
    let (mut elements, mut pairs, mut pair) = (Vec::new(), Vec::new(), String::new());
    let (mut is_quoted, mut is_escaped) = (false, false);
    for letter in line.chars().chain([',']) {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ',' | ';' if !is_quoted => {
                pairs.push(std::mem::take(&mut pair));
                if letter == ',' {
                    elements.push(of_element(&std::mem::take(&mut pairs)));
                }
                continue;
            }
            _ => {}
        }
        pair.push(letter);
    }
    // What is behind a quote that is left open is nobody's word.
    if is_quoted { vec![None] } else { elements }
}

fn of_element(pairs: &[String]) -> Option<IpAddr> {
    let mut named = pairs.iter().filter_map(|pair| pair.split_once('='));
    let (_, value) = named.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address(value)
}

fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = text.parse().map(|address: SocketAddr| address.ip());
    bare.parse().or(with_port).ok().map(|address: IpAddr| address.to_canonical())
}

fn is_trusted(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[0] == 10,
        IpAddr::V6(address) => address.octets()[0] == 0xfd,
    }
}

/// The first half of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}
