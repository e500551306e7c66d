//! What all workers share where requests need tokens: the keys, who is kept out, and the event streams that are open.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::access::Access;
use super::open_streams::OpenStreams;
use super::revocations::{Revocations, RevokeError};
use super::token_error::TokenError;
use super::token_verifier::TokenVerifier;

#[derive(Debug)]
pub(crate) struct AuthState {
    verifier: ArcSwap<TokenVerifier>,
    /// By another verifier.
    replaced: Notify,
    revocations: Revocations,
    pub(super) streams: OpenStreams,
    /// Tokens, by the reasons in [`TokenError::NAMES`].
    pub(super) refused: [AtomicU64; TokenError::NAMES.len()],
}

impl AuthState {
    pub(crate) fn new(verifier: TokenVerifier, revocations: Revocations) -> Arc<Self> {
        Arc::new(Self {
            verifier: ArcSwap::from_pointee(verifier),
            replaced: Notify::new(),
            revocations,
            streams: OpenStreams::default(),
            refused: Default::default(),
        })
    }

    pub(crate) fn verifier(&self) -> Arc<TokenVerifier> {
        self.verifier.load_full()
    }

    /// Takes other keys and rules from now on. Event streams of static keys that are gone, or grant something else, end; tokens that
    /// expire are good for their streams until then.
    pub(crate) fn replace(&self, mut verifier: TokenVerifier) {
        verifier.keep_fetched(&self.verifier());
        self.verifier.store(Arc::new(verifier));
        self.replaced.notify_one();
        let verifier = self.verifier();
        self.streams.end_unless(|access| verifier.still_grants(access));
    }

    /// Whose token it is, and what it grants.
    pub(super) fn access(&self, token: &str) -> Result<Access, TokenError> {
        let access = self.verifier().access(token)?;
        self.check(&access).map(|()| access)
    }

    /// Is the access still good, some time after it was granted?
    pub(super) fn check(&self, access: &Access) -> Result<(), TokenError> {
        if access.subject().is_some_and(|subject| self.revocations.has(subject)) {
            return Err(TokenError::Revoked);
        }
        if self.verifier().still_grants(access) { Ok(()) } else { Err(TokenError::UnknownKey) }
    }

    /// Keeps the keys that issuers publish up to date, as long as it is polled.
    pub(crate) async fn keep_keys(self: Arc<Self>) {
        loop {
            let verifier = self.verifier();
            let keeping = async {
                verifier.keep_keys().await;
                // There are none.
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = keeping => {}
                () = self.replaced.notified() => {}
            }
        }
    }

    /// Keeps a subject out until no token that it has can be good any more, and ends its event streams. Blocks until that is on
    /// disk. Gives the end in seconds since 1970, `None` if tokens may be good for ever.
    pub(crate) fn revoke(&self, subject: &str) -> Result<Option<u64>, RevokeError> {
        let until = self.verifier().latest_expiry(subject);
        self.revocations.add(subject, until)?;
        self.streams.end_of_subject(subject);
        Ok(until)
    }
}
