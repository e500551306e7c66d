//! The local addresses of the streams: one address has a limited number of ports.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Streams per address. Linux has 28,232 ephemeral ports, some of them in use; well below that, finding a free one stays
/// fast.
const STREAMS_PER_ADDRESS: usize = 16_000;

/// The `wanted` ones; by default enough loopback addresses for a server on 127.x.x.x. Used round-robin; empty is the
/// system's choice.
pub(super) fn choose(wanted: &[IpAddr], server: SocketAddr, streams: usize) -> anyhow::Result<Vec<IpAddr>> {
    let to = server.ip();
    if let Some(from) = wanted.iter().copied().find(|from| from.is_ipv4() != to.is_ipv4()) {
        anyhow::bail!("--source {from} cannot reach {to}: one is IPv4, the other IPv6");
    }
    let count = streams.div_ceil(STREAMS_PER_ADDRESS);
    if wanted.is_empty() && to.is_ipv4() && to.is_loopback() && count > 1 {
        let first = u32::from(Ipv4Addr::LOCALHOST);
        return Ok((first..).take(count).map(|address| IpAddr::V4(address.into())).collect());
    }
    Ok(wanted.to_vec())
}

/// The address for a stream, `None` for the system's choice.
pub(super) fn of(sources: &[IpAddr], stream: usize) -> Option<IpAddr> {
    sources.get(stream.checked_rem(sources.len())?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(wanted: &[&str], server: &str, streams: usize) -> anyhow::Result<Vec<String>> {
        let wanted: Vec<IpAddr> = wanted.iter().map(|text| text.parse().unwrap()).collect();
        let sources = choose(&wanted, server.parse().unwrap(), streams)?;
        Ok(sources.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_server_on_this_machine_is_reached_from_several_addresses() {
        assert_eq!(sources(&[], "127.0.0.1:80", 16_000).unwrap(), [""; 0]);
        assert_eq!(sources(&[], "127.0.0.1:80", 40_000).unwrap(), ["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
        assert_eq!(sources(&[], "192.0.2.1:80", 40_000).unwrap(), [""; 0]);
    }

    #[test]
    fn own_addresses_take_turns() {
        let wanted = ["127.0.0.9", "127.0.0.8"].map(|text| text.parse().unwrap());
        let sources = choose(&wanted, "127.0.0.1:80".parse().unwrap(), 5).unwrap();
        let used: Vec<IpAddr> = (0..3).filter_map(|stream| of(&sources, stream)).collect();
        assert_eq!(used, [wanted[0], wanted[1], wanted[0]]);
        assert!(choose(&wanted, "[::1]:80".parse().unwrap(), 5).is_err());
    }
}
