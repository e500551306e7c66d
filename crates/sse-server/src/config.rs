//! Settings of the server: flags over environment variables over defaults. Checked here, nowhere else.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// A real-time event hub over Server-Sent Events, with a live dashboard of this machine.
///
/// Every flag has an environment variable of the same name, such as SSE_LISTEN. Logs go to stderr; RUST_LOG
/// sets their level (default info).
#[derive(Debug, Clone, Parser)]
#[command(name = "sse-server", version)]
pub struct Settings {
    /// Address and port to listen on. Port 0 picks a free one, and the first line on stdout says which.
    #[arg(long, env = "SSE_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:3000")]
    pub listen: String,

    /// Listen on a Unix socket at this path too, for proxies and programs on this machine: a request costs less there than
    /// over TCP. Who may connect is said by the umask and by the folder.
    #[cfg(unix)]
    #[arg(long, env = "SSE_UNIX_SOCKET", value_name = "PATH")]
    pub unix_socket: Option<PathBuf>,

    /// Folder of the durable log, made if it is not there. One server at a time uses it. `off` keeps every topic
    /// in memory, gone with the process.
    #[arg(long, env = "SSE_DATA_DIR", value_name = "DIR", default_value = "sse-data", value_parser = data_dir)]
    pub data_dir: DataDir,

    /// Settings file (TOML) with the policies of topics; see docs/settings.md.
    #[arg(long, env = "SSE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Folder with the pages, index.html at `/`. Default: `web/` of this project when run inside it, else the
    /// pages built into the binary.
    #[arg(long, env = "SSE_WEB_DIR", value_name = "DIR")]
    pub web_dir: Option<PathBuf>,

    /// Time between two samples of the host, from 200ms to 1h.
    #[arg(long, env = "SSE_METRICS_INTERVAL", value_name = "TIME", default_value = "2s", value_parser = metrics_interval)]
    pub metrics_interval: Duration,

    /// Where the ticker has its prices from, beside those that are posted.
    #[arg(long, env = "SSE_TICKER", value_name = "MARKET", default_value = "simulated")]
    pub ticker: TickerMarket,

    /// Number that decides the prices of the simulated market, the same each time. Default: another one at each start.
    #[arg(long, env = "SSE_TICKER_SEED", value_name = "N")]
    pub ticker_seed: Option<u64>,

    /// Recorded quotes to play back at their own pace instead of the simulated market: CSV with the columns
    /// time,symbol,price; see docs/settings.md.
    #[arg(long, env = "SSE_TICKER_FEED", value_name = "FILE", conflicts_with_all = ["ticker", "ticker_seed"])]
    pub ticker_feed: Option<PathBuf>,

    /// Longest silence on a stream before a heartbeat, from 100ms to 1h; `off` for none. Below the 60 s after
    /// which nginx cuts an idle response.
    #[arg(long, env = "SSE_HEARTBEAT", value_name = "TIME", default_value = "15s", value_parser = heartbeat)]
    pub heartbeat: Heartbeat,

    /// Notifications of the server's own: that it has started, and when processor, memory or disks run short.
    /// From when on is said in the settings file.
    #[arg(long, env = "SSE_ALERTS", value_name = "WHETHER", default_value = "on")]
    pub alerts: Switch,

    /// Time after which somebody whose last page or stream has gone has left a chat room, up to 1m. A page that is
    /// loaded again is back within it, and nobody is told.
    #[arg(long, env = "SSE_CHAT_GRACE", value_name = "TIME", default_value = "5s", value_parser = chat_grace)]
    pub chat_grace: Duration,

    /// Threads that serve connections. Default: one a core.
    #[arg(long, env = "SSE_WORKERS", value_name = "N")]
    pub workers: Option<NonZeroUsize>,

    /// How log lines look.
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

/// Whether something is done at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// It is.
    On,
    /// It is not.
    Off,
}

/// The server's own prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TickerMarket {
    /// Companies that do not exist, whose prices go at random.
    Simulated,
    /// None.
    Off,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Longest silence on a stream; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat(pub Option<Duration>);

const HOUR: Duration = Duration::from_secs(3600);

fn data_dir(text: &str) -> Result<DataDir, String> {
    match text {
        "" => Err("must name a folder, or be `off`".into()),
        "off" => Ok(DataDir::Off),
        folder => Ok(DataDir::Folder(folder.into())),
    }
}

fn metrics_interval(text: &str) -> Result<Duration, String> {
    // sysinfo cannot tell the use of a core over less than 200 ms.
    duration_within(text, Duration::from_millis(200), HOUR)
}

fn chat_grace(text: &str) -> Result<Duration, String> {
    duration_within(text, Duration::ZERO, Duration::from_secs(60))
}

fn heartbeat(text: &str) -> Result<Heartbeat, String> {
    if matches!(text, "off" | "0") {
        return Ok(Heartbeat(None));
    }
    duration_within(text, Duration::from_millis(100), HOUR).map(|silence| Heartbeat(Some(silence)))
}

fn duration_within(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write a number and a unit, such as 500ms, 2s or 5m"))?;
    if time < least || time > most {
        let [least, most] = [least, most].map(humantime::format_duration);
        return Err(format!("must be from {least} to {most}"));
    }
    Ok(time)
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
    fn times_have_units_and_limits() {
        assert_eq!(metrics_interval("500ms"), Ok(Duration::from_millis(500)));
        assert!(metrics_interval("2").unwrap_err().contains("such as 500ms"));
        assert_eq!(metrics_interval("1ms").unwrap_err(), "must be from 200ms to 1h");
        assert_eq!(chat_grace("0s"), Ok(Duration::ZERO));
        assert_eq!(chat_grace("61s").unwrap_err(), "must be from 0s to 1m");
        assert_eq!(heartbeat("off"), Ok(Heartbeat(None)));
        assert_eq!(heartbeat("15s"), Ok(Heartbeat(Some(Duration::from_secs(15)))));
    }
}
