//! Interest: which topics somebody has subscribed to by name, so that a source can rest while nobody has.

use parking_lot::Mutex;
use sse_core::Topic;
use tokio::sync::watch;

use crate::selectors::Selectors;

/// Counts, for each watched prefix, the subscriptions to `prefix/*`, or by name to a topic or prefix below it. A subscription to every
/// topic gets what others asked for, but does not wake the source of so many events.
#[derive(Debug, Default)]
pub(crate) struct Interest(Mutex<Vec<(Topic, watch::Sender<usize>)>>);

/// A source's view of the interest in its topics.
#[derive(Debug)]
pub struct InterestWatch(watch::Receiver<usize>);

impl Interest {
    pub(crate) fn watch_below(&self, prefix: Topic) -> InterestWatch {
        let (sender, receiver) = watch::channel(0);
        self.0.lock().push((prefix, sender));
        InterestWatch(receiver)
    }

    pub(crate) fn add(&self, selectors: &Selectors) {
        self.change(selectors, |count| *count += 1);
    }

    pub(crate) fn remove(&self, selectors: &Selectors) {
        self.change(selectors, |count| *count -= 1);
    }

    fn change(&self, selectors: &Selectors, change: impl Fn(&mut usize)) {
        let watches = self.0.lock();
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
