//! Follows a stream with your own `reqwest::Client`, which here trusts a certificate from a file:
//! `cargo run -p sse-client --example own_client URL [CERTIFICATE.pem]`.

use std::error::Error;
use std::time::Duration;

use sse_client::reqwest::{Certificate, Client};
use sse_client::{EventSource, Signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let url = args.next().ok_or("which URL?")?;
    // Neither `timeout` nor `read_timeout`, which would end each stream. The source has its own limits.
    let mut client = Client::builder().connect_timeout(Duration::from_secs(5)).user_agent("own-client/1.0");
    if let Some(path) = args.next() {
        client = client.tls_certs_merge(Certificate::from_pem_bundle(&std::fs::read(path)?)?);
    }
    let builder = EventSource::builder(url).client(client.build()?).idle_timeout(Duration::from_secs(60));
    let mut source = builder.build()?;
    while let Some(signal) = source.next().await {
        match signal {
            Signal::Event(event) => println!("{}", event.data()),
            Signal::Reconnecting(lost) => eprintln!("{}", lost.reason),
            Signal::Closed(reason) => return Err(reason.into()),
            _ => {}
        }
    }
    Ok(())
}
