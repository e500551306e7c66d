//! The body of an answer, read no further than a limit. Knows nothing of what is in it.

use sse_client::reqwest::{self, Response};

/// The whole body; `None` when it has more than `max_bytes`.
///
/// # Errors
/// When it breaks off.
pub(crate) async fn whole(mut response: Response, max_bytes: usize) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await? {
        body.extend_from_slice(&piece);
        if body.len() > max_bytes {
            return Ok(None);
        }
    }
    Ok(Some(body))
}

/// Its first `max_bytes`, or what comes of them before it breaks off.
pub(crate) async fn start(mut response: Response, max_bytes: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < max_bytes
        && let Ok(Some(piece)) = response.chunk().await
    {
        let room = max_bytes - body.len();
        body.extend(piece.into_iter().take(room));
    }
    body
}
