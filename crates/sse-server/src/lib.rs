//! A self-contained real-time event hub over Server-Sent Events.
//!
//! The binary is a thin `main` over [`App`]. Imports go one way: `policy, selectors, socket <- connection <- log <- hub <- source <- chat <- http <- app`. Only
//! `http` knows actix-web, only `log` stores records, only [`Settings`] reads the environment.

mod app;
mod chat;
mod config;
mod connection;
mod http;
mod hub;
mod log;
pub mod policy;
mod selectors;
mod settings_file;
mod shutdown;
mod socket;
mod source;
pub mod telemetry;

pub use app::{App, StartError};
pub use config::{DataDir, Heartbeat, LogFormat, Settings, Switch, TickerMarket};
pub use settings_file::SettingsFileError;
pub use shutdown::{Shutdown, ShutdownSwitch};
pub use source::ticker::FeedError;
