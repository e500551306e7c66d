//! Notifications of the server's own: that it has started, and when processor, memory or disks run short.

mod alarm;
mod thresholds;
mod vitals;
mod watch;

use sse_core::payload::{Notification, NotificationSource, Severity};
use sse_hub::{Batch, Hub};
use sysinfo::System;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::draft::draft;
use crate::apps::host;
use crate::timestamp;
pub(super) use thresholds::{SECTION, Thresholds};
use vitals::Gauge;
use watch::{Notice, Watch};

/// Tells of the start, then of every shortage and its end.
pub(super) async fn run(hub: Hub, thresholds: Thresholds) {
    tell(&hub, started()).await;
    if !thresholds.any() {
        return;
    }
    let mut gauge = match Gauge::new() {
        Ok(gauge) => gauge,
        Err(error) => return tracing::error!(%error, "no alerts on this system"),
    };
    let mut watch = Watch::new(&thresholds);
    let mut ticks = interval_at(Instant::now() + thresholds.every, thresholds.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some((used, vitals)) = host::read("alerts", gauge, Gauge::read).await else { return };
        gauge = used;
        for notice in watch.observe(&vitals) {
            tell(&hub, notice).await;
        }
    }
}

fn started() -> Notice {
    let version = env!("CARGO_PKG_VERSION");
    let host = System::host_name().map_or_else(|_| String::new(), |host| format!(" on {host}"));
    Notice {
        severity: Severity::Info,
        title: "Server started".into(),
        text: format!("sse-server {version}{host}"),
    }
}

async fn tell(hub: &Hub, Notice { severity, title, text }: Notice) {
    tracing::info!(?severity, title, "notification");
    let notification = Notification {
        category: "system".into(),
        severity,
        title,
        text,
        time: timestamp::now(),
        source: NotificationSource::Server,
    };
    if let Err(error) = hub.append(Batch::new(vec![draft(&notification)], None)).await {
        tracing::warn!(%error, "a notification was not published");
    }
}
