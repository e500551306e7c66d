//! Publishing at a steady pace over several connections.

use std::cell::Cell;
use std::time::Instant;

use anyhow::Result;
use futures_util::future::try_join_all;

use super::writes::Pace;
use crate::http::Connection;

/// A POST.
pub(super) struct Post {
    pub(super) path: String,
    pub(super) body: String,
}

impl Post {
    /// One event of our server.
    pub(super) fn event(topic: &str, data: String) -> Self {
        Self { path: format!("/topics/{topic}"), body: data }
    }
}

/// Whichever connection has its answer sends the next event when that is due. `post` makes it from its number and its
/// data.
pub(super) async fn publish(
    address: &str,
    connections: usize,
    pace: Pace,
    post: impl Fn(u32, String) -> Post,
) -> Result<()> {
    let (start, next) = (Instant::now(), Cell::new(0));
    let one = async || {
        let mut connection = Connection::open(address).await?;
        while next.get() < pace.events {
            let nth = next.replace(next.get() + 1);
            tokio::time::sleep((pace.interval * nth).saturating_sub(start.elapsed())).await;
            let Post { path, body } = post(nth, pace.clock.data(pace.data_bytes));
            let request = connection.post_request(&path, "text/plain", body.as_bytes());
            connection.send_prepared(&request).await?;
        }
        anyhow::Ok(())
    };
    try_join_all((0..connections).map(|_| one())).await?;
    Ok(())
}
