//! Which topics somebody looks at, so that a source can rest when nobody does.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sse_core::Topic;
use tokio::sync::watch;

use crate::selectors::Selectors;

/// Counts, for each thing watched, the subscriptions that want it.
#[derive(Debug, Default)]
pub(super) struct Demand(Mutex<Vec<(Watch, watch::Sender<usize>)>>);

/// What a source watches.
#[derive(Debug)]
enum Watch {
    /// One topic, however it is asked for.
    Topic(Topic),
    /// The topics below a prefix, when a selector names one of them or the prefix. A stream of every topic gets what
    /// others have asked for, but does not wake the source of so many events.
    NamedBelow(Topic),
}

/// A source's view of the demand for its topics.
#[derive(Debug)]
pub(crate) struct Watched(watch::Receiver<usize>);

impl Demand {
    /// Demand for one topic.
    pub(super) fn watch(&self, topic: Topic) -> Watched {
        self.add_watch(Watch::Topic(topic))
    }

    /// Demand for topics below this one, by name.
    pub(super) fn watch_below(&self, prefix: Topic) -> Watched {
        self.add_watch(Watch::NamedBelow(prefix))
    }

    fn add_watch(&self, wish: Watch) -> Watched {
        let (sender, receiver) = watch::channel(0);
        self.watches().push((wish, sender));
        Watched(receiver)
    }

    pub(super) fn add(&self, selectors: &Selectors) {
        self.change(selectors, |count| *count += 1);
    }

    pub(super) fn remove(&self, selectors: &Selectors) {
        self.change(selectors, |count| *count -= 1);
    }

    fn change(&self, selectors: &Selectors, change: impl Fn(&mut usize)) {
        for (watch, count) in self.watches().iter().filter(|(watch, _)| watch.is_wanted_by(selectors)) {
            count.send_modify(&change);
            tracing::trace!(?watch, "demand changed");
        }
    }

    fn watches(&self) -> MutexGuard<'_, Vec<(Watch, watch::Sender<usize>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    fn is_wanted_by(&self, selectors: &Selectors) -> bool {
        match self {
            Self::Topic(topic) => selectors.match_topic(topic),
            Self::NamedBelow(prefix) => selectors.name_below(prefix),
        }
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
