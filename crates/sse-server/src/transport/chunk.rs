//! A chunk of an HTTP/1.1 body on its way to a socket, in as many writes as that takes. Frames are not copied into it.

use std::io::{self, IoSlice};

use bytes::Bytes;

use super::socket::Socket;

/// Written in order: `head`, `frames`, `tail`. The outer two are empty when `frames` are a chunk already.
#[derive(Debug)]
pub(super) struct Chunk {
    head: String,
    frames: Bytes,
    tail: &'static [u8],
    written: usize,
}

impl Chunk {
    /// The last chunk of a body.
    pub(super) fn end() -> Self {
        Self::framed(Bytes::from_static(b"0\r\n\r\n"), 0)
    }

    /// One that is encoded already, `written` bytes of it written.
    pub(super) fn framed(chunk: Bytes, written: usize) -> Self {
        Self { head: String::new(), frames: chunk, tail: b"", written }
    }

    /// One of these frames. They are not empty: an empty chunk would end the body.
    pub(super) fn of(frames: Bytes) -> Self {
        Self { head: head(&frames), frames, tail: b"\r\n", written: 0 }
    }

    /// Writes what there is room for now.
    pub(super) fn write(&mut self, socket: &Socket) -> io::Result<()> {
        if self.is_complete() {
            return socket.try_flush();
        }
        let written = if self.head.is_empty() {
            socket.try_write(self.frames.get(self.written..).unwrap_or_default())
        } else {
            let mut parts = [self.head.as_bytes(), &self.frames, self.tail].map(IoSlice::new);
            let mut left = &mut parts[..];
            IoSlice::advance_slices(&mut left, self.written);
            socket.try_write_vectored(left)
        };
        match written? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            bytes => {
                self.written += bytes;
                Ok(())
            }
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.written == self.bytes()
    }

    /// Written or not.
    pub(super) fn bytes(&self) -> usize {
        self.head.len() + self.frames.len() + self.tail.len()
    }
}

/// Frames as one chunk in one piece, to be shared by many connections.
pub(super) fn encoded(frames: &[u8]) -> Bytes {
    [head(frames).as_bytes(), frames, b"\r\n"].concat().into()
}

fn head(frames: &[u8]) -> String {
    format!("{:X}\r\n", frames.len())
}
