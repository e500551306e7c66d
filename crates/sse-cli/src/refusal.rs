//! Why a server refuses, in its own words: the body of a refusal, as far as it helps a person.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use sse_client::reqwest::Response;
use sse_client::reqwest::header::CONTENT_TYPE;

use crate::body;

/// More of a body is not read.
const MAX_BYTES: usize = 64 << 10;
/// Longest wait for the body.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// More of a plain text is not shown.
const MAX_CHARS: usize = 500;

/// The fields of RFC 9457 that are made for people, and one of ours.
#[derive(Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
    line: Option<usize>,
}

/// What the server says about a refusal. `Display` gives the explanation.
#[derive(Debug)]
pub(crate) struct Refusal {
    explanation: String,
    /// The line of a batch that is wrong, counted from 1.
    pub(crate) line: Option<usize>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.explanation)
    }
}

/// The explanation in the body: `detail`, else `title` of problem details, or the first line of a plain text.
/// `None` when there is none, or it does not come in time.
pub(crate) async fn read(response: Response) -> Option<Refusal> {
    let content_type = response.headers().get(CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let json = essence == "application/json" || essence.ends_with("+json");
    if !json && essence != "text/plain" {
        return None;
    }
    let body = tokio::time::timeout(MAX_WAIT, body::start(response, MAX_BYTES)).await.ok()?;
    let (text, line) = if json {
        let problem: Problem = serde_json::from_slice(&body).ok()?;
        (problem.detail.or(problem.title)?, problem.line)
    } else {
        (String::from_utf8_lossy(&body).trim().lines().next()?.to_owned(), None)
    };
    // Counted in the request. Whoever shows it counts in its own input.
    let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
    let text = text.strip_prefix(&place).unwrap_or(&text);
    Some(Refusal { explanation: text.chars().take(MAX_CHARS).collect(), line })
}
