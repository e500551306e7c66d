//! `/session`: the token of a browser, in a cookie that its scripts cannot read, since an `EventSource` sends no headers.

use actix_web::http::header::{CACHE_CONTROL, ORIGIN, SET_COOKIE};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Serialize;

use super::app_state::AppState;
use super::body::read_unchecked;
use super::json_body::json_of_now;
use super::problem_details::Problem;
use super::query::Query;
use crate::auth::{Access, COOKIE_NAME, Grants, MAX_TOKEN_BYTES, SameSite, is_to_loopback};

/// Longest token in a cookie: with name and attributes, browsers keep 4,096 bytes.
const MAX_COOKIE_BYTES: usize = 3800;

#[derive(Serialize)]
struct SessionJson<'a> {
    /// Do others need a token?
    required: bool,
    subject: Option<&'a str>,
    name: Option<&'a str>,
    grants: &'a Grants,
    expires: Option<String>,
}

/// `GET /session`
pub(super) async fn show(request: HttpRequest, access: Access) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    Ok(json_of_now(session(&request, &access)))
}

/// `POST /session`: the body is the token, unless the request carries it as others do.
pub(super) async fn begin(request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    check_page(&request)?;
    let is_secure = cookie_is_secure(&request)?;
    let text = read_unchecked(&request, payload, "a token", MAX_TOKEN_BYTES).await?;
    let (token, access) = AppState::of(&request).auth.sign_in(request.headers(), text.trim()).await?;
    if token.len() > MAX_COOKIE_BYTES {
        return Err(Problem::too_large(format!(
            "a cookie holds a token of at most {MAX_COOKIE_BYTES} bytes, this one has {}; grant wildcards",
            token.len()
        )));
    }
    AppState::of(&request).auth.renew(request.headers(), &access);
    let age = access.time_left().map_or_else(String::new, |left| format!("; Max-Age={}", left.as_secs()));
    let cookie = format!("{COOKIE_NAME}={token}; {}{age}", attributes(&request, is_secure));
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((SET_COOKIE, cookie));
    Ok(response.json(session(&request, &access)))
}

/// `DELETE /session`, also with a token that is good for nothing any more.
pub(super) async fn end(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    check_page(&request)?;
    AppState::of(&request).auth.sign_out(request.headers());
    let cookie = format!("{COOKIE_NAME}=; {}; Max-Age=0", attributes(&request, false));
    Ok(HttpResponse::NoContent().insert_header((SET_COOKIE, cookie)).finish())
}

/// With `--allow-origin '*'` any page may ask for anything else.
fn check_page(request: &HttpRequest) -> Result<(), Problem> {
    let is_trusted = AppState::of(request).guard.load().trusts_page(request.head());
    is_trusted.then_some(()).ok_or_else(|| {
        Problem::forbidden(
            "only the hub's own pages and those of listed origins (--allow-origin ORIGIN) have sessions",
        )
    })
}

fn session<'a>(request: &HttpRequest, access: &'a Access) -> SessionJson<'a> {
    let expires = access.time_left().and_then(|left| Timestamp::now().checked_add(left).ok());
    SessionJson {
        required: AppState::of(request).auth.is_required(),
        subject: access.subject(),
        name: access.name(),
        grants: access.grants(),
        expires: expires.and_then(|time| Some(time.round(jiff::Unit::Second).ok()?.to_string())),
    }
}

/// The cookie's attributes but its age. Browsers take one for pages of other sites only if it is secure; so is loopback to them.
fn attributes(request: &HttpRequest, is_secure: bool) -> &'static str {
    match (AppState::of(request).auth.same_site(), is_secure) {
        (SameSite::Lax, false) => "Path=/; HttpOnly; SameSite=Lax",
        (SameSite::Lax, true) => "Path=/; HttpOnly; SameSite=Lax; Secure",
        (SameSite::None, _) => "Path=/; HttpOnly; SameSite=None; Secure",
    }
}

/// Does the cookie go over TLS alone? On loopback, where there may be no TLS, it need not; elsewhere without it everybody on
/// the way could read the token.
fn cookie_is_secure(request: &HttpRequest) -> Result<bool, Problem> {
    let origin = request.headers().get(ORIGIN).map_or(&b""[..], |origin| origin.as_bytes());
    if AppState::of(request).is_over_tls(request.head()) || origin.starts_with(b"https://") {
        return Ok(true);
    }
    if is_to_loopback(request.head()) {
        return Ok(false);
    }
    Err(Problem::forbidden(
        "over plain HTTP everybody on the way could read the token; sign in by https (--tls-cert, or a proxy that ends TLS), or \
         at localhost",
    ))
}
