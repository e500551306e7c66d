//! A self-contained real-time event hub over Server-Sent Events: HTTP and applications around the engine, `sse-hub`.
//!
//! The binary is a thin `main` over [`App`]. Imports go one way: `transport <- auth <- http <- apps <- selection <- app <- main`.
//! No file outside `apps` names an application.

mod app;
mod apps;
mod auth;
mod client_limits;
mod config;
mod data_folder;
mod duration_flag;
#[cfg(fuzzing)]
pub mod fuzzing;
mod http;
mod json_event;
mod listening;
mod maintenance;
mod metrics;
mod selection;
mod settings_file;
mod settings_values;
mod shutdown;
mod shutdown_signal;
mod systemd;
pub mod telemetry;
mod timestamp;
mod transport;

pub use app::App;
pub use auth::{AllowedHost, AllowedOrigin};
pub use config::{DataDir, Heartbeat, LogFormat, Settings};
pub use maintenance::{LogFolder, Maintenance};
pub use selection::Selection;
