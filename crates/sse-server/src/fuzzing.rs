//! What fuzz targets call of the server. In their builds only.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use actix_web::dev::RequestHead;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::auth::{Access, AuthSection, AuthState, Authenticator, Revocations, TokenVerifier};
use crate::client_limits::Proxies;

/// Says whose token a request has.
#[derive(Debug)]
pub struct Tokens(Authenticator);

/// Of a token that is taken.
#[derive(Debug)]
pub struct Whose {
    /// The claim `sub`, or the name of a key.
    pub subject: Option<String>,
    /// Until it expires; `None` is never.
    pub time_left: Option<Duration>,
}

/// Says which client a request is from.
#[derive(Debug)]
pub struct Clients(Proxies);

impl Tokens {
    /// With the keys of `[auth]`; their files are in `folder`.
    ///
    /// # Errors
    /// When the section cannot be used.
    pub fn open(section: &str, folder: &Path) -> anyhow::Result<Self> {
        let verifier = TokenVerifier::open(toml::from_str::<AuthSection>(section)?, folder)?;
        Ok(Self(Authenticator::new(Some(AuthState::new(verifier, Revocations::default())))))
    }

    /// Whose token is in this header and this query; `None` if it is refused, or there is none.
    pub fn whose(&self, header: Option<(&'static str, &[u8])>, query: &str) -> Option<Whose> {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_bytes(value).ok()?);
        }
        let access = self.0.access(&headers, query, true).ok().filter(Access::has_token)?;
        Some(Whose { subject: access.subject().map(str::to_owned), time_left: access.time_left() })
    }
}

impl Clients {
    /// Behind these proxies, which speak in this header.
    pub fn behind(trusted: &[&str], header: &'static str) -> Self {
        let trusted = trusted.iter().filter_map(|proxy| proxy.parse().ok()).collect();
        Self(Proxies::new(trusted, HeaderName::from_static(header)))
    }

    /// The network of the client that a request with these headers is from; `None` for a program on this machine.
    pub fn client(&self, peer: IpAddr, header: &'static str, values: &[&[u8]]) -> Option<IpAddr> {
        let mut head = RequestHead::default();
        head.peer_addr = Some(SocketAddr::new(peer, 1));
        for value in values.iter().filter_map(|value| HeaderValue::from_bytes(value).ok()) {
            head.headers.append(HeaderName::from_static(header), value);
        }
        self.0.client(&head)
    }
}
