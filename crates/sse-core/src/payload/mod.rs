//! Shapes of the JSON in the `data` of the hub's own events, one file an application. Field names are those of the
//! tutorial where it has one.

mod chat;
mod dashboard;
mod hub;
mod notifications;

pub use chat::{ChatMessage, ChatUser};
pub use dashboard::{Disk, HubFigures, Metrics, Network};
pub use hub::{Connected, End, Gap, GapReason, ServerTime};
pub use notifications::{Notification, NotificationSource, Severity};
