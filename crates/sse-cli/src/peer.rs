//! The other end of a connection, as shown to people: the server of a URL, or a Unix socket in its place. Connects to
//! nothing.

use std::fmt;
use std::path::PathBuf;

use sse_client::reqwest::{self, Url};

use crate::address;

/// `Display` gives the URL without secrets, and the socket if there is one.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    url: Url,
    socket: Option<PathBuf>,
}

impl Peer {
    pub(crate) fn new(url: &Url, socket: Option<PathBuf>) -> Self {
        Self { url: address::redacted(url), socket }
    }

    /// What a connection is made to: for a socket its path alone, since the URL's host is not used.
    pub(crate) fn address(&self) -> String {
        match &self.socket {
            Some(path) => path.display().to_string(),
            None => self.url.to_string(),
        }
    }

    /// What to name when a request has failed.
    pub(crate) fn at_fault(&self, error: &reqwest::Error) -> String {
        if error.is_connect() { self.address() } else { self.to_string() }
    }

    /// Is it the stream of a hub that was started on this machine without options?
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
