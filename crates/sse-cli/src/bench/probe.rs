//! Looks once at the stream before many are opened: follows redirects, and puts a refusal into words. Its connection
//! is closed again.

use std::net::{IpAddr, SocketAddr};

use anyhow::Context;
use sse_client::reqwest::{Client, Url};
use sse_client::{CloseReason, EventSource, Interruption, Signal};

use super::connection::OPEN_TIMEOUT;
use super::publisher::Failure;
use crate::connection::ConnectionArgs;
use crate::exit::Exit;
use crate::{refusal, talk};

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
            let words =
                refusal::read(*response).await.map(|refusal| format!(": {refusal}")).unwrap_or_default();
            failed(format!("the server answered {status}{words}"), Exit::from_status(status))
        }
        Some(Signal::Closed(reason)) => failed(reason.to_string(), Exit::Failed),
        Some(Signal::Reconnecting(lost)) => {
            let why = lost.reason.to_string();
            let at = match &lost.reason {
                Interruption::Network(error) => peer.at_fault(error),
                _ => peer.to_string(),
            };
            let reason = format!("{at}: cannot open the stream ({})", talk::plain(&why));
            Err(Failure { reason, exit: Exit::Failed })
        }
        _ => failed("the stream did not open".to_owned(), Exit::Failed),
    })
}

/// reqwest makes a header of the user in a URL and takes it out; a redirect to another host is none of the user's.
fn with_user_of(asked: &Url, mut found: Url) -> Url {
    if asked.origin() == found.origin() {
        // Both fail only on URLs that cannot have them.
        let _ = found.set_username(asked.username());
        let _ = found.set_password(asked.password());
    }
    found
}

/// The address to connect to; of the family that `sources` have.
pub(super) async fn resolve(url: &Url, sources: &[IpAddr]) -> anyhow::Result<SocketAddr> {
    let looked_up = url.clone();
    let found = tokio::task::spawn_blocking(move || looked_up.socket_addrs(|| None)).await?;
    let found = found.with_context(|| format!("cannot find the address of {}", talk::shown(url)))?;
    let fits = |address: &&SocketAddr| sources.iter().all(|source| source.is_ipv4() == address.is_ipv4());
    let address = found.iter().find(fits).or_else(|| found.first());
    address.copied().with_context(|| format!("{} has no address", talk::shown(url)))
}

/// A client for streams, that connects to the server itself and not to a proxy of the environment.
pub(super) fn client(url: &Url, connection: &ConnectionArgs, from: Option<IpAddr>) -> anyhow::Result<Client> {
    connection.client_with(url.scheme() == "https", |options| {
        let options = options.no_proxy().pool_max_idle_per_host(0).local_address(from);
        if connection.http2() { options } else { options.http1_only() }
    })
}
