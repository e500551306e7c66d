//! Brings batches to the hub: one request each, tried again under the same idempotency key until it is answered.

use std::time::{Duration, Instant};

use serde::Deserialize;
use sse_client::reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, RETRY_AFTER};
use sse_client::reqwest::redirect::Policy;
use sse_client::reqwest::{self, Client, Response, StatusCode, Url};
use sse_core::{RecordId, Topic};

use super::batch::Batch;
use super::patience::Patience;
use crate::body;
use crate::connection::ConnectionArgs;
use crate::exit::Exit;
use crate::peer::Peer;
use crate::refusal::{self, Refusal};
use crate::talk::{self, Talk};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Headers that are ours alone: another key under several batches would have all but the first taken for repeats.
pub(super) const OWN_HEADERS: [HeaderName; 2] = [CONTENT_TYPE, IDEMPOTENCY_KEY];
/// The answer of a hub is far shorter.
const MAX_ANSWER_BYTES: usize = 64 << 10;
/// Longest wait for one answer. Well above the slowest fsync; the request is then sent again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Publishes to one topic.
pub(super) struct Delivery {
    client: Client,
    headers: HeaderMap,
    /// What may be wrong when no answer comes.
    doubt: Option<&'static str>,
    url: Url,
    peer: Peer,
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

/// What came back.
enum Answered {
    /// A success and its body, if that is not too long.
    Stored(Option<Vec<u8>>),
    Refused(Response),
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
    /// When the HTTP client cannot be set up, or the file with the token cannot be read.
    pub(super) fn new(
        connection: &ConnectionArgs,
        server: &Url,
        topic: &Topic,
        wait: Duration,
    ) -> anyhow::Result<Self> {
        let mut url = server.clone();
        url.path_segments_mut()
            .map_err(|()| anyhow::anyhow!("{} cannot have a path", talk::shown(server)))?
            .pop_if_empty()
            .push("topics")
            .extend(topic.as_str().split('/'));
        // Redirects are not followed: a POST could turn into a GET on the way.
        let client = connection.client_with(server.scheme() == "https", |options| {
            options.timeout(ANSWER_TIMEOUT).redirect(Policy::none())
        })?;
        let (doubt, peer) = (connection.doubt(&url), connection.peer(&url));
        Ok(Self { client, headers: connection.headers()?, doubt, url, peer, wait })
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
                Ok(Answered::Stored(body)) => return ids(body, batch.count()),
                Ok(Answered::Refused(response)) => refused(response).await?,
                Err(error) => (self.no_answer(&error), None),
            };
            let Some(delay) = patience.next_delay(began.elapsed(), asked, fastrand::f64()) else {
                return Err(failure);
            };
            talk.retrying(&failure.to_string(), delay);
            tokio::time::sleep(delay).await;
        }
    }

    /// An answer that breaks off is an error like none at all.
    async fn request(&self, batch: &Batch, key: &str) -> reqwest::Result<Answered> {
        let request = self.client.post(self.url.clone()).headers(self.headers.clone());
        let request = request.header(CONTENT_TYPE, "application/x-ndjson").header(IDEMPOTENCY_KEY, key);
        let response = request.body(batch.body.clone()).send().await?;
        if !response.status().is_success() {
            return Ok(Answered::Refused(response));
        }
        Ok(Answered::Stored(body::whole(response, MAX_ANSWER_BYTES).await?))
    }

    fn no_answer(&self, error: &reqwest::Error) -> Undelivered {
        let what = if error.is_connect() { "cannot connect to" } else { "no answer from" };
        let why = talk::innermost(error);
        let why = talk::plain(&why);
        let doubt = self.doubt.filter(|_| !error.is_connect()).map(|doubt| format!(": {doubt}"));
        let doubt = doubt.unwrap_or_default();
        Undelivered::NoAnswer(format!("{what} {} ({why}){doubt}", self.peer.at_fault(error)))
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
fn ids(body: Option<Vec<u8>>, count: usize) -> Result<Vec<RecordId>, Undelivered> {
    let wrong = |what: String| Undelivered::Answer(what);
    let body = body.ok_or_else(|| wrong(format!("it has more than {MAX_ANSWER_BYTES} bytes")))?;
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
