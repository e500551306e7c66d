//! The loop of `tail`: takes the signals of the streams, writes their events, and moves the cursor after them.

use std::ops::ControlFlow::{self, Break, Continue};
use std::time::Duration;

use jiff::Timestamp;
use sse_client::{CloseReason, Event, HubBlock, Interruption, Reconnecting, Signal};
use tokio::time::Instant;

use super::args::TailArgs;
use super::cursor::{Cursor, Position};
use super::event_view::EventView;
use super::gap;
use super::output::Output;
use super::sink::Sink;
use super::start_at::StartAt;
use super::streams::{Loss, Streams};
use crate::exit::Exit;
use crate::problem_details;
use crate::reason::reason;
use crate::status::{self, Status};
use crate::stop::Stop;

/// While events arrive without a pause, they are written and the cursor is stored this often.
const SETTLE_INTERVAL: Duration = Duration::from_secs(1);

pub(super) struct Follow {
    pub(super) args: TailArgs,
    pub(super) start: StartAt,
    pub(super) streams: Streams,
    pub(super) output: Output,
    pub(super) sink: Sink,
    pub(super) cursor: Option<Cursor>,
    pub(super) status: Status,
    pub(super) stop: Stop,
    /// Events that may still be shown.
    pub(super) remaining: Option<u64>,
    /// The id that the cursor is moved to next: everything up to it was shown.
    pub(super) position: String,
    pub(super) settled: Instant,
    /// Events on which --jq failed.
    pub(super) skipped: u64,
    /// The first exit code of a stream that is not 0.
    pub(super) exit: Exit,
}

impl Follow {
    pub(super) async fn run(mut self) -> anyhow::Result<Exit> {
        let exit = self.follow().await;
        if self.skipped > 1 {
            self.status.waiting(format!("skipped {} events on which --jq failed", self.skipped));
        }
        let exit = exit?;
        self.settle()?;
        Ok(exit)
    }

    async fn follow(&mut self) -> anyhow::Result<Exit> {
        // Stores the length of the output before the first event, so that a crash cannot lose it.
        self.settle()?;
        // Checked before each event, because on a busy stream there is always one ready.
        while !self.stop.is_stopped() {
            let (index, signal) = match self.streams.ready().await {
                Some(signal) => signal,
                None => match self.idle().await? {
                    Continue(Some(signal)) => signal,
                    Continue(None) => continue,
                    Break(exit) => return Ok(exit),
                },
            };
            if let Break(exit) = self.process(index, signal).await? {
                return Ok(exit);
            }
        }
        Ok(Exit::Interrupted)
    }

    /// No signal is ready: writes and stores, then waits.
    async fn idle(&mut self) -> anyhow::Result<ControlFlow<Exit, Option<(usize, Signal)>>> {
        if let Some(stream) = self.streams.only().filter(|_| self.cursor.is_some()) {
            // Blocks without data move it as well.
            stream.source.last_event_id().clone_into(&mut self.position);
        }
        if !self.settle()? {
            return Ok(Break(Exit::Done));
        }
        if let Some(index) = self.streams.complete() {
            return Ok(self.finish(index, Exit::Done).map_continue(|()| None));
        }
        let (index, deadline) = self.streams.deadline().unzip();
        let deadline = async move {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.stop.wait() => Ok(Break(Exit::Interrupted)),
            signal = self.streams.next() => Ok(Continue(Some(signal))),
            () = deadline => Ok(self.at_deadline(index.unwrap_or_default()).map_continue(|()| None)),
        }
    }

    fn at_deadline(&mut self, index: usize) -> ControlFlow<Exit> {
        let Some(stream) = self.streams.get(index) else { return Continue(()) };
        match stream.at_deadline() {
            Loss::GiveUp => {
                let (url, exit) = (stream.source.url(), stream.failure);
                let address = self.args.connection.peer(url).address();
                let wait = humantime::format_duration(self.args.end.wait.unwrap_or_default());
                status::error(&format!("no connection to {address} for {wait}"));
                self.finish(index, exit)
            }
            _ => self.finish(index, Exit::Done),
        }
    }

    async fn process(&mut self, index: usize, signal: Signal) -> anyhow::Result<ControlFlow<Exit>> {
        match signal {
            Signal::Opened(opened) => {
                let peer = self.args.connection.peer(&opened.url);
                self.status.good(format!("connected to {peer}"));
                if let Some(stream) = self.streams.get(index) {
                    stream.opened();
                }
            }
            Signal::Event(event) => return self.event(index, &event).await,
            Signal::Dropped(error) => {
                self.status.lost(&error.to_string());
                if self.args.end.fail_on_gap {
                    return Ok(Break(Exit::Lost));
                }
            }
            Signal::Reconnecting(lost) => return Ok(self.lost(index, &lost)),
            Signal::Closed(reason) => {
                let exit = self.closed(index, reason).await;
                return Ok(self.finish(index, exit));
            }
            _ => {}
        }
        Ok(Continue(()))
    }

    async fn event(&mut self, index: usize, event: &Event) -> anyhow::Result<ControlFlow<Exit>> {
        if self.streams.get(index).is_some_and(|stream| stream.is_past_end(event)) {
            return Ok(self.finish(index, Exit::Done));
        }
        let gap = gap::message(event);
        if let Some(gap) = &gap {
            self.status.lost(gap);
            if self.args.end.fail_on_gap {
                return Ok(Break(Exit::Lost));
            }
        }
        let shown = match self.args.filter.apply(event) {
            Ok(None) => false,
            Ok(Some(data)) => match self.show(index, event, &data, gap.is_some()).await? {
                Continue(()) => true,
                Break(exit) => return Ok(Break(exit)),
            },
            Err(error) => {
                self.skipped += 1;
                self.status.skipped(self.skipped, event, &error);
                false
            }
        };
        event.last_event_id().clone_into(&mut self.position);
        if shown && let Some(remaining) = &mut self.remaining {
            *remaining -= 1;
        }
        let due = self.sink.is_full() || self.settled.elapsed() >= SETTLE_INTERVAL;
        if (due || self.sink.exec().is_some()) && !self.settle()? {
            return Ok(Break(Exit::Done));
        }
        if self.remaining == Some(0) {
            return Ok(Break(self.exit));
        }
        let Some(stream) = self.streams.get(index) else { return Ok(Continue(())) };
        stream.event_done(event);
        let complete = stream.is_complete(event.last_event_id());
        Ok(if complete { self.finish(index, Exit::Done) } else { Continue(()) })
    }

    /// Breaks when stopped before a command has succeeded.
    async fn show(
        &mut self,
        index: usize,
        event: &Event,
        data: &str,
        is_gap: bool,
    ) -> anyhow::Result<ControlFlow<Exit>> {
        let Some(stream) = self.streams.get(index) else { return Ok(Continue(())) };
        let view = EventView {
            id: event.last_event_id(),
            own_id: event.id().unwrap_or_default(),
            event_type: event.event_type(),
            topic: event.topic(),
            data,
            url: &stream.url,
            name: &stream.name,
            hub: event.hub().map(HubBlock::as_str),
            is_gap,
            published: event.time().and_then(|time| time.parse().ok()),
            received: Timestamp::now(),
        };
        let text = self.output.text(&view, self.sink.columns());
        let Some(exec) = self.sink.exec() else {
            self.sink.put(&text);
            return Ok(Continue(()));
        };
        let done = exec.run(&view, &text, &self.status, &mut self.stop).await?;
        Ok(if done { Continue(()) } else { Break(Exit::Interrupted) })
    }

    /// Writes the buffer, then stores the cursor. Gives `false` when stdout is closed.
    fn settle(&mut self) -> anyhow::Result<bool> {
        self.settled = Instant::now();
        if !self.sink.flush()? {
            return Ok(false);
        }
        if let Some(cursor) = &mut self.cursor {
            let position = Position { id: self.position.clone(), output_bytes: self.sink.bytes() };
            if cursor.position.as_ref() != Some(&position) {
                self.sink.sync()?;
                cursor.store(position)?;
            }
        }
        Ok(true)
    }

    fn lost(&mut self, index: usize, lost: &Reconnecting) -> ControlFlow<Exit> {
        let Some(stream) = self.streams.get(index) else { return Continue(()) };
        stream.failure = match &lost.reason {
            Interruption::Status(status) => Exit::from_status(*status),
            _ => Exit::Failed,
        };
        let (url, exit) = (stream.source.url().clone(), stream.failure);
        let peer = self.args.connection.peer(&url);
        let unanswered = matches!(&lost.reason, Interruption::Network(error) if !error.is_connect());
        let was_open = stream.opened;
        if unanswered
            && !was_open
            && let Some(hint) = self.args.connection.no_response_hint(&url)
        {
            self.status.hint(hint);
        }
        match stream.lost(matches!(lost.reason, Interruption::End)) {
            Loss::Reconnect => {
                self.status.reconnecting(&stream.name, &peer, was_open, lost);
                Continue(())
            }
            Loss::Closed => {
                self.status.good(stream.ended().unwrap_or_default());
                self.finish(index, Exit::Done)
            }
            Loss::End => {
                self.status.waiting("end of the stream".to_owned());
                self.finish(index, Exit::Done)
            }
            Loss::Broken => {
                let why = reason(&lost.reason);
                status::error(&format!("{peer}: connection lost ({why}); the request is not repeated"));
                self.finish(index, exit)
            }
            Loss::GiveUp => {
                status::error(&format!("cannot connect to {} ({})", peer.address(), reason(&lost.reason)));
                self.finish(index, exit)
            }
        }
    }

    async fn closed(&mut self, index: usize, reason: CloseReason) -> Exit {
        let url = self.streams.url(index);
        let mut text = format!("{url}: {reason}");
        let exit = match reason {
            CloseReason::NoContent => {
                self.status.waiting("the server ended the stream (204)".to_owned());
                return Exit::Done;
            }
            CloseReason::Status(response) => {
                let (status, exit) = (response.status(), Exit::from_status(response.status()));
                text += &problem_details::read(*response).await.to_string();
                if status.as_u16() == 400
                    && let Some((name, _)) = self.start.parameter()
                {
                    text += &format!(" (the server may not support --{name})");
                }
                exit
            }
            _ => Exit::Failed,
        };
        status::error(&text);
        exit
    }

    /// Ends one stream, and the run with the last one.
    fn finish(&mut self, index: usize, exit: Exit) -> ControlFlow<Exit> {
        self.streams.finish(index);
        if self.exit == Exit::Done {
            self.exit = exit;
        }
        if self.streams.all_finished() { Break(self.exit) } else { Continue(()) }
    }
}
