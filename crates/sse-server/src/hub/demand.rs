//! Which topics somebody looks at, so that a source can rest when nobody does.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sse_core::Topic;
use tokio::sync::watch;

use super::Selectors;

/// Counts, for each watched topic, the subscriptions that want it.
#[derive(Debug, Default)]
pub(super) struct Demand(Mutex<Vec<(Topic, watch::Sender<usize>)>>);

/// A source's view of the demand for its topic.
#[derive(Debug)]
pub(crate) struct Watched(watch::Receiver<usize>);

impl Demand {
    pub(super) fn watch(&self, topic: Topic) -> Watched {
        let (sender, receiver) = watch::channel(0);
        self.topics().push((topic, sender));
        Watched(receiver)
    }

    pub(super) fn add(&self, selectors: &Selectors) {
        self.change(selectors, |count| *count += 1);
    }

    pub(super) fn remove(&self, selectors: &Selectors) {
        self.change(selectors, |count| *count -= 1);
    }

    fn change(&self, selectors: &Selectors, change: impl Fn(&mut usize)) {
        for (topic, count) in self.topics().iter().filter(|(topic, _)| selectors.match_topic(topic)) {
            count.send_modify(&change);
            tracing::trace!(%topic, "demand changed");
        }
    }

    fn topics(&self) -> MutexGuard<'_, Vec<(Topic, watch::Sender<usize>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    /// Does anybody look now?
    pub(crate) fn is_wanted(&self) -> bool {
        *self.0.borrow() > 0
    }

    /// Resolves once somebody looks. Never does when the hub is gone.
    pub(crate) async fn wanted(&mut self) {
        if self.0.wait_for(|count| *count > 0).await.is_err() {
            std::future::pending().await
        }
    }
}
