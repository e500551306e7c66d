//! Brings batches to the hub: one request each, tried again under the same idempotency key until it is answered.

use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Deserialize;
use sse_client::reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use sse_client::reqwest::redirect::Policy;
use sse_client::reqwest::{self, Client, Response, StatusCode, Url};
use sse_core::{RecordId, Topic};

use super::batch::Batch;
use super::patience::Patience;
use crate::exit::Exit;
use crate::refusal::{self, Refusal};
use crate::talk::{self, Talk};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for one answer. Well above the slowest fsync; the request is then sent again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Publishes to one topic.
pub(super) struct Delivery {
    client: Client,
    url: Url,
    wait: Duration,
}

/// Why a batch was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub(super) enum Undelivered {
    /// No answer came. The events may be stored all the same.
    #[error("{0}")]
    NoAnswer(String),
    #[error("the hub answered {status}{}", .refusal.as_ref().map(|refusal| format!(": {refusal}")).unwrap_or_default())]
    Refused { status: StatusCode, refusal: Option<Refusal> },
    #[error("the answer is not that of a hub: {0}")]
    Answer(String),
}

impl Undelivered {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Refused { status, .. } => Exit::from_status(*status),
            Self::NoAnswer(_) | Self::Answer(_) => Exit::Failed,
        }
    }

    /// The line of the batch that the hub refuses, counted from 1.
    pub(super) fn line(&self) -> Option<usize> {
        match self {
            Self::Refused { refusal, .. } => refusal.as_ref()?.line,
            _ => None,
        }
    }
}

/// The answer to a batch.
#[derive(Deserialize)]
struct Answer {
    ids: Option<Ids>,
    count: usize,
}

#[derive(Deserialize)]
struct Ids {
    first: String,
    last: String,
}

impl Delivery {
    /// # Errors
    /// When the HTTP client cannot be set up, or the URL cannot have a path.
    pub(super) fn new(server: &Url, topic: &Topic, wait: Duration) -> anyhow::Result<Self> {
        let mut url = server.clone();
        url.path_segments_mut()
            .map_err(|()| anyhow::anyhow!("{server} cannot have a path"))?
            .pop_if_empty()
            .push("topics")
            .extend(topic.as_str().split('/'));
        let client = client(server).context("cannot set up the HTTP client")?;
        Ok(Self { client, url, wait })
    }

    /// Publishes the batch and gives the id of each event, in order.
    pub(super) async fn deliver(
        &self,
        batch: &Batch,
        key: &str,
        talk: &Talk,
    ) -> Result<Vec<RecordId>, Undelivered> {
        let began = Instant::now();
        let mut patience = Patience::new(self.wait);
        loop {
            let (failure, asked) = match self.request(batch, key).await {
                Ok(response) if response.status().is_success() => return ids(response, batch.count()).await,
                Ok(response) => refused(response).await?,
                Err(error) => (self.no_answer(&error), None),
            };
            let Some(delay) = patience.next_delay(began.elapsed(), asked, fastrand::f64()) else {
                return Err(failure);
            };
            talk.retrying(&failure.to_string(), delay);
            tokio::time::sleep(delay).await;
        }
    }

    async fn request(&self, batch: &Batch, key: &str) -> reqwest::Result<Response> {
        let request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/x-ndjson");
        request.header("Idempotency-Key", key).body(batch.body.clone()).send().await
    }

    fn no_answer(&self, error: &reqwest::Error) -> Undelivered {
        let what = if error.is_connect() { "cannot connect to" } else { "no answer from" };
        let why = talk::innermost(error);
        let why = talk::without_os_code(&why);
        Undelivered::NoAnswer(format!("{what} {} ({why})", talk::shown(&self.url)))
    }
}

/// A refusal that may pass, with the time the server asks for; as an error one that stays.
async fn refused(response: Response) -> Result<(Undelivered, Option<Duration>), Undelivered> {
    let status = response.status();
    let seconds =
        response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let failure = Undelivered::Refused { status, refusal: refusal::read(response).await };
    match status.as_u16() {
        // What hubs, and proxies before them, answer for a while.
        429 | 502 | 503 | 504 => Ok((failure, seconds.map(Duration::from_secs))),
        _ => Err(failure),
    }
}

/// The ids of a batch follow one another, because it is stored as a whole.
async fn ids(response: Response, count: usize) -> Result<Vec<RecordId>, Undelivered> {
    let wrong = |what: String| Undelivered::Answer(what);
    let body = response.bytes().await.map_err(|error| wrong(talk::innermost(&error)))?;
    let answer: Answer = serde_json::from_slice(&body).map_err(|error| wrong(error.to_string()))?;
    if answer.count != count {
        return Err(wrong(format!("it acknowledges {} events, {count} were sent", answer.count)));
    }
    let Some(Ids { first, last }) = answer.ids else {
        return Err(wrong("it has no ids".to_owned()));
    };
    let parse = |id: &str| id.parse::<RecordId>().map_err(|error| wrong(error.to_string()));
    let (first, last) = (parse(&first)?, parse(&last)?);
    let ids: Vec<RecordId> =
        (first.seq..=last.seq).take(count).map(|seq| RecordId { seq, ..first }).collect();
    if first.epoch != last.epoch || ids.last() != Some(&last) || ids.len() != count {
        return Err(wrong(format!("{count} events cannot have the ids {first} to {last}")));
    }
    Ok(ids)
}

/// Redirects are not followed: a POST could turn into a GET on the way.
fn client(server: &Url) -> reqwest::Result<Client> {
    let options = || {
        Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .redirect(Policy::none())
            .user_agent(concat!("sse-cli/", env!("CARGO_PKG_VERSION")))
    };
    match options().build() {
        // A system without CA certificates, such as a slim container, can still do plain http.
        Err(_) if server.scheme() == "http" => options().tls_certs_only([]).build(),
        result => result,
    }
}
