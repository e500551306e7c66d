//! The lower bound of a fan-out: one thread that writes the same bytes to each socket in turn. A process of its own,
//! because a process may not open enough files for both ends.

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::stamp::Clock;
use crate::process::Process;
use crate::server::cpu_time_of_this_thread;
use crate::shell;

/// Flags of the process.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Connections to accept.
    streams: usize,
}

/// The running process; killed when dropped.
pub(super) struct Writes {
    pub(super) address: String,
    /// Takes a line for each [`Pace`].
    jobs: ChildStdin,
    /// The address, then a line with the CPU time of each in microseconds.
    answers: Lines<BufReader<ChildStdout>>,
    _process: Process,
}

/// Events at a steady pace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) events: u32,
    pub(super) interval: Duration,
    /// 0 for heartbeats, without a stamp.
    pub(super) data_bytes: usize,
    pub(super) clock: Clock,
}

impl Writes {
    /// Accepts `readers` connections.
    pub(super) fn listen(readers: usize) -> Result<Self> {
        let mut command = shell::program(std::env::current_exe()?);
        command.args(["bench", "writes", &readers.to_string()]);
        let mut process = Process::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let (jobs, mut answers) = (process.stdin()?, BufReader::new(process.stdout()?).lines());
        let address = answers.next().context("the writing process ended")??;
        Ok(Self { address, jobs, answers, _process: process })
    }

    /// Writes each event to all readers. Returns the CPU time of that.
    pub(super) fn write(&mut self, pace: Pace) -> Result<Duration> {
        writeln!(self.jobs, "{}", pace.to_line())?;
        let micros = self.answers.next().context("the writing process ended")??;
        Ok(Duration::from_micros(micros.parse()?))
    }
}

impl Pace {
    fn to_line(self) -> String {
        let (interval, clock) = (self.interval.as_micros(), self.clock.elapsed().as_micros());
        format!("{} {interval} {} {clock}", self.events, self.data_bytes)
    }

    fn of_line(line: &str) -> Result<Self> {
        let mut fields = line.split(' ').map(str::parse::<u64>);
        let mut field = || anyhow::Ok(fields.next().context("a field is missing")??);
        Ok(Self {
            events: u32::try_from(field()?)?,
            interval: Duration::from_micros(field()?),
            data_bytes: usize::try_from(field()?)?,
            clock: Clock::at(Duration::from_micros(field()?)),
        })
    }
}

/// The process.
pub(super) fn serve(args: &Args) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    let mut sockets: Vec<TcpStream> = (0..args.streams).map(|_| greet(&listener)).collect::<Result<_>>()?;
    for job in std::io::stdin().lines() {
        println!("{}", write_all(&mut sockets, Pace::of_line(&job?)?)?.as_micros());
    }
    Ok(())
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
        let block = block(nth, pace);
        let chunk = format!("{:X}\r\n{block}\r\n", block.len());
        for socket in &mut *sockets {
            socket.write_all(chunk.as_bytes())?;
        }
    }
    Ok(cpu_time_of_this_thread()? - before)
}

/// What the server would send.
fn block(nth: u32, pace: Pace) -> String {
    match pace.data_bytes {
        0 => ": heartbeat\n\n".to_owned(),
        bytes => format!("id: 0123456789ab-{nth}\ntopic: bench/fanout\ndata: {}\n\n", pace.clock.data(bytes)),
    }
}
