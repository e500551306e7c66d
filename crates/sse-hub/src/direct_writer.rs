//! Direct writes: how the fan-out hands frames to an idle connection without waking its task. Knows no sockets and no
//! HTTP; the transport implements it and does its own framing.

use std::cell::OnceCell;
use std::fmt::Debug;

use bytes::Bytes;

/// A connection that can take frames past its task.
pub trait DirectWriter: Debug {
    /// Writes the frames at once, if that needs no waiting. Either all of them go out (with [`WriteOutcome::Partial`], the
    /// rest later) or none.
    fn write(&self, frames: &SharedFrames) -> WriteOutcome;
}

/// What became of the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteOutcome {
    /// They are with the system.
    Complete,
    /// They will go out, but only once the connection's task has been woken.
    Partial,
    /// Nothing was written: the connection is busy, full or broken. Its task knows how to go on.
    Skipped,
}

/// Whole frames, back to back, that many connections are sent; never empty.
#[derive(Debug)]
pub struct SharedFrames {
    frames: Bytes,
    seq: u64,
    framed: OnceCell<Bytes>,
}

impl SharedFrames {
    pub(crate) fn new(frames: Bytes, seq: u64) -> Self {
        Self { frames, seq, framed: OnceCell::new() }
    }

    /// The frames as the hub has them.
    pub fn frames(&self) -> &Bytes {
        &self.frames
    }

    /// Every wanted record up to this seq has been given once these are.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The frames in the transport's framing, made once for all connections of a worker.
    pub fn framed(&self, frame: impl FnOnce(&[u8]) -> Bytes) -> &Bytes {
        self.framed.get_or_init(|| frame(&self.frames))
    }
}
