//! The only place that picks a status for a refusal, and says what to change: `application/problem+json` (RFC 9457).

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use sse_hub::{AppendError, ReadError};

use super::reloads::FaultJson;
use super::request_id::RequestId;
use crate::auth::{AccessError, Refusal, RevokeError};
use crate::client_limits::RateLimited;

/// Seconds after which to try again when the log cannot be written or read.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");
/// Seconds after which a server that stops may be back.
const RETRY_AFTER_RESTART: HeaderValue = HeaderValue::from_static("1");

/// A refusal: a status and a sentence for the client.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: Box<str>,
    /// What of the body is at fault: line of a batch, from 1, and field of a JSON object.
    line: Option<usize>,
    field: Option<Box<str>>,
    /// Of settings.
    faults: Vec<FaultJson>,
    /// Boxed, so that results with it stay small.
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

/// A refusal may repeat what the client sent, but not at any length: most bytes of a detail, and of a field's name.
const MAX_DETAIL: usize = 600;
const MAX_FIELD: usize = 64;

fn short(mut text: String, max_bytes: usize) -> Box<str> {
    if text.len() > max_bytes {
        text.truncate(text.floor_char_boundary(max_bytes));
        text.push('…');
    }
    text.into()
}

#[derive(Serialize)]
struct ProblemJson<'a> {
    status: u16,
    title: Option<&'static str>,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    faults: &'a [FaultJson],
    #[serde(rename = "requestId", skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

impl Problem {
    fn new(status: StatusCode, detail: impl fmt::Display) -> Self {
        Self {
            status,
            detail: short(detail.to_string(), MAX_DETAIL),
            line: None,
            field: None,
            faults: Vec::new(),
            header: None,
        }
    }

    fn with_header(self, name: HeaderName, value: HeaderValue) -> Self {
        Self { header: Some(Box::new((name, value))), ..self }
    }

    /// The request is wrong; `detail` says where and what to do.
    pub(crate) fn bad_request(detail: impl fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// Names the field of the body that is at fault.
    pub(crate) fn in_field(self, field: impl Into<String>) -> Self {
        Self { field: Some(short(field.into(), MAX_FIELD)), ..self }
    }

    /// Names the line of the batch that is at fault, from 1.
    pub(crate) fn in_line(self, line: usize) -> Self {
        Self { line: Some(line), ..self }
    }

    pub(super) fn of_no_line(self) -> Self {
        Self { line: None, ..self }
    }

    /// Because of this line of a batch, of which nothing was stored.
    pub(super) fn of_batch_line(self, line: usize) -> Self {
        let detail = format!("line {line}: {}; nothing was stored", self.detail);
        Self { detail: short(detail, MAX_DETAIL), ..self }.in_line(line)
    }

    /// The settings have faults; what was in force still is.
    pub(super) fn unusable_settings(faults: Vec<FaultJson>) -> Self {
        let detail = "the settings are not reloaded, and what was in force stays; fix what `faults` names";
        Self { faults, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail) }
    }

    pub(crate) fn not_found() -> Self {
        let detail =
            "there is nothing at this path; /openapi.json describes the API, and / leads to the pages";
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(crate) fn no_such_topic() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is no such topic; /topics lists them")
    }

    /// The path exists, but not for this method. `allowed` are those it is for, separated by commas.
    pub(crate) fn method_not_allowed(allowed: &str) -> Self {
        let allow = HeaderValue::from_str(allowed).expect("method names are ASCII");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, format!("use {allowed} for this path"))
            .with_header(header::ALLOW, allow)
    }

    pub(crate) fn too_slow(seconds: u64) -> Self {
        let detail = format!("the body was not there after {seconds} s; send less at a time");
        Self::new(StatusCode::REQUEST_TIMEOUT, detail)
    }

    /// The body, or a part of it, is too long; `detail` says how long it may be.
    pub(crate) fn too_large(detail: impl fmt::Display) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }

    /// The body is of a kind that this path does not take; `detail` says which it takes.
    pub(crate) fn unsupported(detail: impl fmt::Display) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    }

    /// The request is understood and not permitted; `detail` says what is.
    pub(crate) fn forbidden(detail: impl fmt::Display) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// A limit of the hub is reached; `detail` says what to do instead.
    pub(crate) fn conflict(detail: impl fmt::Display) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    pub(crate) fn too_many(detail: impl fmt::Display, retry_after_seconds: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail)
            .with_header(header::RETRY_AFTER, retry_after_seconds.into())
    }

    /// The process holds as much as it may.
    pub(crate) fn over_budget() -> Self {
        let detail = "the server has reached its memory limit; nothing was done, try again later";
        Self::unavailable(detail, RETRY_AFTER)
    }

    /// An event stream cannot be opened.
    pub(super) fn not_now() -> Self {
        Self::busy("the server cannot serve this now; come back later")
    }

    /// The server cannot answer now; `detail` says why.
    pub(crate) fn busy(detail: impl fmt::Display) -> Self {
        Self::unavailable(detail, RETRY_AFTER)
    }

    pub(super) fn stopping() -> Self {
        Self::unavailable("the server is stopping; nothing was stored, try again", RETRY_AFTER_RESTART)
    }

    /// The sentence for the client.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    fn unavailable(detail: impl fmt::Display, retry_after: HeaderValue) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).with_header(header::RETRY_AFTER, retry_after)
    }
}

impl From<AccessError> for Problem {
    /// With the challenge of RFC 6750.
    fn from(error: AccessError) -> Self {
        let (status, code) = match &error {
            AccessError::NoToken => (StatusCode::UNAUTHORIZED, None),
            AccessError::Token(_) => (StatusCode::UNAUTHORIZED, Some("invalid_token")),
            AccessError::TwoTokens => (StatusCode::BAD_REQUEST, Some("invalid_request")),
            AccessError::NotGranted(..) | AccessError::NotAdmin => {
                (StatusCode::FORBIDDEN, Some("insufficient_scope"))
            }
            AccessError::NotOperator | AccessError::NotHere => return Self::forbidden(error),
            AccessError::NoAuth => return Self::conflict(error),
            AccessError::TooMany(error) => return Self::bad_request(error),
        };
        let problem = Self::new(status, error);
        let challenge = challenge(code, &problem.detail);
        problem.with_header(header::WWW_AUTHENTICATE, challenge)
    }
}

/// `code` and what it means here, in the characters that RFC 6750 allows.
fn challenge(code: Option<&str>, description: &str) -> HeaderValue {
    let is_allowed = |character: &char| matches!(character, ' '..='~') && !matches!(character, '"' | '\\');
    let description: String = description.chars().filter(is_allowed).collect();
    let error = code.map(|code| format!(", error=\"{code}\", error_description=\"{description}\""));
    let challenge = format!("Bearer realm=\"sse-hub\"{}", error.unwrap_or_default());
    HeaderValue::from_str(&challenge).expect("visible ASCII characters")
}

impl From<RateLimited> for Problem {
    fn from(limited: RateLimited) -> Self {
        Self::too_many(limited, limited.seconds())
    }
}

impl From<RevokeError> for Problem {
    /// Why the disk failed is for the operator's log alone.
    fn from(error: RevokeError) -> Self {
        match error {
            RevokeError::Full => Self::conflict(error),
            RevokeError::Io(_) => {
                tracing::error!(%error, "nobody is revoked");
                Self::unavailable(
                    "the server cannot store it; nobody is revoked, try again later",
                    RETRY_AFTER,
                )
            }
        }
    }
}

impl From<AppendError> for Problem {
    /// Says what became of the events. Why the store failed is for the operator's log alone.
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Full => Self::unavailable(
                "the server's log is full; nothing was stored, try again later",
                RETRY_AFTER,
            ),
            AppendError::Unavailable(_) => Self::unavailable(
                "the server cannot write to its log; nothing was stored, try again later",
                RETRY_AFTER,
            ),
            AppendError::Closed => Self::stopping(),
            AppendError::Unknown(_) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the server cannot say whether the events are stored; if the request had an idempotency key, \
                 send it again with the same key, else look into the topic first",
            ),
            AppendError::TooManyTopics { max } => Self::conflict(format!(
                "there are {max} topics, the most there can be; publish to one of them"
            )),
            AppendError::TooManyTopicsBelow { .. } => {
                Self::conflict(format!("{error}; publish to one of them, or below another first segment"))
            }
            AppendError::TopicClosed { ref topic, nth } => Self::conflict(format!(
                "topic {topic} is closed; nothing was stored: publish to another one, or delete it first"
            ))
            .in_line(nth),
            AppendError::OverLimit { .. } => {
                Self::unavailable(format!("{error}; nothing was stored, try again later"), RETRY_AFTER)
            }
            AppendError::EventTooLarge { .. } | AppendError::BatchTooLarge { .. } => {
                Self::too_large(format!("{error}; nothing was stored, send less at a time"))
            }
            AppendError::OverBudget => Self::over_budget(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal {
            Refusal::InvalidHost => StatusCode::BAD_REQUEST,
            Refusal::UnknownHost(_) => StatusCode::MISDIRECTED_REQUEST,
            Refusal::Forwarded(_) | Refusal::Origin(_) | Refusal::UnknownOrigin => StatusCode::FORBIDDEN,
        };
        Self::new(status, refusal)
    }
}

impl From<ReadError> for Problem {
    fn from(_: ReadError) -> Self {
        Self::unavailable("the server cannot read its log; try again later", RETRY_AFTER)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        self.answer(None)
    }
}

impl Problem {
    /// The answer to a request, by its id if that is known.
    pub(super) fn answer(&self, request_id: Option<&RequestId>) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(header) = &self.header {
            response.insert_header((**header).clone());
        }
        let problem = ProblemJson {
            status: self.status.as_u16(),
            title: self.status.canonical_reason(),
            detail: &self.detail,
            line: self.line,
            field: self.field.as_deref(),
            faults: &self.faults,
            request_id: request_id.map(RequestId::as_str),
        };
        let body = serde_json::to_string(&problem).expect("strings and numbers become JSON");
        response.content_type("application/problem+json").body(body)
    }
}

#[cfg(test)]
impl Problem {
    pub(crate) fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    pub(crate) fn line(&self) -> Option<usize> {
        self.line
    }
}

#[cfg(test)]
mod tests {
    use sse_hub::LimitedBytes;

    use super::*;

    #[test]
    fn what_the_log_refuses_is_said_without_its_reasons() {
        let why = || "/var/lib/secret".to_owned();
        for (error, status, retry_after, part) in [
            (AppendError::Full, 503, Some("5"), "log is full; nothing was stored"),
            (AppendError::Unavailable(why()), 503, Some("5"), "cannot write to its log; nothing was stored"),
            (AppendError::Closed, 503, Some("1"), "stopping; nothing was stored"),
            (AppendError::Unknown(why()), 500, None, "send it again with the same key"),
            (AppendError::OverBudget, 503, Some("5"), "memory limit; nothing was done"),
            (AppendError::EventTooLarge { bytes: 8, max: 7 }, 413, None, "8 bytes on the wire"),
            (AppendError::BatchTooLarge { bytes: 8, max: 7 }, 413, None, "batch has 8 bytes on the wire"),
            (AppendError::TooManyTopics { max: 7 }, 409, None, "there are 7 topics"),
            (
                AppendError::TooManyTopicsBelow { segment: "a".into(), max: 7 },
                409,
                None,
                "there are 7 topics below `a`",
            ),
            (
                AppendError::OverLimit { what: LimitedBytes::DiskTopics, max: 7 },
                503,
                Some("5"),
                "topics on disk hold at most 7 bytes",
            ),
        ] {
            let problem = Problem::from(error);
            let response = problem.error_response();
            let header = response.headers().get(header::RETRY_AFTER).map(|value| value.to_str().unwrap());
            assert_eq!((response.status().as_u16(), header), (status, retry_after));
            assert!(problem.detail.contains(part) && !problem.detail.contains("secret"), "{problem}");
        }
        assert_eq!(Problem::from(ReadError(why())).status, StatusCode::SERVICE_UNAVAILABLE);
    }
}
