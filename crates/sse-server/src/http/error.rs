//! The only place that picks a status for a refusal, and says what to change: `application/problem+json` (RFC 9457).

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError};
use serde_json::json;

/// A refusal: a status and a sentence for the client.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
}

impl Problem {
    /// The request is wrong; `detail` says where and what to do.
    pub(super) fn bad_request(detail: impl fmt::Display) -> Self {
        Self { status: StatusCode::BAD_REQUEST, detail: detail.to_string() }
    }

    /// There is nothing at this path.
    pub(super) fn not_found() -> Self {
        let detail = "there is nothing at this path; the streams are /events and /dashboard-events, and / lists the pages";
        Self { status: StatusCode::NOT_FOUND, detail: detail.into() }
    }

    /// The path exists, but only to be read.
    pub(super) fn only_get() -> Self {
        Self { status: StatusCode::METHOD_NOT_ALLOWED, detail: "use GET for this path".into() }
    }

    fn response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            response.insert_header((header::ALLOW, HeaderValue::from_static("GET")));
        }
        let body = json!({
            "status": self.status.as_u16(),
            "title": self.status.canonical_reason(),
            "detail": self.detail,
        });
        response.content_type("application/problem+json").body(body.to_string())
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
        self.response()
    }
}

impl Responder for Problem {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.response()
    }
}
