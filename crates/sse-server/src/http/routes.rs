//! Every path of the hub itself, and what answers it.

use std::rc::Rc;

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};

use super::admission::admit;
use super::app_state::AppState;
use super::endpoint::{DELETE, Endpoint, GET, POST, READ};
use super::problem_details::Problem;
use super::static_pages::Pages;
use super::{events, history, hub_info, openapi, poll, publish, revoke, session, topics};

/// Paths that answer with an event stream, for people to read.
pub(crate) const STREAMS: [&str; 1] = ["/events"];

/// The hub's part of the API. `openapi.rs` holds it against the document.
pub(super) fn api() -> Vec<Endpoint> {
    vec![
        Endpoint::new("/events").on(GET, events::stream),
        Endpoint::new("/topics").on(READ, topics::list).on(POST, publish::batch),
        Endpoint::new("/topics/{topic}")
            .on(READ, history::page)
            .on(POST, publish::to_topic)
            .on(DELETE, publish::delete),
        Endpoint::new("/poll").on(GET, poll::page),
        Endpoint::new("/hub").on(READ, hub_info::show),
        Endpoint::new("/session").on(READ, session::show).on(POST, session::begin).on(DELETE, session::end),
        Endpoint::new("/admin/revoke").on(POST, revoke::revoke),
        Endpoint::new("/openapi.json").on(READ, openapi::document),
    ]
}

/// All routes of one worker. `apps` are the endpoints of the applications.
pub(crate) fn routes(config: &mut ServiceConfig, state: Rc<AppState>, apps: Vec<Endpoint>, pages: &Pages) {
    let shared = Rc::clone(&state);
    let mut all = web::scope("").app_data(state);
    for endpoint in api().into_iter().chain(apps) {
        all = all.service(endpoint.into_resource());
    }
    let not_found = async || Err::<HttpResponse, _>(Problem::not_found());
    let all = all.configure(|config| pages.routes(config)).default_service(web::to(not_found));
    config.service(all.wrap_fn(move |request, service| admit(&shared, request, service)));
}
