//! What all workers share where requests need tokens: the keys, who is kept out, and the event streams that are open.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::access::Access;
use super::open_streams::OpenStreams;
use super::revocations::{Revocations, RevokeError};
use super::token_error::TokenError;
use super::token_verifier::TokenVerifier;

#[derive(Debug)]
pub(crate) struct AuthState {
    pub(super) verifier: TokenVerifier,
    revocations: Revocations,
    pub(super) streams: OpenStreams,
    /// Tokens, by the reasons in [`TokenError::NAMES`].
    pub(super) refused: [AtomicU64; TokenError::NAMES.len()],
}

impl AuthState {
    pub(crate) fn new(verifier: TokenVerifier, revocations: Revocations) -> Arc<Self> {
        Arc::new(Self { verifier, revocations, streams: OpenStreams::default(), refused: Default::default() })
    }

    /// Whose token it is, and what it grants.
    pub(super) fn access(&self, token: &str) -> Result<Access, TokenError> {
        let access = self.verifier.access(token)?;
        if self.is_revoked(&access) { Err(TokenError::Revoked) } else { Ok(access) }
    }

    /// Keeps the keys that issuers publish up to date, as long as it is polled.
    pub(crate) async fn keep_keys(self: Arc<Self>) {
        self.verifier.keep_keys().await;
    }

    pub(super) fn is_revoked(&self, access: &Access) -> bool {
        access.subject().is_some_and(|subject| self.revocations.has(subject))
    }

    /// Keeps a subject out until no token that it has can be good any more, and ends its event streams. Blocks until that is on
    /// disk. Gives the end in seconds since 1970, `None` if tokens may be good for ever.
    pub(crate) fn revoke(&self, subject: &str) -> Result<Option<u64>, RevokeError> {
        let until = self.verifier.latest_expiry(subject);
        self.revocations.add(subject, until)?;
        self.streams.end_of_subject(subject);
        Ok(until)
    }
}
