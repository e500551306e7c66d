//! The decoder of sse-core against the `eventsource-stream` crate: one thread, the same bytes in the same chunks. Needs
//! no server.

use std::convert::Infallible;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use eventsource_stream::Eventsource;
use futures_util::{StreamExt, stream};
use sse_core::Decoder;

use super::figures::{median, spread};
use super::machine;

/// Flags of `cargo xtask bench decode`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Approximate bytes of each input.
    #[arg(long, default_value_t = 16 << 20)]
    bytes: usize,
    /// Rounds; each runs both decoders in turn.
    #[arg(long, default_value_t = 9)]
    rounds: u32,
    /// Bytes of the shorter of the two lines that arrive in small chunks.
    #[arg(long, default_value_t = 128 << 10)]
    line: usize,
}

/// Bytes of a full read from a connection.
const CHUNK: usize = 16 << 10;
/// Small chunks have from one byte to this many.
const SMALL_CHUNKS: usize = 64;
/// Bytes of data of a long event.
const LONG: usize = 100_000;

/// A response body, and how it is split.
struct Input {
    name: &'static str,
    body: Vec<u8>,
    /// Sizes of the chunks, repeated over the body.
    chunks: Vec<usize>,
    /// Events in the body; both decoders have to find them all.
    events: usize,
}

pub(super) async fn run(args: Args) -> Result<()> {
    ensure!(args.rounds > 0, "there is nothing to measure in 0 rounds");
    machine::print_heading();
    println!("measured  {} rounds, {} MiB each, MB/s at the median", args.rounds, args.bytes >> 20);
    println!("{:<40} {:>9} {:>19}  ratio", "input", "sse-core", "eventsource-stream");
    for input in inputs(args.bytes) {
        compare(&input, args.rounds).await?;
    }
    print_growth(args.line, args.rounds).await
}

fn inputs(bytes: usize) -> Vec<Input> {
    let json = |n: usize| {
        format!(
            r#"{{"symbol":"ACME","price":{}.{:02},"volume":{n:07},"time":"2026-11-22T08:17:38.747Z"}}"#,
            n % 900,
            n % 97
        )
    };
    let short = |n| format!("data: {}\n\n", json(n));
    let full = |n| format!("event: trade\r\nid: 6ce0ea04547f-{n}\r\ndata: {}\r\n\r\n", json(n));
    let pretty =
        |n| format!("event: trade\ndata: {{\ndata:   \"n\": {n},\ndata:   \"price\": 7\ndata: }}\n\n");
    let long = |n| format!("data: {n}{}\n\n", "x".repeat(LONG));
    let small: Vec<usize> = (1..=SMALL_CHUNKS).collect();
    vec![
        Input::new("short JSON", bytes, vec![CHUNK], short),
        Input::new("short JSON with type and id, CRLF", bytes, vec![CHUNK], full),
        Input::new("short JSON with type and id, one a chunk", bytes, vec![full(1).len()], |_| full(1)),
        Input::new("data of several lines", bytes, vec![CHUNK], pretty),
        Input::new("long data (100 KB)", bytes, vec![CHUNK], long),
        Input::new("short JSON, chunks of 1 to 64 bytes", bytes / 2, small, short),
    ]
}

impl Input {
    fn new(name: &'static str, bytes: usize, chunks: Vec<usize>, event: impl Fn(usize) -> String) -> Self {
        let mut body = Vec::with_capacity(bytes + bytes / 8);
        let mut events = 0;
        while events == 0 || body.len() < bytes {
            body.extend_from_slice(event(events).as_bytes());
            events += 1;
        }
        Self { name, body, chunks, events }
    }

    fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.body.as_slice();
        let sizes = self.chunks.iter().copied().cycle();
        sizes.map_while(move |size| {
            let (chunk, after) = rest.split_at(size.min(rest.len()));
            rest = after;
            (!chunk.is_empty()).then_some(chunk)
        })
    }

    /// Seconds of our decoder.
    fn ours(&self) -> Result<f64> {
        let (start, mut decoder, mut found) = (Instant::now(), Decoder::new(), 0);
        for chunk in self.chunks() {
            for event in decoder.feed(chunk) {
                found += usize::from(!std::hint::black_box(event?).data().is_empty());
            }
        }
        self.done(start, found)
    }

    /// Seconds of the other decoder.
    async fn theirs(&self) -> Result<f64> {
        let start = Instant::now();
        let mut found = 0;
        let mut events = stream::iter(self.chunks().map(Ok::<_, Infallible>)).eventsource();
        while let Some(event) = events.next().await {
            found += usize::from(!std::hint::black_box(event?).data.is_empty());
        }
        self.done(start, found)
    }

    fn done(&self, start: Instant, found: usize) -> Result<f64> {
        let seconds = start.elapsed().as_secs_f64();
        ensure!(found == self.events, "{}: {found} of {} events were read", self.name, self.events);
        Ok(seconds)
    }
}

async fn compare(input: &Input, rounds: u32) -> Result<()> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(input.ours()?);
        theirs.push(input.theirs().await?);
    }
    let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(ours, theirs)| theirs / ours).collect();
    let speed = |seconds: &[f64]| input.body.len() as f64 / 1e6 / median(seconds);
    let (ours, theirs) = (speed(&ours), speed(&theirs));
    println!("{:<40} {ours:>9.0} {theirs:>19.0}  {}", input.name, spread(&ratios));
    Ok(())
}

/// How much longer a line of twice the length takes: twice if decoding is linear, four times if quadratic.
async fn print_growth(line: usize, rounds: u32) -> Result<()> {
    let of = |bytes: usize| {
        Input::new("one line in many chunks", 1, (1..=SMALL_CHUNKS).collect(), |_| {
            format!("data: {}\n\n", "x".repeat(bytes))
        })
    };
    let (short, long) = (of(line), of(2 * line));
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let times = (long.ours()?, long.theirs().await?);
        ours.push(times.0 / short.ours()?);
        theirs.push(times.1 / short.theirs().await?);
        ratios.push(times.1 / times.0);
    }
    println!("one line in chunks of 1 to 64 bytes, {} KiB against {} KiB:", line >> 9, line >> 10);
    println!(
        "  time grows by {:.1} times in sse-core, by {:.1} times in eventsource-stream",
        median(&ours),
        median(&theirs)
    );
    let ratio = ratios.first().map(|_| spread(&ratios)).context("no rounds")?;
    println!("  ratio at {} KiB: {ratio}", line >> 9);
    Ok(())
}
