//! The body of a response: its media type, and its bytes up to a limit. Knows nothing of what is in it.

use sse_client::reqwest::header::{CONTENT_TYPE, HeaderMap};
use sse_client::reqwest::{self, Response};

/// `Content-Type` in lower case without parameters; of several the last, as in browsers. Empty when there is none.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get_all(CONTENT_TYPE).iter().next_back().map_or(&b""[..], |value| value.as_bytes());
    let text = String::from_utf8_lossy(value).to_ascii_lowercase();
    text.split(';').next().unwrap_or_default().trim().to_owned()
}

/// The whole body; `None` when it has more than `max_bytes`.
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

/// The first `max_bytes` of the body, or fewer if it breaks off.
pub(crate) async fn start(mut response: Response, max_bytes: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < max_bytes
        && let Ok(Some(piece)) = response.chunk().await
    {
        body.extend_from_slice(&piece);
    }
    body.truncate(max_bytes);
    body
}
