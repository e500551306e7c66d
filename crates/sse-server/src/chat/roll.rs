//! Who is in a room by its own events: the state to go on from when the server has been started.

use std::collections::HashSet;

use sse_core::payload::ChatUser;
use sse_core::{Decoder, Event};

use super::names::{Room, Username};
use super::{USER_CONNECTED, USER_DISCONNECTED};
use crate::hub::{Hub, Start};
use crate::log::{Depth, Read, ReadError, Seek};
use crate::selectors::Selectors;

/// Newest events of a room that are looked at. Who came before them is announced once more on return.
const MAX_EVENTS: usize = 1000;
/// Bytes of events after which no further one is added to a page.
const PAGE_BYTES: u64 = 1 << 20;

/// Reads who has come and not gone by this seq.
pub(super) async fn read(hub: &Hub, room: &Room, by: u64) -> Result<Vec<Username>, ReadError> {
    let selectors = Selectors::exactly(room.topic().clone());
    let mut after = hub.place(Start::Kept(Seek::Last(MAX_EVENTS)), &selectors).seq();
    let mut here = HashSet::new();
    while after < by {
        let read = Read {
            selectors: selectors.clone(),
            after,
            known: 0,
            depth: Depth::All,
            max_records: MAX_EVENTS,
            max_bytes: PAGE_BYTES,
        };
        let page = hub.read(read).await?;
        for record in page.records.iter().filter(|record| record.seq <= by) {
            let mut decoder = Decoder::new();
            if let Some(Ok(event)) = decoder.feed(&record.frame).last() {
                apply(&mut here, &event);
            }
        }
        // A page always moves on; if one did not, to go round again would be for ever.
        if page.complete_to <= after {
            break;
        }
        after = page.complete_to;
    }
    Ok(here.into_iter().collect())
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
