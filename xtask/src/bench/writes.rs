//! The lower bound of a fan-out: one thread that writes the same bytes to each socket in turn.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::oneshot;

use super::stamp::Clock;
use crate::server::cpu_time_of_this_thread;

/// Handle of the thread, which ends when this is dropped.
pub(super) struct Writes {
    pub(super) address: String,
    jobs: mpsc::Sender<WriteJob>,
}

/// Events to write, and the channel for their CPU time.
struct WriteJob {
    pace: Pace,
    done: oneshot::Sender<Result<Duration>>,
}

/// Events at a steady pace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) events: u32,
    pub(super) interval: Duration,
    pub(super) data_bytes: usize,
    pub(super) clock: Clock,
}

impl Writes {
    /// Accepts `readers` connections.
    pub(super) fn listen(readers: usize) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let (jobs, received) = mpsc::channel();
        std::thread::spawn(move || serve(&listener, readers, &received));
        Ok(Self { address, jobs })
    }

    /// Writes each event to all readers. Returns the CPU time of that.
    pub(super) async fn write(&self, pace: Pace) -> Result<Duration> {
        let (done, answer) = oneshot::channel();
        self.jobs.send(WriteJob { pace, done }).ok().context("the writing thread is gone")?;
        answer.await.context("the writing thread is gone")?
    }
}

fn serve(listener: &TcpListener, readers: usize, jobs: &mpsc::Receiver<WriteJob>) {
    let mut sockets: Vec<TcpStream> = (0..readers).filter_map(|_| greet(listener).ok()).collect();
    for WriteJob { pace, done } in jobs {
        // The caller may have been cancelled.
        let _ = done.send(write_all(&mut sockets, pace));
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

fn write_all(sockets: &mut [TcpStream], pace: Pace) -> Result<Duration> {
    let (start, before) = (Instant::now(), cpu_time_of_this_thread()?);
    for nth in 0..pace.events {
        std::thread::sleep((pace.interval * nth).saturating_sub(start.elapsed()));
        let data = pace.clock.data(pace.data_bytes);
        let block = format!("id: 0123456789ab-{nth}\ntopic: bench/fanout\ndata: {data}\n\n");
        let chunk = format!("{:X}\r\n{block}\r\n", block.len());
        for socket in &mut *sockets {
            socket.write_all(chunk.as_bytes())?;
        }
    }
    Ok(cpu_time_of_this_thread()? - before)
}
