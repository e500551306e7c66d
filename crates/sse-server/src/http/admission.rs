//! What every request has to pass before its path is looked at, and what every answer says on its way out.

use std::future::ready;

use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CROSS_ORIGIN_RESOURCE_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{Error, HttpRequest, HttpResponse};
use futures_util::future::Either;

use super::app_state::AppState;
use super::audit::audit;
use super::problem_details::Problem;
use super::request_id::{REQUEST_ID, RequestId};
use super::subscribe::send_away;
use super::unread_answers::UnreadAnswers;
use crate::auth::{Cors, Guard, Refusal, is_preflight};

pub(super) const HEADERS: [(HeaderName, HeaderValue); 3] = [
    // No answer is to be taken for a script or a page that it does not say it is.
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // Nor to be embedded by a page of another site. Requests with CORS, modules among them, are not meant.
    (CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin")),
    // `no-referrer` would take the origin, too, from forms that a page sends to the hub it is from.
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
];

/// Lets a request through to `service`, or refuses it.
pub(super) fn admit<S>(
    state: &AppState,
    guard: &Guard,
    request: ServiceRequest,
    service: &S,
) -> impl Future<Output = Result<ServiceResponse, Error>> + use<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
{
    let cors = guard.cors(request.head());
    let hsts = state.hsts.clone().filter(|_| state.is_over_tls(request.head()));
    let unread = (!state.is_stream(request.request())).then(|| UnreadAnswers::of(state, request.head()));
    let answered = match answer_without_service(state, guard, &request) {
        Some(answer) => Either::Left(ready(Ok(request.into_response(answer)))),
        None => Either::Right(service.call(request)),
    };
    async move {
        let mut answer = answered.await?;
        if let Some(unread) = unread.flatten() {
            answer = unread.count(answer);
        }
        answer = with_request_id(answer);
        audit(&answer);
        let headers = answer.headers_mut();
        for (name, value) in HEADERS {
            headers.insert(name, value);
        }
        if let Some(hsts) = hsts {
            headers.insert(STRICT_TRANSPORT_SECURITY, hsts);
        }
        cors.write(headers);
        Ok(answer)
    }
}

/// Has a problem name the request, and the answer, if that is of use to somebody.
fn with_request_id(answer: ServiceResponse) -> ServiceResponse {
    let request = answer.request();
    let named = answer.response().error().and_then(|error| error.as_error::<Problem>()).map(|problem| {
        let (id, status) = (RequestId::of(request), answer.status());
        let path = request.path();
        if status.is_server_error() {
            tracing::warn!(target: "request", request_id = %id, ?path, "a request failed: {problem}");
        } else {
            tracing::debug!(target: "request", request_id = %id, ?path, "request refused: {problem}");
        }
        problem.answer(Some(&id))
    });
    let mut answer = match named {
        Some(named) => answer.into_response(named),
        None => answer,
    };
    if let Some(id) = RequestId::known(answer.request()) {
        answer.headers_mut().insert(REQUEST_ID, id.into());
    }
    answer
}

/// The limits first: what is refused for another reason counts too.
fn answer_without_service(state: &AppState, guard: &Guard, request: &ServiceRequest) -> Option<HttpResponse> {
    let head = request.head();
    if state.is_stream(request.request()) {
        if let Err(limited) = state.clients.subscribe(head) {
            let answer = send_away(request.request(), limited.into());
            return Some(answer.map_or_else(HttpResponse::from_error, HttpResponse::map_into_boxed_body));
        }
    } else if let Err(limited) = state.clients.request(head) {
        return Some(HttpResponse::from_error(Problem::from(limited)));
    }
    match guard.check(head) {
        Err(refusal) => Some(HttpResponse::from_error(refused(request.request(), refusal))),
        Ok(()) => is_preflight(head).then(|| Cors::permission(head)),
    }
}

/// For a GET that acts: others are looked at before.
pub(crate) fn check_origin(request: &HttpRequest) -> Result<(), Problem> {
    let checked = AppState::of(request).guard.load().check_origin(request.head());
    checked.map_err(|refusal| refused(request, refusal))
}

/// Under a target that is not ours, so that it is limited as foreign lines are: to one a minute.
fn refused(request: &HttpRequest, refusal: Refusal) -> Problem {
    tracing::warn!(target: "request", request_id = %RequestId::of(request), reason = %refusal, "request refused");
    refusal.into()
}
