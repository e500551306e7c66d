//! Opens the stream once before many are opened: follows redirects, and explains a refusal. Closes its connection.

use std::net::{IpAddr, SocketAddr};

use anyhow::Context;
use sse_client::reqwest::{Client, Url};
use sse_client::{CloseReason, EventSource, Interruption, Signal};

use super::publisher::Failure;
use super::stream_body::OPEN_TIMEOUT;
use crate::connection::ConnectionArgs;
use crate::exit::Exit;
use crate::reason::reason;
use crate::{address, problem_details};

/// The stream's URL after redirects, or why it cannot be read.
pub(super) async fn look(url: &Url, connection: &ConnectionArgs) -> anyhow::Result<Result<Url, Failure>> {
    let builder = EventSource::builder(url.clone()).headers(connection.headers()?).idle_timeout(OPEN_TIMEOUT);
    let mut source = builder.client(client(url, connection, None)?).build()?;
    let peer = connection.peer(url);
    let failed = |reason: String, exit| Err(Failure { reason: format!("{peer}: {reason}"), exit });
    Ok(match source.next().await {
        Some(Signal::Opened(opened)) => Ok(with_user_of(url, opened.url)),
        Some(Signal::Closed(CloseReason::Status(response))) => {
            let status = response.status();
            let problem = problem_details::read(*response).await;
            failed(format!("the server answered {status}{problem}"), Exit::from_status(status))
        }
        Some(Signal::Closed(reason)) => failed(reason.to_string(), Exit::Failed),
        Some(Signal::Reconnecting(lost)) => {
            let at = match &lost.reason {
                Interruption::Network(error) => peer.at_fault(error),
                _ => peer.to_string(),
            };
            let reason = format!("{at}: cannot open the stream ({})", reason(&lost.reason));
            Err(Failure { reason, exit: Exit::Failed })
        }
        _ => failed("the stream did not open".to_owned(), Exit::Failed),
    })
}

/// reqwest moves user and password from the URL to a header; they do not apply to another origin after a redirect.
fn with_user_of(asked: &Url, mut found: Url) -> Url {
    if asked.origin() == found.origin() {
        // Both fail only on URLs that cannot have them.
        let _ = found.set_username(asked.username());
        let _ = found.set_password(asked.password());
    }
    found
}

/// The address to connect to, of the same family as `sources`.
pub(super) async fn resolve(url: &Url, sources: &[IpAddr]) -> anyhow::Result<SocketAddr> {
    let looked_up = url.clone();
    let found = tokio::task::spawn_blocking(move || looked_up.socket_addrs(|| None)).await?;
    let found = found.with_context(|| format!("cannot resolve {}", address::redacted(url)))?;
    let fits = |address: &&SocketAddr| sources.iter().all(|source| source.is_ipv4() == address.is_ipv4());
    let address = found.iter().find(fits).or_else(|| found.first());
    address.copied().with_context(|| format!("{} has no address", address::redacted(url)))
}

/// A client for streams. It ignores proxies of the environment.
pub(super) fn client(url: &Url, connection: &ConnectionArgs, from: Option<IpAddr>) -> anyhow::Result<Client> {
    connection.client(url.scheme() == "https", |options| {
        let options = options.no_proxy().pool_max_idle_per_host(0).local_address(from);
        if connection.http2 { options } else { options.http1_only() }
    })
}
