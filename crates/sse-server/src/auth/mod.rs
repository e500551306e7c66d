//! Who may do what: tokens and grants. Stands below `http`, which asks it.

mod access;
mod auth_state;
mod authenticator;
mod credentials;
mod grants;
mod jwks;
mod jwt_key;
mod open_streams;
mod revocations;
mod secret;
mod section;
mod static_key;
#[cfg(test)]
mod tests;
mod token_error;
mod token_verifier;

pub(crate) use access::{Access, AccessError, StreamEnd};
pub(crate) use auth_state::AuthState;
pub(crate) use authenticator::Authenticator;
pub(crate) use credentials::{COOKIE_NAME, TOKEN_PARAMETER};
pub(crate) use grants::{Grant, Grants};
pub(crate) use revocations::{Revocations, RevokeError};
pub(crate) use section::AuthSection;
pub(crate) use token_error::MAX_TOKEN_BYTES;
pub(crate) use token_verifier::{MAX_NAME, TokenOrder, TokenVerifier};
