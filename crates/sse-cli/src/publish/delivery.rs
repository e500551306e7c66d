//! Sends batches to the hub: one request each, retried under the same idempotency key until the hub responds.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sse_client::reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use sse_client::reqwest::redirect::Policy;
use sse_client::reqwest::{self, Client, Method, RequestBuilder, Response, StatusCode, Url};
use sse_client::{Backoff, retry_after};
use sse_core::{RecordId, RecordIdError, Topic};

use super::batch::Batch;
use crate::connection::ConnectionArgs;
use crate::exit::Exit;
use crate::peer::Peer;
use crate::problem_details::{self, ProblemDetails};
use crate::reason::reason;
use crate::retry::{RETRIED_STATUSES, RetryPolicy};
use crate::status::Status;
use crate::{address, body};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Headers that `-H` cannot set: under one key, the hub would take all batches but the first for repeats.
pub(super) const OWN_HEADERS: [HeaderName; 2] = [CONTENT_TYPE, IDEMPOTENCY_KEY];
/// The response of a hub is far shorter.
const MAX_RESPONSE_BYTES: usize = 64 << 10;
/// Longest wait for one response, well above the slowest fsync. The request is then sent again.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
const FIRST_DELAY: Duration = Duration::from_millis(200);
const MAX_DELAY: Duration = Duration::from_secs(5);

pub(super) struct Delivery {
    client: Client,
    headers: HeaderMap,
    no_response_hint: Option<&'static str>,
    url: Url,
    peer: Peer,
    wait: Duration,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum PublishError {
    /// The events may be stored all the same.
    #[error("{0}")]
    NoResponse(String),
    #[error("the hub answered {status}{problem}")]
    Refused { status: StatusCode, problem: ProblemDetails },
    #[error("not the response of a hub: {0}")]
    InvalidResponse(String),
}

impl PublishError {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Refused { status, .. } => Exit::from_status(*status),
            Self::NoResponse(_) | Self::InvalidResponse(_) => Exit::Failed,
        }
    }

    /// The invalid line of the batch, counted from 1.
    pub(super) fn line(&self) -> Option<usize> {
        match self {
            Self::Refused { problem, .. } => problem.line,
            _ => None,
        }
    }
}

enum Received {
    /// A success with its body, unless that is too long.
    Done(Option<Vec<u8>>),
    Refused(Response),
}

#[derive(Deserialize)]
struct Acknowledgement {
    ids: Option<Ids>,
    count: usize,
}

/// The answer to a request to close or to delete.
#[derive(Deserialize)]
struct Place {
    id: String,
}

#[derive(Deserialize)]
struct Ids {
    first: String,
    last: String,
}

impl Delivery {
    pub(super) fn new(
        connection: &ConnectionArgs,
        server: &Url,
        topic: &Topic,
        wait: Duration,
    ) -> anyhow::Result<Self> {
        let url = address::topic_url(server, topic);
        // No redirects: they could turn a POST into a GET.
        let client = connection.client(server.scheme() == "https", |options| {
            options.timeout(RESPONSE_TIMEOUT).redirect(Policy::none())
        })?;
        let (no_response_hint, peer) = (connection.no_response_hint(&url), connection.peer(&url));
        Ok(Self { client, headers: connection.headers()?, no_response_hint, url, peer, wait })
    }

    /// Publishes the batch and gives the id of each event, in order.
    pub(super) async fn deliver(
        &self,
        batch: &Batch,
        key: &str,
        status: &Status,
    ) -> Result<Vec<RecordId>, PublishError> {
        let request = self.request(Method::POST, self.url.clone()).header(IDEMPOTENCY_KEY, key);
        let request = request.header(CONTENT_TYPE, "application/x-ndjson").body(batch.body.clone());
        ids(self.send(request, status).await?, batch.count())
    }

    /// Closes the topic and gives the id of its end, which is the same however often it is closed.
    pub(super) async fn close(&self, status: &Status) -> Result<RecordId, PublishError> {
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("close", "true");
        let request = self.request(Method::POST, url);
        place(self.send(request, status).await?)
    }

    /// Deletes the topic and gives the id of the deletion.
    pub(super) async fn delete(&self, status: &Status) -> Result<RecordId, PublishError> {
        let request = self.request(Method::DELETE, self.url.clone());
        place(self.send(request, status).await?)
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url).headers(self.headers.clone())
    }

    /// Sends a request that may be repeated until it is answered; gives the body of the answer.
    async fn send(&self, request: RequestBuilder, status: &Status) -> Result<Option<Vec<u8>>, PublishError> {
        let mut retry = RetryPolicy::new(Backoff::new(FIRST_DELAY, MAX_DELAY), Some(self.wait));
        loop {
            let attempt = request.try_clone().expect("a body of text can be sent again");
            let (failure, retry_after) = match answer(attempt).await {
                Ok(Received::Done(body)) => return Ok(body),
                Ok(Received::Refused(response)) => refused(response).await?,
                Err(error) => (self.no_response(&error), None),
            };
            let Some(delay) = retry.next_delay(retry_after) else { return Err(failure) };
            status.retrying(&failure.to_string(), delay, None);
            tokio::time::sleep(delay).await;
        }
    }

    fn no_response(&self, error: &reqwest::Error) -> PublishError {
        let what = if error.is_connect() { "cannot connect to" } else { "no answer from" };
        let hint = self.no_response_hint.filter(|_| !error.is_connect());
        let hint = hint.map(|hint| format!(": {hint}")).unwrap_or_default();
        PublishError::NoResponse(format!("{what} {} ({}){hint}", self.peer.at_fault(error), reason(error)))
    }
}

/// A response that breaks off is an error like none at all.
async fn answer(request: RequestBuilder) -> reqwest::Result<Received> {
    let response = request.send().await?;
    if !response.status().is_success() {
        return Ok(Received::Refused(response));
    }
    Ok(Received::Done(body::whole(response, MAX_RESPONSE_BYTES).await?))
}

/// A refusal that is retried, with the delay the server asks for; as an error one that is final.
async fn refused(response: Response) -> Result<(PublishError, Option<Duration>), PublishError> {
    let (status, retry_after) = (response.status(), retry_after(response.headers()));
    let failure = PublishError::Refused { status, problem: problem_details::read(response).await };
    if RETRIED_STATUSES.contains(&status) { Ok((failure, retry_after)) } else { Err(failure) }
}

/// The ids of a batch are consecutive, because it is stored as a whole.
fn ids(body: Option<Vec<u8>>, count: usize) -> Result<Vec<RecordId>, PublishError> {
    let invalid = PublishError::InvalidResponse;
    let response: Acknowledgement = json(body)?;
    if response.count != count {
        return Err(invalid(format!("it acknowledges {} events, {count} were sent", response.count)));
    }
    let Some(Ids { first, last }) = response.ids else {
        return Err(invalid("it has no ids".to_owned()));
    };
    let (first, last) = (id(&first)?, id(&last)?);
    let ids: Vec<RecordId> =
        (first.seq..=last.seq).take(count).map(|seq| RecordId { seq, ..first }).collect();
    if first.epoch != last.epoch || ids.last() != Some(&last) || ids.len() != count {
        return Err(invalid(format!("{count} events cannot have the ids {first} to {last}")));
    }
    Ok(ids)
}

fn place(body: Option<Vec<u8>>) -> Result<RecordId, PublishError> {
    json::<Place>(body).and_then(|place| id(&place.id))
}

fn json<T: DeserializeOwned>(body: Option<Vec<u8>>) -> Result<T, PublishError> {
    let invalid = PublishError::InvalidResponse;
    let body = body.ok_or_else(|| invalid(format!("it has more than {MAX_RESPONSE_BYTES} bytes")))?;
    serde_json::from_slice(&body).map_err(|error| invalid(error.to_string()))
}

fn id(text: &str) -> Result<RecordId, PublishError> {
    text.parse().map_err(|error: RecordIdError| PublishError::InvalidResponse(error.to_string()))
}
