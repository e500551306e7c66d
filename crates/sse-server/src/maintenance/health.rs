//! `sse-server health`: asks a running server whether it is ready, for checks of containers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
#[cfg(unix)]
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url};

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Whom to ask.
#[derive(Debug, Clone, Args)]
pub struct HealthArgs {
    /// Base address of the server. Default: where a server with the same flags and environment listens.
    url: Option<Url>,

    /// Address that the server listens on.
    #[arg(long, env = "SSE_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:3000")]
    listen: String,

    /// Unix socket that the server listens on, asked in place of the address.
    #[cfg(unix)]
    #[arg(long, env = "SSE_UNIX_SOCKET", value_name = "PATH")]
    unix_socket: Option<PathBuf>,

    /// Certificate of the server: it is asked over HTTPS.
    #[arg(long, env = "SSE_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<String>,
}

impl HealthArgs {
    /// # Errors
    /// When the server is not ready, or does not answer.
    pub(super) async fn check(&self) -> anyhow::Result<()> {
        let (base, client) = self.target()?;
        let url = base.join("/readyz")?;
        let client = client.no_proxy().redirect(Policy::none()).timeout(TIMEOUT).build()?;
        let answer = client.get(url.clone()).send().await.with_context(|| format!("no answer from {url}"))?;
        let status = answer.status();
        let word = answer.text().await.unwrap_or_default();
        ensure!(
            status.is_success(),
            "{url}: {status} {}",
            word.lines().next().unwrap_or_default().escape_debug()
        );
        Ok(())
    }

    fn target(&self) -> anyhow::Result<(Url, ClientBuilder)> {
        let client = Client::builder();
        if let Some(url) = &self.url {
            return Ok((url.clone(), client));
        }
        #[cfg(unix)]
        if let Some(path) = &self.unix_socket {
            return Ok(("http://localhost/".parse()?, client.unix_socket(path.as_path())));
        }
        let address = reachable(&self.listen)?;
        match self.tls_cert {
            None => Ok((format!("http://{address}/").parse()?, client)),
            // It is this machine, which the certificate need not name, and nothing secret is sent.
            Some(_) => {
                Ok((format!("https://{address}/").parse()?, client.tls_danger_accept_invalid_certs(true)))
            }
        }
    }
}

/// The address under which this machine reaches a server that listens there.
fn reachable(listen: &str) -> anyhow::Result<String> {
    let Ok(mut address) = listen.parse::<SocketAddr>() else { return Ok(listen.to_owned()) };
    if address.port() == 0 {
        bail!(
            "with port 0 the address is not known beforehand; name it, such as `health http://127.0.0.1:3000`"
        );
    }
    match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    Ok(address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_asked_at_loopback() {
        for (listen, expected) in [
            ("0.0.0.0:3000", "127.0.0.1:3000"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.7:1", "10.0.0.7:1"),
            ("localhost:3000", "localhost:3000"),
        ] {
            assert_eq!(reachable(listen).unwrap(), expected);
        }
        assert!(reachable("0.0.0.0:0").unwrap_err().to_string().contains("port 0"));
    }
}
