//! The request of `tail`: its method and body. Sends nothing.

use std::io::Read;
use std::path::PathBuf;

use anyhow::Context;
use serde::de::IgnoredAny;
use sse_client::reqwest::Method;

use crate::secret::Secret;

/// Larger bodies are refused: a body is held for as long as the stream is open.
const MAX_BYTES: u64 = 64 << 20;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Request")]
pub(crate) struct RequestArgs {
    /// Send this body (@FILE: the content of the file, @-: stdin), by POST unless --method says otherwise. The request is
    /// sent once: tail ends with the stream
    #[arg(long, value_name = "BODY|@FILE", value_parser = Secret::parser(source))]
    data: Option<Secret<Source>>,

    /// The method of the request
    #[arg(long, value_name = "METHOD", value_parser = method)]
    method: Option<Method>,
}

#[derive(Debug, Clone)]
enum Source {
    Text(String),
    File(PathBuf),
    Stdin,
}

impl RequestArgs {
    /// Reads the body, if there is one.
    pub(super) fn body(&self) -> anyhow::Result<Option<Vec<u8>>> {
        self.data.as_ref().map(|data| data.get().read()).transpose()
    }

    /// GET without a body, POST with one, unless given.
    pub(super) fn method(&self) -> Method {
        let default = if self.data.is_some() { Method::POST } else { Method::GET };
        self.method.clone().unwrap_or(default)
    }
}

fn source(text: &str) -> Result<Source, std::convert::Infallible> {
    Ok(match text.strip_prefix('@') {
        Some("-") => Source::Stdin,
        Some(path) => Source::File(path.into()),
        None => Source::Text(text.to_owned()),
    })
}

fn method(text: &str) -> Result<Method, &'static str> {
    Method::from_bytes(text.to_ascii_uppercase().as_bytes())
        .map_err(|_| "expected an HTTP method such as POST")
}

impl Source {
    fn read(&self) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Text(text) => Ok(text.clone().into_bytes()),
            Self::File(path) => {
                let what = || format!("cannot read the body from {}", path.display());
                std::fs::File::open(path).map_err(anyhow::Error::from).and_then(bounded).with_context(what)
            }
            Self::Stdin => bounded(std::io::stdin().lock()).context("cannot read the body from stdin"),
        }
    }
}

fn bounded(source: impl Read) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    source.take(MAX_BYTES + 1).read_to_end(&mut body)?;
    anyhow::ensure!(body.len() as u64 <= MAX_BYTES, "it has more than {MAX_BYTES} bytes");
    Ok(body)
}

/// The content type of a body, unless a header gives another.
pub(super) fn content_type(body: &[u8]) -> &'static str {
    if serde_json::from_slice::<IgnoredAny>(body).is_ok() {
        return "application/json";
    }
    if std::str::from_utf8(body).is_ok() { "text/plain; charset=utf-8" } else { "application/octet-stream" }
}
