//! `GET /metrics`: what the server does, in figures, as OpenMetrics text. Everything is read when somebody asks; nothing is
//! counted for it alone. Labels are of closed sets, so that no client can make series.

mod connections;
mod endpoint;
mod events;
mod exposition;
mod log;
mod process;
mod refusals;

pub(crate) use endpoint::endpoints;

/// Its part of the description of the API.
pub(crate) const OPENAPI: &str = include_str!("openapi.json");
