//! `[auth]` of the settings file, as it is written.

use std::path::PathBuf;

use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::KeyAlgorithm;
use serde::Deserialize;

use super::grants::{Grant, Grants};
use super::secret::Secret;
use crate::settings_values::Time;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthSection {
    pub(super) issuer: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) leeway: Option<Time>,
    pub(super) max_token_age: Option<Time>,
    #[serde(default)]
    pub(super) url_tokens: bool,
    #[serde(default)]
    pub(super) cookie_same_site: SameSite,
    #[serde(default)]
    pub(super) jwt: Vec<JwtSection>,
    #[serde(default)]
    pub(super) jwks: Vec<JwksSection>,
    #[serde(default)]
    pub(super) key: Vec<KeySection>,
    #[serde(default)]
    pub(super) anonymous: Grants,
}

/// Which sites' pages the browser sends the cookie of a session for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SameSite {
    /// The hub's own.
    #[default]
    Lax,
    /// Any; the guard lets it count for listed origins.
    None,
}

/// A key that tokens are signed with. Each is for one algorithm, so that none is taken for another kind of key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JwtSection {
    pub(super) id: Option<String>,
    pub(super) algorithm: JwtAlgorithm,
    pub(super) secret: Option<Secret>,
    pub(super) secret_file: Option<PathBuf>,
    pub(super) public_key_file: Option<PathBuf>,
}

/// The algorithms that are taken. `none` is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum JwtAlgorithm {
    HS256,
    RS256,
    ES256,
    EdDSA,
}

impl JwtAlgorithm {
    pub(super) const PUBLIC: [Self; 3] = [Self::RS256, Self::ES256, Self::EdDSA];

    pub(super) fn of_jwt(self) -> Algorithm {
        match self {
            Self::HS256 => Algorithm::HS256,
            Self::RS256 => Algorithm::RS256,
            Self::ES256 => Algorithm::ES256,
            Self::EdDSA => Algorithm::EdDSA,
        }
    }

    pub(super) fn of_jwk(self) -> KeyAlgorithm {
        match self {
            Self::HS256 => KeyAlgorithm::HS256,
            Self::RS256 => KeyAlgorithm::RS256,
            Self::ES256 => KeyAlgorithm::ES256,
            Self::EdDSA => KeyAlgorithm::EdDSA,
        }
    }
}

/// Where an issuer publishes its keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JwksSection {
    pub(super) url: String,
}

/// A key that is itself the token. Its hash alone is in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeySection {
    pub(super) name: String,
    pub(super) sha256: String,
    #[serde(default)]
    pub(super) subscribe: Grant,
    #[serde(default)]
    pub(super) publish: Grant,
    #[serde(default)]
    pub(super) admin: bool,
}
