//! Events of a topic with a short age, published all the time: each expires when it is really that old, whatever the wall
//! clock shows.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::http::{Connection, EventPage};
use anyhow::{Context, Result, ensure};

/// The pattern in the settings file is `short/*`.
const TOPIC: &str = "short/age";
/// Age of its events.
pub(super) const AGE: Duration = Duration::from_secs(5);
/// No event goes before this age. Stamps are in whole seconds, and a second by which the wall clock is set is no change.
const MIN_AGE: Duration = Duration::from_secs(3);
/// All events are gone at this age, also when the machine is busy and the server was stopped meanwhile.
const MAX_AGE: Duration = Duration::from_secs(30);
/// Between two events.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(500);
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Longest time for which the server may be away.
const MAX_AWAY: Duration = Duration::from_secs(30);

/// Events that were acknowledged and have not expired, and what the others have shown.
#[derive(Debug, Default)]
pub(super) struct Ages {
    alive: RefCell<Vec<Probe>>,
    pub(super) expired: Cell<usize>,
    /// Least and greatest age at which one was first missing.
    pub(super) youngest: Cell<Option<Duration>>,
    pub(super) oldest: Cell<Duration>,
    /// No more events are published.
    pub(super) stop: Cell<bool>,
}

#[derive(Debug)]
struct Probe {
    data: String,
    sent: Instant,
    acknowledged: Instant,
}

/// Publishes and looks until `stop`, and then until all have expired.
pub(super) async fn watch(address: String, ages: Rc<Ages>) -> Result<()> {
    let (mut next, mut published, mut seen) = (0_u64, None::<Instant>, Instant::now());
    let mut connection = None;
    while !ages.stop.get() || !ages.alive.borrow().is_empty() {
        let is_due = published.is_none_or(|at| at.elapsed() >= PUBLISH_INTERVAL) && !ages.stop.get();
        let look = async {
            let open = match connection.take() {
                Some(open) => open,
                None => Connection::open(&address).await?,
            };
            look(open, is_due.then(|| next.to_string()), &ages).await
        };
        // While the server is stopped there is nobody to ask.
        if let Ok((open, verdict)) = look.await {
            verdict?;
            (connection, seen) = (Some(open), Instant::now());
        }
        if is_due {
            (next, published) = (next + 1, Some(Instant::now()));
        }
        ensure!(seen.elapsed() < MAX_AWAY, "the server does not answer");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(())
}

/// An error is one of the connection; the verdict is about the ages.
async fn look(
    mut connection: Connection,
    publish: Option<String>,
    ages: &Ages,
) -> Result<(Connection, Result<()>)> {
    if let Some(data) = publish {
        let sent = Instant::now();
        connection.publish(TOPIC, data.as_bytes()).await?;
        ages.alive.borrow_mut().push(Probe { data, sent, acknowledged: Instant::now() });
    }
    let asked = Instant::now();
    let page: EventPage = connection
        .get(&format!("/topics/{TOPIC}?limit=1000"))
        .await?
        .expect_ok()?
        .json()
        .context("a page")?;
    let verdict = ages.compare(&page, asked);
    Ok((connection, verdict))
}

impl Ages {
    fn compare(&self, page: &EventPage, asked: Instant) -> Result<()> {
        let mut alive = self.alive.borrow_mut();
        for probe in alive.extract_if(.., |probe| page.events.iter().all(|event| event.data != probe.data)) {
            let age = probe.sent.elapsed();
            ensure!(
                age >= MIN_AGE,
                "an event with an age of {} s is gone after {:.1} s",
                AGE.as_secs(),
                age.as_secs_f64()
            );
            self.expired.set(self.expired.get() + 1);
            self.youngest.set(Some(self.youngest.get().map_or(age, |youngest| youngest.min(age))));
            self.oldest.set(self.oldest.get().max(age));
        }
        for probe in alive.iter() {
            let age = asked.saturating_duration_since(probe.acknowledged);
            ensure!(
                age <= MAX_AGE,
                "an event with an age of {} s is still there after {:.1} s",
                AGE.as_secs(),
                age.as_secs_f64()
            );
        }
        Ok(())
    }
}
