//! The HTTP side, and the only one that knows actix-web: which request goes where.

mod dashboard;
mod error;
mod events;
mod opening;
mod pages;
mod query;
mod socket;
mod writer;

use actix_web::web::{self, ServiceConfig};

pub(crate) use pages::Pages;
pub(crate) use socket::prepare as prepare_socket;

use crate::config::Heartbeat;
use crate::hub::Fanout;
use error::Problem;

/// The streams that the server offers, for people to read.
pub(crate) const STREAMS: [&str; 2] = ["/events", "/dashboard-events"];

/// What the handlers of one worker share.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) fanout: Fanout,
    pub(crate) heartbeat: Heartbeat,
}

/// All routes of one worker.
pub(crate) fn routes(config: &mut ServiceConfig, worker: Worker, pages: &Pages) {
    config
        .app_data(worker)
        .service(get("/events").route(web::get().to(events::stream)))
        .service(get("/dashboard-events").route(web::get().to(dashboard::stream)))
        .configure(|config| pages.routes(config))
        .default_service(web::to(async || Problem::not_found()));
}

/// A path that is only read: any other method is refused by name.
fn get(path: &str) -> actix_web::Resource {
    web::resource(path).default_service(web::to(async || Problem::only_get()))
}
