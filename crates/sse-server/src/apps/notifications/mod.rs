//! Notifications: short messages to people, from anybody by `POST` and from the server's own alerts. Which of them somebody
//! wants to see is decided by their own page.

mod alerts;
mod draft;
mod forms;

use std::time::Duration;

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use sse_hub::{Batch, Policy, Retention, Selectors};

use super::application::{Application, Running};
use crate::auth::Access;
use crate::http::{
    AppState, Endpoint, EventStream, Form as _, GET, KEY_PARAMETER, PARAMETERS, POST, Page, Problem, Query,
    connected, key_of_path, read_text, stored, subscribe,
};
use alerts::Thresholds;
use draft::{TOPIC, draft, topic};

/// As many as somebody may want to scroll through who was away for a month.
const RETENTION: Retention =
    Retention { count: Some(1_000), age: Some(Duration::from_secs(30 * 24 * 3600)), bytes: Some(256 << 20) };

pub(super) const APPLICATION: Application = Application {
    name: "notifications",
    policies: &[(TOPIC, Policy::on_disk(RETENTION))],
    pages: &[Page { path: "/notifications", file: "notifications.html", title: "Notifications" }],
    streams: &["/notifications/events"],
    endpoints: || {
        vec![
            Endpoint::new("/notifications").beside_page().on(POST, send),
            Endpoint::new("/notifications/events").on(GET, events),
        ]
    },
    openapi: include_str!("openapi.json"),
    flags: <Flags as clap::Args>::augment_args,
    section: Some(alerts::SECTION),
    start: |mut launch| {
        Box::pin(async move {
            let Flags { alerts } = launch.flags()?;
            let thresholds = Thresholds::read(launch.settings, &mut Vec::new());
            if alerts {
                launch.spawn(alerts::run(launch.hub.clone(), thresholds));
            }
            Ok(Running::without_state())
        })
    },
};

#[derive(clap::Args)]
#[group(skip)]
struct Flags {
    /// Announce the server's start, and shortage of processor, memory or disk. Thresholds: settings file.
    #[arg(long, env = "SSE_ALERTS", value_name = "on|off", default_value = "on", hide_possible_values = true,
        action = clap::ArgAction::Set, value_parser = clap::builder::BoolishValueParser::new())]
    alerts: bool,
}

/// `GET /notifications/events`
async fn events(request: HttpRequest, access: Access) -> Result<EventStream, Problem> {
    let query = Query::read(&request, &PARAMETERS)?;
    let greeting = connected("Connected to notifications");
    subscribe(&request, &access, &query, Selectors::exactly(topic()), greeting).await
}

/// `POST /notifications`
async fn send(request: HttpRequest, access: Access, payload: Payload) -> Result<HttpResponse, Problem> {
    access.check_publish(&topic())?;
    let query = Query::read(&request, &[KEY_PARAMETER])?;
    let key = key_of_path(&request, &query)?;
    let text = read_text(&request, &access, payload, "a notification", forms::MAX_BYTES).await?;
    let notification = forms::NewNotification::read(&text)?.notification()?;
    let hub = AppState::of(&request).hub();
    let receipt = hub.append(Batch::new(vec![draft(&notification)], key)).await?;
    Ok(stored(hub, receipt))
}
