//! The rooms that exist, and those whose members still have to be restored from their events. Knows nobody who is in one
//! now.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use sse_hub::TopicSummary;

use super::names::Room;

/// Most rooms that the chat itself brings into being, so that it leaves topics for others.
const MAX_ROOMS: usize = 1000;
/// How often rooms are looked for of which nothing is kept any more, when there is no place for another one.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// The rooms in one life of the server.
#[derive(Debug)]
pub(super) struct Rooms {
    /// Those of which something was kept when they were last looked up, and those that have come since.
    known: HashSet<Room>,
    /// When that was.
    looked: Instant,
    /// Rooms from before the start that nobody has asked for yet. Only gets fewer.
    unread: HashSet<Room>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are {MAX_ROOMS} rooms, the most there can be; use one of them")]
pub(super) struct TooManyRooms;

impl Rooms {
    /// The rooms that have events when the server starts.
    pub(super) fn new(topics: Vec<TopicSummary>) -> Self {
        let known = kept(topics);
        Self { unread: known.clone(), known, looked: Instant::now() }
    }

    /// Is it time to look which rooms have lost their last event, because there is no place for another one?
    pub(super) fn looks_again(&self) -> bool {
        self.known.len() >= MAX_ROOMS && self.looked.elapsed() >= LOOK_AGAIN
    }

    /// Takes over what there is now.
    pub(super) fn refresh(&mut self, topics: Vec<TopicSummary>) {
        (self.known, self.looked) = (kept(topics), Instant::now());
    }

    /// Lets a room come into being, if there is a place for it. For the lobby there always is.
    pub(super) fn admit(&mut self, room: &Room) -> Result<(), TooManyRooms> {
        let has_place = self.known.contains(room) || *room == Room::default();
        if self.known.len() >= MAX_ROOMS && !has_place {
            return Err(TooManyRooms);
        }
        self.known.insert(room.clone());
        Ok(())
    }

    /// Do the room's events still have to be read?
    pub(super) fn is_unread(&self, room: &Room) -> bool {
        self.unread.contains(room)
    }

    /// Notes that they have been read. `false` if somebody else was faster.
    pub(super) fn set_read(&mut self, room: &Room) -> bool {
        self.unread.remove(room)
    }
}

/// Rooms without retained events do not exist.
fn kept(topics: Vec<TopicSummary>) -> HashSet<Room> {
    let kept = topics.into_iter().filter(|summary| summary.count > 0);
    kept.filter_map(|summary| Room::of_topic(&summary.topic)).collect()
}
