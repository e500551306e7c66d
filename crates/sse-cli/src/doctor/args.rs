//! The arguments of `doctor` and their help. Does nothing but parse.

use std::time::Duration;

use clap::ValueEnum;
use sse_client::reqwest::Url;

use crate::address;
use crate::connection::ConnectionArgs;
use crate::secret::Secret;

#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// The stream: a URL, `host:port/path` or `:port/path`; http unless it says https, and /events if it has
    /// no path
    #[arg(default_value = address::DEFAULT, value_parser = Secret::parser(address::parse))]
    pub(crate) url: Secret<Url>,

    /// How long the stream is watched, from 1s to 1h. Heartbeats are only judged from 17s on
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = watch)]
    pub(crate) watch: Duration,

    /// Stay until the stream has been silent for this long, to see whether something cuts it: up to this much
    /// longer than --watch
    #[arg(long, value_name = "TIME", value_parser = watch)]
    pub(crate) idle: Option<Duration>,

    /// May a page of this origin read the stream? For example https://app.example.com
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    pub(crate) origin: Option<String>,

    /// The page sends cookies along (`withCredentials: true`)
    #[arg(long, requires = "origin")]
    pub(crate) credentials: bool,

    /// Say what to write into this proxy. Default: the one that the answer names, else nginx
    #[arg(long, value_name = "PROXY")]
    pub(crate) proxy: Option<Proxy>,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,

    /// Say nothing on stderr but what failed
    #[arg(short, long)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Whose lines are shown besides the application's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Proxy {
    Nginx,
    Apache,
    Caddy,
    Haproxy,
    All,
}

const HOUR: Duration = Duration::from_secs(3600);

fn watch(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write a number and a unit, such as 20s or 2m"))?;
    if time < Duration::from_secs(1) || time > HOUR {
        return Err("must be from 1s to 1h".to_owned());
    }
    Ok(time)
}

/// What a browser sends: scheme, host and port, or `null` for a page without an origin.
fn origin(text: &str) -> Result<String, String> {
    if text == "null" {
        return Ok(text.to_owned());
    }
    let url = Url::parse(text).map_err(|_| "an origin is written https://host or https://host:port")?;
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

It opens the stream three or four times: as a browser does, with gzip allowed, with the id of an event that it
has seen, and with --origin. That takes --watch and up to 5 s more; with --idle up to that much longer.
Findings go to stdout, talk to stderr. A fault breaks the stream for somebody, a warning will under some
conditions, a note is good to know.

Exit status:
    0  nothing found, or notes only
    1  a fault, or the server cannot be reached
    2  wrong usage
    3  warnings, but no fault
    4  refused by the server (4xx)
    5  the server is in trouble (5xx)
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

    #[test]
    fn watching_has_limits() {
        assert_eq!(watch("90s"), Ok(Duration::from_secs(90)));
        assert!(watch("20").unwrap_err().contains("such as 20s"));
        assert_eq!(watch("0s").unwrap_err(), "must be from 1s to 1h");
    }
}
