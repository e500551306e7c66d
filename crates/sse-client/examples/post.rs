//! Reads the streamed answer to a POST, as APIs of language models send it, up to `[DONE]`:
//! `API_KEY=… cargo run -p sse-client --example post URL MODEL QUESTION`.

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use sse_client::reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use sse_client::reqwest::{Method, StatusCode};
use sse_client::{CloseReason, EventSource, Interruption, Signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(model), Some(question)) = (args.next(), args.next(), args.next()) else {
        return Err("which URL, which model, what question?".into());
    };
    let messages = serde_json::json!([{ "role": "user", "content": question }]);
    let body = serde_json::json!({ "model": model, "stream": true, "messages": messages });
    let mut builder = EventSource::builder(url)
        .method(Method::POST)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .body(body.to_string())
        // Retry when there are too many requests, but never after the answer has started.
        .retry_statuses([StatusCode::TOO_MANY_REQUESTS])
        .max_reconnects(3)
        .idle_timeout(Duration::from_secs(60));
    if let Ok(key) = std::env::var("API_KEY") {
        builder = builder.header(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}"))?);
    }
    let mut source = builder.build()?;
    while let Some(signal) = source.next().await {
        match signal {
            Signal::Event(event) if event.data() == "[DONE]" => break,
            Signal::Event(event) => print(event.data())?,
            Signal::Reconnecting(lost) => match lost.reason {
                Interruption::Status(_) => eprintln!("{}, waiting for {:?}", lost.reason, lost.delay),
                // Continuing would ask again. Dropping the source ends it.
                reason => return Err(reason.into()),
            },
            Signal::Closed(CloseReason::Status(response)) => {
                return Err(format!("{}: {}", response.status(), response.text().await?).into());
            }
            Signal::Closed(reason) => return Err(reason.into()),
            _ => {}
        }
    }
    println!();
    Ok(())
}

/// Prints the text in an event, if there is any.
fn print(data: &str) -> Result<(), Box<dyn Error>> {
    let event: serde_json::Value = serde_json::from_str(data)?;
    let text = event.pointer("/choices/0/delta/content").and_then(serde_json::Value::as_str);
    print!("{}", text.unwrap_or_default());
    std::io::stdout().flush()?;
    Ok(())
}
