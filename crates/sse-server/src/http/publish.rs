//! `POST /topics/{topic}` and `POST /topics`: events from anywhere, one at a time or in batches.

use std::time::Duration;

use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use sse_core::{EventType, Topic};
use sse_hub::{AppendReceipt, Batch, Deleted, Draft, Hub};

use super::app_state::AppState;
use super::body::read_text;
use super::event_fields;
use super::ndjson;
use super::problem_details::Problem;
use super::query::Query;
use crate::auth::Access;

/// Content types of a batch: the name that is used most, the one without `x-`, and JSON Lines, which is the same.
const BATCH_TYPES: [&str; 3] = ["application/x-ndjson", "application/ndjson", "application/jsonl"];

/// What can be said beside the body, as a parameter or as a header.
struct Extra {
    parameter: &'static str,
    header: &'static str,
    /// The header as it is looked up.
    header_name: HeaderName,
}

static EVENT: Extra = extra("event", "Event-Type", "event-type");
static RETRY: Extra = extra("retry", "Event-Retry", "event-retry");
static TTL: Extra = extra("ttl", "Event-Ttl", "event-ttl");
static KEY: Extra = extra(KEY_PARAMETER, "Idempotency-Key", "idempotency-key");

const fn extra(parameter: &'static str, header: &'static str, lower_case: &'static str) -> Extra {
    Extra { parameter, header, header_name: HeaderName::from_static(lower_case) }
}

/// Parameter that closes the topic.
const CLOSE: &str = "close";

/// Parameter with the idempotency key.
pub(crate) const KEY_PARAMETER: &str = "key";

#[derive(Serialize)]
struct Stored {
    id: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    repeated: bool,
}

#[derive(Serialize)]
struct TopicDeleted {
    id: String,
    count: usize,
}

#[derive(Serialize)]
struct BatchStored {
    ids: Span,
    count: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    repeated: bool,
}

#[derive(Serialize)]
struct Span {
    first: String,
    last: String,
}

/// Answers with the place of one event in the log.
pub(crate) fn stored(hub: &Hub, AppendReceipt { first, repeated, .. }: AppendReceipt) -> HttpResponse {
    HttpResponse::Ok().json(Stored { id: hub.id(first).to_string(), repeated })
}

/// Answers with the places of a batch in the log.
pub(crate) fn batch_stored(hub: &Hub, receipt: AppendReceipt) -> HttpResponse {
    let AppendReceipt { first, count, repeated } = receipt;
    let last = first + count.saturating_sub(1);
    let ids = Span { first: hub.id(first).to_string(), last: hub.id(last).to_string() };
    HttpResponse::Ok().json(BatchStored { ids, count, repeated })
}

/// Publishes the body, or each line of it, to the topic in the path.
pub(super) async fn to_topic(
    request: HttpRequest,
    access: Access,
    topic: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let topic = Topic::new(topic.into_inner()).map_err(Problem::bad_request)?;
    AppState::of(&request).check_publish(&access, &topic)?;
    let parameters = [EVENT.parameter, RETRY.parameter, TTL.parameter, KEY_PARAMETER, CLOSE];
    let extras = Extras::read(&request, &parameters)?;
    if is_batch(&request) {
        return publish_batch(&request, &access, payload, extras, Some(topic)).await;
    }
    let body = read_text(&request, &access, payload, "an event", event_fields::MAX_DATA_BYTES).await?;
    let (data, _held) = body.into_parts();
    let key = extras.scoped_key(topic.as_str());
    let mut drafts = Vec::new();
    // A request without a body closes and nothing else.
    if !(extras.closes && data.is_empty()) {
        let event = event_fields::event(data, extras.event_type, extras.retry);
        let draft = Draft::new(topic.clone(), event).with_ttl(extras.ttl);
        event_fields::frame_bytes(&draft).map_err(Problem::too_large)?;
        drafts.push(draft);
    }
    if extras.closes {
        drafts.push(Draft::end(topic));
    }
    let hub = AppState::of(&request).hub();
    let is_one = drafts.len() == 1;
    // It is no batch, whose lines have numbers.
    let receipt =
        hub.append(Batch::new(drafts, key)).await.map_err(|error| Problem::from(error).of_no_line())?;
    Ok(if is_one { stored(hub, receipt) } else { batch_stored(hub, receipt) })
}

/// Deletes a topic with all that is kept of it.
pub(super) async fn delete(
    request: HttpRequest,
    access: Access,
    topic: Path<String>,
) -> Result<HttpResponse, Problem> {
    let topic = Topic::new(topic.into_inner()).map_err(Problem::bad_request)?;
    AppState::of(&request).check_publish(&access, &topic)?;
    Query::read(&request, &[])?;
    let hub = AppState::of(&request).hub();
    match hub.delete(topic).await? {
        Some(Deleted { seq, count }) => {
            Ok(HttpResponse::Ok().json(TopicDeleted { id: hub.id(seq).to_string(), count }))
        }
        None => Err(Problem::no_such_topic()),
    }
}

/// Publishes a batch whose lines name their topics.
pub(super) async fn batch(
    request: HttpRequest,
    access: Access,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    access.check_publishes()?;
    if !is_batch(&request) {
        let detail = "this path takes batches: send Content-Type application/x-ndjson and a line such as \
                      {\"topic\":\"greetings\",\"data\":\"hello\"}, or a single event to /topics/{topic}";
        return Err(Problem::unsupported(detail));
    }
    let extras = Extras::read(&request, &[KEY_PARAMETER])?;
    publish_batch(&request, &access, payload, extras, None).await
}

async fn publish_batch(
    request: &HttpRequest,
    access: &Access,
    payload: Payload,
    extras: Extras,
    topic: Option<Topic>,
) -> Result<HttpResponse, Problem> {
    extras.without_event_fields()?;
    // A batch over several topics has none: its keys are those of who sends it. No topic begins with a slash.
    let of_sender = || access.subject().map_or_else(String::new, |subject| format!("//{subject}"));
    let key = extras.scoped_key(&topic.as_ref().map_or_else(of_sender, Topic::to_string));
    let mut drafts = {
        let text = read_text(request, access, payload, "a batch", ndjson::MAX_BYTES).await?;
        ndjson::parse(&text, topic.as_ref(), |topic| AppState::of(request).check_publish(access, topic))?
    };
    if let (true, Some(topic)) = (extras.closes, topic) {
        drafts.push(Draft::end(topic));
    }
    let hub = AppState::of(request).hub();
    let receipt = hub.append(Batch::new(drafts, key)).await?;
    Ok(batch_stored(hub, receipt))
}

/// Does the request say that its body is NDJSON?
pub(crate) fn is_batch(request: &HttpRequest) -> bool {
    let full = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = full.split(';').next().unwrap_or_default().trim();
    BATCH_TYPES.iter().any(|batch| essence.eq_ignore_ascii_case(batch))
}

/// What the request says beside its body.
struct Extras {
    event_type: Option<EventType>,
    retry: Option<Duration>,
    ttl: Option<Duration>,
    key: Option<String>,
    closes: bool,
}

impl Extras {
    fn read(request: &HttpRequest, parameters: &[&str]) -> Result<Self, Problem> {
        let query = Query::read(request, parameters)?;
        Ok(Self {
            event_type: given(request, &query, &EVENT, |text| event_fields::event_type(text))?,
            retry: given(request, &query, &RETRY, event_fields::retry_text)?,
            ttl: given(request, &query, &TTL, event_fields::ttl)?,
            key: key(request, &query)?,
            closes: closes(&query)?,
        })
    }

    /// For batches, whose lines have what belongs to an event.
    fn without_event_fields(&self) -> Result<(), Problem> {
        let Extra { parameter, header, .. } = match (&self.event_type, self.retry, self.ttl) {
            (None, None, None) => return Ok(()),
            (Some(_), ..) => &EVENT,
            (None, Some(_), _) => &RETRY,
            (None, None, Some(_)) => &TTL,
        };
        Err(Problem::bad_request(format!(
            "a batch says `{parameter}` in each line; leave out parameter `{parameter}` and header {header}"
        )))
    }

    /// The key as the log takes it: keys of different scopes are different. No topic has a NUL in its name.
    fn scoped_key(&self, scope: &str) -> Option<Box<str>> {
        self.key.as_ref().map(|key| scoped(key, scope))
    }
}

/// Does the request close the topic?
fn closes(query: &Query) -> Result<bool, Problem> {
    match query.get(CLOSE) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(text) => Err(Problem::bad_request(format!("{CLOSE} is true or false, not {text:?}"))),
    }
}

/// The idempotency key of a request, for a path that publishes on its own terms: its keys are not those of any topic.
pub(crate) fn key_of_path(request: &HttpRequest, query: &Query) -> Result<Option<Box<str>>, Problem> {
    // No topic starts with a slash.
    Ok(key(request, query)?.map(|key| scoped(&key, request.path())))
}

/// The idempotency key of a request, as it was sent.
pub(crate) fn key(request: &HttpRequest, query: &Query) -> Result<Option<String>, Problem> {
    given(request, query, &KEY, event_fields::idempotency_key)
}

fn scoped(key: &str, scope: &str) -> Box<str> {
    format!("{scope}\0{key}").into()
}

/// A value that can be given as a parameter or as a header, and as both only if they agree.
fn given<T>(
    request: &HttpRequest,
    query: &Query,
    Extra { parameter, header, header_name }: &Extra,
    check: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Problem> {
    let mut values = query
        .get(parameter)
        .map(str::as_bytes)
        .into_iter()
        .chain(request.headers().get_all(header_name).map(HeaderValue::as_bytes));
    let Some(value) = values.next() else { return Ok(None) };
    if values.any(|other| other != value) {
        let detail = format!("parameter `{parameter}` and header {header} differ; give one value, once");
        return Err(Problem::bad_request(detail));
    }
    let value = str::from_utf8(value);
    let value = value.map_err(|_| Problem::bad_request(format!("header {header} is not UTF-8")))?;
    check(value).map(Some).map_err(Problem::bad_request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_looked_up_by_the_names_that_are_shown() {
        for extra in [&EVENT, &RETRY, &TTL, &KEY] {
            assert_eq!(extra.header_name.as_str(), extra.header.to_ascii_lowercase());
        }
    }
}
