//! The body of an event stream: frames, heartbeats, gaps, the end. Pulled by the connection whenever its write buffer has
//! room, so a slow consumer costs nothing here. Direct writes go past it; it only learns of them.

use std::any::Any;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use sse_core::payload::Gap;
use sse_core::{HubBlock, RecordId, encode};
use sse_hub::{ConnectionCount, Delivery, Subscription};
use tokio::time::{Instant, Sleep, sleep};

use crate::json_event::json_event;

/// The body of one response.
pub(crate) struct EventBody {
    subscription: Subscription,
    /// Retry hint and greeting, until they are written.
    opening: Option<Bytes>,
    heartbeat: Option<Duration>,
    /// Wakes the task for a heartbeat. Lags behind `written` and is only moved when it fires, so that an
    /// event costs no timer operation.
    timer: Option<Pin<Box<Sleep>>>,
    /// When the last bytes were given to the connection from here.
    written: Instant,
    /// Seq of the last id sent from here; direct writes are not counted.
    last_id_sent: u64,
    /// For the log; empty on sockets without addresses.
    peer: String,
    opened: Instant,
    _counted: ConnectionCount,
    /// What ends with the connection.
    held: Option<Box<dyn Any>>,
}

impl EventBody {
    pub(super) fn new(
        subscription: Subscription,
        opening: Bytes,
        heartbeat: Option<Duration>,
        peer: Option<SocketAddr>,
    ) -> Self {
        let now = Instant::now();
        let last_id_sent = subscription.position().seq;
        let counted = subscription.hub().counters().open_connection();
        let peer = peer.map(|peer| peer.to_string()).unwrap_or_default();
        tracing::info!(%peer, topics = %subscription.selectors(), after = last_id_sent, "subscription opened");
        Self {
            subscription,
            opening: Some(opening),
            heartbeat,
            timer: heartbeat.map(|silence| Box::pin(sleep(silence))),
            written: now,
            last_id_sent,
            peer,
            opened: now,
            _counted: counted,
            held: None,
        }
    }

    /// Keeps `guard` for as long as the connection is open.
    pub(crate) fn holding(mut self, guard: impl Any) -> Self {
        self.held = Some(Box::new(guard));
        self
    }

    /// The next bytes, once there are some.
    fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(opening) = self.opening.take() {
            return Poll::Ready(Some(opening));
        }
        match self.subscription.poll_next(context) {
            Poll::Ready(delivery) => {
                self.last_id_sent = self.subscription.position().seq;
                Poll::Ready(match delivery {
                    Delivery::Frames(frames) => Some(frames),
                    Delivery::Gap(gap, id) => Some(gap_frame(&gap, id)),
                    Delivery::End => None,
                })
            }
            Poll::Pending => self.poll_heartbeat(context).map(Some),
        }
    }

    fn poll_heartbeat(&mut self, context: &mut Context<'_>) -> Poll<Bytes> {
        let (Some(silence), Some(timer)) = (self.heartbeat, &mut self.timer) else {
            return Poll::Pending;
        };
        loop {
            ready!(timer.as_mut().poll(context));
            let sent = self.subscription.last_direct_write().map(|(_, sent)| sent);
            let due = sent.map_or(self.written, |sent| sent.max(self.written)) + silence;
            let now = Instant::now();
            if due <= now {
                timer.as_mut().reset(now + silence);
                break;
            }
            timer.as_mut().reset(due);
        }
        Poll::Ready(self.heartbeat())
    }

    /// A comment; or, when events of other topics have moved the position, the id to resume from, so that a
    /// quiet stream resumes cheaply.
    fn heartbeat(&mut self) -> Bytes {
        let mut block = Vec::with_capacity(32);
        let position = self.subscription.position();
        let sent = self.subscription.last_direct_write().map_or(0, |(seq, _)| seq);
        if position.seq > self.last_id_sent.max(sent) {
            self.last_id_sent = position.seq;
            encode::id_only(&mut block, &position.to_event_id());
        } else {
            encode::comment(&mut block, "heartbeat");
        }
        block.into()
    }
}

impl MessageBody for EventBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let body = self.get_mut();
        let bytes = ready!(body.poll_bytes(context));
        body.written = Instant::now();
        Poll::Ready(bytes.map(Ok))
    }
}

impl Drop for EventBody {
    fn drop(&mut self) {
        let (peer, topics) = (&self.peer, self.subscription.selectors());
        let seconds = self.opened.elapsed().as_secs();
        let position = self.subscription.position().seq;
        tracing::info!(%peer, %topics, position, seconds, "subscription closed");
    }
}

/// The gap as an event; its id is where the stream goes on. If the connection drops right after it, the next gap may
/// report the losses of other topics again.
fn gap_frame(gap: &Gap, id: RecordId) -> Bytes {
    let mut frame = Vec::with_capacity(128);
    let event = json_event("gap", gap).with_id(id.to_event_id()).with_hub(HubBlock::Gap);
    encode::event(&mut frame, &event);
    frame.into()
}

#[cfg(test)]
mod tests {
    use sse_core::{Event, Topic};
    use sse_hub::{DirectWriter, Fanout, Hub, Policies, Selectors, SharedFrames, Start, WriteOutcome};
    use std::rc::{Rc, Weak};
    use tokio::task::{LocalSet, yield_now};
    use tokio::time::{advance, pause};
    use tokio_util::sync::CancellationToken;

    use super::*;

    /// A connection that always has room.
    #[derive(Debug)]
    struct Idle;

    impl DirectWriter for Idle {
        fn write(&self, _: &SharedFrames) -> WriteOutcome {
            WriteOutcome::Complete
        }
    }

    fn poll(body: &mut EventBody) -> Poll<Bytes> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        Pin::new(body).poll_next(&mut context).map(|bytes| bytes.unwrap().unwrap())
    }

    #[tokio::test]
    async fn a_direct_write_puts_the_heartbeat_off() {
        let hub = Hub::in_memory(&Policies::default());
        let idle = Rc::new(Idle);
        pause();
        LocalSet::new()
            .run_until(async {
                let topic = Topic::new("a").unwrap();
                let fanout = Fanout::start(hub.clone(), CancellationToken::new());
                let selectors = Selectors::exactly(topic.clone());
                let subscription = fanout.subscribe(selectors, Start::Now).await.unwrap();
                let writer: Weak<dyn DirectWriter> = Rc::<Idle>::downgrade(&idle);
                let subscription = subscription.with_direct_writer(Some(writer));
                let heartbeat = Some(Duration::from_secs(10));
                let mut body = EventBody::new(subscription, Bytes::from_static(b"opening"), heartbeat, None);
                assert_eq!(poll(&mut body), Poll::Ready(Bytes::from_static(b"opening")));
                assert_eq!(poll(&mut body), Poll::Pending);
                advance(Duration::from_secs(9)).await;
                hub.publish(topic, Event::new("x")).await.unwrap();
                while body.subscription.last_direct_write().is_none() {
                    yield_now().await;
                }
                advance(Duration::from_secs(9)).await;
                assert_eq!(poll(&mut body), Poll::Pending, "9 s after the event");
                advance(Duration::from_millis(1010)).await;
                // Not an id, because the event had one.
                assert_eq!(poll(&mut body), Poll::Ready(Bytes::from_static(b": heartbeat\n\n")));
            })
            .await;
    }
}
