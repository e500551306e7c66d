//! Logs for operators, on stderr, of ours at the level of `--log`. Of libraries come warnings and errors alone: what they say below that
//! may show what a request carries, a token among it. These, and ours under the target `request`, come once a minute for each place in
//! the code: a client, or a lack of descriptors, could make any number of them. actix-http's are left out; what it refuses the transport
//! logs with the peer.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::callsite::Identifier;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use crate::{LogFormat, LogLevel};

/// Time in which a warning of another crate is written once.
const ONCE_IN: Duration = Duration::from_secs(60);

/// By which the level is changed.
static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// Installs the global subscriber. Call once, first thing in `main`.
pub fn init(format: LogFormat, level: LogLevel) {
    let (filter, handle) = reload::Layer::new(filter(level));
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Text => lines.with_ansi(colour()).with_target(false).boxed(),
    };
    tracing_subscriber::registry().with(filter).with(lines).with(RepeatLimit::default()).init();
    // There is none yet.
    let _ = FILTER.set(handle);
}

/// Changes the level.
pub(crate) fn set_level(level: LogLevel) {
    let reloaded = FILTER.get().map(|handle| handle.reload(filter(level)));
    if let Some(Err(error)) = reloaded {
        tracing::error!(%error, "the level of the log stays as it is");
    }
}

fn filter(level: LogLevel) -> EnvFilter {
    let level = level.as_str();
    EnvFilter::new(format!(
        "warn,actix_http=off,audit=info,request={level},sse_core={level},sse_hub={level},sse_server={level}"
    ))
}

fn colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Leaves out what another crate repeats, and says how much that was once a line is written again.
#[derive(Default)]
struct RepeatLimit(Mutex<HashMap<Identifier, Repeats>>);

/// What came from one place in the code.
struct Repeats {
    written: Instant,
    left_out: u64,
    /// Left out before the last line, and not told yet.
    untold: u64,
}

impl RepeatLimit {
    fn is_limited(metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN && !metadata.target().starts_with("sse_")
    }

    /// Whether a line is written now; of several threads, one is told so.
    fn admits(&self, callsite: Identifier, now: Instant) -> bool {
        let mut all = self.0.lock();
        let Some(repeats) = all.get_mut(&callsite) else {
            all.insert(callsite, Repeats { written: now, left_out: 0, untold: 0 });
            return true;
        };
        if now < repeats.written + ONCE_IN {
            repeats.left_out += 1;
            return false;
        }
        *repeats = Repeats { written: now, left_out: 0, untold: repeats.left_out };
        true
    }

    /// The number of lines that were left out before the one that is written now.
    fn take_untold(&self, callsite: &Identifier) -> u64 {
        self.0.lock().get_mut(callsite).map_or(0, |repeats| std::mem::take(&mut repeats.untold))
    }
}

impl<S: Subscriber> Layer<S> for RepeatLimit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        !Self::is_limited(metadata) || self.admits(metadata.callsite(), Instant::now())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if Self::is_limited(metadata) {
            let left_out = self.take_untold(&metadata.callsite());
            if left_out > 0 {
                tracing::warn!(left_out, "lines like the last one were left out");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_once_a_minute_and_says_what_was_left_out() {
        let event = tracing::callsite!(name: "a", kind: tracing::metadata::Kind::EVENT, fields: );
        let other = tracing::callsite!(name: "b", kind: tracing::metadata::Kind::EVENT, fields: );
        let [event, other] = [event, other].map(|callsite| Identifier(callsite));
        let (limit, start) = (RepeatLimit::default(), Instant::now());
        let admits = |event: &Identifier, seconds| {
            let now = start + Duration::from_secs(seconds);
            limit.admits(event.clone(), now).then(|| limit.take_untold(event))
        };
        assert_eq!([0, 1, 59].map(|seconds| admits(&event, seconds)), [Some(0), None, None]);
        assert_eq!(admits(&other, 59), Some(0));
        assert_eq!(
            [60, 61, 120, 180].map(|seconds| admits(&event, seconds)),
            [Some(2), None, Some(1), Some(0)]
        );
    }
}
