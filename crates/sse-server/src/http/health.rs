//! `GET /livez` and `GET /readyz`: one word for whoever asks, the reasons for operators.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use sse_hub::AppendError;

use super::app_state::AppState;
use super::problem_details::Problem;
use super::query::Query;
use crate::auth::Access;

const VERBOSE: &str = "verbose";

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    reasons: Vec<Reason>,
}

/// Why it is not ready.
#[derive(Serialize)]
struct Reason {
    reason: &'static str,
    detail: String,
}

pub(super) async fn live(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    Ok(word(StatusCode::OK, "live"))
}

pub(super) async fn ready(
    request: HttpRequest,
    access: Result<Access, Problem>,
) -> Result<HttpResponse, Problem> {
    let query = Query::read(&request, &[VERBOSE])?;
    let state = AppState::of(&request);
    let is_verbose = query.get(VERBOSE).is_some();
    if is_verbose {
        state.check_operator(&request, &access?)?;
    }
    let reasons = reasons(state).await;
    let (status, text) = match reasons.is_empty() {
        true => (StatusCode::OK, "ready"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "unready"),
    };
    if !is_verbose {
        return Ok(word(status, text));
    }
    let mut answer = HttpResponse::build(status);
    answer.insert_header((CACHE_CONTROL, "no-store"));
    Ok(answer.json(Readiness { ready: reasons.is_empty(), reasons }))
}

async fn reasons(state: &AppState) -> Vec<Reason> {
    let because = |reason, detail: &dyn fmt::Display| Reason { reason, detail: detail.to_string() };
    let mut reasons = Vec::new();
    if state.drain.is_begun() {
        reasons.push(because("draining", &"the server is stopping"));
    }
    match state.hub().health().await {
        Ok(()) => {}
        Err(error @ AppendError::Full) => reasons.push(because("disk_full", &error)),
        Err(error) => reasons.push(because("log_not_writable", &error)),
    }
    reasons
}

fn word(status: StatusCode, word: &'static str) -> HttpResponse {
    let mut answer = HttpResponse::build(status);
    answer.insert_header(ContentType::plaintext()).insert_header((CACHE_CONTROL, "no-store"));
    answer.body(format!("{word}\n"))
}
