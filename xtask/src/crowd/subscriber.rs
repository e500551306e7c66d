//! One subscriber: reads one or two topics with sse-client, resumes when it is cut, and checks the numbers of the events.

use std::rc::Rc;
use std::time::{Duration, Instant};

use sse_client::reqwest::Url;
use sse_client::{EventId, EventSource, Signal};

use super::shared::{EVENT_TYPE, Shared, add, topic};

/// Silence after which a connection counts as cut. Several heartbeats.
const SILENCE: Duration = Duration::from_secs(60);
/// One in this many has two topics.
const ONE_IN: usize = 4;

pub(super) struct Subscriber {
    shared: Rc<Shared>,
    nth: usize,
    /// Its topics, and the number of the last event of each; none before the first event.
    topics: Vec<(usize, Option<u64>)>,
    start: &'static str,
    cuts: u64,
}

/// Subscribers one after the other, each for a while.
pub(super) async fn come_and_go(shared: Rc<Shared>, nth: usize, stay: Duration) {
    // The first is on its way already, so that not all leave together.
    let mut stays = stay.mul_f64(fastrand::f64());
    loop {
        // It is dropped when its time is over.
        let _ = tokio::time::timeout(stays, Subscriber::new(&shared, nth, None, "").run()).await;
        stays = stay.mul_f64(0.5 + fastrand::f64());
    }
}

impl Subscriber {
    /// One that has to receive every event from the first to the last.
    pub(super) fn staying(shared: &Rc<Shared>, nth: usize) -> Self {
        Self::new(shared, nth, Some(0), "earliest")
    }

    fn new(shared: &Rc<Shared>, nth: usize, last: Option<u64>, start: &'static str) -> Self {
        let count = shared.published.len();
        let mut topics = vec![(nth % count, last)];
        if nth.is_multiple_of(ONE_IN) && count > 1 {
            topics.push(((nth + 1) % count, last));
        }
        add(&shared.subscribers);
        Self { shared: Rc::clone(shared), nth, topics, start, cuts: 0 }
    }

    /// Reads until the crowd stops and the last event of each topic has come.
    pub(super) async fn run(mut self) {
        if let Err(error) = self.read().await {
            self.shared.fault(format!("{error:#}"));
        }
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        let mut url: Url = format!("http://{}/events", self.shared.address).parse()?;
        url.query_pairs_mut().extend_pairs(self.topics.iter().map(|(nth, _)| ("topic", topic(*nth))));
        let builder = EventSource::builder(url).client(self.shared.client(self.nth)?).idle_timeout(SILENCE);
        let mut source = builder.last_event_id(EventId::new(self.start)?).build()?;
        let mut is_new = true;
        while !self.is_complete() {
            // The last event may have come before the crowd stopped, so it is looked up again now and then.
            let Ok(signal) = tokio::time::timeout(Duration::from_secs(1), source.next()).await else {
                continue;
            };
            match signal {
                Some(Signal::Opened(_)) if is_new => {
                    add(&self.shared.connected);
                    is_new = false;
                }
                Some(Signal::Event(event)) if event.event_type() == EVENT_TYPE => self.take(event.data()),
                Some(Signal::Event(event)) if event.event_type() == "gap" => {
                    self.shared.fault(format!("a gap: {}", event.data()));
                }
                Some(Signal::Reconnecting(_)) if !is_new => self.cut(),
                Some(Signal::Dropped(error)) => self.shared.fault(error.to_string()),
                Some(Signal::Closed(reason)) => anyhow::bail!("the event stream ended for good: {reason}"),
                None => anyhow::bail!("the event source ended"),
                _ => {}
            }
        }
        Ok(())
    }

    fn is_complete(&self) -> bool {
        let all = |(topic, last): &(usize, Option<u64>)| *last == Some(self.shared.published(*topic));
        self.shared.stop.get() && self.topics.iter().all(all)
    }

    fn cut(&mut self) {
        self.cuts += 1;
        add(&self.shared.cuts);
        self.shared.most_cuts.set(self.shared.most_cuts.get().max(self.cuts));
    }

    /// `TOPIC COUNT MICROS`
    fn take(&mut self, data: &str) {
        let mut numbers = data.split_whitespace().map(str::parse::<u64>);
        let (Some(Ok(topic)), Some(Ok(count)), Some(Ok(sent))) =
            (numbers.next(), numbers.next(), numbers.next())
        else {
            return self.shared.fault(format!("nobody published {data:?}"));
        };
        let Some((_, last)) = self.topics.iter_mut().find(|(wanted, _)| *wanted as u64 == topic) else {
            return self.shared.fault(format!("an event of topic {topic}, which was not asked for"));
        };
        if let Some(last) = last.filter(|last| last + 1 != count) {
            self.shared.fault(format!("event {count} of topic {topic} came after event {last}"));
        }
        *last = Some(count);
        add(&self.shared.deliveries);
        let latency = self.shared.micros(Instant::now()).saturating_sub(sent);
        self.shared.latencies.borrow_mut().saturating_record(latency);
    }
}
