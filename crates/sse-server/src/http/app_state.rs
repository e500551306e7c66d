//! What the handlers of one worker share.

use std::rc::Rc;
use std::time::Duration;

use actix_web::HttpRequest;
use sse_hub::{Fanout, Hub};

/// One for each worker.
pub(crate) struct AppState {
    pub(crate) fanout: Fanout,
    /// Longest silence on a connection; `None` is no limit.
    pub(crate) heartbeat: Option<Duration>,
    /// Names of the applications that are on.
    pub(crate) apps: Vec<&'static str>,
}

impl AppState {
    /// The state of the worker that serves this request.
    pub(crate) fn of(request: &HttpRequest) -> &Self {
        request.app_data::<Rc<Self>>().expect("every worker's routes carry it")
    }

    pub(crate) fn hub(&self) -> &Hub {
        self.fanout.hub()
    }
}
