//! The id of a request: in log lines, in problems, and in a header of the answer. One that the client or a proxy gives stays; another
//! is made when something has to be said of the request.

use std::fmt;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpMessage as _, HttpRequest};

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest that is taken.
const MAX_BYTES: usize = 64;

#[derive(Debug, Clone)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// Makes one if there is none, which it has from then on.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        Self::known(request).unwrap_or_else(|| {
            let made = format!("{:016x}", fastrand::u64(..));
            let made = Self(HeaderValue::from_str(&made).expect("digits"));
            request.extensions_mut().insert(made.clone());
            made
        })
    }

    pub(super) fn known(request: &HttpRequest) -> Option<Self> {
        let given = || Self::read(request.headers().get(&REQUEST_ID)?);
        request.extensions().get().cloned().or_else(given)
    }

    /// `None` for what should not stand in a log.
    fn read(given: &HeaderValue) -> Option<Self> {
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
        let fits = (1..=MAX_BYTES).contains(&given.len()) && given.as_bytes().iter().all(is_plain);
        fits.then(|| Self(given.clone()))
    }

    pub(super) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<RequestId> for HeaderValue {
    fn from(id: RequestId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn one_that_is_given_stays_unless_it_could_be_taken_for_something_else() {
        for (given, expected) in
            [("Ab-1_2.3:4", true), ("", false), ("a b", false), ("a=1", false), ("a\tb", false)]
        {
            let request = TestRequest::get().insert_header((REQUEST_ID, given)).to_http_request();
            assert_eq!(RequestId::of(&request).as_str() == given, expected, "{given:?}");
        }
        let long = TestRequest::get().insert_header((REQUEST_ID, "a".repeat(65))).to_http_request();
        assert_eq!(RequestId::of(&long).as_str().len(), 16);
    }

    #[test]
    fn one_that_is_made_stays() {
        let request = TestRequest::get().to_http_request();
        assert!(RequestId::known(&request).is_none());
        let made = RequestId::of(&request);
        assert_eq!(RequestId::known(&request).unwrap().as_str(), made.as_str());
    }
}
