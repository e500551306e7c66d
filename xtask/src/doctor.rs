//! `sse-cli doctor` against our own server, directly and behind nginx with each of the settings that spoil streams: it
//! must name the right cause each time, and nothing else.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::server::Server;
use crate::{shell, tools};

/// Until nginx listens.
const DEADLINE: Duration = Duration::from_secs(20);
const BUSY: &str = "/dashboard-events";
/// Nothing is published here, and the heartbeat comes every 15 s only.
const QUIET: &str = "/events?topic=show/quiet";

/// One server of nginx, and what doctor must find there.
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

const RELAY: &str = "proxy_pass http://UPSTREAM; proxy_buffering off;";

const CASES: [Case; 6] = [
    Case {
        name: "nginx as it comes",
        nginx: "proxy_pass http://UPSTREAM;",
        path: BUSY,
        args: &[],
        finds: &[],
        exit: 0,
    },
    // The inner one takes X-Accel-Buffering away, and answers the outer one without chunks.
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
    // nginx passes on what comes in chunks even where it buffers, but its gzip does not.
    Case {
        name: "gzip that waits",
        nginx: "proxy_pass http://UPSTREAM; proxy_http_version 1.1; proxy_set_header Connection ''; \
                proxy_ignore_headers X-Accel-Buffering; proxy_buffering on; \
                gzip on; gzip_types text/event-stream; gzip_proxied any;",
        path: BUSY,
        args: &[],
        finds: &["compression fault"],
        exit: 1,
    },
    Case {
        name: "gzip that is flushed",
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

/// The parts of `--json` that are looked at.
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
    // Slow enough for nginx's buffer of 4 KiB to take more than a second to fill.
    let server = Server::start(Path::new("off"), &["--metrics-interval", "400ms"])?;
    let folder = shell::scratch_folder("doctor")?;
    let nginx = Nginx::start(folder.path(), &server.address)?;
    let direct = Case { name: "directly", nginx: "", path: BUSY, args: &[], finds: &[], exit: 0 };
    let all = CASES.iter().zip(&nginx.addresses).chain([(&direct, &server.address)]);
    thread::scope(|scope| {
        let running: Vec<_> = all.map(|(case, address)| scope.spawn(|| examine(case, address))).collect();
        running.into_iter().try_for_each(|case| case.join().expect("a case does not panic"))
    })
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
    child: Child,
    /// One for each case, in their order.
    addresses: Vec<String>,
}

impl Nginx {
    fn start(folder: &Path, upstream: &str) -> Result<Self> {
        let free = free_addresses(CASES.len() + 1)?;
        let (relay, addresses) = free.split_first().context("no address")?;
        let relay_server = (relay.as_str(), RELAY);
        let of_cases = addresses.iter().map(String::as_str).zip(CASES.iter().map(|case| case.nginx));
        let servers: String = [relay_server]
            .into_iter()
            .chain(of_cases)
            .map(|(address, settings)| {
                let settings = settings.replace("UPSTREAM", upstream).replace("RELAY", relay);
                format!("  server {{ listen {address}; location / {{ {settings} }} }}\n")
            })
            .collect();
        let file = folder.join("nginx.conf");
        std::fs::write(&file, config(folder, &servers))?;
        let mut command = Command::new(tools::path("nginx").context("nginx is not there")?);
        command.arg("-c").arg(&file).arg("-e").arg(folder.join("error.log")).stdin(Stdio::null());
        let nginx =
            Self { child: command.spawn().context("cannot start nginx")?, addresses: addresses.to_vec() };
        nginx.wait_until_it_listens(folder)?;
        Ok(nginx)
    }

    fn wait_until_it_listens(&self, folder: &Path) -> Result<()> {
        let from = Instant::now();
        for address in &self.addresses {
            let address: SocketAddr = address.parse()?;
            while TcpStream::connect(address).is_err() {
                let log = || std::fs::read_to_string(folder.join("error.log")).unwrap_or_default();
                ensure!(from.elapsed() < DEADLINE, "nginx does not listen: {}", log());
                thread::sleep(Duration::from_millis(20));
            }
        }
        Ok(())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
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

/// Free a moment ago.
fn free_addresses(count: usize) -> Result<Vec<String>> {
    let listeners: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<std::io::Result<_>>()?;
    listeners.iter().map(|listener| Ok(listener.local_addr()?.to_string())).collect()
}
