//! Why a server refuses, in its own words: the body of a refusal, as far as it helps a person.

use std::time::Duration;

use serde::Deserialize;
use sse_client::reqwest::Response;
use sse_client::reqwest::header::CONTENT_TYPE;

/// More of a body is not read.
const MAX_BYTES: usize = 64 << 10;
/// Longest wait for the body.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// More of a plain text is not shown.
const MAX_CHARS: usize = 500;

/// The fields of RFC 9457 that are made for people.
#[derive(Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
}

/// The explanation in the body: `detail`, else `title` of problem details, or the first line of a plain text.
/// `None` when there is none, or it does not come in time.
pub(crate) async fn explanation(response: Response) -> Option<String> {
    let content_type = response.headers().get(CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let json = essence == "application/json" || essence.ends_with("+json");
    if !json && essence != "text/plain" {
        return None;
    }
    let body = tokio::time::timeout(MAX_WAIT, start_of_body(response)).await.ok()?;
    let text = if json {
        let problem: Problem = serde_json::from_slice(&body).ok()?;
        problem.detail.or(problem.title)?
    } else {
        String::from_utf8_lossy(&body).trim().lines().next()?.to_owned()
    };
    Some(text.chars().take(MAX_CHARS).collect())
}

async fn start_of_body(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        let room = MAX_BYTES - body.len();
        body.extend(piece.into_iter().take(room));
        if body.len() == MAX_BYTES {
            break;
        }
    }
    body
}
