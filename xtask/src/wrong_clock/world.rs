//! The server with its wall clock, what was published to it, and what must hold whatever that clock shows.

use std::cell::Cell;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sse_core::RecordId;

use super::fake_clock::{FakeClock, remove_leftovers};
use super::heartbeats::{HEARTBEAT, WRITE_TIMEOUT};
use crate::http::{Connection, EventPage, PublishReceipt, StoredEvent};
use crate::server::{Server, Setup};

/// Has the default policy, so its events are retained for 7 days.
pub(super) const TOPIC: &str = "wrong-clock/kept";
const SETTINGS: &str = "[[topic]]\npattern = \"short/*\"\nretention = { age = \"5s\" }\n";
/// Longest wait for anything on a busy machine.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);
/// Longest wait for a line of the log; the server looks at its clock every second.
const LOG_DEADLINE: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Jumps of more seconds than this are told in the server's log.
const NOTABLE: i64 = 60;
/// What follows is by how much.
const SECONDS: &str = " seconds=";
/// By how many seconds a number in the log, or a stamp, may differ from what the clock shows.
const TOLERANCE: i64 = 5;

/// How a server is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Stop,
    Kill,
}

/// A server whose wall clock can be set.
pub(super) struct World {
    pub(super) address: String,
    /// Counted by a task.
    pub(super) heartbeats: Rc<Cell<u64>>,
    clock: FakeClock,
    /// `None` while it is stopped.
    server: Option<Server>,
    started: Instant,
    folder: PathBuf,
    /// Ids of the events of [`TOPIC`]; the data of each is its place.
    ids: Vec<String>,
    /// Bytes of the log that were looked at.
    log_read: usize,
    /// What the log has told wrongly. The test goes on, to see what comes of it.
    complaints: Vec<String>,
}

impl World {
    pub(super) async fn start(folder: &Path) -> Result<Self> {
        fs::write(folder.join("settings.toml"), SETTINGS)?;
        let mut world = Self {
            address: "127.0.0.1:0".to_owned(),
            heartbeats: Rc::default(),
            clock: FakeClock::new(folder)?,
            server: None,
            started: Instant::now(),
            folder: folder.to_owned(),
            ids: Vec::new(),
            log_read: 0,
            complaints: Vec::new(),
        };
        world.start_server().await?;
        Ok(world)
    }

    /// Other tasks run on meanwhile.
    async fn start_server(&mut self) -> Result<()> {
        let text = |file: &str| self.folder.join(file).to_string_lossy().into_owned();
        let millis = |time: Duration| format!("{}ms", time.as_millis());
        let (heartbeat, write_timeout, config) =
            (millis(HEARTBEAT), millis(WRITE_TIMEOUT), text("settings.toml"));
        let args = ["--config", &config, "--heartbeat", &heartbeat, "--write-timeout", &write_timeout];
        let mut env = self.clock.env();
        env.extend([("SSE_APPS", "none".to_owned()), ("SSE_LOG", "info".to_owned())]);
        let log = File::options().append(true).create(true).open(text("log"))?;
        let args = args.map(str::to_owned).to_vec();
        let setup = Setup { args, env, log: Some(log), ..Setup::default() };
        let (address, data) = (self.address.clone(), self.folder.join("data"));
        self.started = Instant::now();
        let start = move || Server::start_at(&address, &data, setup);
        let server = tokio::task::spawn_blocking(start).await?;
        let server = server.with_context(|| self.unread_log())?;
        self.address.clone_from(&server.address);
        self.server = Some(server);
        Ok(())
    }

    /// The wall clock jumps while the server runs; then all must be as before.
    pub(super) async fn jump_while_running(&mut self, ahead: i64) -> Result<()> {
        let mut connection = self.connect().await?;
        let keyed = self.publish(&mut connection, true).await?;
        let poll = poll(&self.address);
        let set = async { self.clock.set(ahead) };
        let (jump, poll) = tokio::join!(set, poll);
        poll?;
        let jump = jump?;
        self.expect_unchanged(&mut connection, keyed).await?;
        self.expect_told(jump).await;
        Ok(())
    }

    /// The server ends, the wall clock jumps, and the server starts again.
    pub(super) async fn jump_while_stopped(&mut self, ahead: i64, ending: Ending) -> Result<()> {
        let mut connection = self.connect().await?;
        let keyed = self.publish(&mut connection, true).await?;
        drop(connection);
        let mut server = self.server.take().context("no server")?;
        match ending {
            Ending::Stop => server.terminate().await?,
            Ending::Kill => server.kill()?,
        }
        remove_leftovers(server.pid());
        self.log_read += self.unread_log().len();
        let jump = self.clock.set(ahead)?;
        self.start_server().await?;
        let mut connection = self.connect().await?;
        self.expect_unchanged(&mut connection, keyed).await?;
        self.expect_logged_start(jump).await;
        Ok(())
    }

    /// The wall clock runs at another rate for some time.
    pub(super) async fn slew(&mut self, rate: f64, time: Duration) -> Result<()> {
        let jump = self.clock.slew(rate, self.started.elapsed())?;
        self.expect_told(jump).await;
        let start = Instant::now();
        while start.elapsed() < time {
            let mut connection = self.connect().await?;
            let keyed = self.publish(&mut connection, true).await?;
            self.expect_unchanged(&mut connection, keyed).await?;
        }
        Ok(())
    }

    /// The next event is stored with the time that the clock shows, a repeated one is not stored again, resuming and history
    /// give every event once, and heartbeats go on.
    async fn expect_unchanged(&mut self, connection: &mut Connection, keyed: usize) -> Result<()> {
        let heartbeats = self.heartbeats.get();
        let new = self.publish(connection, false).await?;
        let (id, path) = (self.id(keyed)?.to_owned(), path(keyed, true));
        let repeated = connection.publish(&path, keyed.to_string().as_bytes()).await?;
        ensure!(repeated == id, "the repeated event {id} is stored again as {repeated}");
        // As a client that has the event before the jump.
        let page: EventPage =
            connection.get(&format!("/poll?topic={TOPIC}&after={id}")).await?.expect_ok()?.json()?;
        ensure!(page.gap.is_none(), "a client that resumes is told of a gap: {:?}", page.gap);
        self.expect_events(keyed + 1, &page.events)?;
        let newest = page.events.last().context("no event after the jump")?;
        let shown = newest.time.parse::<jiff::Timestamp>()?.as_second() - jiff::Timestamp::now().as_second();
        ensure!(
            (shown - self.clock.ahead()).abs() <= TOLERANCE,
            "event {new} has the time {}, and the clock is ahead by {} s",
            newest.time,
            self.clock.ahead()
        );
        self.expect_history().await?;
        wait(DEADLINE, || self.heartbeats.get() >= heartbeats + 2).await.context("no heartbeats")
    }

    /// Publishes the next event of the topic, perhaps with an idempotency key. Returns its place.
    async fn publish(&mut self, connection: &mut Connection, has_key: bool) -> Result<usize> {
        let nth = self.ids.len();
        let response = connection.post(&path(nth, has_key), "text/plain", nth.to_string().as_bytes()).await?;
        let PublishReceipt { id } = response.expect_ok()?.json()?;
        if let Some(before) = self.ids.last() {
            let (before, id): (RecordId, RecordId) = (before.parse()?, id.parse()?);
            ensure!(before.seq < id.seq, "the id {id} follows {before}");
        }
        self.ids.push(id);
        Ok(nth)
    }

    /// Every event of the topic is there, once and in order.
    pub(super) async fn expect_history(&self) -> Result<()> {
        let (mut all, mut after) = (Vec::new(), "earliest".to_owned());
        let mut connection = self.connect().await?;
        loop {
            let path = format!("/topics/{TOPIC}?after={after}&limit=1000");
            let page: EventPage = connection.get(&path).await?.expect_ok()?.json()?;
            ensure!(page.gap.is_none(), "the history has a gap: {:?}", page.gap);
            if page.events.is_empty() {
                return self.expect_events(0, &all);
            }
            all.extend(page.events);
            after = page.next;
        }
    }

    /// These are all events from that place on.
    fn expect_events(&self, first: usize, events: &[StoredEvent]) -> Result<()> {
        let expected = self.ids.iter().enumerate().skip(first);
        ensure!(
            events.len() + first == self.ids.len(),
            "{} events are there of {} that are acknowledged and retained for 7 days",
            events.len(),
            self.ids.len() - first
        );
        for ((nth, id), event) in expected.zip(events) {
            ensure!(
                event.id == *id && event.data == nth.to_string(),
                "{} with {} is in the place of {id} with {nth}",
                event.id,
                event.data
            );
        }
        Ok(())
    }

    /// A running server tells of a jump.
    async fn expect_told(&mut self, jump: i64) {
        if jump.abs() > NOTABLE {
            self.expect_logged("WARN", jump, |seconds| (seconds - jump).abs() <= TOLERANCE).await;
        }
    }

    /// What a start tells of a wall clock that has jumped by so much.
    async fn expect_logged_start(&mut self, jump: i64) {
        if jump < -NOTABLE {
            self.expect_logged("WARN", jump, |seconds| (seconds - jump).abs() <= TOLERANCE).await;
        } else if jump > NOTABLE {
            // A clock that is ahead may be right after a long rest, which is no warning; it may also have been ahead before.
            self.expect_logged("", jump, |seconds| (NOTABLE..=jump + TOLERANCE).contains(&seconds)).await;
        } else if self.unread_log().contains(SECONDS) {
            self.complain(jump, "the log tells of more");
        }
        self.log_read += self.unread_log().len();
    }

    /// A line of this level with seconds follows in the log.
    async fn expect_logged(&mut self, level: &str, jump: i64, is_expected: impl Fn(i64) -> bool) {
        let is_it = |line: &str| {
            let seconds = line.split(SECONDS).nth(1)?.split(' ').next()?.parse().ok()?;
            Some(line.contains(level) && is_expected(seconds))
        };
        let found =
            wait(LOG_DEADLINE, || self.unread_log().lines().any(|line| is_it(line) == Some(true))).await;
        if found.is_err() {
            self.complain(jump, "the log does not tell of it");
        }
        self.log_read += self.unread_log().len();
    }

    fn complain(&mut self, jump: i64, what: &str) {
        let log = self.unread_log();
        let lines: String =
            log.lines().filter(|line| line.contains(SECONDS)).map(|line| format!("\n  {line}")).collect();
        self.complaints.push(format!("jump by {jump} s: {what}{lines}"));
    }

    /// # Errors
    /// When the log has told something wrong.
    pub(super) fn expect_no_complaints(&self) -> Result<()> {
        ensure!(self.complaints.is_empty(), "{}", self.complaints.join("\n"));
        Ok(())
    }

    fn unread_log(&self) -> String {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        log.get(self.log_read..).unwrap_or_default().to_owned()
    }

    async fn connect(&self) -> Result<Connection> {
        Connection::open(&self.address).await
    }

    fn id(&self, nth: usize) -> Result<&str> {
        self.ids.get(nth).map(String::as_str).context("no such event")
    }

    pub(super) fn acknowledged(&self) -> usize {
        self.ids.len()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            // It may have ended by itself.
            let _ = server.kill();
            remove_leftovers(server.pid());
        }
    }
}

/// Of a request that publishes the event in this place.
fn path(nth: usize, has_key: bool) -> String {
    if has_key { format!("{TOPIC}?key=key-{nth}") } else { TOPIC.to_owned() }
}

/// A long-poll without events ends after its timeout, which the jump must not touch.
async fn poll(address: &str) -> Result<()> {
    const TIMEOUT: Duration = Duration::from_millis(500);
    let mut connection = Connection::open(address).await?;
    let start = Instant::now();
    let path = format!("/poll?topic=wrong-clock/quiet&timeout={}ms", TIMEOUT.as_millis());
    let answer = tokio::time::timeout(DEADLINE, connection.get(&path)).await;
    answer.context("a long-poll does not end")??.expect_ok()?;
    ensure!(start.elapsed() >= TIMEOUT, "a long-poll ended after {} ms", start.elapsed().as_millis());
    Ok(())
}

/// Waits for a condition.
pub(super) async fn wait(deadline: Duration, is_met: impl Fn() -> bool) -> Result<()> {
    let start = Instant::now();
    while !is_met() {
        ensure!(start.elapsed() < deadline, "still waiting after {} s", deadline.as_secs());
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(())
}
