//! Interest: which topics somebody has subscribed to by name, so that a source can rest while nobody has.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use sse_core::Topic;
use tokio::sync::watch;

use crate::selectors::Selectors;

/// Counts, for each watched prefix, the subscriptions to `prefix/*`, or by name to a topic or prefix below it. A subscription to every
/// topic gets what others asked for, but does not wake the source of so many events.
#[derive(Debug, Clone, Default)]
pub struct Interest(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    watches: Mutex<Vec<(Topic, watch::Sender<usize>)>>,
    /// Subscriptions by name of the topic, if somebody wants to know.
    open: Option<Mutex<HashMap<Topic, usize>>>,
}

/// A source's view of the interest in its topics.
#[derive(Debug)]
pub struct InterestWatch(watch::Receiver<usize>);

impl Interest {
    /// One that knows which topics are open by name.
    pub(crate) fn by_name() -> Self {
        Self(Arc::new(Inner { open: Some(Mutex::default()), ..Inner::default() }))
    }

    pub(crate) fn knows_names(&self) -> bool {
        self.0.open.is_some()
    }

    /// Has somebody subscribed to this topic by its name?
    pub(crate) fn is_open(&self, topic: &Topic) -> bool {
        self.0.open.as_ref().is_some_and(|open| open.lock().contains_key(topic))
    }

    pub(crate) fn watch_below(&self, prefix: Topic) -> InterestWatch {
        let (sender, receiver) = watch::channel(0);
        self.0.watches.lock().push((prefix, sender));
        InterestWatch(receiver)
    }

    pub(crate) fn add(&self, selectors: &Selectors) {
        self.change(selectors, |count| *count += 1);
        if let Some(mut open) = self.0.open.as_ref().map(Mutex::lock) {
            let topics = selectors.exact().into_iter().flatten();
            topics.for_each(|topic| *open.entry(topic.clone()).or_default() += 1);
        }
    }

    pub(crate) fn remove(&self, selectors: &Selectors) {
        self.change(selectors, |count| *count -= 1);
        if let Some(mut open) = self.0.open.as_ref().map(Mutex::lock) {
            for topic in selectors.exact().into_iter().flatten() {
                if let Some(count) = open.get_mut(topic) {
                    *count -= 1;
                    if *count == 0 {
                        open.remove(topic);
                    }
                }
            }
        }
    }

    fn change(&self, selectors: &Selectors, change: impl Fn(&mut usize)) {
        let watches = self.0.watches.lock();
        let named = watches.iter().filter(|(prefix, _)| selectors.name_below(prefix));
        named.for_each(|(_, count)| count.send_modify(&change));
    }
}

impl InterestWatch {
    /// Is somebody subscribed now?
    pub fn is_wanted(&self) -> bool {
        *self.0.borrow() > 0
    }

    /// Resolves once somebody is. Never does when the hub is gone.
    pub async fn wanted(&mut self) {
        if self.0.wait_for(|count| *count > 0).await.is_err() {
            std::future::pending().await
        }
    }
}
