//! Why a request is not let in, and what the operator can do about it.

use thiserror::Error;

/// Each is one sentence for client and operator. What is repeated of the request was parsed before.
#[derive(Debug, Error)]
pub(crate) enum Refusal {
    #[error(
        "this request came through a proxy, by its header `{0}`, and the hub serves this machine alone; if everybody whom the \
         proxy serves may publish and read, start it with --open, else configure [auth]"
    )]
    Forwarded(String),
    #[error("the header `Host` is no host with a port or without")]
    InvalidHost,
    #[error("the hub is not known as {0}; if it is meant to be, start it with --allowed-host {0}")]
    UnknownHost(String),
    #[error("pages of {0} may not do this; if they may, start the hub with --allow-origin {0}")]
    Origin(String),
    #[error(
        "pages of other sites may not do this, and this one does not say of which it is; serve it over HTTP, and start the hub \
         with --allow-origin and its origin"
    )]
    UnknownOrigin,
}
