//! The network between the hub and its clients: a TCP proxy that splits, stalls and cuts. Knows nothing of HTTP.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Largest read.
const READ_BYTES: usize = 16 << 10;
/// One in this many reads stalls.
const STALL_ONE_IN: u32 = 400;
/// Longest stall.
const STALL: Duration = Duration::from_millis(800);
/// One in this many reads is forwarded in pieces.
const SPLIT_ONE_IN: u32 = 3;

/// A running proxy. It ends with the runtime.
pub(super) struct Proxy {
    /// Where it listens: `127.0.0.1:PORT`
    pub(super) address: String,
    shared: Rc<Shared>,
}

struct Shared {
    upstream: String,
    /// True while there is no network.
    down: watch::Sender<bool>,
    counts: RefCell<Counts>,
}

/// Counts of what it has done.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) connections: u64,
    pub(super) cut: u64,
    pub(super) stalls: u64,
    pub(super) writes: u64,
}

impl Proxy {
    /// Listens on a free port and connects to `upstream`.
    pub(super) async fn start(upstream: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let down = watch::Sender::new(false);
        let shared = Rc::new(Shared { upstream, down, counts: RefCell::default() });
        let state = Rc::clone(&shared);
        tokio::task::spawn_local(async move {
            // A failed accept is one connection less.
            loop {
                if let Ok((client, _)) = listener.accept().await {
                    tokio::task::spawn_local(connection(client, Rc::clone(&state)));
                }
            }
        });
        Ok(Self { address, shared })
    }

    /// Cuts all connections, and each new one too until it is called with false.
    pub(super) fn cut(&self, down: bool) {
        self.shared.down.send_replace(down);
    }

    pub(super) fn counts(&self) -> Counts {
        *self.shared.counts.borrow()
    }
}

async fn connection(mut client: TcpStream, shared: Rc<Shared>) {
    shared.counts.borrow_mut().connections += 1;
    let mut down = shared.down.subscribe();
    // If the hub is down, this connection is dropped.
    let Ok(mut hub) = TcpStream::connect(&shared.upstream).await else { return };
    let (with_reset, was_cut) = (fastrand::bool(), Cell::new(false));
    {
        let (from_client, to_client) = client.split();
        let (from_hub, to_hub) = hub.split();
        tokio::select! {
            _ = down.wait_for(|down| *down) => was_cut.set(true),
            _ = forward(from_client, to_hub, &shared) => {}
            _ = forward(from_hub, to_client, &shared) => {}
        }
    }
    if was_cut.get() {
        shared.counts.borrow_mut().cut += 1;
        if with_reset {
            // A reset instead of an orderly close.
            let _ = client.set_zero_linger();
            let _ = hub.set_zero_linger();
        }
    }
}

/// Forwards bytes, whole or in pieces, at once or late, until one side ends.
async fn forward(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, shared: &Shared) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        if fastrand::u32(..STALL_ONE_IN) == 0 {
            shared.counts.borrow_mut().stalls += 1;
            tokio::time::sleep(STALL.mul_f64(fastrand::f64())).await;
        }
        let mut rest = buffer.get(..count).unwrap_or_default();
        let split = fastrand::u32(..SPLIT_ONE_IN) == 0;
        while !rest.is_empty() {
            let length = if split { fastrand::usize(1..=rest.len()) } else { rest.len() };
            let (piece, later) = rest.split_at(length);
            to.write_all(piece).await?;
            shared.counts.borrow_mut().writes += 1;
            rest = later;
            if !rest.is_empty() {
                // Long enough for the piece to go out in a packet of its own.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
}
