//! Finds out who makes a request. One for each worker.

use std::sync::Arc;

use actix_web::http::header::HeaderMap;

use super::access::{Access, AccessError};
use super::credentials;
use super::token_verifier::TokenVerifier;

#[derive(Debug)]
pub(crate) struct Authenticator {
    /// `None` where nobody needs a token.
    verifier: Option<Arc<TokenVerifier>>,
    without_token: Access,
}

impl Authenticator {
    pub(crate) fn new(verifier: Option<Arc<TokenVerifier>>) -> Self {
        let anonymous = verifier.as_ref().map(|verifier| Access::anonymous(verifier.anonymous.clone()));
        Self { without_token: anonymous.unwrap_or_else(Access::everything), verifier }
    }

    /// A token that is sent has to be good, also where none is needed.
    pub(crate) fn access(&self, headers: &HeaderMap, query: &str) -> Result<Access, AccessError> {
        let Some(verifier) = &self.verifier else { return Ok(self.without_token.clone()) };
        match credentials::token(headers, query, verifier.url_tokens)? {
            Some(token) => Ok(verifier.access(&token)?),
            None => Ok(self.without_token.clone()),
        }
    }

    /// Are tokens taken from the URL?
    pub(crate) fn takes_url_tokens(&self) -> bool {
        self.verifier.as_ref().is_some_and(|verifier| verifier.url_tokens)
    }
}
