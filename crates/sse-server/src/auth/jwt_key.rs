//! A key for JWTs: verifies those that were signed with it, and signs some if it is a secret. For one algorithm each, whatever
//! a token says of itself.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::grants::Grants;
use super::section::{JwtAlgorithm, JwtSection};
use super::token_error::TokenError;
use crate::small_file;

/// Most keys of a kind, all of which a token without `kid` is held against.
pub(super) const MAX_KEYS: usize = 100;
/// Shortest secret: as long as the hash of HS256 (RFC 7518, 3.2).
const LEAST_SECRET: usize = 32;

pub(super) struct JwtKey {
    id: Option<String>,
    verifies: DecodingKey,
    validation: Validation,
    signs: Option<EncodingKey>,
}

/// What a token says. The times and names that are checked are jsonwebtoken's.
#[derive(Deserialize)]
pub(super) struct Claims {
    /// Seconds since 1970, with or without a fraction. That it is there is checked later.
    #[serde(default)]
    pub(super) exp: f64,
    pub(super) iat: Option<f64>,
    pub(super) sub: Option<String>,
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) sse: Grants,
    aud: Option<IgnoredAny>,
}

/// What a token has to say beside being signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) issuer: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) leeway: Duration,
}

impl JwtKey {
    /// Files are looked for in `folder`.
    pub(super) fn open(section: JwtSection, folder: &Path, rules: &Rules) -> anyhow::Result<Self> {
        let read = |file: &Path| {
            let path = folder.join(file);
            small_file::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let JwtSection { id, algorithm, secret, secret_file, public_key_file } = section;
        let (verifies, signs) = match (algorithm, secret, secret_file, public_key_file) {
            (JwtAlgorithm::HS256, Some(secret), None, None) => hmac(secret.as_bytes())?,
            (JwtAlgorithm::HS256, None, Some(file), None) => hmac(read(&file)?.trim_ascii_end())?,
            (JwtAlgorithm::HS256, ..) => bail!("a key for HS256 has either `secret` or `secret_file`"),
            (algorithm, None, None, Some(file)) => {
                let key = public_key(algorithm, &read(&file)?);
                (key.with_context(|| format!("{} is no key for {algorithm:?}", file.display()))?, None)
            }
            (algorithm, ..) => bail!("a key for {algorithm:?} has `public_key_file` and no secret"),
        };
        Ok(Self { id, verifies, validation: validation(algorithm, rules), signs })
    }

    /// The key of an issuer. `None` if it is for something else, or a secret, which nobody publishes.
    pub(super) fn of_jwk(jwk: &Jwk, rules: &Rules) -> Option<Self> {
        let common = &jwk.common;
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => JwtAlgorithm::RS256,
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                JwtAlgorithm::ES256
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                JwtAlgorithm::EdDSA
            }
            _ => return None,
        };
        let is_for_it = common.key_algorithm.is_none_or(|named| named == algorithm.of_jwk());
        let signs = common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
        let verifies = DecodingKey::from_jwk(jwk).ok().filter(|_| is_for_it && signs)?;
        Some(Self {
            id: common.key_id.clone(),
            verifies,
            validation: validation(algorithm, rules),
            signs: None,
        })
    }

    /// Can it be this one that a token with this header was signed with?
    pub(super) fn fits(&self, header: &Header) -> bool {
        let same_id = |id: &String| header.kid.as_ref().is_none_or(|named| named == id);
        self.is_for(header.alg) && self.id.as_ref().is_none_or(same_id)
    }

    pub(super) fn is_for(&self, algorithm: Algorithm) -> bool {
        self.validation.algorithms.contains(&algorithm)
    }

    pub(super) fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verifies, &self.validation)?.claims;
        // One that is neither a text nor a list of them, jsonwebtoken takes for none.
        if self.validation.aud.is_none() && claims.aud.is_some() {
            return Err(TokenError::Audience);
        }
        Ok(claims)
    }

    /// Signs a token. `None` if it is a public key.
    pub(super) fn sign(&self, claims: &impl Serialize) -> Option<anyhow::Result<String>> {
        let header = Header { kid: self.id.clone(), ..Header::new(Algorithm::HS256) };
        let signed = |key| jsonwebtoken::encode(&header, claims, key).context("cannot sign");
        self.signs.as_ref().map(signed)
    }
}

fn hmac(secret: &[u8]) -> anyhow::Result<(DecodingKey, Option<EncodingKey>)> {
    let bytes = secret.len();
    ensure!(
        bytes >= LEAST_SECRET,
        "a secret has at least {LEAST_SECRET} bytes, this one has {bytes}; `openssl rand -hex 32` makes one"
    );
    Ok((DecodingKey::from_secret(secret), Some(EncodingKey::from_secret(secret))))
}

fn public_key(algorithm: JwtAlgorithm, pem: &[u8]) -> anyhow::Result<DecodingKey> {
    let is_private = String::from_utf8_lossy(pem).contains("PRIVATE KEY");
    ensure!(
        !is_private,
        "it is a private key; put the public one there, and keep the private one with the issuer"
    );
    Ok(match algorithm {
        JwtAlgorithm::RS256 => DecodingKey::from_rsa_pem(pem)?,
        JwtAlgorithm::ES256 => DecodingKey::from_ec_pem(pem)?,
        JwtAlgorithm::EdDSA => DecodingKey::from_ed_pem(pem)?,
        JwtAlgorithm::HS256 => bail!("it is a public key"),
    })
}

fn validation(algorithm: JwtAlgorithm, rules: &Rules) -> Validation {
    let mut validation = Validation::new(algorithm.of_jwt());
    let mut required = vec!["exp"];
    if let Some(issuer) = &rules.issuer {
        validation.set_issuer(&[issuer]);
        required.push("iss");
    }
    if let Some(audience) = &rules.audience {
        validation.set_audience(&[audience]);
        required.push("aud");
    }
    validation.set_required_spec_claims(&required);
    validation.validate_nbf = true;
    validation.leeway = rules.leeway.as_secs();
    validation
}
