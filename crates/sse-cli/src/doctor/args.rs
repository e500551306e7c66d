//! The arguments of `doctor` and their help.

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::ValueEnum;
use sse_client::reqwest::Url;

use crate::address::StreamArgs;
use crate::connection::ConnectionArgs;
use crate::status::StatusArgs;
use crate::values;

#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(super) stream: StreamArgs,

    /// How long to watch the stream, from 1s to 1h. Heartbeats are judged from 17s on
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = watch)]
    pub(super) watch: Duration,

    /// Keep watching until the stream was silent for this long, to see whether it is cut: at most this much longer than
    /// --watch
    #[arg(long, value_name = "TIME", value_parser = watch)]
    pub(super) idle: Option<Duration>,

    /// Check whether a page of this origin can read the stream, for example https://app.example.com
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    pub(super) origin: Option<String>,

    /// The page sends cookies (`withCredentials: true`)
    #[arg(long, requires = "origin")]
    pub(super) credentials: bool,

    /// Show the fix for this proxy. Default: the proxy that the response names, else nginx
    #[arg(long, value_name = "PROXY")]
    pub(super) proxy: Option<Proxy>,

    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) status: StatusArgs,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
}

/// The proxy whose fixes are shown with those of the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Proxy {
    Nginx,
    Apache,
    Caddy,
    Haproxy,
    All,
}

const WATCH: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);

fn watch(text: &str) -> Result<Duration, String> {
    values::duration_in(text, WATCH)
}

/// What a browser sends: scheme, host and port, or `null` for a page without an origin.
fn origin(text: &str) -> Result<String, String> {
    if text == "null" {
        return Ok(text.to_owned());
    }
    let url = Url::parse(text).map_err(|_| "expected https://host or https://host:port")?;
    let origin = url.origin();
    if !origin.is_tuple() || url.path() != "/" || url.query().is_some() {
        return Err(format!("an origin has no path; write {}", origin.ascii_serialization()));
    }
    Ok(origin.ascii_serialization())
}

pub(crate) const AFTER_HELP: &str = "\
Examples:
  sse-cli doctor                                   http://127.0.0.1:3000/events
  sse-cli doctor https://example.com/stream
  sse-cli doctor https://example.com/stream --origin https://app.example.com --credentials
  sse-cli doctor https://example.com/quiet --idle 70s       is it cut when nothing is sent?
  sse-cli doctor https://example.com/stream -H 'Authorization: Bearer abc' --proxy haproxy
  sse-cli doctor https://example.com/stream --json | jq '.findings[].title'

Doctor opens the stream three or four times: as a browser does, with gzip allowed, from the id of an earlier
event, and with --origin. That takes --watch and up to 5 s more; with --idle up to that much longer. Findings go
to stdout, status messages to stderr. A fault breaks the stream for some readers, a warning breaks it under some
conditions, a note is good to know.

Exit status:
    0  nothing found, or notes only
    1  a fault, or the server cannot be reached
    2  wrong usage
    3  warnings, but no fault
    4  refused by the server (4xx)
    5  failed on the server (5xx)
  130  stopped by Ctrl-C";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_what_browsers_send() {
        assert_eq!(origin("https://App.example.com/").as_deref(), Ok("https://app.example.com"));
        assert_eq!(origin("http://localhost:8080").as_deref(), Ok("http://localhost:8080"));
        assert_eq!(origin("null").as_deref(), Ok("null"));
        assert_eq!(origin("https://a.com/x").unwrap_err(), "an origin has no path; write https://a.com");
        assert!(origin("app.example.com").is_err());
    }
}
