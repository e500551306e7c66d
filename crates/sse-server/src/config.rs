//! Settings of the server itself, as flags. `--apps` is in `selection.rs`, which reads them; each
//! application has its own flags in its `mod.rs`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use actix_web::http::header::{HeaderName, HeaderValue};
use bytesize::ByteSize;
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Parser, ValueEnum};

use crate::auth::{AllowedHost, AllowedOrigin};
use crate::client_limits::TrustedProxy;
use crate::duration_flag::{HOUR, duration_within};

/// Folder of the durable log, unless another one is chosen.
pub(crate) const DATA_DIR: &str = "sse-data";

/// A real-time event hub over Server-Sent Events.
///
/// Every flag is also an environment variable, --data-dir is SSE_DATA_DIR, and a key of the settings file, data_dir: flags go
/// before variables, and these before the file.
#[derive(Debug, Clone, Parser)]
#[command(name = "sse-server", version)]
pub struct Settings {
    /// Address and port to listen on. Port 0 picks a free one, and the first line on stdout says which. One that is not
    /// loopback needs --open, or `[auth]` in the settings file.
    #[arg(long, env = "SSE_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:3000")]
    pub listen: String,

    /// Listen on a Unix socket at this path too, for proxies and programs on this machine: a request costs less there than
    /// over TCP. The umask and the folder's permissions decide who may connect.
    #[cfg(unix)]
    #[arg(long, env = "SSE_UNIX_SOCKET", value_name = "PATH")]
    pub unix_socket: Option<PathBuf>,

    /// Certificate of the server in PEM, followed by the intermediate ones: --listen then serves HTTPS. Read again when the
    /// file changes, and on SIGHUP.
    #[arg(long, env = "SSE_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// Private key of that certificate in PEM.
    #[arg(long, env = "SSE_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Address and port of plain HTTP beside it, where every request is sent on to HTTPS (308).
    #[arg(long, env = "SSE_REDIRECT_LISTEN", value_name = "ADDR", requires = "tls_cert")]
    pub redirect_listen: Option<String>,

    /// Have browsers come by HTTPS alone for this time, up to 3650d, such as 180d (Strict-Transport-Security). It holds for every
    /// port of the host. 0s takes it back.
    #[arg(long, env = "SSE_HSTS", value_name = "TIME", value_parser = hsts)]
    pub hsts: Option<HeaderValue>,

    /// Everybody who reaches the hub may publish and read: needed, without `[auth]` in the settings file, to listen
    /// beyond this machine or behind a proxy.
    #[arg(long, env = "SSE_OPEN", value_parser = BoolishValueParser::new())]
    pub open: bool,

    /// Host name that the hub answers to, beside addresses, names without a dot, *.localhost and *.local; repeatable. Checked
    /// while anything is allowed without a token.
    #[arg(long, env = "SSE_ALLOWED_HOST", value_name = "HOST", value_delimiter = ',')]
    pub allowed_host: Vec<AllowedHost>,

    /// Origin whose pages may use the hub as its own do, such as `https://app.example.com`; repeatable. `*` is every origin,
    /// without cookies. On loopback without `[auth]`, pages of this machine may.
    #[arg(long, env = "SSE_ALLOW_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub allow_origin: Vec<AllowedOrigin>,

    /// Proxy that says which client a request is from; repeatable: an address, a network such as 10.0.0.0/8, or `unix` for
    /// whoever connects to --unix-socket.
    #[arg(long, env = "SSE_TRUSTED_PROXY", value_name = "ADDR", value_delimiter = ',')]
    pub trusted_proxy: Vec<TrustedProxy>,

    /// Header in which trusted proxies name the client.
    #[arg(long, env = "SSE_CLIENT_ADDRESS_HEADER", value_name = "NAME", default_value = "X-Forwarded-For")]
    pub client_address_header: HeaderName,

    /// Listen at this address too, for operators alone: metrics, `/admin` and the reasons of `/readyz`, which are nowhere else then. Who
    /// reaches it needs no token; plain HTTP.
    #[arg(long, env = "SSE_ADMIN_LISTEN", value_name = "ADDR")]
    pub admin_listen: Option<String>,

    /// How long SIGTERM changes nothing but `/readyz`, so that balancers notice, up to 1h.
    #[arg(long, env = "SSE_DRAIN_DELAY", value_name = "TIME", default_value = "0s", value_parser = drain_delay)]
    pub drain_delay: Duration,

    /// How long connections may take to end after that, from 100ms to 1h. Container engines kill after 10s.
    #[arg(long, env = "SSE_DRAIN_TIMEOUT", value_name = "TIME", default_value = "8s", value_parser = timeout)]
    pub drain_timeout: Duration,

    /// How long a connection may be idle between two requests, from 100ms to 1h. Balancers keep theirs for 60s and more.
    #[arg(long, env = "SSE_KEEP_ALIVE", value_name = "TIME", default_value = "75s", value_parser = timeout)]
    pub keep_alive: Duration,

    /// Folder of the durable log, created if missing; one server at a time. `off` keeps every topic in memory, gone
    /// with the process.
    #[arg(long, env = "SSE_DATA_DIR", value_name = "DIR", default_value = DATA_DIR, value_parser = data_dir)]
    pub data_dir: DataDir,

    /// Settings file (TOML): every flag, policies of topics, limits, `[auth]`; `sse-server config` prints one. Read again on SIGHUP.
    #[arg(long, env = "SSE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Folder with pages of your own, index.html at `/`; files it lacks come from the binary.
    #[arg(long, env = "SSE_WEB_DIR", value_name = "DIR")]
    pub web_dir: Option<PathBuf>,

    /// Longest silence on an event stream before a heartbeat, from 100ms to 1h; `off` for none. Keep it below 60s:
    /// nginx cuts idle responses then.
    #[arg(long, env = "SSE_HEARTBEAT", value_name = "TIME", default_value = "15s", value_parser = heartbeat)]
    pub heartbeat: Heartbeat,

    /// Most memory that requests, answers and what is on its way to subscribers may hold, at least 96MiB. At the limit
    /// publishing and reading pages are answered 503; event streams are not refused. Not counted are topics in memory,
    /// and 11 KiB a connection (HTTP/2: 43 to 55).
    #[arg(long, env = "SSE_MEMORY_LIMIT", value_name = "SIZE", default_value = "256MiB", value_parser = memory_limit)]
    pub memory_limit: usize,

    /// How long a peer that does not read may hold up a write before its connection is cut, from 100ms to 1h.
    #[arg(long, env = "SSE_WRITE_TIMEOUT", value_name = "TIME", default_value = "60s", value_parser = timeout)]
    pub write_timeout: Duration,

    /// Whether event streams over HTTP/1.1 take their sockets over from the HTTP server; `off` costs ten times the memory.
    #[arg(long, env = "SSE_DIRECT", value_name = "on|off", default_value = "on", value_parser = on_or_off, action = ArgAction::Set)]
    pub direct: bool,

    /// Threads that serve connections. Default: one per core.
    #[arg(long, env = "SSE_WORKERS", value_name = "N", value_parser = workers)]
    pub workers: Option<NonZeroUsize>,

    /// Least that is logged, on stderr. Of libraries that is `warn` in any case, and what operators do is always logged.
    #[arg(long, env = "SSE_LOG", value_name = "LEVEL", default_value = "info")]
    pub log: LogLevel,

    /// Format of the log.
    #[arg(long, env = "SSE_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// Where the log is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataDir {
    /// In this folder.
    Folder(PathBuf),
    /// In memory.
    Off,
}

/// Format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// The least that is logged: `error`, `warn`, `info`, `debug` or `trace`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Longest silence on an event stream; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat(pub Option<Duration>);

pub(crate) fn data_dir(text: &str) -> Result<DataDir, String> {
    match text {
        "" => Err("must name a folder, or be `off`".into()),
        "off" => Ok(DataDir::Off),
        folder => Ok(DataDir::Folder(folder.into())),
    }
}

/// The largest batch fits into the least: its text, then its events as they were sent and as they go out.
fn memory_limit(text: &str) -> Result<usize, String> {
    const LEAST: ByteSize = ByteSize::mib(96);
    let size: ByteSize = text.parse().map_err(|_| "must be a size, such as 256MiB")?;
    match usize::try_from(size.as_u64()) {
        Ok(bytes) if size >= LEAST => Ok(bytes),
        _ => Err(format!("must be at least {LEAST}")),
    }
}

fn workers(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "must be a number of threads, at least 1")
}

fn timeout(text: &str) -> Result<Duration, String> {
    duration_within(text, Duration::from_millis(100), HOUR)
}

fn drain_delay(text: &str) -> Result<Duration, String> {
    duration_within(text, Duration::ZERO, HOUR)
}

/// The header's value.
fn hsts(text: &str) -> Result<HeaderValue, String> {
    let time = duration_within(text, Duration::ZERO, HOUR * 24 * 3650)?;
    HeaderValue::from_str(&format!("max-age={}", time.as_secs())).map_err(|error| error.to_string())
}

fn on_or_off(text: &str) -> Result<bool, &'static str> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("must be on or off"),
    }
}

fn heartbeat(text: &str) -> Result<Heartbeat, String> {
    if matches!(text, "off" | "0") {
        return Ok(Heartbeat(None));
    }
    duration_within(text, Duration::from_millis(100), HOUR).map(|silence| Heartbeat(Some(silence)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        use clap::CommandFactory;
        Settings::command().debug_assert();
    }

    #[test]
    fn the_memory_limit_is_a_size_that_takes_any_request() {
        assert_eq!(memory_limit("256MiB"), Ok(sse_hub::Budget::DEFAULT));
        assert_eq!(memory_limit("95MiB").unwrap_err(), "must be at least 96.0 MiB");
        assert_eq!(memory_limit("much").unwrap_err(), "must be a size, such as 256MiB");
    }

    #[test]
    fn the_heartbeat_has_limits_or_is_off() {
        assert_eq!(heartbeat("off"), Ok(Heartbeat(None)));
        assert_eq!(heartbeat("15s"), Ok(Heartbeat(Some(Duration::from_secs(15)))));
        assert_eq!(heartbeat("1ms").unwrap_err(), "must be from 100ms to 1h");
    }
}
