//! Lets requests in by where they come from: not through a proxy nobody spoke of, not under a name of somebody else's (DNS
//! rebinding), and not from a page of another site that would act in its visitor's name (cross-site request forgery).

use actix_web::dev::RequestHead;
use actix_web::http::Method;
use actix_web::http::header::{FORWARDED, HOST, HeaderName, HeaderValue, ORIGIN};

use super::authority::{AllowedHost, Authority, Host};
use super::cors::{Cors, is_preflight};
use super::origin::{AllowedOrigin, Origin};
use super::refusal::Refusal;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Beginning of the headers by which proxies say for whom they ask.
const X_FORWARDED: &str = "x-forwarded-";

/// How the hub is exposed.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    /// Every listening address is loopback.
    pub(crate) is_loopback: bool,
    /// The operator says that everybody may reach it.
    pub(crate) is_open: bool,
    /// `[auth]` says who may do what.
    pub(crate) has_auth: bool,
    /// And it allows nothing without a token.
    pub(crate) is_guarded: bool,
    pub(crate) hosts: Vec<AllowedHost>,
    pub(crate) origins: Vec<AllowedOrigin>,
}

/// On loopback, with nothing set.
#[cfg(test)]
impl Default for Guard {
    fn default() -> Self {
        Self {
            is_loopback: true,
            is_open: false,
            has_auth: false,
            is_guarded: false,
            hosts: Vec::new(),
            origins: Vec::new(),
        }
    }
}

/// Who sent a request.
enum Sender<'a> {
    /// The hub's own page, the visitor, or no browser at all.
    Own,
    Page(&'a str, Origin<'a>),
    /// Of another site, or of one that cannot be told.
    Unknown,
}

impl Guard {
    /// For a listener whose address says who is an operator. No page may act in a visitor's name there but the hub's own.
    pub(crate) fn of_admin_listener(&self) -> Self {
        Self {
            is_loopback: false,
            is_open: true,
            has_auth: false,
            is_guarded: false,
            hosts: self.hosts.clone(),
            origins: Vec::new(),
        }
    }

    /// Whether all who reach the hub are meant to. If not, it must not start.
    pub(crate) fn is_meant(&self) -> bool {
        self.is_loopback || self.is_open || self.has_auth
    }

    /// Is there an origin beside the hub's own whose pages may use its cookies?
    pub(crate) fn lists_origins(&self) -> bool {
        self.origins.iter().any(|origin| *origin != AllowedOrigin::Any)
    }

    /// What holds for every request; preflights and what writes must be of an origin that may.
    ///
    /// # Errors
    /// Why it is not let in.
    pub(crate) fn check(&self, head: &RequestHead) -> Result<(), Refusal> {
        self.check_proxy(head)?;
        self.check_host(head)?;
        let only_reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&head.method);
        if only_reads && !is_preflight(head) { Ok(()) } else { self.check_origin(head) }
    }

    /// What holds for a request that acts, whatever its method.
    ///
    /// # Errors
    /// It is from a page whose origin is not allowed.
    pub(crate) fn check_origin(&self, head: &RequestHead) -> Result<(), Refusal> {
        match sender(head) {
            Sender::Own => Ok(()),
            Sender::Page(text, origin) if self.cors_of(text, &origin) == Cors::None => {
                Err(Refusal::Origin(text.to_owned()))
            }
            Sender::Page(..) => Ok(()),
            Sender::Unknown => Err(Refusal::UnknownOrigin),
        }
    }

    /// Is it from the hub's own page, from one of a listed origin, or from no browser? What a visitor may without sending a token
    /// counts for no other page: with `*` every site could act in its visitor's name.
    pub(crate) fn trusts_page(&self, head: &RequestHead) -> bool {
        match sender(head) {
            Sender::Own => true,
            Sender::Page(text, origin) => matches!(self.cors_of(text, &origin), Cors::Origin(_)),
            Sender::Unknown => false,
        }
    }

    /// What the page that sent this may read.
    pub(crate) fn cors(&self, head: &RequestHead) -> Cors {
        page(head).map_or(Cors::None, |(text, origin)| self.cors_of(text, &origin))
    }

    fn cors_of(&self, text: &str, origin: &Origin<'_>) -> Cors {
        let is_neighbour = self.is_loopback && !self.has_auth && origin.is_loopback();
        if is_neighbour || self.origins.iter().any(|allowed| allowed.is(text)) {
            return HeaderValue::from_str(text).map_or(Cors::None, Cors::Origin);
        }
        if self.origins.contains(&AllowedOrigin::Any) { Cors::Any } else { Cors::None }
    }

    /// Over a Unix socket too: the rights of the file say who may be the proxy, and not whom it serves.
    fn check_proxy(&self, head: &RequestHead) -> Result<(), Refusal> {
        if self.is_open || self.has_auth {
            return Ok(());
        }
        let names = head.headers.iter().map(|(name, _)| name);
        let mut names = names.filter(|name| *name == FORWARDED || name.as_str().starts_with(X_FORWARDED));
        names.next().map_or(Ok(()), |name| Err(Refusal::Forwarded(name.to_string())))
    }

    /// A page of another site whose name was made to lead here sends that name. A token it does not have.
    fn check_host(&self, head: &RequestHead) -> Result<(), Refusal> {
        let over_unix_socket = head.peer_addr.is_none();
        // HTTP/1.0 need not name it, and no browser speaks that.
        if self.is_guarded || over_unix_socket || target_text(head).is_none() {
            return Ok(());
        }
        self.known_host(head).map(drop)
    }

    /// The host that a request goes to, which is one that the hub answers to.
    ///
    /// # Errors
    /// It is not.
    pub(crate) fn host(&self, head: &RequestHead) -> Result<String, Refusal> {
        self.known_host(head).map(|host| host.to_string())
    }

    fn known_host<'a>(&self, head: &'a RequestHead) -> Result<Host<'a>, Refusal> {
        let Authority { host, .. } = target(head).ok_or(Refusal::InvalidHost)?;
        let is_known = host.is_local() || self.hosts.iter().any(|allowed| allowed.is(host));
        if is_known { Ok(host) } else { Err(Refusal::UnknownHost(host.to_string())) }
    }
}

/// Does the request go to this machine, by its own word?
pub(crate) fn is_to_loopback(head: &RequestHead) -> bool {
    target(head).is_some_and(|target| target.host.is_loopback())
}

fn target(head: &RequestHead) -> Option<Authority<'_>> {
    target_text(head).flatten().and_then(Authority::parse)
}

/// Where the request goes to; the inner `None` is no text. A proxy's word on it does not count.
fn target_text(head: &RequestHead) -> Option<Option<&str>> {
    match head.uri.authority() {
        Some(authority) => Some(authority.as_str().rsplit('@').next()),
        None => head.headers.get(HOST).map(|host| host.to_str().ok()),
    }
}

/// The one origin that the request gives.
fn page(head: &RequestHead) -> Option<(&str, Origin<'_>)> {
    let mut given = head.headers.get_all(ORIGIN);
    let (first, second) = (given.next()?, given.next());
    let text = first.to_str().ok().filter(|_| second.is_none())?;
    Some((text, Origin::parse(text)?))
}

fn sender(head: &RequestHead) -> Sender<'_> {
    let page = page(head);
    let is_own = match (head.headers.get(SEC_FETCH_SITE), &page) {
        // Browsers say it over HTTPS and to loopback, and no page can.
        (Some(site), _) => [&b"same-origin"[..], b"none"].contains(&site.as_bytes()),
        (None, Some((_, origin))) => target(head).is_some_and(|target| origin.is_at(target)),
        (None, None) => !head.headers.contains_key(ORIGIN),
    };
    match page {
        _ if is_own => Sender::Own,
        Some((text, origin)) => Sender::Page(text, origin),
        None => Sender::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::dev::ServiceRequest;
    use actix_web::test::TestRequest;

    const FOREIGN: (&str, &str) = ("Origin", "https://evil.example");
    const LOCAL: (&str, &str) = ("Origin", "http://localhost:5173");

    fn post(host: &str, header: Option<(&str, &str)>) -> ServiceRequest {
        let peer = ([127, 0, 0, 1], 5000).into();
        let request = TestRequest::post().peer_addr(peer).insert_header(("Host", host));
        header.into_iter().fold(request, TestRequest::insert_header).to_srv_request()
    }

    #[test]
    fn what_is_checked_depends_on_how_the_hub_is_exposed() {
        let local = Guard::default();
        let open = Guard { is_open: true, ..local.clone() };
        let open_to_all = Guard { is_loopback: false, ..open.clone() };
        let guarded = Guard { is_loopback: false, has_auth: true, is_guarded: true, ..local.clone() };
        // Without a token some of it is allowed, to whoever leads a visitor's browser here.
        let partly = Guard { is_guarded: false, ..guarded.clone() };
        let proxied = ("X-Forwarded-For", "203.0.113.7");
        // Through a proxy; under a foreign name; from a page of another site; from one of the visitor's own machine.
        for (guard, expected) in [
            (local, [false, false, false, true]),
            (open, [true, false, false, true]),
            (open_to_all, [true, false, false, false]),
            (guarded, [true, true, false, false]),
            (partly, [true, false, false, false]),
        ] {
            let admits = |host, header| guard.check(post(host, header).head()).is_ok();
            let found = [
                admits("localhost", Some(proxied)),
                admits("evil.example", None),
                admits("localhost", Some(FOREIGN)),
                admits("localhost", Some(LOCAL)),
            ];
            assert_eq!(found, expected, "{guard:?}");
            assert!(guard.is_meant() && admits("localhost:3000", None));
        }
        assert!(!Guard { is_loopback: false, ..Guard::default() }.is_meant());
        let origins = vec![AllowedOrigin::Any];
        let admin =
            Guard { has_auth: true, is_guarded: true, origins, ..Guard::default() }.of_admin_listener();
        let admits = |host, header| admin.check(post(host, header).head()).is_ok();
        assert!(admits("localhost", None) && admits("10.0.0.7:9090", Some(proxied)));
        assert!(!admits("evil.example", None) && !admits("localhost", Some(FOREIGN)));
        assert!(!admits("localhost", Some(LOCAL)));
    }
}
