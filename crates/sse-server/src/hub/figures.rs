//! What the hub is doing, in figures. Counted where it happens, once a stream and never once an event.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts open streams. Cheap to clone; clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Streams(Arc<AtomicUsize>);

/// Counts as one stream as long as it lives.
#[derive(Debug)]
pub(crate) struct OpenStream(Streams);

impl Streams {
    pub(super) fn open(&self) -> OpenStream {
        self.0.fetch_add(1, Ordering::Relaxed);
        OpenStream(self.clone())
    }

    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
