//! What pages of other origins may read (CORS). Every answer has the headers, refusals too, so that a page can read the reason.
//! Not by actix-cors: the guard has judged the origin already, and what is left are these headers.

use actix_web::HttpResponse;
use actix_web::dev::RequestHead;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName, HeaderValue,
    ORIGIN, VARY,
};

/// Every method that a path of the hub answers.
const METHODS: &str = "GET, HEAD, POST, DELETE";
/// What clients need of an answer, beside what they can always read.
const EXPOSED: &str = "Allow, ETag, Location, Retry-After, Sse-Reader, WWW-Authenticate, X-Request-Id";
/// Two hours, the most that Chromium keeps a permission.
const MAX_AGE: &str = "7200";

/// Chromium asks for it when a page of the Web calls a server of the visitor's own network.
const REQUEST_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// What the page that sent a request may read of the answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cors {
    /// Nothing, if it is of another origin.
    None,
    /// Everything, as long as no credentials are sent.
    Any,
    /// Everything: this origin is allowed.
    Origin(HeaderValue),
}

/// Does the browser ask whether it may send a request?
pub(crate) fn is_preflight(head: &RequestHead) -> bool {
    let has = |name| head.headers.contains_key(name);
    head.method == Method::OPTIONS && has(ORIGIN) && has(ACCESS_CONTROL_REQUEST_METHOD)
}

impl Cors {
    /// The answer to a preflight. A requested header is named again, because `*` does not stand for `Authorization`.
    pub(crate) fn permission(head: &RequestHead) -> HttpResponse {
        let mut response = HttpResponse::NoContent();
        response.insert_header((ACCESS_CONTROL_ALLOW_METHODS, METHODS));
        response.insert_header((ACCESS_CONTROL_MAX_AGE, MAX_AGE));
        if let Some(headers) = head.headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            response.insert_header((ACCESS_CONTROL_ALLOW_HEADERS, headers.clone()));
        }
        if head.headers.contains_key(REQUEST_PRIVATE_NETWORK) {
            response.insert_header((ALLOW_PRIVATE_NETWORK, "true"));
        }
        response.finish()
    }

    /// Adds what the answer says to the browser.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        // Without an origin too: a cache is not to give that answer to a page.
        headers.append(VARY, HeaderValue::from_static("Origin"));
        let origin = match self {
            Self::None => return,
            Self::Any => HeaderValue::from_static("*"),
            Self::Origin(origin) => {
                headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
                origin
            }
        };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}
