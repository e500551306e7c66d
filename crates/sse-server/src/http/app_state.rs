//! What the handlers of one worker share.

use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::{Either, LocalBoxFuture};
use sse_core::{Selector, Topic};
use sse_hub::{Fanout, Hub};

use super::problem_details::Problem;
use crate::auth::{Access, AccessError, Authenticator, Guard};
use crate::client_limits::ClientLimits;

/// One for each worker.
pub(crate) struct AppState {
    pub(crate) fanout: Fanout,
    /// Longest silence on a connection; `None` is no limit.
    pub(crate) heartbeat: Option<Duration>,
    /// Names of the applications that are on.
    pub(crate) apps: Vec<&'static str>,
    /// The topics of these applications.
    pub(crate) reserved: Arc<[Reserved]>,
    pub(crate) auth: Authenticator,
    /// TCP is TLS.
    pub(crate) is_tls: bool,
    pub(crate) guard: Arc<Guard>,
    pub(crate) clients: ClientLimits,
    /// Paths of event streams.
    pub(crate) streams: Arc<[&'static str]>,
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

    /// May this topic be published to, on the hub's own paths?
    pub(super) fn check_publish(&self, access: &Access, topic: &Topic) -> Result<(), Problem> {
        access.check_publish(topic)?;
        let reserved = self.reserved.iter().find(|reserved| reserved.topics.matches(topic));
        reserved.map_or(Ok(()), |Reserved { app, .. }| {
            Err(Problem::forbidden(format!(
                "topic {topic} belongs to the application `{app}`, which alone publishes to it; /openapi.json has its \
                 requests"
            )))
        })
    }

    /// May who sent this see and do what is for operators? With `[auth]` the token says so. Without it that is for programs on this
    /// machine, and `--open` changes nothing.
    pub(crate) fn check_operator(&self, request: &HttpRequest, access: &Access) -> Result<(), AccessError> {
        let head = request.head();
        if self.auth.is_required() {
            access.check_admin()
        } else if self.clients.is_of_this_machine(head) && self.guard.trusts_page(head) {
            Ok(())
        } else {
            Err(AccessError::NotOperator)
        }
    }

    pub(crate) fn hub(&self) -> &Hub {
        self.fanout.hub()
    }
}

/// Who makes the request. Each handler that reads, publishes or lists takes it.
impl FromRequest for Access {
    type Error = Problem;
    /// Boxed only for a token whose key may have to be fetched.
    type Future = Either<Ready<Result<Self, Problem>>, LocalBoxFuture<'static, Result<Self, Problem>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        fn access(request: &HttpRequest) -> Result<Access, AccessError> {
            let AppState { auth, guard, .. } = AppState::of(request);
            let takes_cookies = auth.is_required() && guard.trusts_page(request.head());
            auth.access(request.headers(), request.query_string(), takes_cookies)
        }
        match access(request) {
            Err(error) if AppState::of(request).auth.misses_key(&error) => {
                let request = request.clone();
                Either::Right(Box::pin(async move {
                    AppState::of(&request).auth.refresh_keys().await;
                    Ok(access(&request).map_err(|error| AppState::of(&request).auth.count_refused(error))?)
                }))
            }
            found => {
                let refused = |error| AppState::of(request).auth.count_refused(error).into();
                Either::Left(ready(found.map_err(refused)))
            }
        }
    }
}
