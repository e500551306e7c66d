//! The body of `--data`: given as it is, or in a file, or on stdin.

use std::io::Read;
use std::path::PathBuf;

use anyhow::Context;
use serde::de::IgnoredAny;

/// Larger bodies are refused: the body is held for as long as the stream runs.
const MAX_BYTES: u64 = 64 << 20;

/// Where the body comes from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Given(String),
    File(PathBuf),
    Stdin,
}

/// Parses `--data`.
pub(crate) fn source(text: &str) -> Result<Source, std::convert::Infallible> {
    Ok(match text.strip_prefix('@') {
        Some("-") => Source::Stdin,
        Some(path) => Source::File(path.into()),
        None => Source::Given(text.to_owned()),
    })
}

impl Source {
    /// Reads the body.
    ///
    /// # Errors
    /// When the file or stdin cannot be read, or has more than 64 MiB.
    pub(crate) fn read(&self) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Given(text) => Ok(text.clone().into_bytes()),
            Self::File(path) => {
                let what = || format!("cannot take the body from {}", path.display());
                std::fs::File::open(path).map_err(anyhow::Error::from).and_then(bounded).with_context(what)
            }
            Self::Stdin => bounded(std::io::stdin().lock()).context("cannot take the body from stdin"),
        }
    }
}

fn bounded(source: impl Read) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    source.take(MAX_BYTES + 1).read_to_end(&mut body)?;
    anyhow::ensure!(body.len() as u64 <= MAX_BYTES, "it has more than {MAX_BYTES} bytes");
    Ok(body)
}

/// The content type that a body has unless a header says otherwise.
pub(crate) fn content_type(body: &[u8]) -> &'static str {
    if serde_json::from_slice::<IgnoredAny>(body).is_ok() {
        return "application/json";
    }
    if std::str::from_utf8(body).is_ok() { "text/plain; charset=utf-8" } else { "application/octet-stream" }
}
