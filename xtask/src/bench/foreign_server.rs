//! Other SSE servers to compare with: nginx with Nchan, a small Express program, durable-streams and Centrifugo. Each has a
//! folder and a free port of its own, and ends when dropped.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::process::{Process, free_addresses};
use crate::{server, shell, tools};

const NCHAN: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";
const EXPRESS: &str = "express@5.3.0";
const DURABLE_STREAMS: (&str, &str) = ("durable-streams", "0.1.5");
const CENTRIFUGO: &str = "github.com/centrifugal/centrifugo/v6@v6.9.1";
/// The stream of durable-streams. It is created, published to and read at the same path.
pub(super) const DURABLE_STREAM: &str = "/load";
/// Longest wait for a server to start its workers.
const DEADLINE: Duration = Duration::from_secs(20);

/// Set as close to ours as possible: no access log.
const NGINX_CONF: &str = "\
MODULE
user root;
daemon off;
worker_processes WORKERS;
worker_rlimit_nofile 65536;
pid FOLDER/pid;
error_log FOLDER/error.log;
events { worker_connections 32768; }
http {
  access_log off;
  tcp_nodelay on;
  keepalive_requests 1000000;
  client_body_temp_path FOLDER/body; proxy_temp_path FOLDER/proxy; fastcgi_temp_path FOLDER/fastcgi;
  uwsgi_temp_path FOLDER/uwsgi; scgi_temp_path FOLDER/scgi;
  server { SERVER }
}
";

/// One with the retention of ours.
const NCHAN_SERVER: &str = "\
listen ADDRESS;
location = /sub { nchan_subscriber eventsource; nchan_channel_id load; nchan_subscriber_first_message newest; }
location = /pub { nchan_publisher; nchan_channel_id load; nchan_message_buffer_length 100000; }";

/// One in front of an address.
const TLS_SERVER: &str = "\
listen ADDRESS ssl;
ssl_certificate CERTIFICATE; ssl_certificate_key KEY;
location / { proxy_pass http://UPSTREAM; proxy_http_version 1.1; proxy_buffering off; proxy_set_header Connection ''; }";

/// What people write: a set of responses, and a loop that writes to each.
const EXPRESS_APP: &str = r"
const express = require('express');
const app = express();
const streams = new Set();
app.get('/sub', (request, response) => {
  response.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  response.flushHeaders();
  streams.add(response);
  request.on('close', () => streams.delete(response));
});
app.post('/pub', express.text({ type: '*/*' }), (request, response) => {
  const frame = `data: ${request.body}\n\n`;
  for (const stream of streams) stream.write(frame);
  response.sendStatus(200);
});
app.listen(Number(process.argv[2]), '127.0.0.1');
";

const CENTRIFUGO_CONF: &str = r#"{
  "http_server": { "address": "127.0.0.1", "port": PORT },
  "http_api": { "insecure": true },
  "client": { "insecure": true },
  "uni_sse": { "enabled": true },
  "log": { "level": "error" }
}"#;

/// A running server.
pub(super) struct ForeignServer {
    process: Process,
    /// Stops it where a kill would leave its children behind.
    stop: Option<Command>,
    /// `127.0.0.1:PORT`
    pub(super) address: String,
}

/// Installs the programs, except Centrifugo.
pub(super) fn need() -> Result<()> {
    tools::need(&[("nginx", "nginx"), (NCHAN, "libnginx-mod-nchan"), ("node", "nodejs"), ("npm", "npm")])?;
    let (name, version) = DURABLE_STREAMS;
    if installed("durable-streams-server").is_file() {
        return Ok(());
    }
    shell::run(
        shell::cargo(&["install", name, "--version", version, "--locked", "--root"]).arg(installed_in()),
    )
}

/// Where programs are installed that no package manager of the system has.
fn installed_in() -> PathBuf {
    shell::target().join("peers")
}

fn installed(program: &str) -> PathBuf {
    installed_in().join("bin").join(program)
}

impl ForeignServer {
    /// Serves `/sub`, takes events at `/pub`.
    pub(super) fn nginx(folder: &Path) -> Result<Self> {
        let workers = std::thread::available_parallelism()?.get();
        Self::nginx_with(folder, &format!("load_module {NCHAN};"), workers, NCHAN_SERVER)
    }

    /// Takes HTTPS for the server at `upstream`.
    pub(super) fn nginx_tls(folder: &Path, upstream: &str, certificate: &str, key: &str) -> Result<Self> {
        let server = TLS_SERVER.replace("UPSTREAM", upstream).replace("CERTIFICATE", certificate);
        Self::nginx_with(folder, "", 1, &server.replace("KEY", key))
    }

    fn nginx_with(folder: &Path, module: &str, workers: usize, server: &str) -> Result<Self> {
        let folder = folder.join("nginx");
        std::fs::create_dir_all(&folder)?;
        let (address, conf) = (free_address()?, folder.join("nginx.conf"));
        let text = NGINX_CONF.replace("MODULE", module).replace("WORKERS", &workers.to_string());
        let text = text.replace("SERVER", server).replace("ADDRESS", &address);
        let text = text.replace("FOLDER", &folder.display().to_string());
        std::fs::write(&conf, if tools::is_root() { text } else { text.replace("user root;\n", "") })?;
        let nginx = || {
            let mut command = Command::new("nginx");
            command.arg("-e").arg(folder.join("error.log")).arg("-c").arg(&conf).stderr(Stdio::null());
            command
        };
        let mut stop = nginx();
        stop.args(["-s", "stop"]);
        let server = Self::start(&mut nginx(), Some(stop), address)?;
        // The master process listens before its workers run.
        server.wait_for_workers()?;
        Ok(server)
    }

    /// The same paths.
    pub(super) fn express(folder: &Path) -> Result<Self> {
        let folder = folder.join("express");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("package.json"), "{\"private\":true}")?;
        std::fs::write(folder.join("app.js"), EXPRESS_APP)?;
        let mut npm = Command::new("npm");
        shell::run(
            npm.args(["install", "--silent", "--no-audit", "--no-fund", EXPRESS]).current_dir(&folder),
        )?;
        let address = free_address()?;
        let mut node = Command::new("node");
        node.arg("app.js").arg(port(&address)?).env("NODE_ENV", "production").current_dir(&folder);
        Self::start(&mut node, None, address)
    }

    /// Durable, as is its default. Serves [`DURABLE_STREAM`], each event with an fsync.
    pub(super) fn durable_streams(folder: &Path) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(installed("durable-streams-server"));
        command.args(["--port", port(&address)?, "--data-dir"]).arg(folder.join("durable-streams"));
        let server = Self::start(command.stdout(Stdio::null()).stderr(Stdio::null()), None, address)?;
        let mut socket = TcpStream::connect(&server.address)?;
        write!(
            socket,
            "PUT {DURABLE_STREAM} HTTP/1.1\r\nHost: {}\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n",
            server.address
        )?;
        let mut status = [0; 10];
        socket.read_exact(&mut status)?;
        ensure!(status == *b"HTTP/1.1 2", "durable-streams made no stream: {}", status.escape_ascii());
        Ok(server)
    }

    pub(super) fn need_centrifugo() -> Result<()> {
        if installed("centrifugo").is_file() {
            return Ok(());
        }
        tools::need(&[("go", "golang-go")])?;
        shell::run(Command::new("go").args(["install", CENTRIFUGO]).env("GOBIN", installed_in().join("bin")))
    }

    /// Its engine in memory. Serves `/connection/uni_sse`, takes events at `/api/publish`.
    pub(super) fn centrifugo(folder: &Path) -> Result<Self> {
        let (address, conf) = (free_address()?, folder.join("centrifugo.json"));
        std::fs::write(&conf, CENTRIFUGO_CONF.replace("PORT", port(&address)?))?;
        Self::start(Command::new(installed("centrifugo")).arg("--config").arg(&conf), None, address)
    }

    fn start(command: &mut Command, stop: Option<Command>, address: String) -> Result<Self> {
        let mut process = Process::start(command)?;
        process.wait_until_listening(&address)?;
        Ok(Self { process, stop, address })
    }

    fn wait_for_workers(&self) -> Result<()> {
        let start = Instant::now();
        while self.children().is_empty() {
            ensure!(start.elapsed() < DEADLINE, "the server at {} started no worker", self.address);
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The process and its children.
    pub(super) fn pids(&self) -> Vec<u32> {
        std::iter::once(self.process.pid()).chain(self.children()).collect()
    }

    /// CPU time of all of them so far.
    pub(super) fn cpu_time(&self) -> Result<Duration> {
        self.pids().into_iter().map(server::cpu_time_of).sum()
    }

    /// Resident memory of all of them.
    pub(super) fn resident_bytes(&self) -> Result<u64> {
        self.pids().into_iter().map(server::resident_bytes_of).sum()
    }

    fn children(&self) -> Vec<u32> {
        let own = self.process.pid();
        let text = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
        text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
    }
}

impl Drop for ForeignServer {
    fn drop(&mut self) {
        // Otherwise it is killed.
        if self.stop.as_mut().is_some_and(|stop| stop.status().is_ok_and(|status| status.success())) {
            self.process.wait();
        }
    }
}

fn port(address: &str) -> Result<&str> {
    address.rsplit_once(':').map(|(_, port)| port).context("an address without a port")
}

fn free_address() -> Result<String> {
    free_addresses(1)?.pop().context("no address")
}
