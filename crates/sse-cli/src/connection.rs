//! The connection flags that all commands share: headers, token, certificates, HTTP version, Unix socket. Sends nothing
//! itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
#[cfg(unix)]
use clap::builder::{PathBufValueParser, TypedValueParser};
use sse_client::reqwest::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use sse_client::reqwest::redirect::Policy;
use sse_client::reqwest::{Certificate, Client, ClientBuilder, Url};

use crate::peer::Peer;
use crate::secret::Secret;

const AGENT: HeaderValue = HeaderValue::from_static(concat!("sse-cli/", env!("CARGO_PKG_VERSION")));

/// Longest wait for a connection, TLS included. The response itself may take longer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Redirects that one request follows. Browsers follow as many.
const MAX_REDIRECTS: usize = 20;

/// The values of these flags are never printed.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// Send this header with each request, in place of the default one of that name [repeatable]
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = Secret::parser(header))]
    headers: Vec<Secret<(HeaderName, HeaderValue)>>,

    /// Send `Authorization: Bearer TOKEN`; @FILE reads the token from a file
    #[arg(long, value_name = "TOKEN|@FILE", env = "SSE_TOKEN", hide_env_values = true, value_parser = Secret::parser(token))]
    token: Option<Secret<Token>>,

    /// Also trust the certificates in this PEM file
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,

    /// Skip certificate verification. Exposes you to man-in-the-middle attacks
    #[arg(long)]
    insecure: bool,

    /// Use HTTP/2 only: negotiated over https, with prior knowledge over http, which few servers support
    #[arg(long)]
    pub(crate) http2: bool,

    /// Connect to the Unix socket at this path instead of the URL's host, as curl does. The URL still gives path,
    /// query and `Host`. Redirects use the socket too, and no proxy is used
    #[cfg(unix)]
    #[arg(long, value_name = "PATH", value_parser = PathBufValueParser::new().try_map(socket))]
    unix_socket: Option<PathBuf>,
}

#[derive(Debug, Clone)]
enum Token {
    Given(HeaderValue),
    File(PathBuf),
}

impl ConnectionArgs {
    /// The headers of each request. Secrets are marked sensitive, so that neither logs nor `Debug` print them.
    pub(crate) fn headers(&self) -> anyhow::Result<HeaderMap> {
        let mut headers = HeaderMap::from_iter([(USER_AGENT, AGENT)]);
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, token.get().header()?);
        }
        for header in &self.headers {
            let (name, value) = header.get().clone();
            headers.insert(name, value);
        }
        Ok(headers)
    }

    /// What may be wrong when a server accepts connections, but has never answered a request for this URL.
    pub(crate) fn no_response_hint(&self, url: &Url) -> Option<&'static str> {
        (self.http2 && url.scheme() == "http")
            .then_some("the server may not speak HTTP/2 over http; try without --http2")
    }

    /// The first of these names for which `-H` gives a header.
    pub(crate) fn first_of(&self, names: &[HeaderName]) -> Option<&HeaderName> {
        self.headers.iter().map(|header| &header.get().0).find(|name| names.contains(name))
    }

    /// The Unix socket to connect to, if one is given.
    pub(crate) fn unix_socket(&self) -> Option<&Path> {
        #[cfg(unix)]
        return self.unix_socket.as_deref();
        #[cfg(not(unix))]
        None
    }

    /// The server that requests for this URL go to, as shown to people.
    pub(crate) fn peer(&self, url: &Url) -> Peer {
        Peer::new(url, self.unix_socket().map(Path::to_owned))
    }

    /// A client with these options and `more`, without a limit on the time of a response.
    pub(crate) fn client(
        &self,
        needs_tls: bool,
        more: impl Fn(ClientBuilder) -> ClientBuilder,
    ) -> anyhow::Result<Client> {
        let certificates = self.cacert.as_deref().map(certificates).transpose()?.unwrap_or_default();
        match more(self.options().tls_certs_merge(certificates)).build() {
            // A system without CA certificates, such as a slim container, can still use plain http.
            Err(_) if !needs_tls => more(self.options().tls_certs_only([])).build(),
            result => result,
        }
        .context("cannot set up the HTTP client")
    }

    fn options(&self) -> ClientBuilder {
        // No Referer: the URL may hold a token.
        let mut options = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(Policy::limited(MAX_REDIRECTS))
            .referer(false);
        if self.insecure {
            options = options.tls_danger_accept_invalid_certs(true);
        }
        if self.http2 {
            options = options.http2_prior_knowledge();
        }
        #[cfg(unix)]
        if let Some(path) = self.unix_socket() {
            // reqwest then bypasses a proxy of the environment, but would still send the proxy's password to the server.
            options = options.unix_socket(path).no_proxy();
        }
        options
    }
}

/// What a reader of an event stream sends.
pub(crate) fn event_stream_headers() -> HeaderMap {
    let accept = (ACCEPT, HeaderValue::from_static("text/event-stream"));
    HeaderMap::from_iter([accept, (CACHE_CONTROL, HeaderValue::from_static("no-cache"))])
}

impl Token {
    fn header(&self) -> anyhow::Result<HeaderValue> {
        match self {
            Self::Given(value) => Ok(value.clone()),
            Self::File(path) => {
                let what = || format!("cannot read the token from {}", path.display());
                let text = std::fs::read_to_string(path).with_context(what)?;
                bearer(text.trim()).map_err(anyhow::Error::msg).with_context(what)
            }
        }
    }
}

fn token(text: &str) -> Result<Token, String> {
    match text.strip_prefix('@') {
        Some(path) => Ok(Token::File(path.into())),
        None => bearer(text).map(Token::Given).map_err(str::to_owned),
    }
}

fn bearer(token: &str) -> Result<HeaderValue, &'static str> {
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("expected a token of visible ASCII characters");
    }
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| "not a header value")?;
    value.set_sensitive(true);
    Ok(value)
}

/// Parses `Name: value`. Errors quote neither, since either may be a misplaced secret.
fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("expected `Name: value`")?;
    let name = HeaderName::try_from(name.trim())
        .map_err(|_| "the name has a character that is not allowed in a header name")?;
    let mut value =
        HeaderValue::from_bytes(value.trim().as_bytes()).map_err(|_| "the value has a control character")?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// A path that can be a socket: at most some hundred bytes long.
#[cfg(unix)]
fn socket(path: PathBuf) -> std::io::Result<PathBuf> {
    std::os::unix::net::SocketAddr::from_pathname(&path).map(|_| path)
}

fn certificates(path: &Path) -> anyhow::Result<Vec<Certificate>> {
    let what = || format!("cannot read certificates from {}", path.display());
    let pem = std::fs::read(path).with_context(what)?;
    let certificates = Certificate::from_pem_bundle(&pem).with_context(what)?;
    anyhow::ensure!(!certificates.is_empty(), "{} contains no PEM certificate", path.display());
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_curl_has_them() {
        for (text, name, value) in
            [("X-Key: a b", "x-key", "a b"), ("x:", "x", ""), ("Accept:text/x:y ", "accept", "text/x:y")]
        {
            let (found, content) = header(text).unwrap();
            assert_eq!((found.as_str(), content.to_str().unwrap()), (name, value));
            assert!(content.is_sensitive());
        }
        for text in ["x", ": y", "a b: c", "x: a\nb"] {
            assert!(header(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_token_is_one_word() {
        assert!(
            matches!(token("abc").unwrap(), Token::Given(value) if value == "Bearer abc" && value.is_sensitive())
        );
        assert!(matches!(token("@/a/b").unwrap(), Token::File(path) if path == Path::new("/a/b")));
        for text in ["", "a b", "a\n", "ü"] {
            assert!(token(text).is_err(), "{text:?}");
        }
    }
}
