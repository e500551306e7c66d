//! The drain test: a server with many subscribers is asked to end while events are published, and a second one takes its socket
//! over, as under systemd. Nobody is refused, nothing is lost or repeated, and the subscribers do not come back all at once.

mod publisher;
mod shared;
mod subscriber;

use std::net::TcpListener;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::net::TcpSocket;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{sleep, timeout};

use crate::server::{Server, Setup};
use crate::shell;
use shared::Shared;
use subscriber::{OnCleanEnd, Subscriber};

/// Flags of `cargo xtask drain`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long, default_value_t = 10_000)]
    subscribers: usize,
    /// Events a second that all of them read.
    #[arg(long, default_value_t = 2.0)]
    rate: f64,
    /// Seconds of publishing before and after.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
}

impl Args {
    /// The short form of the gate.
    pub(crate) fn short() -> Self {
        Self { subscribers: 200, rate: 20.0, seconds: 0.5 }
    }
}

/// Subscribers that this program can serve without being slow itself, unless it is optimised.
const MAX_UNOPTIMISED: usize = 1000;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 4096;
/// One in so many takes a clean end for all there is, and asks for an abort.
const ABORTING: usize = 10;
/// Longest wait for the subscribers: until all have connected, come back, and received the last event.
const DEADLINE: Duration = Duration::from_secs(90);
/// What the busiest second of returns may be of the mean one.
const MAX_BUSIEST: f64 = 2.0;

pub(crate) fn run(args: &Args) -> Result<()> {
    if cfg!(debug_assertions) && args.subscribers > MAX_UNOPTIMISED {
        return shell::run_optimised();
    }
    shell::build_server()?;
    rlimit::increase_nofile_limit(u64::MAX)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let data = shell::scratch_folder("drain")?;
    LocalSet::new().block_on(&runtime, test(args, data.path()))
}

async fn test(args: &Args, data: &Path) -> Result<()> {
    let socket = listen()?;
    let mut first = start(data, &socket)?;
    let shared = Rc::new(Shared::new(&first.address));
    let mut subscribers = JoinSet::new();
    for nth in 0..args.subscribers {
        let on_clean_end =
            if nth.is_multiple_of(ABORTING) { OnCleanEnd::Finish } else { OnCleanEnd::ComeBack };
        subscribers.spawn_local(Subscriber::new(Rc::clone(&shared), on_clean_end).run());
    }
    until_open(&shared, args.subscribers).await.context("the subscribers do not get through")?;
    let publishing = tokio::task::spawn_local(publisher::publish(Rc::clone(&shared), args.rate));
    let probing = tokio::task::spawn_local(publisher::probe(Rc::clone(&shared)));
    sleep(Duration::from_secs_f64(args.seconds)).await;

    let asked = Instant::now();
    let (folder, inherited) = (data.to_owned(), socket.try_clone()?);
    let successor = tokio::task::spawn_blocking(move || start(&folder, &inherited));
    first.terminate().await?;
    let exit = asked.elapsed();
    let _second = successor.await?.context("there is no successor")?;
    let all_back = async {
        while shared.returns.borrow().len() < args.subscribers {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, all_back).await.context("the subscribers do not come back")?;
    until_open(&shared, args.subscribers).await.context("the subscribers do not get through again")?;
    sleep(Duration::from_secs_f64(args.seconds)).await;

    shared.stop.set(true);
    let longest_pause = probing.await?;
    let published = publishing.await?;
    let received = async { while subscribers.join_next().await.is_some() {} };
    timeout(DEADLINE, received).await.context("the subscribers do not receive the last event")?;
    report(args, &shared, published, exit, longest_pause)
}

/// A socket that outlasts the servers.
fn listen() -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind("127.0.0.1:0".parse()?)?;
    Ok(socket.listen(BACKLOG)?.into_std()?)
}

fn start(data: &Path, socket: &TcpListener) -> Result<Server> {
    let args = vec!["--apps".to_owned(), "none".to_owned()];
    Server::start_as(data, Setup { args, socket: Some(socket.try_clone()?), ..Setup::default() })
}

async fn until_open(shared: &Shared, count: usize) -> Result<()> {
    let open = async {
        while shared.open.get() < count {
            sleep(Duration::from_millis(20)).await;
        }
    };
    Ok(timeout(DEADLINE, open).await?)
}

fn report(
    args: &Args,
    shared: &Shared,
    published: u64,
    exit: Duration,
    longest_pause: Duration,
) -> Result<()> {
    let (busiest, mean, time) = shared.returns();
    println!(
        "subscribers       {:>10}, one in {ABORTING} for whom a clean end is the last",
        args.subscribers
    );
    println!("events            {published:>10}, each exactly once with every subscriber, in order");
    println!("time to exit      {:>10.2} s", exit.as_secs_f64());
    println!(
        "without answer    {:>10.2} s, the longest that a publisher waited",
        longest_pause.as_secs_f64()
    );
    println!(
        "came back         {:>10} in {:.2} s, {busiest} in the busiest second, {:.2} times the mean",
        shared.returns.borrow().len(),
        time.as_secs_f64(),
        busiest as f64 / mean
    );
    println!(
        "refused           {:>10} attempts; {} answers did not come, and were asked for again",
        shared.refused.get(),
        shared.repeated.get()
    );
    let first = shared.first_fault.borrow().clone().unwrap_or_default();
    ensure!(shared.faults.get() == 0, "{} faults, the first: {first}", shared.faults.get());
    ensure!(shared.refused.get() == 0, "{} attempts were refused", shared.refused.get());
    ensure!(busiest as f64 <= MAX_BUSIEST * mean, "the subscribers came back in one wave");
    Ok(())
}
