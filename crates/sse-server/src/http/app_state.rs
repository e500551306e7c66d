//! What the handlers of one worker share.

use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Payload, RequestHead};
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use arc_swap::ArcSwap;
use futures_util::future::{Either, LocalBoxFuture};
use sse_core::{Selector, Topic};
use sse_hub::{Fanout, Hub};

use super::endpoint::is_for_operators;
use super::problem_details::Problem;
use super::reloads::Reloads;
use crate::auth::{Access, AccessError, Authenticator, Guard};
use crate::client_limits::ClientLimits;
use crate::transport::Drain;

/// By which a proxy that ends TLS says so. Somebody else who says it gets stricter answers, and no more.
static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Names who reads and what they may read: readers that share a connection notice by it when the cookie is another's.
const READER: HeaderName = HeaderName::from_static("sse-reader");

/// One for each worker.
pub(crate) struct AppState {
    pub(crate) fanout: Fanout,
    pub(crate) drain: Arc<Drain>,
    /// What is for operators is nowhere else.
    pub(crate) has_admin_listener: bool,
    /// Longest silence on a connection; `None` is no limit.
    pub(crate) heartbeat: Option<Duration>,
    /// Names of the applications that are on.
    pub(crate) apps: Vec<&'static str>,
    /// The topics of these applications.
    pub(crate) reserved: Arc<[Reserved]>,
    pub(crate) auth: Authenticator,
    /// TCP is TLS.
    pub(crate) is_tls: bool,
    /// What is said over TLS of coming back by it alone.
    pub(crate) hsts: Option<HeaderValue>,
    pub(crate) guard: Arc<ArcSwap<Guard>>,
    pub(crate) clients: ClientLimits,
    pub(crate) reloads: Reloads,
    /// Paths of event streams.
    pub(crate) streams: Arc<[&'static str]>,
}

/// Marks requests that came by the listener for operators.
#[derive(Debug, Clone, Copy)]
pub(super) struct OnAdminListener;

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

    /// Does the request come over TLS, to us or to a proxy in front? Over a Unix socket, which has no address, not to us.
    pub(super) fn is_over_tls(&self, head: &RequestHead) -> bool {
        let is_forwarded = || head.headers.get(&FORWARDED_PROTO).is_some_and(|proto| proto == "https");
        (self.is_tls && head.peer_addr.is_some()) || is_forwarded()
    }

    /// By the path as routes see it, which a client can write in other ways.
    pub(super) fn is_stream(&self, request: &HttpRequest) -> bool {
        request.method() == Method::GET && self.streams.contains(&request.match_info().as_str())
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

    /// May who sent this see and do what is for operators? Where there is a listener for them, all who reach that may, and nobody else.
    /// With `[auth]` the token says so. Without it that is for programs on this machine, and `--open` changes nothing.
    pub(crate) fn check_operator(&self, request: &HttpRequest, access: &Access) -> Result<(), AccessError> {
        let head = request.head();
        if request.app_data::<OnAdminListener>().is_some() {
            Ok(())
        } else if self.has_admin_listener {
            Err(AccessError::NotHere)
        } else if self.auth.is_required() {
            access.check_admin()
        } else if self.clients.is_of_this_machine(head) && self.guard.load().trusts_page(head) {
            Ok(())
        } else {
            Err(AccessError::NotOperator)
        }
    }

    /// Says for whom an answer is.
    pub(super) fn name_reader(&self, access: &Access, headers: &mut HeaderMap) {
        if let Some(reader) = self.auth.reader(access) {
            headers.insert(READER, reader);
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
            let takes_cookies = auth.is_required() && guard.load().trusts_page(request.head());
            auth.access(request.headers(), request.query_string(), takes_cookies)
        }
        match access(request) {
            Err(error) if AppState::of(request).auth.misses_key(&error) => {
                let request = request.clone();
                Either::Right(Box::pin(async move {
                    AppState::of(&request).auth.refresh_keys().await;
                    counted(&request, access(&request))
                }))
            }
            found => Either::Left(ready(counted(request, found))),
        }
    }
}

/// Counts a refused token, or a request of its subject. An event stream counts when it is opened: over its limit it gets an answer of its own.
fn counted(request: &HttpRequest, access: Result<Access, AccessError>) -> Result<Access, Problem> {
    let state = AppState::of(request);
    let access = access.map_err(|error| state.auth.count_refused(error))?;
    if !state.is_stream(request) {
        state.clients.request_of(access.limited_subject())?;
    }
    if is_for_operators(request.match_info().as_str()) {
        request.extensions_mut().insert(access.clone());
    }
    Ok(access)
}
