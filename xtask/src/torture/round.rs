//! One round: a damaged folder, a server on it, new events, and readers of every kind.

use std::path::{Path, PathBuf};

use anyhow::Result;
use fastrand::Rng;
use serde::Deserialize;
use tokio::time::timeout;

use super::check::{Expected, Reading};
use super::damage::{Damaged, Damager, Kind};
use super::fault::Fault;
use super::known_log::{KnownEvent, KnownLog, seq_of};
use super::readers::{DEADLINE, Selector, Start, StreamReader, history, poll};
use super::start::{RunningServer, Started, start};
use crate::http::Connection;

/// How it ended, when it ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Refused,
    Complete,
    Gaps,
    /// It serves, and answers publishers that it cannot store anything.
    ReadOnly,
}

/// A round that is ready to start: the folder is damaged.
pub(super) struct Round<'a> {
    pub(super) kind: Kind,
    pub(super) damaged: Damaged,
    log: &'a KnownLog,
    random: Rng,
    data: PathBuf,
    settings: &'a Path,
}

/// The answer to a published event.
#[derive(Deserialize)]
struct Receipt {
    id: String,
    #[serde(default)]
    repeated: bool,
}

impl<'a> Round<'a> {
    /// The same seed gives the same bytes in `data`, which is new.
    pub(super) fn prepare(
        logs: &'a [KnownLog],
        kind: Kind,
        seed: u64,
        (data, settings): (&Path, &'a Path),
    ) -> Result<Self> {
        let mut random = Rng::with_seed(seed);
        let [small, medium, large] = logs else { anyhow::bail!("there are three logs") };
        // The large one takes long.
        let log = match random.u8(..10) {
            0..4 => small,
            4..9 => medium,
            _ => large,
        };
        let damaged = Damager { log, random: &mut random, folder: data }.apply(kind)?;
        Ok(Self { kind, damaged, log, random, data: data.to_owned(), settings })
    }

    /// # Errors
    /// A [`Fault`] of the server.
    pub(super) async fn run(mut self, stderr: &Path) -> Result<Outcome> {
        let mut server = match start(&self.data, self.settings, stderr).await? {
            Started::Listening(server) => server,
            Started::Refused(_) if !self.damaged.intact => return Ok(Outcome::Refused),
            Started::Refused(said) => return Err(Fault::new("an undamaged folder is refused", said).into()),
        };
        let mut expected = Expected::new(self.log, self.damaged.ends.clone(), self.damaged.intact);
        let result = self.read_and_publish(&server, &mut expected).await;
        // A panic is the cause of whatever else is wrong.
        server.check()?;
        let (mut told, stored) = result?;
        server.kill().await?;
        if self.random.u8(..4) == 0 {
            told |= self.read_again(&mut expected, stderr, stored).await?;
        }
        Ok(match (stored, told) {
            (false, _) => Outcome::ReadOnly,
            (true, true) => Outcome::Gaps,
            (true, false) => Outcome::Complete,
        })
    }

    /// Was a loss told, and could everything be published?
    async fn read_and_publish(
        &mut self,
        server: &RunningServer,
        expected: &mut Expected<'_>,
    ) -> Result<(bool, bool)> {
        let (first, second) = (self.topic(), self.topic());
        let before = self.read_pages(&server.address, &Selector::All, false).await?;
        let mut told = check(expected, &before)?;
        let (resumed, limit) = (self.start(), self.limit());
        let name = format!("history of {first} from {}", resumed.as_str());
        let items = history(&server.address, &first, &resumed, limit).await?;
        let selector = Selector::Topic(first.clone());
        told |= check(expected, &Reading { name, selector, start: resumed, items, has_new: false })?;
        let stored = self.publish(&server.address, [&first, &second, &first], expected).await?;
        told |= self.read_all(server, expected, [first, second], stored).await?;
        Ok((told, stored))
    }

    /// Readers of everything and of two topics.
    async fn read_all(
        &mut self,
        server: &RunningServer,
        expected: &mut Expected<'_>,
        topics: [String; 2],
        stored: bool,
    ) -> Result<bool> {
        let mut told = false;
        for selector in topics.into_iter().map(Selector::Topic).chain([Selector::All]) {
            let start = self.start();
            for start in [Start::Earliest, start] {
                if stored {
                    let reading = self.read_stream(&server.address, &selector, start, expected).await?;
                    told |= check(expected, &reading)?;
                }
            }
            let reading = self.read_pages(&server.address, &selector, stored).await?;
            told |= check(expected, &reading)?;
        }
        Ok(told)
    }

    /// After another kill: what was told once is told again, and the new events are there.
    async fn read_again(&mut self, expected: &mut Expected<'_>, stderr: &Path, stored: bool) -> Result<bool> {
        let mut server = match start(&self.data, self.settings, stderr).await? {
            Started::Listening(server) => server,
            // It has found more of the damage.
            Started::Refused(_) if !self.damaged.intact => return Ok(true),
            Started::Refused(said) => return Err(Fault::new("an undamaged folder is refused", said).into()),
        };
        let topics = [self.topic(), self.topic()];
        let result = async {
            let mut told = false;
            for selector in topics.into_iter().map(Selector::Topic).chain([Selector::All]) {
                let mut reading = self.read_pages(&server.address, &selector, stored).await?;
                reading.name += ", after another start";
                told |= check(expected, &reading)?;
            }
            anyhow::Ok(told)
        };
        let result = result.await;
        server.check()?;
        server.kill().await?;
        result
    }

    fn topic(&mut self) -> String {
        self.random.choice(self.log.topics()).unwrap_or_default().to_owned()
    }

    /// Most events of a page.
    fn limit(&mut self) -> usize {
        self.random.choice([7, 100, 1000]).unwrap_or(100)
    }

    /// The id of an event; mostly of one that the folder had before it was damaged.
    fn start(&mut self) -> Start {
        let has = self.damaged.ends.iter().max().copied().unwrap_or(0);
        let all = self.log.events.len();
        let among = if has == 0 || self.random.u8(..4) == 0 { all } else { has };
        // Often near the end, where the ends of logs differ.
        let back = if self.random.u8(..3) == 0 { among.min(12) } else { among };
        let nth = among - 1 - self.random.usize(..back);
        self.log.events.get(nth).map_or(Start::Earliest, |event| Start::After(event.id.clone()))
    }

    async fn read_pages(&mut self, address: &str, selector: &Selector, has_new: bool) -> Result<Reading> {
        let start = if self.random.bool() { Start::Earliest } else { self.start() };
        let limit = self.limit();
        let items = poll(address, selector, &start, limit).await?;
        let name = format!("long-poll of {} from {}", selector.as_str(), start.as_str());
        Ok(Reading { name, selector: selector.clone(), start, items, has_new })
    }

    async fn read_stream(
        &mut self,
        address: &str,
        selector: &Selector,
        start: Start,
        expected: &Expected<'_>,
    ) -> Result<Reading> {
        let last = expected.new.iter().rfind(|new| selector.matches(&new.topic));
        let until = last.map(|new| new.id.as_str()).unwrap_or_default();
        let mut reader = StreamReader::new(address, selector, until);
        reader.drop_after = self.random.bool().then(|| 1 + self.random.usize(..200));
        let dropped = reader.drop_after.map(|count| format!(", dropped after {count}")).unwrap_or_default();
        let name = format!("stream of {} from {}{dropped}", selector.as_str(), start.as_str());
        let items = reader.read(&start).await.map_err(|error| error.context(name.clone()))?;
        Ok(Reading { name, selector: selector.clone(), start, items, has_new: true })
    }

    /// Publishes an event to each of these topics, and one again under its key. `false` if the server could not store them.
    async fn publish(
        &mut self,
        address: &str,
        topics: [&str; 3],
        expected: &mut Expected<'_>,
    ) -> Result<bool> {
        let mut stored = true;
        for (nth, topic) in topics.into_iter().enumerate() {
            let event = KnownEvent {
                id: String::new(),
                topic: topic.to_owned(),
                event_type: "new".to_owned(),
                data: format!("new {nth}"),
                time: None,
                key: (nth == 1).then(|| "a-key-of-this-round".to_owned()),
            };
            stored &= publish(address, event, expected).await?;
        }
        let keyed: Vec<_> = self.log.events.iter().filter(|event| event.key.is_some()).collect();
        if let Some(event) = self.random.choice(keyed) {
            stored &= publish(address, event.clone(), expected).await?;
        }
        Ok(stored)
    }
}

/// Was a loss told?
fn check(expected: &mut Expected<'_>, reading: &Reading) -> Result<bool, Fault> {
    expected.check(reading)?;
    Ok(expected.tells_loss(reading))
}

/// Publishes `event`, which has an id if it was published before. `false` if the server says that it cannot store it.
async fn publish(address: &str, event: KnownEvent, expected: &mut Expected<'_>) -> Result<bool> {
    let request = async {
        let target = format!("{}?event={}", event.topic, event.event_type);
        let target = event.key.iter().fold(target, |target, key| format!("{target}&key={key}"));
        Connection::open(address).await?.post(&target, "text/plain", event.data.as_bytes()).await
    };
    let Ok(response) = timeout(DEADLINE, request).await else {
        return Err(Fault::new("publisher stuck", event.topic).into());
    };
    let response = response?;
    match response.status {
        200 => {}
        503 => return Ok(false),
        500 => {
            expected.unsure.push(event);
            return Ok(false);
        }
        status => {
            let said = String::from_utf8_lossy(&response.body);
            return Err(Fault::new("publishing is refused", format!("{status}: {said}")).into());
        }
    }
    let receipt: Receipt = response.json()?;
    // Of a log whose list of epochs is lost, the seq alone is known.
    let same_seq = !expected.is_intact() && seq_of(&receipt.id) == seq_of(&event.id);
    let repeats = receipt.repeated && (receipt.id == event.id || same_seq);
    if receipt.repeated && !repeats {
        let detail = format!("{} has {} and is answered {}", event.topic, event.id, receipt.id);
        return Err(Fault::new("a key answers another event", detail).into());
    }
    if !repeats {
        expected.acknowledge(KnownEvent { id: receipt.id, time: None, ..event })?;
    }
    Ok(true)
}
