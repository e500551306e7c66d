//! The body of an error response, as far as it explains the error to a person: problem details (RFC 9457) or text.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use sse_client::reqwest::Response;

use crate::body;

/// More of a body is not read.
const MAX_BYTES: usize = 64 << 10;
const MAX_WAIT: Duration = Duration::from_secs(5);
/// More of a plain text is not shown.
const MAX_CHARS: usize = 500;

/// The fields of RFC 9457 for people, and one of ours.
#[derive(Deserialize)]
struct Fields {
    title: Option<String>,
    detail: Option<String>,
    line: Option<usize>,
}

/// Why the server refused. `Display` gives the explanation after a colon, so that it can follow a status.
#[derive(Debug, Default)]
pub(crate) struct ProblemDetails {
    explanation: Option<String>,
    /// The invalid line of a batch, counted from 1.
    pub(crate) line: Option<usize>,
}

impl fmt::Display for ProblemDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.explanation.as_ref().map_or(Ok(()), |explanation| write!(f, ": {explanation}"))
    }
}

/// Reads `detail`, else `title` of problem details, or the first line of plain text. Empty when there is none, or it
/// does not come in time.
pub(crate) async fn read(response: Response) -> ProblemDetails {
    try_read(response).await.unwrap_or_default()
}

async fn try_read(response: Response) -> Option<ProblemDetails> {
    let media_type = body::media_type(response.headers());
    let is_json = media_type == "application/json" || media_type.ends_with("+json");
    if !is_json && media_type != "text/plain" {
        return None;
    }
    let body = tokio::time::timeout(MAX_WAIT, body::start(response, MAX_BYTES)).await.ok()?;
    let (text, line) = if is_json {
        let fields: Fields = serde_json::from_slice(&body).ok()?;
        (fields.detail.or(fields.title)?, fields.line)
    } else {
        (String::from_utf8_lossy(&body).trim().lines().next()?.to_owned(), None)
    };
    // The line of the request; the caller shows the line of its own input instead.
    let prefix = line.map(|line| format!("line {line}: ")).unwrap_or_default();
    let text = text.strip_prefix(&prefix).unwrap_or(&text);
    Some(ProblemDetails { explanation: Some(text.chars().take(MAX_CHARS).collect()), line })
}
