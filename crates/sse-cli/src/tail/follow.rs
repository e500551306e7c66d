//! The loop of `tail`: takes what the streams give, shows it, and moves the cursor behind it.

use std::ops::ControlFlow::{self, Break, Continue};
use std::time::Duration;

use jiff::Zoned;
use sse_client::{CloseReason, Event, Interruption, Reconnecting, Signal};
use tokio::time::Instant;

use super::args::TailArgs;
use super::begin::Begin;
use super::cursor::{Cursor, Place};
use super::shape::{Shape, Shown};
use super::sink::Sink;
use super::streams::{Loss, Streams};
use crate::exit::Exit;
use crate::refusal;
use crate::stop::Stop;
use crate::talk::{self, Talk};

/// While events come without a pause, they are written and the cursor is moved at least so often.
const SETTLE_EVERY: Duration = Duration::from_secs(1);

/// The state of one run.
pub(super) struct Follow {
    pub(super) args: TailArgs,
    pub(super) begin: Begin,
    pub(super) streams: Streams,
    pub(super) shape: Shape,
    pub(super) sink: Sink,
    pub(super) cursor: Option<Cursor>,
    pub(super) talk: Talk,
    pub(super) stop: Stop,
    /// Events that may still be shown.
    pub(super) left: Option<u64>,
    /// What the cursor is moved to next: everything up to it was shown.
    pub(super) position: String,
    pub(super) settled: Instant,
    /// Events that --jq could not be run on.
    pub(super) unusable: u64,
    /// The worst end of a stream.
    pub(super) exit: Exit,
}

impl Follow {
    /// Runs to the end.
    ///
    /// # Errors
    /// When the output cannot be written, the cursor cannot be stored, or a command fails for good.
    pub(super) async fn run(mut self) -> anyhow::Result<Exit> {
        let exit = self.follow().await;
        self.talk.unusable_in_all(self.unusable);
        let exit = exit?;
        self.settle()?;
        Ok(exit)
    }

    async fn follow(&mut self) -> anyhow::Result<Exit> {
        // The length of the output belongs to the first place too, so that a crash before the second is no danger.
        self.settle()?;
        // Looked at before each event, because on a busy stream there is always one at hand.
        while !self.stop.is_told() {
            let (index, signal) = match self.streams.at_hand().await {
                Some(signal) => signal,
                None => match self.pause().await? {
                    Continue(Some(signal)) => signal,
                    Continue(None) => continue,
                    Break(exit) => return Ok(exit),
                },
            };
            if let Break(exit) = self.take(index, signal).await? {
                return Ok(exit);
            }
        }
        Ok(Exit::Interrupted)
    }

    /// Nothing is at hand: brings things in order, then waits.
    async fn pause(&mut self) -> anyhow::Result<ControlFlow<Exit, Option<(usize, Signal)>>> {
        if let Some(stream) = self.streams.only().filter(|_| self.cursor.is_some()) {
            // Blocks without data move it too.
            stream.source().last_event_id().clone_into(&mut self.position);
        }
        if !self.settle()? {
            return Ok(Break(Exit::Done));
        }
        if let Some(index) = self.streams.complete() {
            return Ok(self.finish(index, Exit::Done).map_continue(|()| None));
        }
        let (index, deadline) = self.streams.deadline().unzip();
        let overdue = async move {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.stop.wait() => Ok(Break(Exit::Interrupted)),
            signal = self.streams.next() => Ok(Continue(Some(signal))),
            () = overdue => Ok(self.overdue(index.unwrap_or_default()).map_continue(|()| None)),
        }
    }

    fn overdue(&mut self, index: usize) -> ControlFlow<Exit> {
        let Some(stream) = self.streams.get(index) else { return Continue(()) };
        match stream.overdue() {
            Loss::GiveUp => {
                let (url, exit) = (stream.source().url(), stream.trouble);
                let peer = self.args.connection.peer(url);
                self.talk.gave_up(&peer, self.args.begin.wait.unwrap_or_default());
                self.finish(index, exit)
            }
            _ => self.finish(index, Exit::Done),
        }
    }

    async fn take(&mut self, index: usize, signal: Signal) -> anyhow::Result<ControlFlow<Exit>> {
        match signal {
            Signal::Opened(opened) => {
                self.talk.connected(&self.args.connection.peer(&opened.url));
                if let Some(stream) = self.streams.get(index) {
                    stream.opened();
                }
            }
            Signal::Event(event) => return self.event(index, &event).await,
            Signal::Dropped(error) => {
                self.talk.dropped(error);
                if self.args.begin.fail_on_gap {
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
        if self.talk.gap(event) && self.args.begin.fail_on_gap {
            return Ok(Break(Exit::Lost));
        }
        let shown = match self.args.filter.apply(event) {
            Ok(None) => false,
            Ok(Some(data)) => match self.show(index, event, &data).await? {
                Continue(()) => true,
                Break(exit) => return Ok(Break(exit)),
            },
            Err(error) => {
                self.unusable += 1;
                self.talk.unusable(self.unusable, event, &error);
                false
            }
        };
        event.last_event_id().clone_into(&mut self.position);
        if shown && let Some(left) = &mut self.left {
            *left -= 1;
        }
        let due = self.sink.is_full() || self.settled.elapsed() >= SETTLE_EVERY;
        if (due || matches!(self.sink, Sink::Command(_))) && !self.settle()? {
            return Ok(Break(Exit::Done));
        }
        if self.left == Some(0) {
            return Ok(Break(self.exit));
        }
        let Some(stream) = self.streams.get(index) else { return Ok(Continue(())) };
        stream.heard();
        let complete = stream.is_complete(event.last_event_id());
        Ok(if complete { self.finish(index, Exit::Done) } else { Continue(()) })
    }

    /// Breaks when told to stop before a command has succeeded.
    async fn show(&mut self, index: usize, event: &Event, data: &str) -> anyhow::Result<ControlFlow<Exit>> {
        let Some(stream) = self.streams.get(index) else { return Ok(Continue(())) };
        let shown = Shown {
            id: event.last_event_id(),
            own_id: event.id().unwrap_or_default(),
            event_type: event.event_type(),
            topic: event.topic(),
            data,
            url: &stream.url,
            name: &stream.name,
            time: Zoned::now(),
        };
        let text = self.shape.text(&shown, self.sink.columns());
        match &mut self.sink {
            Sink::Stdout(lines) => lines.put(&text),
            Sink::File(file) => file.put(&text),
            Sink::Command(exec) if !exec.run(&shown, &text, &self.talk, &mut self.stop).await? => {
                return Ok(Break(Exit::Interrupted));
            }
            Sink::Command(_) => {}
        }
        Ok(Continue(()))
    }

    /// Writes what is held back, and then moves the cursor behind it. Gives `false` when nobody reads any more.
    fn settle(&mut self) -> anyhow::Result<bool> {
        self.settled = Instant::now();
        if !self.sink.flush()? {
            return Ok(false);
        }
        if let Some(cursor) = &mut self.cursor {
            let place = Place { id: self.position.clone(), output_bytes: self.sink.bytes() };
            if cursor.place() != Some(&place) {
                self.sink.sync()?;
                cursor.store(place)?;
            }
        }
        Ok(true)
    }

    fn lost(&mut self, index: usize, lost: &Reconnecting) -> ControlFlow<Exit> {
        let Some(stream) = self.streams.get(index) else { return Continue(()) };
        stream.trouble = match &lost.reason {
            Interruption::Status(status) => Exit::from_status(*status),
            _ => Exit::Failed,
        };
        let (url, exit) = (stream.source().url().clone(), stream.trouble);
        let peer = self.args.connection.peer(&url);
        let unanswered = matches!(&lost.reason, Interruption::Network(error) if !error.is_connect());
        let was_open = stream.was_open();
        if unanswered
            && !was_open
            && let Some(doubt) = self.args.connection.doubt(&url)
        {
            self.talk.hint(doubt);
        }
        match stream.lost(matches!(lost.reason, Interruption::End)) {
            Loss::Again => {
                self.talk.reconnecting(&stream.name, &peer, was_open, lost);
                Continue(())
            }
            Loss::End => {
                self.talk.over();
                self.finish(index, Exit::Done)
            }
            Loss::Broken => {
                self.talk.broken(&peer, &lost.reason);
                self.finish(index, exit)
            }
            Loss::GiveUp => {
                self.talk.unreachable(&peer, &lost.reason);
                self.finish(index, exit)
            }
        }
    }

    /// Says why a stream has ended for good.
    async fn closed(&mut self, index: usize, reason: CloseReason) -> Exit {
        let url = self.streams.url(index);
        let mut text = format!("{url}: {reason}");
        let exit = match reason {
            CloseReason::NoContent => {
                self.talk.ended();
                return Exit::Done;
            }
            CloseReason::Status(response) => {
                let (status, exit) = (response.status(), Exit::from_status(response.status()));
                if let Some(refusal) = refusal::read(*response).await {
                    text = format!("{text}: {refusal}");
                }
                if status.as_u16() == 400
                    && let Some(option) = self.begin.option()
                {
                    text = format!("{text} (the server may not know what {option} asks for)");
                }
                exit
            }
            _ => Exit::Failed,
        };
        talk::error(&text);
        exit
    }

    /// One stream is at its end. The run is when all are.
    fn finish(&mut self, index: usize, exit: Exit) -> ControlFlow<Exit> {
        self.streams.finish(index);
        if self.exit == Exit::Done {
            self.exit = exit;
        }
        if self.streams.all_over() { Break(self.exit) } else { Continue(()) }
    }
}
