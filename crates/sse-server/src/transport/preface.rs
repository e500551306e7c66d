//! What a peer sends first tells HTTP/2 from HTTP/1.1 where nothing was agreed on (h2c by prior knowledge).

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::task::{Poll, ready};

use tokio::io::ReadBuf;

use super::socket::Socket;

/// How every connection of HTTP/2 begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Most bytes that are read at once.
const PIECE_BYTES: usize = 4 << 10;

/// Reads until it can be told. Gives whether it is HTTP/2, and what was read.
pub(super) async fn read(socket: &mut Socket) -> io::Result<(bool, Vec<u8>)> {
    let mut early = Vec::new();
    poll_fn(|context| {
        while early.len() < PREFACE.len() && PREFACE.starts_with(&early) {
            let mut piece = [MaybeUninit::uninit(); PIECE_BYTES - PREFACE.len()];
            let mut piece = ReadBuf::uninit(&mut piece);
            ready!(socket.poll_read(context, &mut piece))?;
            if piece.filled().is_empty() {
                break;
            }
            early.extend_from_slice(piece.filled());
        }
        Poll::Ready(io::Result::Ok(()))
    })
    .await?;
    Ok((early.starts_with(PREFACE), early))
}
