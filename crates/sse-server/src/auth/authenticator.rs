//! Finds out who makes a request. One for each worker.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderValue};
use sse_hub::Counters;
use tokio::time::sleep;

use super::access::{Access, AccessError, StreamEnd};
use super::auth_state::AuthState;
use super::credentials;
use super::section::SameSite;
use super::sha256::sha256;
use super::token_error::TokenError;

#[derive(Debug)]
pub(crate) struct Authenticator {
    /// `None` where nobody needs a token.
    state: Option<Arc<AuthState>>,
    everything: Access,
}

/// How long after its token an event stream ends, at most, and for a token that is good for a short time only; drawn anew
/// for each.
const MAX_LATE: Duration = Duration::from_secs(30);
const LATE_SHARE: u32 = 10;

impl Authenticator {
    pub(crate) fn new(state: Option<Arc<AuthState>>) -> Self {
        Self { state, everything: Access::everything() }
    }

    /// A token that is sent has to be good, also where none is needed.
    pub(crate) fn access(
        &self,
        headers: &HeaderMap,
        query: &str,
        takes_cookies: bool,
    ) -> Result<Access, AccessError> {
        let Some(state) = &self.state else { return Ok(self.everything.clone()) };
        let verifier = state.verifier();
        match credentials::token(headers, query, verifier.url_tokens, takes_cookies)? {
            Some(token) => Ok(state.access(&token)?),
            None => Ok(verifier.anonymous.clone()),
        }
    }

    /// Counts a token that is refused for good.
    pub(crate) fn count_refused(&self, error: AccessError) -> AccessError {
        if let (Some(state), AccessError::Token(error)) = (&self.state, &error) {
            state.refused.get(error.nth()).inspect(|refused| Counters::add(refused, 1));
        }
        error
    }

    /// Tokens that were refused, by their reasons.
    pub(crate) fn refused_tokens(&self) -> [(&'static str, u64); TokenError::NAMES.len()] {
        let refused = self.state.as_ref().map(|state| state.refused.each_ref().map(Counters::get));
        let mut refused = refused.unwrap_or_default().into_iter();
        TokenError::NAMES.map(|name| (name, refused.next().unwrap_or(0)))
    }

    /// May the error be another one once the keys of issuers are fetched again?
    pub(crate) fn misses_key(&self, error: &AccessError) -> bool {
        let fetches = || self.state.as_ref().is_some_and(|state| state.verifier().fetches_keys());
        matches!(error, AccessError::Token(TokenError::UnknownKey)) && fetches()
    }

    /// Has the keys of issuers fetched, unless that was tried a short while ago.
    pub(crate) async fn refresh_keys(&self) {
        if let Some(state) = &self.state {
            state.verifier().refresh_keys().await;
        }
    }

    /// Does anything need a token?
    pub(crate) fn is_required(&self) -> bool {
        self.state.is_some()
    }

    /// An error where nothing does.
    pub(crate) fn state(&self) -> Result<Arc<AuthState>, AccessError> {
        self.state.clone().ok_or(AccessError::NoAuth)
    }

    /// The token that a session is to begin with, and what it grants.
    pub(crate) async fn sign_in<'a>(
        &self,
        headers: &'a HeaderMap,
        body: &'a str,
    ) -> Result<(Cow<'a, str>, Access), AccessError> {
        let state = self.state()?;
        let token = credentials::new_token(headers, body)?;
        let mut access = state.access(&token);
        if matches!(access, Err(TokenError::UnknownKey)) {
            self.refresh_keys().await;
            access = state.access(&token);
        }
        Ok((token, access.map_err(|error| self.count_refused(error.into()))?))
    }

    /// Is the access still good, some time after it was granted?
    pub(crate) fn check(&self, access: &Access) -> Result<(), AccessError> {
        self.state.as_ref().map_or(Ok(()), |state| Ok(state.check(access)?))
    }

    /// Ends the event streams of the request's token. It need not be good any more, nor the only one.
    pub(crate) fn sign_out(&self, headers: &HeaderMap) {
        let token = credentials::token(headers, "", false, true);
        if let (Some(state), Ok(Some(token))) = (&self.state, token) {
            state.streams.end_of_token(&sha256(&token));
        }
    }

    /// Has the event streams of the session that was, by the cookie of the request, go on with a new token that renews its own.
    pub(crate) fn renew(&self, headers: &HeaderMap, access: &Access) {
        if let (Some(state), Ok(Some(old))) = (&self.state, credentials::in_cookie(headers)) {
            state.streams.renew(&sha256(&old), access);
            end_if_refused(state, access);
        }
    }

    /// Resolves when an event stream of this access is to end; `None` if only its topics say so. Some time after the token has
    /// expired: readers whose tokens expire at once do not come back at once.
    pub(crate) fn end_of_stream(&self, access: &Access) -> Option<impl Future<Output = StreamEnd> + use<>> {
        let state = self.state.as_ref().filter(|_| access.has_token())?;
        let mut of_token = state.streams.add(access);
        end_if_refused(state, access);
        Some(async move {
            loop {
                let over = tokio::select! {
                    biased;
                    over = of_token.over() => over,
                    () = expired(of_token.access()) => return StreamEnd::Expired,
                };
                match over {
                    Some(next) => of_token = next,
                    None => return StreamEnd::SignedOut,
                }
            }
        })
    }

    /// Of the cookie of a session.
    pub(crate) fn same_site(&self) -> SameSite {
        self.state.as_ref().map_or_else(SameSite::default, |state| state.verifier().same_site)
    }

    /// For whom an answer is, in a header; `None` where all read the same.
    pub(crate) fn reader(&self, access: &Access) -> Option<HeaderValue> {
        self.state.as_ref().and_then(|_| HeaderValue::from_str(&access.reader()).ok())
    }

    /// Are tokens taken from the URL?
    pub(crate) fn takes_url_tokens(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.verifier().url_tokens)
    }
}

/// That may have changed since it was asked whether the token is good.
fn end_if_refused(state: &AuthState, access: &Access) {
    if state.check(access).is_err() {
        state.streams.end_of_token(access.token_sha256());
    }
}

/// Resolves some time after the token has expired.
async fn expired(access: &Access) {
    let Some(left) = access.time_left() else { return std::future::pending().await };
    let late = (left / LATE_SHARE).min(MAX_LATE).mul_f64(fastrand::f64());
    sleep(left.saturating_add(late)).await;
}
