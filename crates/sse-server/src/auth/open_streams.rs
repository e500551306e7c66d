//! Event streams that were opened with a token, so that they can be ended when that is taken back.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::access::Access;

/// By the hash of the token: whoever signs out costs what their own streams cost.
#[derive(Debug, Clone, Default)]
pub(crate) struct OpenStreams(Arc<Mutex<HashMap<String, OfToken>>>);

/// All streams of a token.
#[derive(Debug)]
struct OfToken {
    access: Access,
    count: usize,
    end: CancellationToken,
}

/// A stream in the list, for as long as it is open.
#[derive(Debug)]
pub(super) struct StreamPlace {
    list: OpenStreams,
    access: Access,
    end: CancellationToken,
}

impl OpenStreams {
    pub(super) fn add(&self, access: &Access) -> StreamPlace {
        let mut tokens = self.0.lock();
        let of_token = tokens.entry(access.token_sha256().to_owned()).or_insert_with(|| OfToken {
            access: access.clone(),
            count: 0,
            end: CancellationToken::new(),
        });
        of_token.count += 1;
        StreamPlace { list: self.clone(), access: access.clone(), end: of_token.end.clone() }
    }

    /// Ends those of the token with this hash.
    pub(super) fn end_of_token(&self, sha256: &str) {
        if let Some(of_token) = self.0.lock().remove(sha256) {
            of_token.end.cancel();
        }
    }

    /// Ends those of a subject.
    pub(super) fn end_of_subject(&self, subject: &str) {
        let mut tokens = self.0.lock();
        tokens
            .extract_if(|_, of_token| of_token.access.subject() == Some(subject))
            .for_each(|(_, of_token)| of_token.end.cancel());
    }
}

impl StreamPlace {
    /// Resolves when the stream is to end.
    pub(super) async fn ended(&self) {
        self.end.cancelled().await;
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut tokens = self.list.0.lock();
        // What was ended is out of the list, where new ones of the token may be.
        if self.end.is_cancelled() {
            return;
        }
        let sha256 = self.access.token_sha256();
        if let Some(of_token) = tokens.get_mut(sha256) {
            of_token.count -= 1;
            if of_token.count == 0 {
                tokens.remove(sha256);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::access::Holder;
    use super::*;
    use crate::auth::Grants;

    fn access(sha256: &str, subject: &str) -> Access {
        let (sha256, subject) = (sha256.to_owned(), Some(subject.to_owned()));
        Access::with_token(Grants::default(), Holder { sha256, subject, ..Holder::default() })
    }

    #[test]
    fn the_streams_of_a_token_end_together_and_later_ones_are_others() {
        let streams = OpenStreams::default();
        let [first, second, other] = ["1", "1", "2"].map(|sha256| streams.add(&access(sha256, "ann")));
        streams.end_of_token("1");
        let later = streams.add(&access("1", "ann"));
        let ended = || [&first, &second, &other, &later].map(|place| place.end.is_cancelled());
        assert_eq!(ended(), [true, true, false, false]);
        drop((first, second));
        streams.end_of_subject("bob");
        assert!(!other.end.is_cancelled() && !later.end.is_cancelled());
        streams.end_of_subject("ann");
        assert!(other.end.is_cancelled() && later.end.is_cancelled());
    }

    #[test]
    fn who_has_none_is_forgotten() {
        let streams = OpenStreams::default();
        let ann = access("1", "ann");
        let (first, second) = (streams.add(&ann), streams.add(&ann));
        drop(first);
        assert_eq!(streams.0.lock().len(), 1);
        drop(second);
        assert_eq!(streams.0.lock().len(), 0);
    }
}
