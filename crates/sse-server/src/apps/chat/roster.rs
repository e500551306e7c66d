//! Who is in a room by its own events: the state to go on from when the server has been started.

use std::collections::HashSet;

use sse_core::Event;
use sse_core::payload::ChatUser;
use sse_hub::{Hub, ReadError, Seek, Selectors, Start};

use super::names::{Room, Username};

/// Newest events of a room that are looked at. Who came before them is announced once more on return.
const MAX_EVENTS: usize = 1000;
/// Bytes of events after which no further one is added to a page.
const PAGE_BYTES: u64 = 1 << 20;

const USER_CONNECTED: &str = "userConnected";
const USER_DISCONNECTED: &str = "userDisconnected";

/// The type of the event that says that somebody has come, or else gone.
pub(super) fn event_type(here: bool) -> &'static str {
    if here { USER_CONNECTED } else { USER_DISCONNECTED }
}

/// Reads who has come and not gone by this seq.
pub(super) async fn read(hub: &Hub, room: &Room, by: u64) -> Result<Vec<Username>, ReadError> {
    let selectors = Selectors::exactly(room.topic().clone());
    let mut start = Start::Kept(Seek::Last(MAX_EVENTS));
    let (mut here, mut after) = (HashSet::new(), 0);
    loop {
        let page = hub.page(&selectors, start, MAX_EVENTS, PAGE_BYTES).await?;
        let events = page.events.iter().filter(|event| event.id.seq <= by);
        events.for_each(|event| apply(&mut here, &event.event));
        // A page always moves on; if one did not, to go round again would be for ever.
        if page.next.seq >= by || page.next.seq <= after {
            return Ok(here.into_iter().collect());
        }
        after = page.next.seq;
        start = Start::After(page.next.to_string());
    }
}

/// Anybody can publish to a room's topic: what is no event of ours says nothing.
fn apply(here: &mut HashSet<Username>, event: &Event) {
    let event_type = event.event_type().map_or("", |event_type| event_type.as_str());
    let username = || {
        let user: ChatUser = serde_json::from_str(event.data()).ok()?;
        Username::new(&user.username).ok()
    };
    match event_type {
        USER_CONNECTED => here.extend(username()),
        USER_DISCONNECTED => {
            username().map(|username| here.remove(&username));
        }
        _ => {}
    }
}
