//! How much of the server one client may have: who a client is, how often it may ask, how many connections it may hold.

mod client_address;
mod connections;
mod rate;
mod subjects;

pub(crate) use client_address::Proxies;
pub(crate) use client_address::TrustedProxy;
use client_address::network;
use connections::Connections;
pub(crate) use connections::Slot;
pub(crate) use rate::{Rate, RateLimited};
pub(crate) use subjects::SubjectLimits;
use subjects::Subjects;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use actix_web::dev::RequestHead;
use arc_swap::ArcSwap;
use sse_hub::Counters;

/// Long answers to one address that are not read to the end. Each holds a quarter of a MiB and an event.
const ANSWERS: NonZeroU32 = NonZeroU32::new(64).expect("not zero");

/// What one address may do. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AddressLimits {
    /// Event streams opened in a second.
    pub(crate) subscribes: Option<NonZeroU32>,
    /// All other requests of the API in a second.
    pub(crate) requests: Option<NonZeroU32>,
    /// Connections in a second; connections and streams of HTTP/2 at the same time.
    pub(crate) connects: Option<NonZeroU32>,
    pub(crate) connections: Option<NonZeroU32>,
}

/// The limits by address and by subject, shared by all workers.
#[derive(Debug, Clone)]
pub(crate) struct ClientLimits(Arc<ArcSwap<Inner>>);

#[derive(Debug)]
struct Inner {
    proxies: Proxies,
    subscribes: Option<Rate<IpAddr>>,
    requests: Option<Rate<IpAddr>>,
    connects: Option<Rate<IpAddr>>,
    connections: Connections<IpAddr>,
    answers: Connections<IpAddr>,
    subjects: Subjects,
    counters: Arc<Counters>,
}

impl Default for AddressLimits {
    fn default() -> Self {
        Self {
            subscribes: NonZeroU32::new(50),
            requests: NonZeroU32::new(1000),
            connects: NonZeroU32::new(200),
            connections: NonZeroU32::new(1000),
        }
    }
}

impl Inner {
    fn new(
        limits: AddressLimits,
        of_subjects: SubjectLimits,
        proxies: Proxies,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            proxies,
            subscribes: limits.subscribes.map(Rate::of_seconds),
            requests: limits.requests.map(Rate::of_seconds),
            connects: limits.connects.map(Rate::of_seconds),
            connections: Connections::new(limits.connections),
            answers: Connections::new(limits.connections.map(|connections| connections.min(ANSWERS))),
            subjects: Subjects::new(of_subjects, Arc::clone(&counters)),
            counters,
        }
    }

    fn check(
        &self,
        rate: Option<&Rate<IpAddr>>,
        head: &RequestHead,
        refused: &AtomicU64,
    ) -> Result<(), RateLimited> {
        let Some((rate, client)) = rate.zip(self.proxies.client(head)) else { return Ok(()) };
        // Under a target that is not ours, so that it is limited as foreign lines are: to one a minute.
        rate.check(&client).inspect_err(|limited| {
            Counters::add(refused, 1);
            tracing::warn!(target: "request", address = %client, path = head.uri.path(), "refused: {limited}");
        })
    }
}

impl ClientLimits {
    pub(crate) fn new(
        limits: AddressLimits,
        of_subjects: SubjectLimits,
        proxies: Proxies,
        counters: Arc<Counters>,
    ) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Inner::new(limits, of_subjects, proxies, counters))))
    }

    /// Limits in this way from now on. What is open still counts; the rates begin anew.
    pub(crate) fn replace(&self, limits: AddressLimits, of_subjects: SubjectLimits, proxies: Proxies) {
        let old = self.0.load();
        let mut new = Inner::new(limits, of_subjects, proxies, Arc::clone(&old.counters));
        new.connections.count_on(&old.connections);
        new.answers.count_on(&old.answers);
        new.subjects.count_on(&old.subjects);
        self.0.store(Arc::new(new));
    }

    /// The network that a request is from. `None`: a program on this machine, which is not limited by its address.
    pub(crate) fn client(&self, head: &RequestHead) -> Option<IpAddr> {
        self.0.load().proxies.client(head)
    }

    /// Counts a request of this subject; `None` is never limited.
    pub(crate) fn request_of(&self, subject: Option<&String>) -> Result<(), RateLimited> {
        self.0.load().subjects.request(subject)
    }

    /// Counts an event stream of this subject that is to be opened.
    pub(crate) fn subscribe_of(&self, subject: Option<&String>) -> Result<(), RateLimited> {
        self.0.load().subjects.subscribe(subject)
    }

    /// A place for an event stream of this subject.
    pub(crate) fn connect_of(&self, subject: Option<&String>) -> Option<Slot<String>> {
        self.0.load().subjects.connect(subject)
    }

    /// Is a request from a program on this machine, and of nobody else that this asks for? Over a Unix socket it may be: that is
    /// where proxies are.
    pub(crate) fn is_of_this_machine(&self, head: &RequestHead) -> bool {
        self.0.load().proxies.is_of_this_machine(head)
    }

    /// Counts an event stream.
    pub(crate) fn subscribe(&self, head: &RequestHead) -> Result<(), RateLimited> {
        let limits = self.0.load();
        limits.check(limits.subscribes.as_ref(), head, &limits.counters.refused_subscribes)
    }

    /// Counts another request.
    pub(crate) fn request(&self, head: &RequestHead) -> Result<(), RateLimited> {
        let limits = self.0.load();
        limits.check(limits.requests.as_ref(), head, &limits.counters.refused_requests)
    }

    /// A place for a long answer to this client.
    pub(crate) fn answer(&self, client: IpAddr) -> Option<Slot> {
        let limits = self.0.load();
        let slot = limits.answers.take(Some(client));
        if slot.is_none() {
            Counters::add(&limits.counters.refused_requests, 1);
            tracing::warn!(target: "request", address = %client, "refused: too many answers that it has not read");
        }
        slot
    }

    /// A place for a connection from this peer. The connections of proxies are not limited: each is of somebody else.
    pub(crate) fn connect(&self, peer: IpAddr) -> Option<Slot> {
        let limits = self.0.load();
        let is_unlimited = peer.to_canonical().is_loopback() || limits.proxies.trusts(peer);
        let limited = (!is_unlimited).then(|| network(peer));
        let comes_too_fast = |(rate, address): (&Rate<IpAddr>, IpAddr)| rate.check(&address).is_err();
        let is_refused = limits.connects.as_ref().zip(limited).is_some_and(comes_too_fast);
        let slot = if is_refused { None } else { limits.connections.take(limited) };
        if slot.is_none() {
            Counters::add(&limits.counters.refused_connections, 1);
            tracing::warn!(target: "request", %peer, "refused: too many connections from this address");
        }
        slot
    }
}

/// Nobody is limited.
#[cfg(test)]
impl Default for ClientLimits {
    fn default() -> Self {
        let unlimited = AddressLimits { subscribes: None, requests: None, connects: None, connections: None };
        Self::behind(Vec::new(), unlimited)
    }
}

#[cfg(test)]
impl ClientLimits {
    pub(crate) fn behind(trusted: Vec<TrustedProxy>, limits: AddressLimits) -> Self {
        let header = actix_web::http::header::HeaderName::from_static("x-forwarded-for");
        Self::new(limits, SubjectLimits::NONE, Proxies::new(trusted, header), Arc::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_connects_too_fast_is_turned_away_and_others_are_not() {
        let limits = AddressLimits { connects: Some(NonZeroU32::MIN), ..AddressLimits::default() };
        let clients = ClientLimits::behind(vec!["192.0.2.9".parse().unwrap()], limits);
        let let_in =
            |peer: &str| (0..20).filter(|_| clients.connect(peer.parse().unwrap()).is_some()).count();
        // One more on a slow machine, by the second.
        assert!((4..10).contains(&let_in("192.0.2.1")));
        assert!((4..10).contains(&let_in("192.0.2.2")));
        assert_eq!(
            [let_in("192.0.2.9"), let_in("127.0.0.1")],
            [20, 20],
            "a proxy, a program on this machine"
        );
    }

    #[test]
    fn an_address_in_other_words_and_one_of_its_network_are_the_same_client() {
        let limits = AddressLimits { connections: NonZeroU32::new(2), ..AddressLimits::default() };
        let clients = ClientLimits::behind(Vec::new(), limits);
        for peers in [["192.0.2.1", "::ffff:192.0.2.1"], ["2001:db8::1", "2001:db8::2"]] {
            let [first, second] = peers.map(|peer| clients.connect(peer.parse().unwrap()));
            assert!(first.is_some() && second.is_some());
            assert!(clients.connect(peers[0].parse().unwrap()).is_none(), "{peers:?}");
        }
        let here: Vec<_> = (0..5).map(|_| clients.connect("::ffff:127.0.0.1".parse().unwrap())).collect();
        assert!(here.iter().all(Option::is_some));
    }

    #[test]
    fn clients_of_a_proxy_on_this_machine_that_is_not_trusted_share_the_answers_of_one() {
        let clients = ClientLimits::behind(Vec::new(), AddressLimits::default());
        for client in ["127.0.0.1", "192.0.2.1", "::"] {
            let client = client.parse().unwrap();
            let held: Vec<_> = (0..100).map_while(|_| clients.answer(client)).collect();
            assert_eq!(held.len(), 64, "{client}");
        }
    }
}
