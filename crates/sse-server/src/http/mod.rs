//! The HTTP side, and the only one that knows actix-web: which request goes where.

mod body;
mod chat;
mod dashboard;
mod endpoint;
mod error;
mod events;
mod fields;
mod form;
mod history;
mod listeners;
mod ndjson;
mod notifications;
mod openapi;
mod opening;
mod page;
mod pages;
mod poll;
mod publish;
mod query;
mod server;
#[cfg(unix)]
mod socket_file;
mod ticker;
mod topics;
mod writer;

use std::rc::Rc;

use actix_web::HttpRequest;
use actix_web::web::{self, ServiceConfig};

pub(crate) use listeners::Listeners;
pub(crate) use pages::Pages;
pub(crate) use server::serve;
#[cfg(unix)]
pub(crate) use socket_file::SocketFile;

use crate::chat::Chat;
use crate::config::Heartbeat;
use crate::hub::{Fanout, Hub};
use crate::source::ticker::Ticker;
use endpoint::Endpoint;
use error::Problem;

/// The streams that the server offers, for people to read.
pub(crate) const STREAMS: [&str; 5] =
    ["/events", "/dashboard-events", "/chat/events", "/notifications/events", "/ticker/events"];

/// What the handlers of one worker share.
pub(crate) struct Worker {
    pub(crate) fanout: Fanout,
    pub(crate) chat: Chat,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) ticker: Ticker,
}

impl Worker {
    fn of(request: &HttpRequest) -> &Self {
        request.app_data::<Rc<Self>>().expect("every worker's routes carry it")
    }

    fn hub(&self) -> &Hub {
        self.fanout.hub()
    }
}

/// The API: every path, and what can be done with it. Pages are not part of it. `openapi.rs` holds it against
/// the document.
fn api() -> Vec<Endpoint> {
    vec![
        Endpoint::new("/events").get(events::stream),
        Endpoint::new("/dashboard-events").get(dashboard::stream),
        Endpoint::new("/chat/events").get(chat::stream::open),
        Endpoint::new("/chat/messages").post(chat::message),
        Endpoint::new("/chat/presence").post(chat::presence),
        Endpoint::new("/chat/users").get_or_head(chat::users),
        Endpoint::new("/notifications").beside_page().post(notifications::send),
        Endpoint::new("/notifications/events").get(notifications::stream),
        Endpoint::new("/ticker/events").get(ticker::stream),
        Endpoint::new("/ticker/quotes").post(ticker::quotes),
        Endpoint::new("/ticker/symbols").get_or_head(ticker::symbols),
        Endpoint::new("/topics").get_or_head(topics::list).post(publish::batch),
        Endpoint::new("/topics/{topic}").get_or_head(history::page).post(publish::to_topic),
        Endpoint::new("/poll").get(poll::page),
        Endpoint::new("/openapi.json").get_or_head(openapi::document),
    ]
}

/// All routes of one worker.
fn routes(config: &mut ServiceConfig, worker: Rc<Worker>, pages: &Pages) {
    config.app_data(worker);
    for endpoint in api() {
        config.service(endpoint.into_resource());
    }
    config.configure(|config| pages.routes(config)).default_service(web::to(async || Problem::not_found()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_streams_that_are_announced_are_there() {
        let api = api();
        let paths: Vec<&str> = api.iter().map(Endpoint::path).collect();
        assert!(STREAMS.iter().all(|stream| paths.contains(stream)), "{paths:?}");
    }
}
