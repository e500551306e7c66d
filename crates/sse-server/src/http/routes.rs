//! Every path of the hub itself, and what answers it.

use std::rc::Rc;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Scope};

use super::admission::admit;
use super::app_state::{AppState, OnAdminListener};
use super::endpoint::{DELETE, Endpoint, GET, POST, READ};
use super::problem_details::Problem;
use super::static_pages::Pages;
use super::{events, health, history, hub_info, openapi, poll, publish, reload, revoke, session, topics};

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
        Endpoint::new("/livez").on(READ, health::live),
        Endpoint::new("/readyz").on(READ, health::ready),
        Endpoint::new("/session").on(READ, session::show).on(POST, session::begin).on(DELETE, session::end),
        Endpoint::new("/admin/revoke").on(POST, revoke::revoke),
        Endpoint::new("/admin/reload").on(POST, reload::reload),
        Endpoint::new("/openapi.json").on(READ, openapi::document),
    ]
}

/// All routes of one worker. `others` are endpoints that are not the hub's.
pub(crate) fn routes(config: &mut ServiceConfig, state: Rc<AppState>, others: Vec<Endpoint>, pages: &Pages) {
    let has_admin_listener = state.has_admin_listener;
    let all = api().into_iter().chain(others);
    let all = all.filter(|endpoint| !(has_admin_listener && endpoint.is_for_operators()));
    let scope = scope(&state, all).configure(|config| pages.routes(config));
    config
        .service(scope.wrap_fn(move |request, service| admit(&state, &state.guard.load(), request, service)));
}

/// Those of the listener for operators.
pub(crate) fn admin_routes(config: &mut ServiceConfig, state: Rc<AppState>, others: Vec<Endpoint>) {
    let endpoints = api()
        .into_iter()
        .chain(others)
        .filter(|endpoint| endpoint.is_for_operators() || endpoint.is_health());
    let scope = scope(&state, endpoints).app_data(OnAdminListener);
    config.service(scope.wrap_fn(move |request, service| {
        admit(&state, &state.guard.load().of_admin_listener(), request, service)
    }));
}

fn scope(state: &Rc<AppState>, endpoints: impl Iterator<Item = Endpoint>) -> Scope {
    let not_found = async || Err::<HttpResponse, _>(Problem::not_found());
    let scope = web::scope("").app_data(Rc::clone(state)).default_service(web::to(not_found));
    endpoints.fold(scope, |scope, endpoint| scope.service(endpoint.into_resource()))
}
