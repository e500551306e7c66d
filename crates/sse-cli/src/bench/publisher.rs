//! Publishes at a steady rate that does not wait for the server: an event that is late counts from when it was due.
//!
//! A thread of its own keeps the beat, since the runtime's timer is only good to a millisecond. The events take turns
//! on the connections; each connection waits for its answer before its next event, so that there is an order to check.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sse_client::reqwest::header::HeaderMap;
use sse_client::reqwest::redirect::Policy;
use sse_client::reqwest::{self, Client, Response, Url};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::stamp::Stamp;
use super::tally::{Latencies, latencies};
use crate::connection::ConnectionArgs;
use crate::exit::Exit;
use crate::peer::Peer;
use crate::stop::Stop;
use crate::{refusal, talk};

/// Longest wait for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// What was due may be sent for so long after the time is up.
const GRACE: Duration = Duration::from_secs(1);
/// A connection that has had so many failures and no success does not go on.
const HOPELESS: usize = 3;

/// What is to be published.
#[derive(Clone)]
pub(super) struct Order {
    pub(super) client: Client,
    pub(super) url: Url,
    pub(super) peer: Peer,
    pub(super) headers: HeaderMap,
    pub(super) lanes: usize,
    /// Events a second, over all lanes.
    pub(super) rate: f64,
    pub(super) duration: Duration,
    pub(super) size: usize,
    pub(super) run: u32,
    /// When the run began: what due times count from.
    pub(super) began: Instant,
    pub(super) stop: Stop,
}

/// What became of it.
#[derive(Debug)]
pub(super) struct Published {
    /// Events that were due in the time.
    pub(super) planned: u64,
    pub(super) acknowledged: u64,
    /// Due, but not sent when the time was up: the connections were still busy with earlier ones.
    pub(super) unsent: u64,
    /// Due time to answer.
    pub(super) latency: Latencies,
    /// By lane.
    pub(super) lanes: Vec<Lane>,
    /// Why the first of those without an acknowledgement has none.
    pub(super) failure: Option<Failure>,
}

/// The numbers that one connection sent: 0 up to `sent`.
#[derive(Debug, Default)]
pub(super) struct Lane {
    pub(super) sent: u32,
    /// In order.
    pub(super) unacknowledged: Vec<u32>,
}

/// Why an event was not acknowledged.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) reason: String,
    pub(super) exit: Exit,
}

struct LaneDone {
    nth: usize,
    lane: Lane,
    latency: Latencies,
    failure: Option<Failure>,
}

/// The beat.
struct Pace {
    /// So many events are due.
    due: AtomicU64,
    lanes: Vec<Notify>,
}

impl Order {
    fn planned(&self) -> u64 {
        (self.duration.as_secs_f64() * self.rate).ceil().max(1.0) as u64
    }

    /// When an event is due, since publishing began.
    fn due(&self, nth: u64) -> Duration {
        Duration::from_secs_f64(nth as f64 / self.rate)
    }
}

/// A client that publishes, on a connection of its own for each lane, and takes no redirect: a POST could turn into a
/// GET on the way.
///
/// # Errors
/// When it cannot be set up.
pub(super) fn client(url: &Url, connection: &ConnectionArgs) -> anyhow::Result<Client> {
    connection.client_with(url.scheme() == "https", |options| {
        let options = options.no_proxy().redirect(Policy::none()).timeout(ANSWER_TIMEOUT);
        if connection.http2() { options } else { options.http1_only() }
    })
}

/// Publishes until the time is up, or it is to stop, and every event that was sent has its answer.
pub(super) async fn publish(order: Order) -> Published {
    let order = Arc::new(order);
    let pace =
        Arc::new(Pace { due: AtomicU64::new(0), lanes: (0..order.lanes).map(|_| Notify::new()).collect() });
    let start = Instant::now();
    let (beat, paced) = (Arc::clone(&order), Arc::clone(&pace));
    // Ends by itself when the time is up.
    std::thread::spawn(move || keep_beat(&beat, &paced, start));
    let mut lanes = JoinSet::new();
    for nth in 0..order.lanes {
        let (order, pace) = (Arc::clone(&order), Arc::clone(&pace));
        lanes.spawn(run_lane(nth, order, pace, start));
    }
    let mut stop = order.stop.clone();
    let mut all = std::pin::pin!(lanes.join_all());
    let (done, planned) = tokio::select! {
        done = &mut all => (done, order.planned()),
        () = stop.wait() => {
            let passed = (start.elapsed().as_secs_f64() * order.rate) as u64;
            (all.await, passed.min(order.planned()))
        }
    };
    total(planned, done)
}

fn total(planned: u64, mut done: Vec<LaneDone>) -> Published {
    done.sort_by_key(|lane| lane.nth);
    let mut latency = latencies();
    let mut failure = None;
    let mut lanes = Vec::with_capacity(done.len());
    for lane in done {
        latency.add(&lane.latency).expect("the bounds are the same");
        failure = failure.or(lane.failure);
        lanes.push(lane.lane);
    }
    let sent: u64 = lanes.iter().map(|lane| u64::from(lane.sent)).sum();
    Published {
        planned: planned.max(sent),
        acknowledged: latency.len(),
        unsent: planned.saturating_sub(sent),
        latency,
        lanes,
        failure,
    }
}

fn keep_beat(order: &Order, pace: &Pace, start: Instant) {
    let lanes = pace.lanes.iter().cycle();
    for (nth, lane) in (0..order.planned()).zip(lanes) {
        std::thread::sleep(order.due(nth).saturating_sub(start.elapsed()));
        pace.due.store(nth + 1, Ordering::Release);
        lane.notify_one();
        // Nobody is left to publish.
        if start.elapsed() > order.duration + GRACE {
            break;
        }
    }
    pace.due.store(u64::MAX, Ordering::Release);
    pace.lanes.iter().for_each(Notify::notify_one);
}

async fn run_lane(nth: usize, order: Arc<Order>, pace: Arc<Pace>, start: Instant) -> LaneDone {
    let mut done = LaneDone { nth, lane: Lane::default(), latency: latencies(), failure: None };
    let Some(turn) = pace.lanes.get(nth) else { return done };
    let mut stop = order.stop.clone();
    for event in (nth as u64..order.planned()).step_by(order.lanes) {
        tokio::select! {
            biased;
            () = stop.wait() => break,
            () = is_due(&pace, event, turn) => {}
        }
        let hopeless = done.latency.is_empty() && done.lane.unacknowledged.len() >= HOPELESS;
        if hopeless || start.elapsed() > order.duration + GRACE {
            break;
        }
        let due = (start - order.began) + order.due(event);
        let number = done.lane.sent;
        done.lane.sent += 1;
        let stamp = Stamp {
            run: order.run,
            lane: nth as u8,
            number,
            due: u64::try_from(due.as_micros()).unwrap_or(u64::MAX),
        };
        match send(&order, stamp.data(order.size)).await {
            Ok(()) => {
                let waited = order.began.elapsed().saturating_sub(due);
                done.latency.saturating_record(u64::try_from(waited.as_micros()).unwrap_or(u64::MAX));
            }
            Err(failure) => {
                done.lane.unacknowledged.push(number);
                done.failure.get_or_insert(failure);
            }
        }
    }
    done
}

async fn is_due(pace: &Pace, event: u64, turn: &Notify) {
    while pace.due.load(Ordering::Acquire) <= event {
        turn.notified().await;
    }
}

async fn send(order: &Order, data: String) -> Result<(), Failure> {
    let lost = |error: reqwest::Error| Failure {
        reason: format!("no answer from {} ({})", order.peer.at_fault(&error), talk::innermost(&error)),
        exit: Exit::Failed,
    };
    let request = order.client.post(order.url.clone()).headers(order.headers.clone()).body(data);
    let response = request.send().await.map_err(lost)?;
    if !response.status().is_success() {
        return Err(refused(response).await);
    }
    // The connection is only free for the next event when the answer has been read.
    response.bytes().await.map_err(lost)?;
    Ok(())
}

async fn refused(response: Response) -> Failure {
    let (status, url) = (response.status(), talk::shown(response.url()));
    let words = refusal::read(response).await.map(|refusal| format!(": {refusal}")).unwrap_or_default();
    Failure { reason: format!("{url} answered {status}{words}"), exit: Exit::from_status(status) }
}
