//! A TCP proxy that can make new connections wait, so that a restarted server has events before any client is back.

use std::io;

use anyhow::Result;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A running proxy. It ends with the runtime.
pub(super) struct Gate {
    /// Where it listens: `127.0.0.1:PORT`
    pub(super) address: String,
    open: watch::Sender<bool>,
}

impl Gate {
    /// Listens on a free port, and forwards to `upstream`.
    pub(super) async fn start(upstream: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let open = watch::Sender::new(true);
        let state = open.subscribe();
        tokio::spawn(async move {
            // A failed accept is one connection less.
            loop {
                if let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(forward(client, upstream.clone(), state.clone()));
                }
            }
        });
        Ok(Self { address, open })
    }

    /// False makes new connections wait until it is called with true.
    pub(super) fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }
}

async fn forward(mut client: TcpStream, upstream: String, mut open: watch::Receiver<bool>) -> io::Result<()> {
    if open.wait_for(|open| *open).await.is_err() {
        return Ok(());
    }
    let mut server = TcpStream::connect(upstream).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}
