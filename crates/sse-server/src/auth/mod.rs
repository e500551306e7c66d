//! Who is let in: hosts, proxies and pages of other origins, and what tokens grant. Knows no paths and picks no statuses.

mod access;
mod auth_state;
mod authenticator;
mod authority;
mod cors;
mod credentials;
mod grants;
mod guard;
mod jwks;
mod jwt_key;
mod open_streams;
mod origin;
mod refusal;
mod revocations;
mod secret;
mod section;
mod sha256;
mod static_key;
#[cfg(test)]
mod tests;
mod token_error;
mod token_verifier;

pub(crate) use access::{Access, AccessError, StreamEnd};
pub(crate) use auth_state::AuthState;
pub(crate) use authenticator::Authenticator;
pub use authority::AllowedHost;
pub(crate) use cors::{Cors, is_preflight};
pub(crate) use credentials::{COOKIE_NAME, TOKEN_PARAMETER};
pub(crate) use grants::{Grant, Grants};
pub(crate) use guard::{Guard, is_to_loopback};
pub use origin::AllowedOrigin;
pub(crate) use refusal::Refusal;
pub(crate) use revocations::{Revocations, RevokeError};
pub(crate) use section::{AuthSection, SameSite};
pub(crate) use token_error::MAX_TOKEN_BYTES;
pub(crate) use token_verifier::{MAX_NAME, TokenOrder, TokenVerifier};
