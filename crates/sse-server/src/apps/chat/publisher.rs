//! What is said in the rooms, and who is in them. A publisher on the hub; knows no HTTP.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sse_core::RecordId;
use sse_core::payload::{ChatMessage, ChatUser};
use sse_hub::{AppendError, Batch, Draft, Hub, ReadError};
use tokio::sync::Notify;

use super::limits::Limits;
use super::names::{Client, Room, Text, Username};
use super::presence::{Announcement, Presence, RoomFull};
use super::rate_limits::RateLimits;
use super::rooms::{Rooms, TooManyRooms};
use super::roster;
use crate::client_limits::RateLimited;
use crate::json_event::json_event;
use crate::timestamp;

/// How long to wait with announcements that could not be published.
const RETRY_AFTER: Duration = Duration::from_secs(5);

const NEW_MESSAGE: &str = "newMessage";

/// Shared by all workers. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Chat(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    hub: Hub,
    limits: RateLimits,
    presence: Mutex<Presence>,
    /// Something is to be announced, or may be after the grace time.
    changed: Notify,
    rooms: Mutex<Rooms>,
    /// Seq of the newest event when the server was started.
    before: u64,
    /// Event streams that have kept somebody in a room so far.
    streams: AtomicU64,
}

/// Something that somebody says.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) room: Room,
    pub(super) username: Username,
    pub(super) text: Text,
    /// Idempotency key, and the message's id.
    pub(super) key: Option<String>,
}

/// A message that is in the log.
#[derive(Debug)]
pub(super) struct PostedMessage {
    pub(super) id: String,
    /// Its place in the log.
    pub(super) event_id: RecordId,
    /// The key was known: nothing was stored now.
    pub(super) repeated: bool,
}

/// Keeps somebody in a room for as long as it is held.
#[derive(Debug)]
pub(super) struct PresenceGuard {
    chat: Chat,
    room: Room,
    username: Username,
    client: Client,
}

/// Why the chat did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ChatError {
    #[error(transparent)]
    RateLimited(#[from] RateLimited),
    #[error(transparent)]
    RoomFull(#[from] RoomFull),
    #[error(transparent)]
    TooManyRooms(#[from] TooManyRooms),
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Chat {
    /// The chat on this hub. A member that has no lease left is announced as gone after `grace`.
    pub(super) async fn open(hub: Hub, grace: Duration, limits: Limits) -> Result<Self, ReadError> {
        Ok(Self(Arc::new(Inner {
            limits: RateLimits::new(limits),
            presence: Mutex::new(Presence::new(grace, limits)),
            changed: Notify::new(),
            rooms: Mutex::new(Rooms::new(hub.topics(Room::list()).await?)),
            before: hub.head(),
            streams: AtomicU64::new(0),
            hub,
        })))
    }

    /// Publishes a message. Resolves when it is in the log.
    pub(super) async fn say(&self, message: Message, address: IpAddr) -> Result<PostedMessage, ChatError> {
        let Message { room, username, text, key } = message;
        self.0.limits.message(address, &username)?;
        self.admit(&room).await?;
        self.restore(&room).await?;
        // Not a key of the topic, which anybody publishes to: no topic starts with a slash.
        let scoped = key.as_ref().map(|key| format!("/{}\0{key}", room.topic()).into());
        let id = key.unwrap_or_else(|| format!("{:032x}", fastrand::u128(..)));
        let message = ChatMessage {
            id: id.clone(),
            username: username.as_str().to_owned(),
            text: text.into_string(),
            time: timestamp::now(),
        };
        let drafts = vec![Draft::new(room.topic().clone(), json_event(NEW_MESSAGE, &message))];
        let receipt = self.0.hub.append(Batch::new(drafts, scoped)).await?;
        Ok(PostedMessage { id, event_id: self.0.hub.id(receipt.first), repeated: receipt.repeated })
    }

    /// Starts or renews a client's lease, which keeps somebody in a room; `None` lasts until [`Self::leave`].
    pub(super) async fn enter(
        &self,
        room: &Room,
        username: &Username,
        client: Client,
        lease: Option<Duration>,
        address: IpAddr,
    ) -> Result<(), ChatError> {
        self.restore(room).await?;
        if !self.0.presence.lock().is_here(room, username) {
            self.0.limits.arrival(address)?;
            self.admit(room).await?;
        }
        let now = Instant::now();
        let until = lease.map(|lease| now + lease);
        if self.0.presence.lock().renew(room, username, client, until, now)? {
            self.0.changed.notify_one();
        }
        Ok(())
    }

    /// Ends a client's lease.
    pub(super) fn leave(&self, room: &Room, username: &Username, client: &Client) {
        self.0.presence.lock().leave(room, username, client, Instant::now());
        self.0.changed.notify_one();
    }

    /// Keeps somebody in a room until the answer is dropped.
    pub(super) async fn stay(
        &self,
        room: Room,
        username: Username,
        address: IpAddr,
    ) -> Result<PresenceGuard, ChatError> {
        let client = Client::stream(self.0.streams.fetch_add(1, Ordering::Relaxed));
        self.enter(&room, &username, client.clone(), None, address).await?;
        Ok(PresenceGuard { chat: self.clone(), room, username, client })
    }

    /// Who is in a room, by name.
    pub(super) async fn usernames(&self, room: &Room) -> Result<Vec<Username>, ChatError> {
        self.restore(room).await?;
        Ok(self.0.presence.lock().usernames(room, Instant::now()))
    }

    /// Announces who comes and goes. Who is there at the end stays there by the room's events, and is restored from them.
    pub(super) async fn run(self) {
        loop {
            let next = self.announce().await;
            let due = async {
                match next {
                    Some(next) => tokio::time::sleep_until(next.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                () = self.0.changed.notified() => {}
            }
        }
    }

    /// Publishes what is due, room by room, until nothing is or some of it cannot be. Gives when to look again.
    async fn announce(&self) -> Option<Instant> {
        loop {
            let (due, next) = self.0.presence.lock().due(Instant::now());
            if due.is_empty() {
                return next;
            }
            let mut failed = false;
            for changes in due.chunk_by(|a, b| a.room == b.room) {
                failed |= !self.announce_in_room(changes).await;
            }
            if failed {
                let again = Instant::now() + RETRY_AFTER;
                return Some(next.map_or(again, |next| next.min(again)));
            }
        }
    }

    /// Publishes changes of one room. `false` if they have to wait: a room that has no place for its topic holds up
    /// no other.
    async fn announce_in_room(&self, changes: &[Announcement]) -> bool {
        let drafts = changes.iter().map(draft).collect();
        if let Err(error) = self.0.hub.append(Batch::new(drafts, None)).await {
            let room = changes.first().map_or("", |change| change.room.name());
            tracing::warn!(room, count = changes.len(), %error, "who came and went is not announced yet");
            return false;
        }
        let mut presence = self.0.presence.lock();
        changes.iter().for_each(|change| presence.announced(change));
        true
    }

    /// Takes over the members that a room had when the server was started. Once: what is published to its topic from
    /// then on, by whomever, says nothing of who is there.
    async fn restore(&self, room: &Room) -> Result<(), ReadError> {
        if !self.0.rooms.lock().is_unread(room) {
            return Ok(());
        }
        let usernames = roster::read(&self.0.hub, room, self.0.before).await?;
        let mut presence = self.0.presence.lock();
        if self.0.rooms.lock().set_read(room) {
            presence.restore(room, usernames, Instant::now());
            self.0.changed.notify_one();
        }
        Ok(())
    }

    /// Lets a room come into being, if there is a place for it.
    async fn admit(&self, room: &Room) -> Result<(), ChatError> {
        if self.0.rooms.lock().looks_again() {
            let topics = self.0.hub.topics(Room::list()).await?;
            self.0.rooms.lock().refresh(topics);
        }
        Ok(self.0.rooms.lock().admit(room)?)
    }
}

impl Drop for PresenceGuard {
    fn drop(&mut self) {
        self.chat.leave(&self.room, &self.username, &self.client);
    }
}

fn draft(Announcement { room, username, here }: &Announcement) -> Draft {
    let user = ChatUser { username: username.as_str().to_owned() };
    Draft::new(room.topic().clone(), json_event(roster::event_type(*here), &user))
}
