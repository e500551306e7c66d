//! What client and server saw of one source's life, line by line, for comparing: requests with their ids, signals, and
//! delays that were kept.

use std::time::{Duration, Instant};

use sse_client::{Builder, CloseReason, Signal};

use super::{DEADLINE, quick};
use crate::server::{Request, Script, Server};

/// Runs a source against these answers to its end, and compares what happened. A server without a script left answers
/// 204, which ends a source.
///
/// A request is `> METHOD PATH`, with its `Last-Event-ID` in brackets and its body after a colon, if there are any. A
/// delay is written as it was announced; that no request came sooner has been looked at. Gives the requests.
pub(crate) async fn tell(
    scripts: impl IntoIterator<Item = Script>,
    options: impl FnOnce(Builder) -> Builder,
    expected: &str,
) -> Vec<Request> {
    let mut server = Server::start(scripts).await;
    let source = options(quick(&server));
    tell_of(&mut server, source, expected).await
}

/// As [`tell`], of a source and a server at hand.
pub(crate) async fn tell_of(server: &mut Server, source: Builder, expected: &str) -> Vec<Request> {
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let story = happen(server, source).await;
    assert_eq!(story.lines, expected, "\n{}", story.lines.join("\n"));
    story.requests
}

/// What happened.
#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) lines: Vec<String>,
    pub(crate) signals: Vec<Signal>,
    pub(crate) requests: Vec<Request>,
}

/// Runs a source to its end.
pub(crate) async fn happen(server: &mut Server, source: Builder) -> Story {
    let mut source = source.build().unwrap();
    let mut story = Story::default();
    let mut wait = None;
    while let Some(signal) = tokio::time::timeout(DEADLINE, source.next()).await.expect("an end in time") {
        story.take_requests(server, &mut wait);
        if let Signal::Reconnecting(lost) = &signal {
            wait = story.requests.last().map(|before| (before.at, lost.delay));
        }
        story.lines.push(line(&signal));
        story.signals.push(signal);
    }
    story
}

impl Story {
    /// Requests are noted before they are answered, so all of them come before the signal that an answer leads to.
    fn take_requests(&mut self, server: &mut Server, wait: &mut Option<(Instant, Duration)>) {
        while let Some(request) = server.next_request() {
            if let Some((before, delay)) = wait.take() {
                let waited = request.at - before;
                assert!(waited >= delay, "came back after {waited:?}, not {delay:?}");
            }
            self.lines.push(request.in_words());
            self.requests.push(request);
        }
    }

    /// The delays that were announced.
    pub(crate) fn delays(&self) -> Vec<Duration> {
        let announced = |signal: &Signal| match signal {
            Signal::Reconnecting(lost) => Some(lost.delay),
            _ => None,
        };
        self.signals.iter().filter_map(announced).collect()
    }
}

/// A signal in one line.
pub(crate) fn line(signal: &Signal) -> String {
    match signal {
        Signal::Opened(opened) => format!("opened {}", opened.url.path()),
        Signal::Event(event) => {
            format!("{} [{}] {}", event.event_type(), event.last_event_id(), event.data())
        }
        Signal::Dropped(error) => format!("dropped: {error}"),
        Signal::Reconnecting(lost) => {
            format!("again in {} ms, {}: {}", lost.delay.as_millis(), lost.attempt, lost.reason)
        }
        Signal::Closed(CloseReason::NoContent) => "closed by 204".to_owned(),
        Signal::Closed(reason) => format!("closed: {reason}"),
        other => format!("{other:?}"),
    }
}
