//! Event streams that were opened with a token, so that they can be ended when that is taken back, and go on with the next one.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::access::Access;

/// By the hash of the token: whoever signs out costs what their own streams cost.
#[derive(Debug, Clone, Default)]
pub(crate) struct OpenStreams(Arc<Mutex<HashMap<String, Weak<OfToken>>>>);

/// All streams of a token. Each of them holds it.
#[derive(Debug)]
pub(super) struct OfToken {
    list: OpenStreams,
    access: Access,
    over: CancellationToken,
    /// What the streams go on as, if that is why it is over.
    next: OnceLock<Arc<Self>>,
}

impl OpenStreams {
    /// For one more stream.
    pub(super) fn add(&self, access: &Access) -> Arc<OfToken> {
        let mut tokens = self.0.lock();
        let known = tokens.get(access.token_sha256()).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let of_token = Arc::new(OfToken {
                list: self.clone(),
                access: access.clone(),
                over: CancellationToken::new(),
                next: OnceLock::new(),
            });
            tokens.insert(access.token_sha256().to_owned(), Arc::downgrade(&of_token));
            of_token
        })
    }

    /// Ends those of the token with this hash.
    pub(super) fn end_of_token(&self, sha256: &str) {
        if let Some(of_token) = self.take(sha256) {
            of_token.over.cancel();
        }
    }

    /// Ends those of a subject.
    pub(super) fn end_of_subject(&self, subject: &str) {
        self.end_unless(|access| access.subject() != Some(subject));
    }

    /// Ends those whose access is not to stay.
    pub(super) fn end_unless(&self, stays: impl Fn(&Access) -> bool) {
        // Not dropped as long as the list is locked.
        let all: Vec<_> = self.0.lock().values().filter_map(Weak::upgrade).collect();
        for of_token in all.iter().filter(|of_token| !stays(&of_token.access)) {
            self.end_of_token(of_token.access.token_sha256());
        }
    }

    /// Has those of the token with this hash go on as streams of `access`, if that renews their own.
    pub(super) fn renew(&self, sha256: &str, access: &Access) {
        let Some(old) = self.0.lock().get(sha256).and_then(Weak::upgrade) else { return };
        if !access.renews(&old.access) {
            return;
        }
        let next = self.add(access);
        // Who ends the new ones from here on ends these too.
        if old.next.set(next).is_ok() {
            drop(self.take(sha256));
            old.over.cancel();
        }
    }

    fn take(&self, sha256: &str) -> Option<Arc<OfToken>> {
        self.0.lock().remove(sha256)?.upgrade()
    }
}

impl OfToken {
    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    /// Resolves when the streams are to end, or to go on as others.
    pub(super) async fn over(&self) -> Option<Arc<Self>> {
        self.over.cancelled().await;
        self.next.get().cloned()
    }
}

impl Drop for OfToken {
    fn drop(&mut self) {
        let mut tokens = self.list.0.lock();
        let sha256 = self.access.token_sha256();
        // Others may stand in its place by now.
        if tokens.get(sha256).is_some_and(|of_token| of_token.strong_count() == 0) {
            tokens.remove(sha256);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::super::access::Holder;
    use super::*;
    use crate::auth::Grants;

    fn access(sha256: &str, subject: &str) -> Access {
        expiring(sha256, subject, Some(1))
    }

    fn expiring(sha256: &str, subject: &str, expires: Option<u64>) -> Access {
        let (sha256, subject) = (sha256.to_owned(), Some(subject.to_owned()));
        Access::with_token(Grants::default(), Holder { sha256, subject, expires, ..Holder::default() })
    }

    fn is_over(of_token: &OfToken) -> bool {
        of_token.over().now_or_never().is_some()
    }

    #[test]
    fn the_streams_of_a_token_end_together_and_later_ones_are_others() {
        let streams = OpenStreams::default();
        let [first, second, other] = ["1", "1", "2"].map(|sha256| streams.add(&access(sha256, "ann")));
        streams.end_of_token("1");
        let later = streams.add(&access("1", "ann"));
        let ended = || [&first, &second, &other, &later].map(|of_token| is_over(of_token));
        assert_eq!(ended(), [true, true, false, false]);
        drop((first, second));
        streams.end_of_subject("bob");
        assert!(!is_over(&other) && !is_over(&later));
        streams.end_of_subject("ann");
        assert!(is_over(&other) && is_over(&later));
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

    #[test]
    fn they_go_on_with_a_later_token_of_the_same_subject_and_end_with_it() {
        let streams = OpenStreams::default();
        let old = streams.add(&access("1", "ann"));
        for other in
            [access("2", "bob"), expiring("2", "ann", Some(0)), access("2", "ann"), access("1", "ann")]
        {
            streams.renew("1", &other);
            assert!(!is_over(&old), "{other:?}");
        }
        streams.renew("1", &expiring("2", "ann", Some(2)));
        let next = old.over().now_or_never().unwrap().expect("another token");
        assert_eq!(next.access().token_sha256(), "2");
        // And once more, before a stream has noticed.
        streams.renew("2", &expiring("3", "ann", None));
        streams.end_of_token("3");
        let last = next.over().now_or_never().unwrap().expect("another token");
        assert!(last.over().now_or_never().unwrap().is_none());
        drop((old, next, last));
        assert_eq!(streams.0.lock().len(), 0);
    }
}
