//! The protocol: subscribe, publish, history, long-poll, topics, problem details. Names no application; applications add
//! their endpoints to it.

mod admission;
mod app_state;
mod audit;
mod body;
mod endpoint;
mod event_fields;
mod event_page;
mod events;
mod health;
mod history;
mod hub_info;
mod json_body;
mod json_parts;
mod ndjson;
mod openapi;
mod poll;
mod problem_details;
mod publish;
mod query;
mod redirect;
mod reload;
mod reloads;
mod request_id;
mod revoke;
mod routes;
mod session;
mod static_pages;
mod subscribe;
#[cfg(test)]
mod tests;
mod topics;
mod unread_answers;

pub(crate) use admission::check_origin;
pub(crate) use app_state::{AppState, Reserved};
pub(crate) use body::read_text;
pub(crate) use endpoint::{Endpoint, GET, POST, READ};
pub(crate) use event_fields::idempotency_key;
pub(crate) use json_body::{Form, from_object, json_of_now, message};
pub(crate) use openapi::OpenApi;
pub(crate) use problem_details::Problem;
pub(crate) use publish::{KEY_PARAMETER, batch_stored, is_batch, key, key_of_path, stored};
pub(crate) use query::Query;
pub(crate) use redirect::redirects;
pub(crate) use reloads::{FaultJson, ReloadRequest, Reloaded, Reloads};
pub(crate) use routes::{STREAMS, admin_routes, routes};
pub(crate) use static_pages::{Hidden, Page, Pages};
pub(crate) use subscribe::{EventStream, PARAMETERS, connected, send_away, subscribe};
