//! Where a request carries its token: its header, its URL if that is allowed, or else a cookie, which browsers send on their
//! own.

use std::borrow::Cow;

use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue};

use super::access::AccessError;

/// The cookie that holds a token.
pub(crate) const COOKIE_NAME: &str = "sse_token";
/// The parameter of the URL.
pub(crate) const TOKEN_PARAMETER: &str = "access_token";

/// The token of a request. One that is sent on purpose goes before the cookie; two that differ are an error.
pub(super) fn token<'a>(
    headers: &'a HeaderMap,
    query: &'a str,
    in_url: bool,
    takes_cookies: bool,
) -> Result<Option<Cow<'a, str>>, AccessError> {
    let header = in_header(headers);
    let query = if in_url { query } else { "" };
    let url = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == TOKEN_PARAMETER);
    match only(header.chain(url.map(|(_, token)| token)))? {
        None if takes_cookies => in_cookie(headers),
        token => Ok(token),
    }
}

/// That of a session.
pub(super) fn in_cookie(headers: &HeaderMap) -> Result<Option<Cow<'_, str>>, AccessError> {
    only(headers.get_all(COOKIE).flat_map(cookies).map(Cow::Borrowed))
}

fn in_header(headers: &HeaderMap) -> impl Iterator<Item = Cow<'_, str>> {
    headers.get_all(AUTHORIZATION).filter_map(bearer)
}

/// The token that a session is to begin with: in the header, or in the body.
pub(super) fn new_token<'a>(headers: &'a HeaderMap, body: &'a str) -> Result<Cow<'a, str>, AccessError> {
    let body = Some(body).filter(|body| !body.is_empty()).map(Cow::Borrowed);
    only(in_header(headers).chain(body))?.ok_or(AccessError::NoToken)
}

fn only<'a>(mut tokens: impl Iterator<Item = Cow<'a, str>>) -> Result<Option<Cow<'a, str>>, AccessError> {
    let first = tokens.next();
    if tokens.any(|other| Some(other) != first) { Err(AccessError::TwoTokens) } else { Ok(first) }
}

/// Other schemes are for a proxy in front of us. What is no text is a token all the same, and no good one.
fn bearer(value: &HeaderValue) -> Option<Cow<'_, str>> {
    let (scheme, token) = value.as_bytes().split_at_checked("bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| String::from_utf8_lossy(token.trim_ascii()))
}

fn cookies(value: &HeaderValue) -> impl Iterator<Item = &str> {
    let pairs = value.to_str().unwrap_or_default().split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == COOKIE_NAME).map(|(_, token)| token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(headers: &[(&str, &str)], query: &str, in_url: bool) -> Result<Option<String>, ()> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        token(&map, query, in_url, true).map(|token| token.map(Cow::into_owned)).map_err(|_| ())
    }

    #[test]
    fn a_token_comes_from_one_place() {
        let (none, one) = (Ok(None), Ok(Some("a.b.c".to_owned())));
        for (headers, query, expected) in [
            (&[][..], "", &none),
            (&[("authorization", "Bearer a.b.c")], "", &one),
            (&[("authorization", "bearer  a.b.c")], "", &one),
            (&[("authorization", "Basic YTpi")], "", &none),
            (&[("cookie", "x=1; sse_token=a.b.c; y")], "", &one),
            (&[("cookie", "xsse_token=a.b.c")], "", &none),
            (&[("cookie", "\u{e9}=1; sse_token=a.b.c")], "", &none),
            (&[], "topic=a&access_token=a.b.c", &one),
            (&[("authorization", "Bearer a.b.c")], "access_token=a.b.c", &one),
            (&[("authorization", "Bearer a.b.c"), ("cookie", "sse_token=other")], "", &one),
            (&[("authorization", "Basic YTpi"), ("authorization", "Bearer a.b.c")], "", &one),
            (&[("authorization", "Bearer \u{e9}")], "", &Ok(Some("\u{e9}".to_owned()))),
        ] {
            assert_eq!(&found(headers, query, true), expected, "{headers:?} {query}");
        }
        assert_eq!(found(&[], "access_token=a.b.c", false), none);
    }

    #[test]
    fn two_that_differ_are_refused() {
        for (headers, query) in [
            (&[("authorization", "Bearer a"), ("authorization", "Bearer b")][..], ""),
            (&[("authorization", "Bearer a")], "access_token=b"),
            (&[], "access_token=a&access_token=b"),
            (&[("cookie", "sse_token=a; sse_token=b")], ""),
            (&[("cookie", "sse_token=a"), ("cookie", "sse_token=b")], ""),
        ] {
            assert_eq!(found(headers, query, true), Err(()), "{headers:?} {query}");
        }
    }
}
