//! Reads an event stream with third-party software: the eventsource-stream crate, over reqwest or `curl -N`.

use std::process::Stdio;

use anyhow::{Context, Result, bail};
use eventsource_stream::{Event, Eventsource};
use futures_util::{Stream, StreamExt, stream};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Flags of `cargo xtask foreign-reader`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Of the event stream.
    url: String,
    /// Events to read.
    #[arg(long)]
    count: usize,
    /// The HTTP client.
    #[arg(long, default_value = "reqwest")]
    via: Via,
}

#[derive(Debug, Clone, clap::ValueEnum)]
enum Via {
    Reqwest,
    Curl,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: Args) -> Result<()> {
    match args.via {
        Via::Reqwest => {
            let response = reqwest::get(&args.url).await?.error_for_status()?;
            print(response.bytes_stream(), args.count).await
        }
        Via::Curl => {
            let mut curl = tokio::process::Command::new("curl");
            curl.args(["--silent", "--no-buffer", &args.url]).stdout(Stdio::piped()).kill_on_drop(true);
            let mut child = curl.spawn().context("cannot run curl")?;
            let stdout = child.stdout.take().context("curl has no stdout")?;
            print(chunks(stdout), args.count).await
        }
    }
}

/// Chunks as they arrive.
fn chunks(source: impl AsyncRead + Unpin) -> impl Stream<Item = std::io::Result<Vec<u8>>> {
    stream::unfold(source, async |mut source| {
        let mut chunk = Vec::with_capacity(16 << 10);
        let read = source.read_buf(&mut chunk).await;
        (!matches!(read, Ok(0))).then(|| (read.map(|_| chunk), source))
    })
}

async fn print<B, E>(chunks: impl Stream<Item = Result<B, E>>, count: usize) -> Result<()>
where
    B: AsRef<[u8]>,
    E: std::error::Error + Send + Sync + 'static,
{
    let mut events = std::pin::pin!(chunks.eventsource());
    for _ in 0..count {
        let Some(event) = events.next().await else { bail!("the stream ended early") };
        let Event { event, data, id, .. } = event?;
        println!("{}", serde_json::json!({ "id": id, "event": event, "data": data }));
    }
    Ok(())
}
