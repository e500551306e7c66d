//! What the handlers of one worker share.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use sse_core::{Selector, Topic};
use sse_hub::{Fanout, Hub};

use crate::auth::Guard;

/// One for each worker.
pub(crate) struct AppState {
    pub(crate) fanout: Fanout,
    /// Longest silence on a connection; `None` is no limit.
    pub(crate) heartbeat: Option<Duration>,
    /// Names of the applications that are on.
    pub(crate) apps: Vec<&'static str>,
    /// The topics of these applications.
    pub(crate) reserved: Arc<[Reserved]>,
    pub(crate) guard: Arc<Guard>,
}

/// Topics to which an application alone publishes.
#[derive(Debug)]
pub(crate) struct Reserved {
    pub(crate) topics: Selector,
    /// The application.
    pub(crate) app: &'static str,
}

impl AppState {
    /// The state of the worker that serves this request.
    pub(crate) fn of(request: &HttpRequest) -> &Self {
        request.app_data::<Rc<Self>>().expect("every worker's routes carry it")
    }

    /// May anybody publish to this topic? The error says why not.
    pub(super) fn check_not_reserved(&self, topic: &Topic) -> Result<(), String> {
        let reserved = self.reserved.iter().find(|reserved| reserved.topics.matches(topic));
        reserved.map_or(Ok(()), |Reserved { app, .. }| {
            Err(format!(
                "topic {topic} belongs to the application `{app}`, which alone publishes to it; /openapi.json has its \
                 requests"
            ))
        })
    }

    pub(crate) fn hub(&self) -> &Hub {
        self.fanout.hub()
    }
}
