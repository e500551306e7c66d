//! What tokens are held against: the keys and rules of `[auth]`. Says whose a token is and what it grants; makes tokens with
//! the same keys.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use futures_util::future::join_all;
use jsonwebtoken::Algorithm;
use serde::Serialize;

use super::access::{Access, Holder};
use super::grants::Grants;
use super::jwks::Jwks;
use super::jwt_key::{Claims, JwtKey, MAX_KEYS, Rules};
use super::section::{AuthSection, JwksSection, JwtAlgorithm, SameSite};
use super::sha256::sha256;
use super::static_key::StaticKey;
use super::token_error::{MAX_TOKEN_BYTES, TokenError};
use crate::settings_values::Time;

/// Most URLs of keys.
const MAX_URLS: usize = 10;
/// Longest `max_token_age`.
const MAX_AGE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// How far clocks may differ, unless `leeway` says otherwise, and at most.
const LEEWAY: Duration = Duration::from_secs(30);
const MAX_LEEWAY: Duration = Duration::from_secs(300);
/// Longest subject and name, in bytes.
pub(crate) const MAX_NAME: usize = 255;

pub(crate) struct TokenVerifier {
    jwt: Vec<JwtKey>,
    keys: Vec<StaticKey>,
    jwks: Vec<Arc<Jwks>>,
    rules: Rules,
    /// What the keys were read from.
    pub(crate) files: Vec<PathBuf>,
    max_token_age: Option<Duration>,
    /// Of requests without a token.
    pub(super) anonymous: Access,
    pub(super) url_tokens: bool,
    pub(crate) same_site: SameSite,
}

/// A token to be made.
#[derive(Clone)]
pub(crate) struct TokenOrder {
    pub(crate) subject: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) grants: Grants,
    pub(crate) expires: Duration,
}

/// What is written into it.
#[derive(Serialize)]
struct MintedClaims<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    iat: u64,
    exp: u64,
    sse: &'a Grants,
}

impl TokenVerifier {
    /// Reads the keys; files are looked for in `folder`.
    ///
    /// # Errors
    /// All that is wrong, each with the key of the section where it stands.
    pub(crate) fn open(section: AuthSection, folder: &Path) -> Result<Self, Vec<(String, String)>> {
        let AuthSection { issuer, audience, leeway, max_token_age, url_tokens, jwt, jwks, key, .. } = section;
        let (same_site, anonymous) = (section.cookie_same_site, section.anonymous);
        let leeway = leeway.map_or(LEEWAY, |Time(leeway)| leeway);
        let max_token_age = max_token_age.map(|Time(age)| age);
        let mut wrong = Vec::new();
        for (fits, key, said) in [
            (leeway <= MAX_LEEWAY, "leeway", format!("is at most {MAX_LEEWAY:?}")),
            (
                max_token_age.is_none_or(|age| age <= MAX_AGE),
                "max_token_age",
                format!("is at most {MAX_AGE:?}"),
            ),
            (jwt.len() <= MAX_KEYS, "jwt", format!("there are at most {MAX_KEYS} keys of a kind")),
            (key.len() <= MAX_KEYS, "key", format!("there are at most {MAX_KEYS} keys of a kind")),
            (jwks.len() <= MAX_URLS, "jwks", format!("there are at most {MAX_URLS} URLs")),
        ] {
            if !fits {
                wrong.push((key.to_owned(), said));
            }
        }
        let rules = Rules { issuer, audience, leeway };
        let files = jwt.iter().flat_map(|key| [&key.secret_file, &key.public_key_file]).flatten();
        let files = files.map(|file| folder.join(file)).collect();
        let jwt = each(jwt, "jwt", &mut wrong, |section| JwtKey::open(section, folder, &rules));
        let keys = each(key, "key", &mut wrong, StaticKey::open);
        let jwks = each(jwks, "jwks", &mut wrong, |JwksSection { url }| {
            Jwks::new(&url, rules.clone()).map(Arc::new)
        });
        let anonymous = Access::anonymous(anonymous);
        let verifier =
            Self { jwt, keys, jwks, rules, files, max_token_age, anonymous, url_tokens, same_site };
        if wrong.is_empty() { Ok(verifier) } else { Err(wrong) }
    }

    /// Keeps what another one has fetched from the same issuers for the same rules.
    pub(super) fn keep_fetched(&mut self, other: &Self) {
        for jwks in &mut self.jwks {
            if let Some(same) = other.jwks.iter().find(|other| other.is_same(jwks)) {
                *jwks = Arc::clone(same);
            }
        }
    }

    /// Is this still what a token without an end grants, which was taken before? Others have to be taken again to tell.
    pub(super) fn still_grants(&self, access: &Access) -> bool {
        let grants =
            |key: &StaticKey| key.is(access.token_sha256()) && key.access.grants() == access.grants();
        !access.has_token() || access.time_left().is_some() || self.keys.iter().any(grants)
    }

    /// Is nothing granted without a token?
    pub(crate) fn refuses_anonymous(&self) -> bool {
        *self.anonymous.grants() == Grants::default()
    }

    /// Whose token it is, and what it grants.
    pub(super) fn access(&self, token: &str) -> Result<Access, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLarge(token.len()));
        }
        if StaticKey::is_one(token) {
            let sha256 = sha256(token);
            // All of them, so that the time does not say which it is.
            let found =
                self.keys.iter().fold(None, |found, key| if key.is(&sha256) { Some(key) } else { found });
            return found.map(|key| key.access.clone()).ok_or(TokenError::UnknownKey);
        }
        let Claims { exp, iat, sub, name, sse, .. } = self.claims(token)?;
        self.check_age(iat, exp)?;
        for (claim, text) in [("sub", &sub), ("name", &name)] {
            let fits =
                |text: &String| (1..=MAX_NAME).contains(&text.len()) && !text.contains(char::is_control);
            if !text.as_ref().is_none_or(fits) {
                let what = format!("{claim} has 1 to {MAX_NAME} bytes without control characters");
                return Err(TokenError::Claim(what));
            }
        }
        // What is too large to be a time is the latest.
        let holder = Holder { sha256: sha256(token), subject: sub, name, expires: Some(exp as u64) };
        Ok(Access::with_token(sse, holder))
    }

    /// Is it good for no longer than a token may be?
    fn check_age(&self, issued: Option<f64>, expires: f64) -> Result<(), TokenError> {
        let Some(max) = self.max_token_age else { return Ok(()) };
        let issued = issued.ok_or_else(|| TokenError::MissingClaim("iat".into()))?;
        if issued > seconds(SystemTime::now() + self.rules.leeway) as f64 {
            Err(TokenError::NotYet)
        } else if expires - issued > max.as_secs_f64() {
            Err(TokenError::TooLong)
        } else {
            Ok(())
        }
    }

    /// When the last token that this subject has now is good for nothing, in seconds since 1970. A static key always is.
    pub(super) fn latest_expiry(&self, subject: &str) -> Option<u64> {
        let has_key = self.keys.iter().any(|key| key.access.subject() == Some(subject));
        let now = SystemTime::now();
        // Both by a clock that goes before ours, and by one that goes behind.
        self.max_token_age.filter(|_| !has_key).map(|max| seconds(now + max + 2 * self.rules.leeway))
    }

    fn claims(&self, token: &str) -> Result<Claims, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|error| match error.into() {
            // Such as `none`.
            TokenError::Claim(_) => TokenError::Algorithm,
            error => error,
        })?;
        // Extensions that have to be understood (RFC 7515, 4.1.11).
        if header.crit.is_some() || !self.takes(header.alg) {
            return Err(TokenError::Algorithm);
        }
        let mut refused = TokenError::UnknownKey;
        let published: Vec<_> = self.jwks.iter().map(|jwks| jwks.keys.read()).collect();
        let keys = self.jwt.iter().chain(published.iter().flat_map(|keys| keys.iter()));
        for key in keys.filter(|key| key.fits(&header)) {
            match key.verify(token) {
                Err(TokenError::Signature) => refused = TokenError::Signature,
                verified => return verified,
            }
        }
        Err(refused)
    }

    fn takes(&self, algorithm: Algorithm) -> bool {
        let is_published = || JwtAlgorithm::PUBLIC.iter().any(|public| public.of_jwt() == algorithm);
        self.jwt.iter().any(|key| key.is_for(algorithm)) || (self.fetches_keys() && is_published())
    }

    /// Are there keys to fetch?
    pub(super) fn fetches_keys(&self) -> bool {
        !self.jwks.is_empty()
    }

    /// Has those that are published fetched, unless that was tried a short while ago.
    pub(super) async fn refresh_keys(&self) {
        join_all(self.jwks.iter().map(|jwks| jwks.refresh())).await;
    }

    /// Fetches them again and again.
    pub(super) async fn keep_keys(&self) {
        join_all(self.jwks.iter().map(|jwks| jwks.keep())).await;
    }

    /// Makes a token with the first key that can sign. It is one that is taken.
    pub(crate) fn mint(&self, order: &TokenOrder) -> anyhow::Result<String> {
        let TokenOrder { subject, name, grants, expires } = order;
        let now = SystemTime::now();
        let claims = MintedClaims {
            iss: self.rules.issuer.as_deref(),
            aud: self.rules.audience.as_deref(),
            sub: subject.as_deref(),
            name: name.as_deref(),
            iat: seconds(now),
            exp: seconds(now + *expires),
            sse: grants,
        };
        let signed = self.jwt.iter().find_map(|key| key.sign(&claims));
        let token = signed.context("no key can sign: add an [[auth.jwt]] with algorithm = \"HS256\"")??;
        self.access(&token).context("the server would refuse the token")?;
        Ok(token)
    }

    /// A new key for `[[auth.key]]`, and its hash.
    pub(crate) fn new_key() -> anyhow::Result<(String, String)> {
        StaticKey::random()
    }
}

/// Makes one of each section of this key, and notes what is wrong with others.
fn each<S, T>(
    sections: Vec<S>,
    key: &str,
    wrong: &mut Vec<(String, String)>,
    open: impl Fn(S) -> anyhow::Result<T>,
) -> Vec<T> {
    let mut opened = Vec::new();
    for (nth, section) in sections.into_iter().enumerate() {
        match open(section) {
            Ok(one) => opened.push(one),
            Err(error) => wrong.push((format!("{key}[{nth}]"), format!("{error:#}"))),
        }
    }
    opened
}

/// Since 1970.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifier").field("anonymous", &self.anonymous).finish_non_exhaustive()
    }
}
