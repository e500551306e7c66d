//! What is answered at the plain address beside HTTPS: the same URL by `https`.

use std::future::ready;
use std::rc::Rc;

use actix_web::http::header::LOCATION;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};

use super::admission::HEADERS;
use super::app_state::AppState;
use super::problem_details::Problem;

/// All routes of one worker. The hub is at this port of the same host.
pub(crate) fn redirects(config: &mut ServiceConfig, state: Rc<AppState>, port: u16) {
    let answer = move |request: HttpRequest| {
        let mut answer = redirect(&state, &request, port).unwrap_or_else(|problem| problem.error_response());
        for (name, value) in HEADERS {
            answer.headers_mut().insert(name, value);
        }
        ready(answer)
    };
    config.default_service(web::to(answer));
}

/// To no host but one that the hub answers to, whatever the request says.
fn redirect(state: &AppState, request: &HttpRequest, port: u16) -> Result<HttpResponse, Problem> {
    let head = request.head();
    state.clients.request(head)?;
    let host = state.guard.load().host(head)?;
    let port = if port == 443 { String::new() } else { format!(":{port}") };
    // `*` of OPTIONS is no path.
    let path = head.uri.path_and_query().map(|path| path.as_str()).filter(|path| path.starts_with('/'));
    let location = format!("https://{host}{port}{}", path.unwrap_or("/"));
    // Its client goes on elsewhere.
    Ok(HttpResponse::PermanentRedirect().insert_header((LOCATION, location)).force_close().finish())
}
