//! Keys that an issuer publishes at a URL (RFC 7517): fetched now and then, and when a token names one that is not there. Those
//! that were fetched last stay good while the URL cannot be reached.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use jsonwebtoken::jwk::Jwk;
use parking_lot::RwLock;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::jwt_key::{JwtKey, MAX_KEYS, Rules};

/// Longest that fetching may take, and most bytes of what is fetched.
const MAX_TIME: Duration = Duration::from_secs(5);
const MAX_BYTES: usize = 64 << 10;
/// Least time between two fetches, whoever asks for them.
const LEAST_PAUSE: Duration = Duration::from_secs(60);
/// Time between two fetches that nobody asks for.
const EVERY: Duration = Duration::from_secs(600);

pub(super) struct Jwks {
    url: Url,
    client: Client,
    rules: Rules,
    pub(super) keys: RwLock<Vec<JwtKey>>,
    /// A token names a key that is not there.
    wanted: Notify,
    /// When it was tried last.
    tried: watch::Sender<Option<Instant>>,
}

/// Each by itself, because one that we do not know is no fault of the others.
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

impl Jwks {
    pub(super) fn new(url: &str, rules: Rules) -> anyhow::Result<Self> {
        let url: Url = url.parse().with_context(|| format!("{url:?} is no URL"))?;
        let has_password = !url.username().is_empty() || url.password().is_some();
        ensure!(
            !has_password,
            "the URL of an issuer's keys has no user and password: whoever sees the settings would see them"
        );
        ensure!(url.scheme() == "https" || is_loopback(&url), "{url} has to begin with https://");
        let client = Client::builder().timeout(MAX_TIME).redirect(Policy::none()).build();
        let client = client.context("cannot fetch keys")?;
        Ok(Self {
            url,
            client,
            rules,
            keys: RwLock::default(),
            wanted: Notify::new(),
            tried: watch::Sender::default(),
        })
    }

    /// Does it fetch the same keys, for the same use?
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.url == other.url && self.rules == other.rules
    }

    /// Fetches the keys again and again. Nobody else does: a request that is given up would take its fetch with it.
    pub(super) async fn keep(&self) {
        loop {
            match self.fetch().await {
                Ok(keys) => *self.keys.write() = keys,
                Err(error) => {
                    let (url, error) = (&self.url, format!("{error:#}"));
                    tracing::warn!(%url, error, "the keys of [[auth.jwks]] stay as they are");
                }
            }
            self.tried.send_replace(Some(Instant::now()));
            sleep(LEAST_PAUSE).await;
            let _ = timeout(EVERY - LEAST_PAUSE, self.wanted.notified()).await;
        }
    }

    /// Has the keys fetched, unless that was tried a short while ago. Resolves when they are.
    pub(super) async fn refresh(&self) {
        let mut tried = self.tried.subscribe();
        if tried.borrow_and_update().is_none_or(|tried| tried.elapsed() >= LEAST_PAUSE) {
            self.wanted.notify_one();
            // Not in time when the server stops.
            let _ = timeout(2 * MAX_TIME, tried.changed()).await;
        }
    }

    async fn fetch(&self) -> anyhow::Result<Vec<JwtKey>> {
        let request = self.client.get(self.url.clone()).send().await;
        let mut response = request.and_then(reqwest::Response::error_for_status).context("no answer")?;
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await.context("no answer")? {
            ensure!(text.len() + chunk.len() <= MAX_BYTES, "it has more than {MAX_BYTES} bytes");
            text.extend_from_slice(&chunk);
        }
        let set: KeySet = serde_json::from_slice(&text).context("it is no JSON Web Key Set")?;
        let keys = set.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        let keys = keys.filter_map(|key| JwtKey::of_jwk(&key, &self.rules)).take(MAX_KEYS);
        let keys: Vec<JwtKey> = keys.collect();
        ensure!(!keys.is_empty(), "it has no key for RS256, ES256 or EdDSA");
        Ok(keys)
    }
}

/// For what runs beside us.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwks").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}
