//! Event streams that were opened with a token, so that they can be ended when that is taken back.

use std::sync::Arc;

use parking_lot::Mutex;
use slab::Slab;
use tokio_util::sync::CancellationToken;

use super::access::Access;

#[derive(Debug, Clone, Default)]
pub(crate) struct OpenStreams(Arc<Mutex<Slab<OpenStream>>>);

#[derive(Debug)]
struct OpenStream {
    access: Access,
    end: CancellationToken,
}

/// A stream in the list, for as long as it is open.
#[derive(Debug)]
pub(super) struct StreamPlace {
    list: OpenStreams,
    key: usize,
    end: CancellationToken,
}

impl OpenStreams {
    pub(super) fn add(&self, access: Access) -> StreamPlace {
        let end = CancellationToken::new();
        let key = self.0.lock().insert(OpenStream { access, end: end.clone() });
        StreamPlace { list: self.clone(), key, end }
    }

    /// Ends those that are meant.
    pub(super) fn end(&self, is_meant: impl Fn(&Access) -> bool) {
        let streams = self.0.lock();
        streams
            .iter()
            .filter(|(_, stream)| is_meant(&stream.access))
            .for_each(|(_, stream)| stream.end.cancel());
    }
}

impl StreamPlace {
    pub(super) fn end(&self) {
        self.end.cancel();
    }

    /// Resolves when the stream is to end.
    pub(super) async fn ended(&self) {
        self.end.cancelled().await;
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        self.list.0.lock().try_remove(self.key);
    }
}
