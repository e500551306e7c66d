//! The topics that hostile clients ask for, published before the test, and the batches that they publish to them.

use anyhow::{Result, ensure};
use sse_client::reqwest::Client;

/// Large JSON from little data: every character is escaped.
pub(super) const CONTROL_CHARACTERS: &str = "hostile/control-characters";
/// Large to replay.
pub(super) const LARGE: &str = "hostile/large";
/// Of many small events.
pub(super) const BUSY: &str = "hostile/busy";
/// Of events whose frames are many times their data.
pub(super) const LINE_ENDS: &str = "hostile/line-ends";
/// Of few events: nothing but heartbeats on it.
pub(super) const QUIET: &str = "hostile/quiet";

/// Topics beside these, for the list of topics.
const TOPICS: usize = 7500;
/// Digits of their names: the list of them is larger than what the kernel buffers for a client.
const DIGITS: usize = 200;

/// Publishes the stored topics.
pub(super) async fn publish(address: &str, scale: f64) -> Result<()> {
    let client = Client::new();
    let send = async |path: &str, body: String| {
        let request = client.post(format!("http://{address}/topics{path}")).body(body);
        let response = request.header("Content-Type", "application/x-ndjson").send().await?;
        ensure!(
            response.status() == 200,
            "the server answered {}: {}",
            response.status(),
            response.text().await?
        );
        Ok(())
    };
    let share = |full: usize| (full as f64 * scale).ceil() as usize;
    let topics = (0..share(TOPICS))
        .map(|nth| format!("{{\"topic\":\"hostile-{}/{nth:0DIGITS$}\",\"data\":\"\"}}\n", nth % 8));
    send("", topics.collect()).await?;
    for _ in 0..4 {
        send(&format!("/{CONTROL_CHARACTERS}"), batch(250, "\\u0001", 4 << 10)).await?;
    }
    for _ in 0..share(32) {
        send(&format!("/{LARGE}"), batch(32, "x", 64 << 10)).await?;
    }
    Ok(())
}

/// The batches published again and again: the largest frames that data within its limit can have, frames just below
/// 2 MiB, and many small events.
pub(super) fn batches() -> [(&'static str, Vec<u8>); 3] {
    [
        (LINE_ENDS, batch(16, "\\n", 520_000).into_bytes()),
        (LINE_ENDS, batch(16, "\\n", 299_000).into_bytes()),
        (BUSY, batch(10_000, "x", 100).into_bytes()),
    ]
}

/// A batch of `count` lines, each with data of one character, as JSON writes it, so many times.
fn batch(count: usize, character: &str, times: usize) -> String {
    format!("{{\"data\":\"{}\"}}\n", character.repeat(times)).repeat(count)
}
