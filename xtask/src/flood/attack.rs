//! The process of the attackers: floods until its stdin is closed, then prints what became of it.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::LocalSet;
use tokio::time::{interval, sleep, timeout};

use super::network;
use crate::process::stdin_closed;

/// Flags of `cargo xtask flood-attack`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    kind: Kind,
    target: SocketAddr,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Connections and publishes of one address, as many a second as [`RATE`] says of each.
    Requests,
    /// As many large bodies at once as [`BODIES`] says, none of which ends.
    Bodies,
}

/// Number of the attacker's address, far from those of the good ones. Large bodies come from several.
const ATTACKER: usize = 20 * 250;
const RATE: usize = 10_000;
/// Ticks a second of what is sent at that rate.
const TICKS: usize = 500;
/// Connections that wait for their end, at most, and how long.
const WAITING: usize = 2000;
const WAIT: Duration = Duration::from_millis(100);
/// Connections over which publishes are sent.
const PUBLISHERS: usize = 10;

const BODIES: usize = 1000;
const BODIES_OF_ADDRESS: usize = 50;
const BODY_BYTES: usize = 16 << 20;
/// Pause of who was refused.
const PAUSE: Duration = Duration::from_secs(1);

/// What has become of what was sent.
#[derive(Default)]
struct Tally {
    connections: Cell<usize>,
    closed: Cell<usize>,
    sent: Cell<usize>,
    accepted: Cell<usize>,
    refused: Cell<usize>,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: &Args) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let (tally, start) = (Rc::new(Tally::default()), Instant::now());
    let attack = async {
        let (target, mut closed) = (args.target, stdin_closed());
        match args.kind {
            Kind::Requests => {
                tokio::task::spawn_local(connect(target, Rc::clone(&tally)));
                for _ in 0..PUBLISHERS {
                    tokio::task::spawn_local(publish(target, Rc::clone(&tally)));
                }
            }
            Kind::Bodies => {
                for nth in 0..BODIES {
                    tokio::task::spawn_local(send_bodies(target, nth, Rc::clone(&tally)));
                }
            }
        }
        closed.wait_for(|is_closed| *is_closed).await.map(drop)
    };
    LocalSet::new().run_until(attack).await.context("stdin is gone")?;
    let seconds = start.elapsed().as_secs_f64();
    let a_second = |count: &Cell<usize>| count.get() as f64 / seconds;
    println!(
        "attack            {:>10.0} connections a second, {:.0} of them closed; {:.0} requests, {:.0} accepted, {:.0} refused",
        a_second(&tally.connections),
        a_second(&tally.closed),
        a_second(&tally.sent),
        a_second(&tally.accepted),
        a_second(&tally.refused)
    );
    Ok(())
}

fn add(counter: &Cell<usize>, count: usize) {
    counter.set(counter.get() + count);
}

async fn open(target: SocketAddr, source: IpAddr) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(source, 0))?;
    let stream = socket.connect(target).await?;
    // Its port is free again as soon as it is closed.
    stream.set_zero_linger()?;
    Ok(stream)
}

/// Connects and sends nothing.
async fn connect(target: SocketAddr, tally: Rc<Tally>) {
    let (mut ticks, waiting) = (interval(Duration::from_secs(1) / TICKS as u32), Rc::new(Cell::new(0)));
    loop {
        ticks.tick().await;
        for _ in 0..RATE / TICKS {
            if waiting.get() < WAITING {
                add(&waiting, 1);
                let (tally, waiting) = (Rc::clone(&tally), Rc::clone(&waiting));
                tokio::task::spawn_local(async move {
                    if let Ok(mut stream) = open(target, network::client(ATTACKER)).await {
                        add(&tally.connections, 1);
                        if timeout(WAIT, stream.read_u8()).await.is_ok() {
                            add(&tally.closed, 1);
                        }
                    }
                    waiting.set(waiting.get() - 1);
                });
            }
        }
    }
}

/// Publishes its share over one connection, and connects again when that is cut.
async fn publish(target: SocketAddr, tally: Rc<Tally>) {
    let request = format!("POST /topics/flood HTTP/1.1\r\nHost: {target}\r\nContent-Length: 1\r\n\r\nx");
    let share = RATE / TICKS / PUBLISHERS;
    loop {
        if let Ok(stream) = open(target, network::client(ATTACKER)).await {
            let (read, mut write) = stream.into_split();
            let mut ticks = interval(Duration::from_secs(1) / TICKS as u32);
            let sending = async {
                loop {
                    ticks.tick().await;
                    if write.write_all(request.repeat(share).as_bytes()).await.is_err() {
                        return;
                    }
                    add(&tally.sent, share);
                }
            };
            tokio::select! { () = sending => {} () = count(read, &tally) => {} }
        }
        sleep(WAIT).await;
    }
}

/// Counts answers. One that is cut in two is not counted.
async fn count(mut read: OwnedReadHalf, tally: &Tally) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(bytes @ 1..) = read.read(&mut buffer).await {
        let bytes = buffer.get(..bytes).unwrap_or_default();
        let count = |status: &str| memchr::memmem::find_iter(bytes, status).count();
        add(&tally.accepted, count("HTTP/1.1 2"));
        add(&tally.refused, count("HTTP/1.1 4") + count("HTTP/1.1 5"));
    }
}

/// Sends a body but for its last byte, and waits for what comes of it; then the next.
async fn send_bodies(target: SocketAddr, nth: usize, tally: Rc<Tally>) {
    let source = network::client(ATTACKER + nth / BODIES_OF_ADDRESS);
    let head = format!(
        "POST /topics/flood HTTP/1.1\r\nHost: {target}\r\nContent-Type: application/x-ndjson\r\n\
         Content-Length: {BODY_BYTES}\r\n\r\n"
    );
    let piece = [b' '; 16 << 10];
    loop {
        if let Ok(stream) = open(target, source).await {
            add(&tally.connections, 1);
            let (read, mut write) = stream.into_split();
            let sending = async {
                write.write_all(head.as_bytes()).await?;
                for _ in 1..BODY_BYTES / piece.len() {
                    write.write_all(&piece).await?;
                }
                add(&tally.sent, 1);
                std::future::pending::<std::io::Result<()>>().await
            };
            tokio::select! { _ = sending => {} () = count(read, &tally) => {} }
            add(&tally.closed, 1);
        }
        sleep(PAUSE).await;
    }
}
