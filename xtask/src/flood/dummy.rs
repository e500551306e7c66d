//! A server that closes most connections and refuses every request, at next to no cost: what an attack costs the machine even when
//! it does not reach the hub.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

/// Flags of `cargo xtask flood-dummy`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where it listens.
    listen: SocketAddr,
}

/// Further connections are closed.
const CONNECTIONS: usize = 200;
const REFUSAL: &str = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n";

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: &Args) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    LocalSet::new().run_until(listen(args.listen)).await
}

async fn listen(address: SocketAddr) -> Result<()> {
    let (listener, open) = (TcpListener::bind(address).await?, Rc::new(Cell::new(0)));
    println!("{}", listener.local_addr()?);
    loop {
        let (socket, _) = listener.accept().await?;
        if open.get() < CONNECTIONS {
            open.set(open.get() + 1);
            let open = Rc::clone(&open);
            tokio::task::spawn_local(async move {
                // An error is the client's business.
                let _ = refuse(socket).await;
                open.set(open.get() - 1);
            });
        }
    }
}

/// Answers each head, and reads bodies over.
async fn refuse(mut socket: TcpStream) -> Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = socket.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        let heads = memchr::memmem::find_iter(buffer.get(..count).unwrap_or_default(), "\r\n\r\n").count();
        socket.write_all(REFUSAL.repeat(heads).as_bytes()).await?;
    }
}
