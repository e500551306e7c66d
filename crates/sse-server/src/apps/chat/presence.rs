//! Who is in which room: members, the leases that keep them there, and what has to be announced. Reads no clock,
//! publishes nothing.
//!
//! A member is there while one of its leases runs, and for a grace time after the last, so that a page that is
//! loaded again does not leave. The room's events are the record of it: after a restart the members are
//! restored from them, as if their leases had been renewed just then.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::limits::Limits;
use super::names::{Client, Room, Username};

/// How long restored members have to come back. A browser wakes the timers of a hidden page once a minute.
pub(super) const RESTORED_FOR: Duration = Duration::from_secs(75);
/// Most leases of a member; one more takes the place of that which ends first.
const MAX_LEASES: usize = 32;

/// Everybody, by room.
#[derive(Debug)]
pub(super) struct Presence {
    grace: Duration,
    limits: Limits,
    /// Only rooms that have members.
    rooms: HashMap<Room, HashMap<Username, Member>>,
}

#[derive(Debug)]
struct Member {
    /// The room's events say that it is here.
    announced: bool,
    leases: Vec<Lease>,
    /// From here on it is gone, if no lease runs.
    gone: Instant,
}

#[derive(Debug)]
struct Lease {
    client: Client,
    /// `None`: until it is given back.
    until: Option<Instant>,
}

/// Something that the room's events do not say yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Announcement {
    pub(super) room: Room,
    pub(super) username: Username,
    /// Has come; else has gone.
    pub(super) here: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} has {max} people, the most there can be; try again later")]
pub(super) struct RoomFull {
    what: &'static str,
    max: usize,
}

impl Presence {
    pub(super) fn new(grace: Duration, limits: Limits) -> Self {
        Self { grace, limits, rooms: HashMap::new() }
    }

    /// Takes over the members that the room's events know of, before anybody else comes in.
    pub(super) fn restore(&mut self, room: &Room, usernames: Vec<Username>, now: Instant) {
        if usernames.is_empty() {
            return;
        }
        let places = self.limits.people_per_room.min(self.limits.people.saturating_sub(self.count()));
        let member = || Member { announced: true, leases: Vec::new(), gone: now + RESTORED_FOR };
        let members = usernames.into_iter().take(places).map(|username| (username, member())).collect();
        self.rooms.insert(room.clone(), members);
    }

    /// Is this person in the room?
    pub(super) fn is_here(&self, room: &Room, username: &Username) -> bool {
        self.rooms.get(room).is_some_and(|members| members.contains_key(username))
    }

    /// Starts or renews the lease of a client. True if something is to be announced.
    pub(super) fn renew(
        &mut self,
        room: &Room,
        username: &Username,
        client: Client,
        until: Option<Instant>,
        now: Instant,
    ) -> Result<bool, RoomFull> {
        if !self.is_here(room, username) {
            self.check_place(room)?;
        }
        let members = self.rooms.entry(room.clone()).or_default();
        let member = members.entry(username.clone()).or_insert_with(|| Member {
            announced: false,
            leases: Vec::new(),
            gone: now,
        });
        member.renew(Lease { client, until });
        Ok(!member.announced)
    }

    /// Ends the lease of a client.
    pub(super) fn leave(&mut self, room: &Room, username: &Username, client: &Client, now: Instant) {
        let gone = now + self.grace;
        let member = self.rooms.get_mut(room).and_then(|members| members.get_mut(username));
        if let Some(member) = member
            && let Some(nth) = member.leases.iter().position(|lease| lease.client == *client)
        {
            member.leases.swap_remove(nth);
            member.gone = member.gone.max(gone);
        }
    }

    /// The members of a room, by name.
    pub(super) fn usernames(&self, room: &Room, now: Instant) -> Vec<Username> {
        let members = self.rooms.get(room).into_iter().flatten();
        let here = members.filter(|(_, member)| !member.is_gone(now, self.grace));
        let mut usernames: Vec<Username> = here.map(|(username, _)| username.clone()).collect();
        usernames.sort();
        usernames
    }

    /// Ends the leases that have run out. Gives what is to be announced now, and when to look again.
    pub(super) fn due(&mut self, now: Instant) -> (Vec<Announcement>, Option<Instant>) {
        let (mut due, mut next) = (Vec::new(), None::<Instant>);
        for (room, members) in &mut self.rooms {
            members.retain(|username, member| {
                member.expire(now, self.grace);
                let here = !member.is_gone(now, self.grace);
                if here != member.announced {
                    due.push(Announcement { room: room.clone(), username: username.clone(), here });
                }
                let change = member.next_change(self.grace).filter(|_| here);
                next = [next, change].into_iter().flatten().min();
                here || member.announced
            });
        }
        self.rooms.retain(|_, members| !members.is_empty());
        (due, next)
    }

    /// Notes that the room's events say so now.
    pub(super) fn announced(&mut self, Announcement { room, username, here }: &Announcement) {
        let Some(members) = self.rooms.get_mut(room) else { return };
        if let Some(member) = members.get_mut(username) {
            member.announced = *here;
            if !here && member.leases.is_empty() {
                members.remove(username);
            }
        }
        if members.is_empty() {
            self.rooms.remove(room);
        }
    }

    fn check_place(&self, room: &Room) -> Result<(), RoomFull> {
        let Limits { people_per_room, people, .. } = self.limits;
        if self.rooms.get(room).map_or(0, HashMap::len) >= people_per_room {
            return Err(RoomFull { what: "the room", max: people_per_room });
        }
        if self.count() >= people {
            return Err(RoomFull { what: "the chat", max: people });
        }
        Ok(())
    }

    fn count(&self) -> usize {
        self.rooms.values().map(HashMap::len).sum()
    }
}

impl Member {
    fn renew(&mut self, lease: Lease) {
        if let Some(known) = self.leases.iter_mut().find(|known| known.client == lease.client) {
            known.until = lease.until;
            return;
        }
        if self.leases.len() >= MAX_LEASES {
            let ends = |lease: &Lease| (lease.until.is_none(), lease.until);
            let first = (0..self.leases.len()).min_by_key(|nth| self.leases.get(*nth).map(ends));
            first.map(|nth| self.leases.swap_remove(nth));
        }
        self.leases.push(lease);
    }

    fn expire(&mut self, now: Instant, grace: Duration) {
        let gone = &mut self.gone;
        self.leases.retain(|lease| match lease.until {
            Some(until) if until <= now => {
                *gone = (*gone).max(until + grace);
                false
            }
            _ => true,
        });
    }

    /// When it is gone if no lease is renewed; `None` while one runs without end.
    fn next_change(&self, grace: Duration) -> Option<Instant> {
        self.leases
            .iter()
            .map(|lease| lease.until.map(|until| until + grace))
            .try_fold(self.gone, |last, end| end.map(|end| last.max(end)))
    }

    fn is_gone(&self, now: Instant, grace: Duration) -> bool {
        self.next_change(grace).is_some_and(|gone| gone <= now)
    }
}

#[cfg(test)]
mod tests;
