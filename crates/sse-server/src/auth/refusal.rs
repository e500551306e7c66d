//! Why a request is not let in, and what the operator can do about it.

use thiserror::Error;

/// Each is one sentence for client and operator. What is repeated of the request was parsed before.
#[derive(Debug, Error)]
pub(crate) enum Refusal {
    #[error(
        "this request came through a proxy (it has the header `{0}`), and the hub serves only its own machine; say in [auth] who \
         may publish and read, or start the hub with --open if everybody may"
    )]
    Forwarded(String),
    #[error("the header `Host` is not a host, with or without a port")]
    InvalidHost,
    #[error("the hub does not answer to the host {0}; if it should, start it with --allowed-host {0}")]
    UnknownHost(String),
    #[error("pages of {0} may not do this; if they may, start the hub with --allow-origin {0}")]
    Origin(String),
    #[error(
        "pages of other sites may not do this, and this request does not say which site it is from; serve the page over HTTP, and \
         start the hub with --allow-origin and the origin of the page"
    )]
    UnknownOrigin,
}
