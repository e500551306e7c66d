//! Why a token is not taken, each reason apart.

use jsonwebtoken::errors::{Error, ErrorKind};
use serde_json::error::Category;

/// Longest token that is looked at. The head of a request has room for it.
pub(crate) const MAX_TOKEN_BYTES: usize = 8 << 10;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("it has {0} bytes, and a token has at most {max}", max = MAX_TOKEN_BYTES)]
    TooLarge(usize),
    #[error("it is neither a JWT nor a key of this server")]
    Malformed,
    #[error("it names an algorithm or an extension that no key of this server is for")]
    Algorithm,
    #[error("its key is none of this server's")]
    UnknownKey,
    #[error("its signature is wrong")]
    Signature,
    #[error("it has expired")]
    Expired,
    #[error("it is good for longer than this server allows (`exp`, `iat`)")]
    TooLong,
    #[error("its subject was revoked")]
    Revoked,
    #[error("it is not valid yet (`nbf`, `iat`)")]
    NotYet,
    #[error("it is from another issuer (`iss`)")]
    Issuer,
    #[error("it is for another audience (`aud`)")]
    Audience,
    #[error("it has no claim `{0}`")]
    MissingClaim(String),
    #[error("one of its claims cannot be used: {0}")]
    Claim(String),
}

impl TokenError {
    /// The reasons as they are counted.
    pub(super) const NAMES: [&'static str; 13] = [
        "too_large",
        "malformed",
        "algorithm",
        "unknown_key",
        "signature",
        "expired",
        "too_long",
        "revoked",
        "not_yet",
        "issuer",
        "audience",
        "missing_claim",
        "claim",
    ];

    /// Place of its name.
    pub(super) fn nth(&self) -> usize {
        match self {
            Self::TooLarge(_) => 0,
            Self::Malformed => 1,
            Self::Algorithm => 2,
            Self::UnknownKey => 3,
            Self::Signature => 4,
            Self::Expired => 5,
            Self::TooLong => 6,
            Self::Revoked => 7,
            Self::NotYet => 8,
            Self::Issuer => 9,
            Self::Audience => 10,
            Self::MissingClaim(_) => 11,
            Self::Claim(_) => 12,
        }
    }
}

impl From<Error> for TokenError {
    fn from(error: Error) -> Self {
        match error.into_kind() {
            ErrorKind::ExpiredSignature => Self::Expired,
            ErrorKind::ImmatureSignature => Self::NotYet,
            ErrorKind::InvalidIssuer => Self::Issuer,
            ErrorKind::InvalidAudience => Self::Audience,
            ErrorKind::InvalidAlgorithm => Self::Algorithm,
            ErrorKind::MissingRequiredClaim(claim) => Self::MissingClaim(claim),
            ErrorKind::InvalidClaimFormat(claim) => Self::Claim(claim),
            ErrorKind::Json(error) if error.classify() == Category::Data => Self::Claim(error.to_string()),
            ErrorKind::InvalidToken | ErrorKind::Json(_) | ErrorKind::Base64(_) | ErrorKind::Utf8(_) => {
                Self::Malformed
            }
            _ => Self::Signature,
        }
    }
}
