//! A time limit that costs nothing until it is looked at.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// Set when it is first looked at.
#[derive(Default)]
pub(super) struct Deadline(Option<Pin<Box<Sleep>>>);

impl Deadline {
    /// `after` is counted from the first call.
    pub(super) fn has_passed(&mut self, after: Duration, context: &mut Context<'_>) -> bool {
        self.0.get_or_insert_with(|| Box::pin(sleep(after))).as_mut().poll(context).is_ready()
    }
}
