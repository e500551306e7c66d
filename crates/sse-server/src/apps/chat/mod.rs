//! Chat: rooms, what is said in them, and who is there. A room is the topic `chat/{room}`; its events are `newMessage`,
//! `userConnected` and `userDisconnected`.

mod events;
mod forms;
mod limits;
mod names;
mod presence;
mod publisher;
mod rate_limits;
mod rooms;
mod roster;
mod routes;

use std::time::Duration;

use sse_hub::{Policy, Retention};

use super::application::{Application, Running};
use crate::duration_flag::duration_within;
use crate::http::Page;
use limits::Limits;
use publisher::Chat;

/// Longest grace time.
const MAX_GRACE: Duration = Duration::from_secs(60);

/// Retention of a room: by count and size, and 90 days for a room that has gone quiet.
const RETENTION: Retention =
    Retention { count: Some(10_000), age: Some(Duration::from_secs(90 * 24 * 3600)), bytes: Some(16 << 20) };

pub(super) const APPLICATION: Application = Application {
    name: "chat",
    policies: &[("chat/*", Policy::on_disk(RETENTION))],
    pages: &[Page { path: "/chat", file: "chat.html", title: "Chat" }],
    streams: &["/chat/events"],
    endpoints: routes::endpoints,
    openapi: include_str!("openapi.json"),
    flags: <Flags as clap::Args>::augment_args,
    section: Some(limits::SECTION),
    start: |mut launch| {
        Box::pin(async move {
            let Flags { chat_grace } = launch.flags()?;
            let limits = Limits::read(launch.settings, &mut Vec::new());
            let chat = Chat::open(launch.hub.clone(), chat_grace, limits).await?;
            launch.spawn(chat.clone().run());
            Ok(Running::with(chat))
        })
    },
};

#[derive(clap::Args)]
#[group(skip)]
struct Flags {
    /// How long somebody stays listed in a room after their last page or connection has closed, at most 1m. A reload
    /// within it announces nothing.
    #[arg(long, env = "SSE_CHAT_GRACE", value_name = "TIME", default_value = "5s",
        value_parser = |text: &str| duration_within(text, Duration::ZERO, MAX_GRACE))]
    chat_grace: Duration,
}
