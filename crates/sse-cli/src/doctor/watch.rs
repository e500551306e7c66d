//! One visit to a stream: opens it, watches it, comes back as other readers would. Fills in the observation and
//! judges nothing.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::write::MultiGzDecoder;
use jiff::Timestamp;
use sse_client::reqwest::Response;

use super::args::DoctorArgs;
use super::certificate::Certificate;
use super::observation::{Answer, Compressed, Cors, End, NoAnswer, Observation, Page, Resume, Stream};
use super::probe::{self, Arrival, Opened, Probe, Trust};
use super::recording::Recording;

/// How long the events after a known one may take to come again.
const RESUME: Duration = Duration::from_secs(5);
/// So many of them are enough.
const RESUMED_IDS: usize = 5;
/// Packed bytes that are unpacked at once: they become at most a thousand times as many.
const UNPACKED_AT_ONCE: usize = 1024;

/// Watches the stream for as long as the arguments say.
///
/// # Errors
/// When the client cannot be set up.
pub(super) async fn observe(args: &DoctorArgs) -> anyhow::Result<Observation> {
    let mut probe = Probe::new(args, Trust::AsAsked)?;
    let mut arrival = probe.arrive(args.url.get()).await;
    let mut refused = None;
    if let Err(NoAnswer::Unreachable(reason)) = &arrival.outcome
        && probe::is_about_the_certificate(reason)
    {
        refused = Some(reason.clone());
        // The rest is worth knowing too.
        probe = Probe::new(args, Trust::Anything)?;
        arrival = probe.arrive(args.url.get()).await;
    }
    let page = args.origin.clone().map(|origin| Page { origin, credentials: args.credentials });
    Ok(look_around(args, &probe, arrival, page, refused).await)
}

async fn look_around(
    args: &DoctorArgs,
    probe: &Probe,
    arrival: Arrival,
    page: Option<Page>,
    refused: Option<String>,
) -> Observation {
    let mut seen = Observation {
        url: args.url.get().clone(),
        socket: args.connection.unix_socket().map(Path::to_owned),
        watch: args.watch,
        idle: args.idle,
        page,
        redirects: arrival.redirects,
        answer: Err(NoAnswer::Silent),
        stream: None,
        cors: None,
        certificate: refused.clone().map(|refused| Certificate { refused: Some(refused), facts: None }),
    };
    let opened = match arrival.outcome {
        Ok(opened) => opened,
        Err(none) => return Observation { answer: Err(none), ..seen },
    };
    let answer = opened.answer.clone();
    if answer.url.scheme() == "https" {
        seen.certificate = Some(probe::certificate(&opened.response, refused));
    }
    if answer.is_event_stream() && can_unpack(&answer) {
        let (mut stream, compressed) =
            tokio::join!(watch(opened, args.watch, args.idle), compressed(probe, &answer, args.watch));
        stream.compressed = compressed;
        stream.resume = resume(probe, &answer, &stream.body).await;
        seen.stream = Some(stream);
    }
    if let Some(page) = &seen.page {
        let plain = probe.for_page(&answer.url, page).await;
        seen.cors = Some(Cors { plain, preflight: probe.preflight(&answer.url, page).await });
    }
    Observation { answer: Ok(answer), ..seen }
}

/// Records until `watch` is over; with `idle`, until it was silent for so long, at most that much longer.
async fn watch(opened: Opened, watch: Duration, idle: Option<Duration>) -> Stream {
    let Opened { answer, response, asked, began } = opened;
    let mut body = Unpacked::new(&answer, response);
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
            Next::Piece(piece) => recording.piece(asked.elapsed(), &piece),
            Next::Nothing => break End::Open,
            Next::End => break End::Ended,
            Next::Broken(reason) => break End::Broken(reason),
        }
    };
    Stream { body: recording, began, end, ended: asked.elapsed(), compressed: None, resume: None }
}

/// Watches the same stream with gzip allowed. `None` if the server does not compress. When no answer comes, though one
/// came without gzip, it is taken for a compressor that waits.
async fn compressed(probe: &Probe, main: &Answer, watched: Duration) -> Option<Compressed> {
    let until = Instant::now() + watched;
    let began = Timestamp::now();
    let nothing = Compressed { encoding: "gzip".to_owned(), body: Recording::default(), began };
    match probe.with_gzip(&main.url).await {
        Err(NoAnswer::Silent) => Some(nothing),
        Err(_) => None,
        Ok(opened) => {
            let encoding = probe::encoding(&opened.answer).filter(|_| can_unpack(&opened.answer))?;
            let left = until.saturating_duration_since(Instant::now());
            let stream = watch(opened, left, None).await;
            Some(Compressed { encoding, body: stream.body, began: stream.began })
        }
    }
}

fn can_unpack(answer: &Answer) -> bool {
    probe::encoding(answer).is_none_or(|encoding| encoding.eq_ignore_ascii_case("gzip"))
}

/// Comes back with the first id that others followed; without such, with the last id.
async fn resume(probe: &Probe, answer: &Answer, body: &Recording) -> Option<Resume> {
    let mut ids = body.events.iter().filter_map(|event| event.id.clone()).filter(|id| !id.is_empty());
    let after = ids.next().unwrap_or_else(|| body.last_event_id().to_owned());
    if after.is_empty() {
        return None;
    }
    let expected: Vec<String> = ids.take(RESUMED_IDS).collect();
    let Opened { answer, response, asked, .. } = probe.resume(&answer.url, &after).await?.ok()?;
    let mut unpacked = Unpacked::new(&answer, response);
    let mut recording = Recording::new(answer.at);
    let enough = expected.len().max(1);
    let mut came = Vec::new();
    while came.len() < enough {
        match unpacked.next(RESUME.saturating_sub(asked.elapsed())).await {
            Next::Piece(piece) => recording.piece(asked.elapsed(), &piece),
            _ => break,
        }
        came = recording.events.iter().filter_map(|event| event.id.clone()).take(enough).collect();
    }
    Some(Resume { after, expected, came, status: answer.status, waited: asked.elapsed() })
}

/// A body as it comes, without gzip around it.
struct Unpacked {
    response: Response,
    gzip: Option<MultiGzDecoder<Vec<u8>>>,
    /// What came and is not unpacked yet.
    packed: Vec<u8>,
}

enum Next {
    Piece(Vec<u8>),
    /// The wait is over.
    Nothing,
    End,
    Broken(String),
}

impl Unpacked {
    fn new(answer: &Answer, response: Response) -> Self {
        let gzip = probe::encoding(answer).map(|_| MultiGzDecoder::new(Vec::new()));
        Self { response, gzip, packed: Vec::new() }
    }

    async fn next(&mut self, wait: Duration) -> Next {
        let Some(gzip) = &mut self.gzip else { return receive(&mut self.response, wait).await };
        if self.packed.is_empty() {
            match receive(&mut self.response, wait).await {
                Next::Piece(piece) => self.packed = piece,
                other => return other,
            }
        }
        let some = self.packed.drain(..UNPACKED_AT_ONCE.min(self.packed.len())).collect::<Vec<_>>();
        // The second hands out what the decoder holds back to fill its buffer.
        match gzip.write_all(&some).and_then(|()| gzip.flush()) {
            Ok(()) => Next::Piece(std::mem::take(gzip.get_mut())),
            Err(error) => Next::Broken(format!("not gzip: {error}")),
        }
    }
}

async fn receive(response: &mut Response, wait: Duration) -> Next {
    match tokio::time::timeout(wait, response.chunk()).await {
        Err(_) => Next::Nothing,
        Ok(Ok(None)) => Next::End,
        Ok(Ok(Some(piece))) => Next::Piece(piece.to_vec()),
        Ok(Err(error)) => Next::Broken(probe::reason(&error)),
    }
}
