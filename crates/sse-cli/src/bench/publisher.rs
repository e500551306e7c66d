//! Publishes at a constant rate, however slow the server is: latency counts from when an event was due.
//!
//! A dedicated thread paces the events, since the timer of the runtime has a resolution of 1 ms. Events are assigned to
//! the publishers round-robin. Each publisher has one connection and waits for the response before its next event, so
//! that its events have an order to check.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sse_client::reqwest::header::HeaderMap;
use sse_client::reqwest::redirect::Policy;
use sse_client::reqwest::{self, Client, Response, Url};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::stamp::Stamp;
use super::tally::{Latencies, latencies, micros};
use crate::connection::ConnectionArgs;
use crate::exit::Exit;
use crate::peer::Peer;
use crate::reason::reason;
use crate::stop::Stop;
use crate::{address, problem_details};

/// Longest wait for one response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long after the end overdue events may still be sent.
const GRACE: Duration = Duration::from_secs(1);
/// A publisher gives up after this many failures without a success.
const MAX_FAILURES: usize = 3;

/// What to publish, and how.
#[derive(Clone)]
pub(super) struct PublishPlan {
    pub(super) client: Client,
    pub(super) url: Url,
    pub(super) peer: Peer,
    pub(super) headers: HeaderMap,
    pub(super) publishers: usize,
    /// Events per second, over all publishers.
    pub(super) rate: f64,
    pub(super) duration: Duration,
    pub(super) size: usize,
    pub(super) run: u32,
    /// Start of the run, from which due times count.
    pub(super) began: Instant,
    pub(super) stop: Stop,
}

/// The result of publishing.
#[derive(Debug)]
pub(super) struct Published {
    /// Events that were due.
    pub(super) planned: u64,
    pub(super) acknowledged: u64,
    /// Due, but not sent in time: the publishers still waited for earlier responses.
    pub(super) unsent: u64,
    /// From due time to response.
    pub(super) latency: Latencies,
    pub(super) publishers: Vec<Publisher>,
    /// The first failure.
    pub(super) failure: Option<Failure>,
}

/// One connection, and the numbers it has sent: 0 up to `sent`.
#[derive(Debug)]
pub(super) struct Publisher {
    nth: usize,
    pub(super) sent: u32,
    /// Sorted.
    pub(super) unacknowledged: Vec<u32>,
    latency: Latencies,
    /// The first one.
    failure: Option<Failure>,
}

/// Why an event was not acknowledged.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) reason: String,
    pub(super) exit: Exit,
}

/// Releases events when they are due.
struct Pacer {
    /// The number of events that are due.
    due: AtomicU64,
    publishers: Vec<Notify>,
}

impl PublishPlan {
    fn planned(&self) -> u64 {
        (self.duration.as_secs_f64() * self.rate).ceil().max(1.0) as u64
    }

    /// When an event is due, since publishing began.
    fn due(&self, nth: u64) -> Duration {
        Duration::from_secs_f64(nth as f64 / self.rate)
    }
}

/// A client for publishing. Follows no redirects: they could turn a POST into a GET.
pub(super) fn client(url: &Url, connection: &ConnectionArgs) -> anyhow::Result<Client> {
    connection.client(url.scheme() == "https", |options| {
        let options = options.no_proxy().redirect(Policy::none()).timeout(RESPONSE_TIMEOUT);
        if connection.http2 { options } else { options.http1_only() }
    })
}

/// Publishes until the time is up or it is stopped, and every sent event has its response.
pub(super) async fn publish(plan: PublishPlan) -> Published {
    let plan = Arc::new(plan);
    let publishers = (0..plan.publishers).map(|_| Notify::new()).collect();
    let pacer = Arc::new(Pacer { due: AtomicU64::new(0), publishers });
    let start = Instant::now();
    let (thread_plan, thread_pacer) = (Arc::clone(&plan), Arc::clone(&pacer));
    // Ends by itself when the time is up.
    std::thread::spawn(move || pace(&thread_plan, &thread_pacer, start));
    let mut publishers = JoinSet::new();
    for nth in 0..plan.publishers {
        publishers.spawn(run_publisher(nth, Arc::clone(&plan), Arc::clone(&pacer), start));
    }
    let mut stop = plan.stop.clone();
    let mut all = std::pin::pin!(publishers.join_all());
    let (results, planned) = tokio::select! {
        results = &mut all => (results, plan.planned()),
        () = stop.wait() => {
            let passed = (start.elapsed().as_secs_f64() * plan.rate) as u64;
            (all.await, passed.min(plan.planned()))
        }
    };
    total(planned, results)
}

fn total(planned: u64, mut publishers: Vec<Publisher>) -> Published {
    publishers.sort_by_key(|publisher| publisher.nth);
    let failure = publishers.iter().find_map(|publisher| publisher.failure.clone());
    let mut latency = latencies();
    for publisher in &publishers {
        latency.add(&publisher.latency).expect("the bounds are the same");
    }
    let sent: u64 = publishers.iter().map(|publisher| u64::from(publisher.sent)).sum();
    Published {
        planned: planned.max(sent),
        acknowledged: latency.len(),
        unsent: planned.saturating_sub(sent),
        latency,
        publishers,
        failure,
    }
}

fn pace(plan: &PublishPlan, pacer: &Pacer, start: Instant) {
    let publishers = pacer.publishers.iter().cycle();
    for (nth, publisher) in (0..plan.planned()).zip(publishers) {
        std::thread::sleep(plan.due(nth).saturating_sub(start.elapsed()));
        pacer.due.store(nth + 1, Ordering::Release);
        publisher.notify_one();
        // All publishers have stopped.
        if start.elapsed() > plan.duration + GRACE {
            break;
        }
    }
    pacer.due.store(u64::MAX, Ordering::Release);
    pacer.publishers.iter().for_each(Notify::notify_one);
}

async fn run_publisher(nth: usize, plan: Arc<PublishPlan>, pacer: Arc<Pacer>, start: Instant) -> Publisher {
    let mut publisher =
        Publisher { nth, sent: 0, unacknowledged: Vec::new(), latency: latencies(), failure: None };
    let Some(notify) = pacer.publishers.get(nth) else { return publisher };
    let mut stop = plan.stop.clone();
    for event in (nth as u64..plan.planned()).step_by(plan.publishers) {
        tokio::select! {
            biased;
            () = stop.wait() => break,
            () = is_due(&pacer, event, notify) => {}
        }
        let only_failures = publisher.latency.is_empty() && publisher.unacknowledged.len() >= MAX_FAILURES;
        if only_failures || start.elapsed() > plan.duration + GRACE {
            break;
        }
        let due = (start - plan.began) + plan.due(event);
        let number = publisher.sent;
        publisher.sent += 1;
        let stamp = Stamp { run: plan.run, publisher: nth as u8, number, due: micros(due) };
        match send(&plan, stamp.data(plan.size)).await {
            Ok(()) => {
                publisher.latency.saturating_record(micros(plan.began.elapsed().saturating_sub(due)));
            }
            Err(failure) => {
                publisher.unacknowledged.push(number);
                publisher.failure.get_or_insert(failure);
            }
        }
    }
    publisher
}

async fn is_due(pacer: &Pacer, event: u64, notify: &Notify) {
    while pacer.due.load(Ordering::Acquire) <= event {
        notify.notified().await;
    }
}

async fn send(plan: &PublishPlan, data: String) -> Result<(), Failure> {
    let lost = |error: reqwest::Error| Failure {
        reason: format!("no answer from {} ({})", plan.peer.at_fault(&error), reason(&error)),
        exit: Exit::Failed,
    };
    let request = plan.client.post(plan.url.clone()).headers(plan.headers.clone()).body(data);
    let response = request.send().await.map_err(lost)?;
    if !response.status().is_success() {
        return Err(refused(response).await);
    }
    // The connection is free for the next event only after the body was read.
    response.bytes().await.map_err(lost)?;
    Ok(())
}

async fn refused(response: Response) -> Failure {
    let (status, url) = (response.status(), address::redacted(response.url()));
    let problem = problem_details::read(response).await;
    Failure { reason: format!("{url} answered {status}{problem}"), exit: Exit::from_status(status) }
}
