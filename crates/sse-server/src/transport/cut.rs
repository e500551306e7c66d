//! Cutting a connection whose body is in other hands. Those know no subscribers, and a subscriber that is dropped in between
//! finds the reason here.

use std::cell::Cell;

use sse_hub::CloseReason;

thread_local! {
    static REASON: Cell<Option<CloseReason>> = const { Cell::new(None) };
}

/// Drops what belongs to a connection that is cut for this reason.
pub(super) fn drop_for<T>(reason: CloseReason, what: T) {
    REASON.set(Some(reason));
    drop(what);
    REASON.set(None);
}

/// Why the connection is cut that is being dropped, if it is.
pub(super) fn reason() -> Option<CloseReason> {
    REASON.get()
}
