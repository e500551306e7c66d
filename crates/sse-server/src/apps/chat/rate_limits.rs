//! How fast people may speak, and how fast they may come: per address and name, and per address.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::names::Username;

/// Messages of one person at once, and a second after that.
const PERSON: (NonZeroU32, NonZeroU32) = (nonzero(5), nonzero(1));
/// Messages and arrivals of one address at once, and a second after that. An office or a proxy can be behind it.
const ADDRESS: (NonZeroU32, NonZeroU32) = (nonzero(60), nonzero(20));
/// Keys that a limit remembers before it looks for those that are at rest.
const MANY_KEYS: usize = 10_000;
/// What is told to wait when there are too many keys to count.
const CROWD_WAIT: Duration = Duration::from_secs(5);

type Rate<K> = RateLimiter<K, HashMapStateStore<K>, MonotonicClock>;

/// The limits of the chat, shared by all workers.
#[derive(Debug)]
pub(super) struct RateLimits {
    person: Rate<(IpAddr, Username)>,
    address: Rate<IpAddr>,
}

/// Too much at once. Holds how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("rate limit exceeded; retry in {} s", self.seconds())]
pub(super) struct RateLimited(Duration);

impl RateLimited {
    /// Whole seconds to wait, at least one.
    pub(super) fn seconds(self) -> u64 {
        self.0.as_secs_f64().ceil().max(1.0) as u64
    }
}

impl RateLimits {
    pub(super) fn new() -> Self {
        Self { person: rate(PERSON), address: rate(ADDRESS) }
    }

    /// Counts a message.
    pub(super) fn message(&self, address: IpAddr, username: &Username) -> Result<(), RateLimited> {
        let address = network(address);
        // The address first: what it refuses is not remembered by name, or one address could fill the memory of all.
        check(&self.address, &address)?;
        check(&self.person, &(address, username.clone()))
    }

    /// Counts somebody who comes into a room.
    pub(super) fn arrival(&self, address: IpAddr) -> Result<(), RateLimited> {
        check(&self.address, &network(address))
    }
}

fn rate<K: Hash + Eq + Clone>((burst, per_second): (NonZeroU32, NonZeroU32)) -> Rate<K> {
    let quota = Quota::per_second(per_second).allow_burst(burst);
    RateLimiter::new(quota, HashMapStateStore::default(), MonotonicClock)
}

/// A key that is at rest takes no room for long: it is forgotten once its allowance is full again, which takes
/// seconds. If even so there are too many, everybody waits.
fn check<K: Hash + Eq + Clone>(rate: &Rate<K>, key: &K) -> Result<(), RateLimited> {
    if rate.len() >= MANY_KEYS {
        rate.retain_recent();
        if rate.len() >= MANY_KEYS {
            return Err(RateLimited(CROWD_WAIT));
        }
    }
    rate.check_key(key).map_err(|not_until| RateLimited(not_until.wait_time_from(MonotonicClock.now())))
}

/// The network that one customer has: with IPv6 that is a /64, with more addresses than can be counted.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

const fn nonzero(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("not zero")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> Username {
        Username::new("ann").unwrap()
    }

    #[test]
    fn five_messages_at_once_and_then_one_a_second() {
        let limits = RateLimits::new();
        let here = "192.0.2.1".parse().unwrap();
        for _ in 0..5 {
            limits.message(here, &ann()).unwrap();
        }
        let refused = limits.message(here, &ann()).unwrap_err();
        assert_eq!((refused.seconds(), refused.to_string()), (1, "rate limit exceeded; retry in 1 s".into()));
        limits.message(here, &Username::new("bob").unwrap()).unwrap();
        limits.message("192.0.2.2".parse().unwrap(), &ann()).unwrap();
    }

    #[test]
    fn an_address_cannot_speak_faster_by_changing_its_name() {
        let limits = RateLimits::new();
        let name = |n: usize| Username::new(&format!("n{n}")).unwrap();
        let address = |n: usize| format!("2001:db8::{n:x}").parse().unwrap();
        let let_through = (0..200).filter(|n| limits.message(address(*n), &name(*n)).is_ok()).count();
        // A few more on a slow machine, by the second.
        assert!((60..150).contains(&let_through), "{let_through}");
        assert!(limits.arrival(address(1)).is_err());
        assert_eq!(limits.person.len(), let_through, "what is refused is not remembered");
    }
}
