//! Whom requests for a URL go to, in words for people: the URL's server, or a Unix socket in its place.
//! Connects to nothing.

use std::fmt;
use std::path::PathBuf;

use sse_client::reqwest::{self, Url};

use crate::address;
use crate::talk;

/// The other end. `Display` gives the URL without secrets, and the socket if there is one.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    url: Url,
    socket: Option<PathBuf>,
}

impl Peer {
    pub(crate) fn new(url: &Url, socket: Option<PathBuf>) -> Self {
        Self { url: talk::shown(url), socket }
    }

    /// What a connection is made to: the path of the socket alone, since the URL's host has no part in it.
    pub(crate) fn address(&self) -> String {
        match &self.socket {
            Some(path) => path.display().to_string(),
            None => self.url.to_string(),
        }
    }

    /// What is to be named when a request has failed.
    pub(crate) fn at_fault(&self, error: &reqwest::Error) -> String {
        if error.is_connect() { self.address() } else { self.to_string() }
    }

    /// The stream of a hub that was started without options, on this machine?
    pub(crate) fn is_default(&self) -> bool {
        let mut url = self.url.clone();
        url.set_query(None);
        self.socket.is_none() && url.as_str() == address::DEFAULT
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.socket {
            Some(path) => write!(f, "{} over {}", self.url, path.display()),
            None => self.url.fmt(f),
        }
    }
}
