//! A self-contained real-time event hub over Server-Sent Events: HTTP and applications around the engine, `sse-hub`.
//!
//! The binary is a thin `main` over [`App`]. Imports go one way: `transport <- auth <- http <- apps <- selection <- app <- main`.
//! No file outside `apps` names an application.

mod app;
mod apps;
mod auth;
mod chosen;
mod client_limits;
mod config;
mod data_folder;
mod duration_flag;
mod example;
mod file_flags;
#[cfg(fuzzing)]
pub mod fuzzing;
mod hangup_signal;
mod http;
mod in_force;
mod json_event;
mod listening;
mod maintenance;
mod metrics;
mod parts;
mod reload;
mod selection;
mod settings_fault;
mod settings_file;
mod settings_tree;
mod settings_values;
mod shutdown;
mod shutdown_signal;
mod small_file;
mod systemd;
pub mod telemetry;
mod timestamp;
mod transport;

pub use app::App;
pub use auth::{AllowedHost, AllowedOrigin};
pub use config::{DataDir, Heartbeat, LogFormat, LogLevel, Settings};
pub use maintenance::{LogFolder, Maintenance};
pub use selection::{Selection, SettingsError};
pub use settings_fault::Fault;
