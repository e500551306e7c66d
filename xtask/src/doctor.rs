//! `sse-cli doctor` against our own server, directly and behind nginx with each of the settings that break streams. It
//! must find the right cause each time, and nothing else.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::process::{Process, free_addresses};
use crate::server::Server;
use crate::{shell, tools};

const BUSY: &str = "/dashboard-events";
/// Nobody publishes to this topic, and the heartbeat comes every 15 s.
const QUIET: &str = "/events?topic=show/quiet";

/// One `server` block of nginx, and what doctor must find behind it.
struct Case {
    name: &'static str,
    /// Settings of the location. `UPSTREAM` is our server, `RELAY` another nginx in front of it.
    nginx: &'static str,
    path: &'static str,
    args: &'static [&'static str],
    /// `check severity` of each finding.
    finds: &'static [&'static str],
    exit: i32,
}

/// Event streams of a server with default settings: the default topics, the ticker, everything.
const DEFAULTS: [&str; 3] = ["/events", "/events?topic=ticker/*", "/events?topic=*"];
/// Prices published before doctor runs, so that there is history to resume from: about 3 s.
const PRICES: usize = 50;
/// Longest wait for one price.
const PRICE_DEADLINE: Duration = Duration::from_secs(20);

const RELAY: &str = "proxy_pass http://UPSTREAM; proxy_buffering off;";

const CASES: [Case; 6] = [
    Case {
        name: "nginx by default",
        nginx: "proxy_pass http://UPSTREAM;",
        path: BUSY,
        args: &[],
        finds: &[],
        exit: 0,
    },
    // The relay drops X-Accel-Buffering and answers without chunked encoding.
    Case {
        name: "buffering on",
        nginx: "proxy_pass http://RELAY; proxy_ignore_headers X-Accel-Buffering; proxy_buffering on;",
        path: BUSY,
        args: &[],
        finds: &["buffering fault"],
        exit: 1,
    },
    Case {
        name: "read timeout of 5 s",
        nginx: "proxy_pass http://UPSTREAM; proxy_read_timeout 5s;",
        path: QUIET,
        args: &["--idle", "20s"],
        finds: &["cut fault"],
        exit: 1,
    },
    // nginx forwards chunks even while it buffers, but its gzip filter does not.
    Case {
        name: "gzip without flush",
        nginx: "proxy_pass http://UPSTREAM; proxy_http_version 1.1; proxy_set_header Connection ''; \
                proxy_ignore_headers X-Accel-Buffering; proxy_buffering on; \
                gzip on; gzip_types text/event-stream; gzip_proxied any;",
        path: BUSY,
        args: &[],
        finds: &["compression fault"],
        exit: 1,
    },
    Case {
        name: "gzip with flush",
        nginx: "proxy_pass http://UPSTREAM; gzip on; gzip_types text/event-stream; gzip_proxied any;",
        path: BUSY,
        args: &[],
        finds: &["compression note"],
        exit: 0,
    },
    Case {
        name: "another origin allowed",
        nginx: "proxy_pass http://UPSTREAM; proxy_hide_header Access-Control-Allow-Origin; \
                add_header Access-Control-Allow-Origin https://app.example.com;",
        path: BUSY,
        args: &["--origin", "https://other.example.com"],
        finds: &["cors fault"],
        exit: 1,
    },
];

/// The fields of `--json` that are compared.
#[derive(Deserialize)]
struct Report {
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
struct Finding {
    check: String,
    severity: String,
    seen: String,
}

pub(crate) fn run() -> Result<()> {
    tools::need(&[("nginx", "nginx")])?;
    shell::build_server()?;
    // So slow that nginx's buffer of 4 KiB takes more than a second to fill.
    let server = Server::start(Path::new("off"), &["--metrics-interval", "400ms"])?;
    let folder = shell::scratch_folder("doctor")?;
    let nginx = Nginx::start(folder.path(), &server.address)?;
    let defaults = Server::start(Path::new("off"), &[])?;
    wait_for_prices(&defaults.address)?;
    let clean = |name, path| Case { name, nginx: "", path, args: &[], finds: &[], exit: 0 };
    let direct = clean("directly", BUSY);
    let defaults_cases = DEFAULTS.map(|path| clean(path, path));
    let with_defaults = defaults_cases.iter().map(|case| (case, &defaults.address));
    let all = CASES.iter().zip(&nginx.addresses).chain([(&direct, &server.address)]).chain(with_defaults);
    thread::scope(|scope| {
        let running: Vec<_> = all.map(|(case, address)| scope.spawn(|| examine(case, address))).collect();
        running.into_iter().try_for_each(|case| case.join().expect("a case does not panic"))
    })
}

/// Subscribes to the ticker, which runs only while it has subscribers.
fn wait_for_prices(address: &str) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PRICE_DEADLINE))?;
    write!(stream, "GET /events?topic=ticker/* HTTP/1.1\r\nHost: {address}\r\n\r\n")?;
    let mut prices = 0;
    for line in BufReader::new(stream).lines() {
        prices += usize::from(line.context("the ticker does not run")?.starts_with("topic: ticker/"));
        if prices == PRICES {
            return Ok(());
        }
    }
    bail!("the ticker's stream ended after {prices} prices")
}

fn examine(case: &Case, address: &str) -> Result<()> {
    let url = format!("http://{address}{}", case.path);
    let mut doctor = shell::program(shell::cli_binary());
    doctor.args(["doctor", &url, "--json", "--quiet", "--watch", "10s"]).args(case.args);
    let output = doctor.output().context("cannot run sse-cli")?;
    let report: Report = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{}: {}", case.name, String::from_utf8_lossy(&output.stderr)))?;
    let found: Vec<_> = report.findings.iter().map(|one| format!("{} {}", one.check, one.severity)).collect();
    let seen: Vec<_> = report.findings.iter().map(|one| one.seen.as_str()).collect();
    ensure!(found == case.finds, "{}: found {found:?} ({seen:?}), not {:?}", case.name, case.finds);
    ensure!(output.status.code() == Some(case.exit), "{}: {}", case.name, output.status);
    let text = if found.is_empty() { "nothing found".to_owned() } else { seen.join("; ") };
    println!("{:<24}{text}", case.name);
    Ok(())
}

/// An nginx of our own; killed when dropped.
struct Nginx {
    _process: Process,
    /// One for each case, in their order.
    addresses: Vec<String>,
}

impl Nginx {
    fn start(folder: &Path, upstream: &str) -> Result<Self> {
        let mut addresses = free_addresses(CASES.len() + 1)?;
        let relay = addresses.pop().context("no address")?;
        let of_cases = addresses.iter().zip(CASES.iter().map(|case| case.nginx));
        let servers: String = of_cases
            .chain([(&relay, RELAY)])
            .map(|(address, settings)| {
                let settings = settings.replace("UPSTREAM", upstream).replace("RELAY", &relay);
                format!("  server {{ listen {address}; location / {{ {settings} }} }}\n")
            })
            .collect();
        let (file, log) = (folder.join("nginx.conf"), folder.join("error.log"));
        std::fs::write(&file, config(folder, &servers))?;
        let mut command = Command::new(tools::path("nginx").context("nginx is not installed")?);
        let mut process =
            Process::start(command.arg("-c").arg(&file).arg("-e").arg(&log).stdin(Stdio::null()))?;
        for address in &addresses {
            let listening = process.wait_until_listening(address);
            listening.with_context(|| std::fs::read_to_string(&log).unwrap_or_default())?;
        }
        Ok(Self { _process: process, addresses })
    }
}

/// One process without children, and no file outside the folder.
fn config(folder: &Path, servers: &str) -> String {
    let folder = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path {folder}/{kind};\n"))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\n\
         events {{ worker_connections 256; }}\nhttp {{\n  access_log off;\n{temporary}{servers}}}\n"
    )
}
