//! The real server, over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

mod api;
mod applications;
mod auth;
mod batch;
mod budget;
mod chat;
mod client_limits;
mod cors;
#[cfg(unix)]
mod drain;
mod ending;
mod fanout;
mod guard;
mod harness;
#[cfg(unix)]
mod health;
mod history;
mod hostile;
#[cfg(unix)]
mod http2;
mod maintenance;
mod metrics;
mod notifications;
mod openapi;
mod operator;
mod pages;
mod poll;
mod process;
mod publish;
mod redirect;
mod refusals;
#[cfg(unix)]
mod reload;
mod settings;
mod streams;
#[cfg(target_os = "linux")]
mod systemd;
mod ticker;
#[cfg(unix)]
mod tls;
#[cfg(unix)]
mod unix_socket;
