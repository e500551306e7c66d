//! Follows a stream that needs a token. It is in the environment, so that no list of processes shows it:
//! `TOKEN=… cargo run -p sse-client --example authorise [URL]`.

use std::error::Error;

use sse_client::reqwest::header::{AUTHORIZATION, HeaderValue};
use sse_client::{CloseReason, EventSource, Signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:3000/events".to_owned());
    let token = std::env::var("TOKEN").map_err(|_| "the environment variable TOKEN must hold the token")?;
    let mut bearer = HeaderValue::from_str(&format!("Bearer {token}"))?;
    // Debug output of requests shows it as `Sensitive`.
    bearer.set_sensitive(true);
    let mut source = EventSource::builder(url).header(AUTHORIZATION, bearer).build()?;
    while let Some(signal) = source.next().await {
        match signal {
            Signal::Event(event) => println!("{}", event.data()),
            // The body says why.
            Signal::Closed(CloseReason::Status(response)) => {
                return Err(format!("{}: {}", response.status(), response.text().await?).into());
            }
            Signal::Closed(reason) => return Err(reason.into()),
            _ => {}
        }
    }
    Ok(())
}
