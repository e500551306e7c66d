//! Starts the server binary on a free port and reads its streams. No assertions of its own.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use sse_core::{Decoder, Event};
use tempfile::TempDir;

/// Longest that anything awaited here may take.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    /// Where its log is, unless the test has a folder of its own.
    _data: Option<TempDir>,
    /// `http://127.0.0.1:PORT`
    pub base: String,
    /// What else it says once it listens.
    lines: std::sync::Mutex<std::sync::mpsc::Receiver<String>>,
}

/// The command of the server, without arguments, away from the project's folder, with its log in memory, and silent of
/// itself, so that the events of a test are those it makes.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sse-server"));
    command.current_dir(folder).env_remove("SSE_LOG").stdin(Stdio::null());
    command.env("SSE_DATA_DIR", "off").env("SSE_ALERTS", "off");
    command
}

impl Server {
    /// Starts in a folder that is no project, so that the pages are the embedded ones, with a new log on disk.
    pub fn start(args: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut server = Self::start_on(data.path(), args);
        server._data = Some(data);
        server
    }

    /// Starts with the log in this folder.
    pub fn start_on(data: &Path, args: &[&str]) -> Self {
        let mut command = command(&std::env::temp_dir());
        Self::spawn(command.env("SSE_DATA_DIR", data).args(["--listen", "127.0.0.1:0"]).args(args))
    }

    pub fn spawn(command: &mut Command) -> Self {
        Self::spawn_logging_to(Stdio::null(), command)
    }

    pub fn spawn_logging_to(log: impl Into<Stdio>, command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().expect("the server prints a line").unwrap();
        let base = first.strip_prefix("listening on ").expect(&first).to_owned();
        let (sender, rest) = std::sync::mpsc::channel();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        Self { child, _data: None, base, lines: rest.into() }
    }

    /// The rest of the next line that begins so.
    pub fn said(&self, start: &str) -> String {
        loop {
            let line = self.lines.lock().unwrap().recv_timeout(DEADLINE).expect("another line");
            if let Some(rest) = line.strip_prefix(start) {
                return rest.to_owned();
            }
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Files that the process has open.
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Bytes of memory that the process has.
    #[cfg(target_os = "linux")]
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
    }

    /// A connection of its own, on which nothing was sent yet.
    pub fn connect(&self) -> TcpStream {
        let connection = TcpStream::connect(self.base.strip_prefix("http://").unwrap()).unwrap();
        connection.set_read_timeout(Some(DEADLINE)).unwrap();
        connection
    }

    /// Sends a signal by name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Waits for the process to end; gives how long that took too.
    pub async fn ended(&mut self) -> (ExitStatus, Duration) {
        let from = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, from.elapsed());
            }
            assert!(from.elapsed() < DEADLINE, "the server does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A stream being read.
pub struct Reader {
    response: reqwest::Response,
    decoder: Decoder,
    events: std::collections::VecDeque<Event>,
    /// All bytes so far.
    pub raw: Vec<u8>,
}

impl Reader {
    pub async fn open(url: String) -> Self {
        Self::open_from(url, None).await
    }

    pub async fn open_from(url: String, last_event_id: Option<&str>) -> Self {
        let mut request = reqwest::Client::new().get(url);
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id);
        }
        Self::of(request).await
    }

    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap().error_for_status().unwrap();
        Self { response, decoder: Decoder::new(), events: Default::default(), raw: Vec::new() }
    }

    pub fn header(&self, name: &str) -> &str {
        self.response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The next piece of the body, `None` at its clean end.
    async fn piece(&mut self) -> Option<()> {
        let piece =
            tokio::time::timeout(DEADLINE, self.response.chunk()).await.expect("the stream is silent");
        let piece = piece.expect("the body ends cleanly")?;
        self.raw.extend_from_slice(&piece);
        self.events.extend(self.decoder.feed(&piece).map(Result::unwrap));
        Some(())
    }

    pub async fn event(&mut self) -> Event {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            self.piece().await.expect("the stream has ended");
        }
    }

    /// The next event that has this type.
    pub async fn event_of(&mut self, event_type: &str) -> Event {
        loop {
            let event = self.event().await;
            if event_type_of(&event) == event_type {
                return event;
            }
        }
    }

    /// Reads until the bytes so far contain `text`.
    pub async fn until_raw(&mut self, text: &str) {
        while !String::from_utf8_lossy(&self.raw).contains(text) {
            self.piece().await.expect("the stream has ended");
        }
    }

    /// Reads to the clean end of the stream.
    pub async fn read_to_end(&mut self) {
        while self.piece().await.is_some() {}
    }

    /// Reads to the end of the stream, and says whether that was a clean one.
    pub async fn finish(&mut self) -> bool {
        loop {
            let piece = tokio::time::timeout(DEADLINE, self.response.chunk()).await;
            match piece.expect("the stream is silent") {
                Ok(Some(piece)) => self.raw.extend_from_slice(&piece),
                end => return end.is_ok(),
            }
        }
    }

    pub fn last_event_id(&self) -> &str {
        self.decoder.last_event_id()
    }
}

pub fn event_type_of(event: &Event) -> &str {
    event.event_type().map_or("message", |event_type| event_type.as_str())
}

pub fn id_of(event: &Event) -> String {
    event.id().expect("published events have ids").to_string()
}

/// Waits until `condition` holds.
pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let from = Instant::now();
    while !condition() {
        assert!(from.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
