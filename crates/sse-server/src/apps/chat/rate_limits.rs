//! How fast people may speak, and how fast they may come: per address and name, and per address.

use std::net::IpAddr;
use std::num::NonZeroU32;

use super::limits::Limits;
use super::names::Username;
use crate::client_limits::{Rate, RateLimited};

/// Seconds' worth of messages that may come at once, of a person and of an address.
const PERSON_BURST: NonZeroU32 = NonZeroU32::new(5).expect("not zero");
const ADDRESS_BURST: NonZeroU32 = NonZeroU32::new(3).expect("not zero");

/// The limits of the chat, shared by all workers.
#[derive(Debug)]
pub(super) struct RateLimits {
    person: Rate<(IpAddr, Username)>,
    address: Rate<IpAddr>,
}

impl RateLimits {
    pub(super) fn new(limits: Limits) -> Self {
        let (person, address) = (limits.person_messages_per_second, limits.address_messages_per_second);
        Self {
            person: Rate::new(person.saturating_mul(PERSON_BURST), person),
            address: Rate::new(address.saturating_mul(ADDRESS_BURST), address),
        }
    }

    /// Counts a message.
    pub(super) fn message(&self, address: IpAddr, username: &Username) -> Result<(), RateLimited> {
        // The address first: what it refuses does not count by name.
        self.address.check(&address)?;
        self.person.check(&(address, username.clone()))
    }

    /// Counts somebody who comes into a room.
    pub(super) fn arrival(&self, address: IpAddr) -> Result<(), RateLimited> {
        self.address.check(&address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> Username {
        Username::new("ann").unwrap()
    }

    #[test]
    fn five_messages_at_once_and_then_one_a_second() {
        let limits = RateLimits::new(Limits::default());
        let here = "192.0.2.1".parse().unwrap();
        for _ in 0..5 {
            limits.message(here, &ann()).unwrap();
        }
        assert_eq!(limits.message(here, &ann()).unwrap_err().seconds(), 1);
        limits.message(here, &Username::new("bob").unwrap()).unwrap();
        limits.message("192.0.2.2".parse().unwrap(), &ann()).unwrap();
    }

    #[test]
    fn an_address_cannot_speak_faster_by_changing_its_name() {
        let limits = RateLimits::new(Limits::default());
        let name = |n: usize| Username::new(&format!("n{n}")).unwrap();
        let here = "192.0.2.1".parse().unwrap();
        let let_through = (0..200).filter(|n| limits.message(here, &name(*n)).is_ok()).count();
        // A few more on a slow machine, by the second.
        assert!((60..150).contains(&let_through), "{let_through}");
        assert!(limits.arrival(here).is_err());
    }
}
