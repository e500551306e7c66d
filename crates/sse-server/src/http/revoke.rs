//! `POST /admin/revoke`: keeps a subject out, whatever tokens it has.

use actix_web::web::{self, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::app_state::AppState;
use super::body::read_text;
use super::json_body::{Form, json_of_now};
use super::problem_details::Problem;
use super::query::Query;
use super::request_id::RequestId;
use crate::auth::{Access, MAX_NAME};

/// Most bytes of a body: the longest subject with every character written as two `\u` escapes, and the rest.
const MAX_BYTES: usize = 4 << 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    subject: Option<String>,
}

impl Form for Revoke {
    const EXAMPLE: &str = r#"{"subject":"u-17"}"#;
}

#[derive(Serialize)]
struct RevokedJson {
    subject: String,
    /// `null` is for ever.
    until: Option<String>,
}

pub(super) async fn revoke(
    request: HttpRequest,
    access: Access,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    AppState::of(&request).check_operator(&request, &access)?;
    Query::read(&request, &[])?;
    let state = AppState::of(&request).auth.state()?;
    let text = read_text(&request, &access, payload, "a revocation", MAX_BYTES).await?;
    let subject = Revoke::required("subject", Revoke::read(&text)?.subject, subject)?;
    let revoked = web::block(move || state.revoke(&subject).map(|until| (subject, until))).await;
    let (subject, until) = revoked.map_err(|_| Problem::stopping())??;
    tracing::info!(target: "audit", request_id = %RequestId::of(&request), ?subject, "revoked");
    let until = until.and_then(|seconds| Timestamp::from_second(i64::try_from(seconds).ok()?).ok());
    Ok(json_of_now(RevokedJson { subject, until: until.map(|until| until.to_string()) }))
}

fn subject(text: &str) -> Result<String, String> {
    match text.len() {
        1..=MAX_NAME => Ok(text.to_owned()),
        _ => Err(format!("subject has 1 to {MAX_NAME} bytes")),
    }
}
