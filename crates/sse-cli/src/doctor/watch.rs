//! Observes a stream: opens it, watches it, and reconnects as other readers would. Judges nothing.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::write::MultiGzDecoder;
use jiff::Timestamp;
use sse_client::reqwest::Response;

use super::args::DoctorArgs;
use super::certificate::Certificate;
use super::observation::{Answer, Compressed, Cors, End, NoAnswer, Observation, Page, Resume, Stream};
use super::probe::{self, Opened, Probe, Trust};
use super::recording::Recording;
use crate::reason::reason;

/// How long events may take to arrive after resuming.
const RESUME_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_RESUMED_IDS: usize = 5;
/// Bytes that are decompressed at once; they grow at most a thousandfold.
const DECOMPRESSED_AT_ONCE: usize = 1024;

/// Watches the stream for as long as the arguments say.
pub(super) async fn observe(args: &DoctorArgs) -> anyhow::Result<Observation> {
    let url = args.stream.url.get();
    let mut probe = Probe::new(args, Trust::Configured)?;
    let (mut redirects, mut outcome) = probe.arrive(url).await;
    let mut refused = None;
    if let Err(NoAnswer::Unreachable(reason)) = &outcome
        && probe::is_about_the_certificate(reason)
    {
        refused = Some(reason.clone());
        // The rest is worth observing too.
        probe = Probe::new(args, Trust::Anything)?;
        (redirects, outcome) = probe.arrive(url).await;
    }
    let mut seen = Observation {
        url: url.clone(),
        socket: args.connection.unix_socket().map(Path::to_owned),
        watch: args.watch,
        idle: args.idle,
        page: args.origin.clone().map(|origin| Page { origin, credentials: args.credentials }),
        redirects,
        answer: Err(NoAnswer::Silent),
        stream: None,
        cors: None,
        certificate: refused.clone().map(|refused| Certificate { refused: Some(refused), facts: None }),
    };
    let opened = match outcome {
        Ok(opened) => opened,
        Err(none) => return Ok(Observation { answer: Err(none), ..seen }),
    };
    let answer = opened.answer.clone();
    if answer.url.scheme() == "https" {
        seen.certificate = Some(probe::certificate(&opened.response, refused));
    }
    if answer.is_event_stream() && can_decompress(&answer) {
        let (mut stream, compressed) =
            tokio::join!(watch(opened, args.watch, args.idle), compressed(&probe, &answer, args.watch));
        stream.compressed = compressed;
        stream.resume = resume(&probe, &answer, &stream.body).await;
        seen.stream = Some(stream);
    }
    if let Some(page) = &seen.page {
        let plain = probe.for_page(&answer.url, page).await;
        seen.cors = Some(Cors { plain, preflight: probe.preflight(&answer.url, page).await });
    }
    Ok(Observation { answer: Ok(answer), ..seen })
}

/// Records for the time of `watch`; with `idle` until it was silent for that long, at most that much longer.
async fn watch(opened: Opened, watch: Duration, idle: Option<Duration>) -> Stream {
    let Opened { answer, response, asked, began } = opened;
    let mut body = Decompressed::new(&answer, response);
    let mut recording = Recording::new(answer.at);
    let until = answer.at + watch;
    let end = loop {
        let silence = recording.silence_at(asked.elapsed());
        let wait = match idle {
            Some(idle) => {
                let silent = asked.elapsed() + idle.saturating_sub(silence);
                silent.max(until).min(until + idle)
            }
            None => until,
        };
        match body.next(wait.saturating_sub(asked.elapsed())).await {
            Ok(piece) => recording.piece(asked.elapsed(), &piece),
            Err(end) => break end,
        }
    };
    Stream { body: recording, began, end, ended: asked.elapsed(), compressed: None, resume: None }
}

/// Watches the same stream with gzip allowed. `None` if the server does not compress. No response, when there was one
/// without gzip, counts as a compressor that waits.
async fn compressed(probe: &Probe, main: &Answer, watched: Duration) -> Option<Compressed> {
    let until = Instant::now() + watched;
    let began = Timestamp::now();
    let nothing = Compressed { encoding: "gzip".to_owned(), body: Recording::default(), began };
    match probe.with_gzip(&main.url).await {
        Err(NoAnswer::Silent) => Some(nothing),
        Err(_) => None,
        Ok(opened) => {
            let encoding = probe::encoding(&opened.answer).filter(|_| can_decompress(&opened.answer))?;
            let left = until.saturating_duration_since(Instant::now());
            let stream = watch(opened, left, None).await;
            Some(Compressed { encoding, body: stream.body, began: stream.began })
        }
    }
}

fn can_decompress(answer: &Answer) -> bool {
    probe::encoding(answer).is_none_or(|encoding| encoding.eq_ignore_ascii_case("gzip"))
}

/// Resumes, and records the ids that arrive.
async fn resume(probe: &Probe, answer: &Answer, body: &Recording) -> Option<Resume> {
    let (after, ids) = body.resume_point();
    if after.is_empty() {
        return None;
    }
    let expected: Vec<String> = ids.take(MAX_RESUMED_IDS).map(str::to_owned).collect();
    let Opened { answer, response, asked, .. } = probe.resume(&answer.url, after).await?.ok()?;
    let mut body = Decompressed::new(&answer, response);
    let mut recording = Recording::new(answer.at);
    let enough = expected.len().max(1);
    let mut received = Vec::new();
    while received.len() < enough {
        let next = body.next(RESUME_TIMEOUT.saturating_sub(asked.elapsed())).await;
        let Ok(piece) = next else { break };
        recording.piece(asked.elapsed(), &piece);
        received = recording.events.iter().filter_map(|event| event.id.clone()).take(enough).collect();
    }
    let after = after.to_owned();
    Some(Resume { after, expected, received, status: answer.status, waited: asked.elapsed() })
}

struct Decompressed {
    response: Response,
    gzip: Option<MultiGzDecoder<Vec<u8>>>,
    /// Not decompressed yet.
    packed: Vec<u8>,
}

impl Decompressed {
    fn new(answer: &Answer, response: Response) -> Self {
        let gzip = probe::encoding(answer).map(|_| MultiGzDecoder::new(Vec::new()));
        Self { response, gzip, packed: Vec::new() }
    }

    /// The next piece, or how the stream is left: `End::Open` when nothing arrives in time.
    async fn next(&mut self, wait: Duration) -> Result<Vec<u8>, End> {
        let Some(gzip) = &mut self.gzip else { return receive(&mut self.response, wait).await };
        if self.packed.is_empty() {
            self.packed = receive(&mut self.response, wait).await?;
        }
        let some = self.packed.drain(..DECOMPRESSED_AT_ONCE.min(self.packed.len())).collect::<Vec<_>>();
        // Flushing hands out what the decoder buffers.
        match gzip.write_all(&some).and_then(|()| gzip.flush()) {
            Ok(()) => Ok(std::mem::take(gzip.get_mut())),
            Err(error) => Err(End::Broken(format!("not gzip: {error}"))),
        }
    }
}

async fn receive(response: &mut Response, wait: Duration) -> Result<Vec<u8>, End> {
    match tokio::time::timeout(wait, response.chunk()).await {
        Err(_) => Err(End::Open),
        Ok(Ok(None)) => Err(End::Ended),
        Ok(Ok(Some(piece))) => Ok(piece.to_vec()),
        Ok(Err(error)) => Err(End::Broken(reason(&error))),
    }
}
