//! Places of connections at the HTTP server. When all are taken nothing more is accepted, so the log is the only one that can
//! tell of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use actix_service::{Service as _, ServiceFactory, apply_fn_factory};

#[derive(Debug)]
pub(super) struct Places {
    all: usize,
    taken: AtomicUsize,
}

/// One of them, until it is dropped.
struct Place(Arc<Places>);

impl Places {
    pub(super) fn new(all: usize) -> Arc<Self> {
        Arc::new(Self { all, taken: AtomicUsize::new(0) })
    }

    /// Has each connection of this service take a place.
    pub(super) fn of<S, C>(
        self: &Arc<Self>,
        service: S,
    ) -> impl ServiceFactory<C, Config = (), Response = (), Error = S::Error, InitError = ()> + use<S, C>
    where
        S: ServiceFactory<C, Config = (), Response = (), InitError = ()>,
    {
        let this = Arc::clone(self);
        apply_fn_factory(service, move |connection: C, service: &S::Service| {
            let (place, served) = (this.take(), service.call(connection));
            async move {
                let _place = place;
                served.await
            }
        })
    }

    fn take(self: &Arc<Self>) -> Place {
        self.taken.fetch_add(1, Relaxed);
        if self.are_taken() {
            // Under a target that is not ours, so that it is limited as foreign lines are.
            let all = self.all;
            tracing::warn!(target: "request", "all places of {all} connections are taken; further ones wait");
        }
        Place(Arc::clone(self))
    }

    fn are_taken(&self) -> bool {
        self.taken.load(Relaxed) >= self.all
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_service::fn_service;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn each_connection_has_its_place_until_it_ends() {
        let places = Places::new(2);
        let waits = fn_service(async |end: tokio::sync::oneshot::Receiver<()>| end.await);
        let service = places.of(waits).new_service(()).await.unwrap();
        let connect = || {
            let (end, ended) = tokio::sync::oneshot::channel();
            (end, service.call(ended))
        };
        let (_first, (end, second)) = (connect(), connect());
        assert!(places.are_taken());
        end.send(()).unwrap();
        second.now_or_never().unwrap().unwrap();
        assert!(!places.are_taken());
        let _third = connect();
        assert!(places.are_taken());
    }
}
