//! The least that a fan-out can cost: one thread that writes the same bytes to each socket in turn.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::oneshot;

use super::stamp::Clock;
use crate::server::cpu_time_of_this_thread;

/// The thread; it ends when this is dropped.
pub(super) struct Writes {
    pub(super) address: String,
    orders: mpsc::Sender<Order>,
}

/// Events to write, and where to say what they cost.
struct Order {
    beat: Beat,
    done: oneshot::Sender<Result<Duration>>,
}

/// A steady pace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beat {
    pub(super) events: u32,
    pub(super) interval: Duration,
    pub(super) data_bytes: usize,
    pub(super) clock: Clock,
}

impl Writes {
    /// Listens for so many readers.
    pub(super) fn listen(readers: usize) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let (orders, received) = mpsc::channel();
        std::thread::spawn(move || serve(&listener, readers, &received));
        Ok(Self { address, orders })
    }

    /// Writes each event to all readers. Gives the processor time that it took.
    pub(super) async fn write(&self, beat: Beat) -> Result<Duration> {
        let (done, answer) = oneshot::channel();
        self.orders.send(Order { beat, done }).ok().context("the writing thread is gone")?;
        answer.await.context("the writing thread is gone")?
    }
}

fn serve(listener: &TcpListener, readers: usize, orders: &mpsc::Receiver<Order>) {
    let mut sockets: Vec<TcpStream> = (0..readers).filter_map(|_| greet(listener).ok()).collect();
    for Order { beat, done } in orders {
        // Whoever asked may have gone.
        let _ = done.send(write_all(&mut sockets, beat));
    }
}

fn greet(listener: &TcpListener) -> Result<TcpStream> {
    let (mut socket, _) = listener.accept()?;
    let mut request = [0; 1024];
    socket.read(&mut request).context("no request")?;
    socket.set_nodelay(true)?;
    socket.write_all(b"HTTP/1.1 200 OK\r\n\r\nConnected")?;
    Ok(socket)
}

fn write_all(sockets: &mut [TcpStream], beat: Beat) -> Result<Duration> {
    let (from, before) = (Instant::now(), cpu_time_of_this_thread()?);
    for nth in 0..beat.events {
        std::thread::sleep((beat.interval * nth).saturating_sub(from.elapsed()));
        let data = beat.clock.data(beat.data_bytes);
        let block = format!("id: 0123456789ab-{nth}\ntopic: bench/fanout\ndata: {data}\n\n");
        let chunk = format!("{:X}\r\n{block}\r\n", block.len());
        for socket in &mut *sockets {
            socket.write_all(chunk.as_bytes())?;
        }
    }
    Ok(cpu_time_of_this_thread()? - before)
}
