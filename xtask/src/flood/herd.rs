//! Clients of one address that all come back at once after the server was killed, as those of an office behind one router do. The
//! limits by address make them come in turn; none may be refused for good.

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use sse_client::reqwest::Client;
use sse_client::{EventSource, Signal};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::network;
use crate::server::{Server, Setup};

/// As long as browsers wait by themselves.
const RECONNECT: Duration = Duration::from_secs(3);
const DEADLINE: Duration = Duration::from_secs(180);

/// What all of them count in.
#[derive(Default)]
struct Counts {
    live: Cell<usize>,
    attempts: Cell<usize>,
}

/// Opens so many event streams, kills the server, and waits until all are open again.
pub(super) async fn run(clients: usize, data: &Path, setup: impl Fn() -> Setup) -> Result<()> {
    let listen = format!("{}:0", network::SERVER);
    let mut server = Server::start_at(&listen, data, setup())?;
    let (counts, mut tasks) = (Rc::new(Counts::default()), JoinSet::new());
    let source = network::client(clients);
    let client = Client::builder().pool_max_idle_per_host(0).local_address(source).build()?;
    for _ in 0..clients {
        let source = EventSource::builder(format!("http://{}/events?topic=herd", server.address))
            .client(client.clone())
            .reconnect_delay(RECONNECT)
            .max_reconnect_delay(RECONNECT)
            .retry_statuses([])
            .build()?;
        tasks.spawn_local(read(source, Rc::clone(&counts)));
    }
    all_live(&mut tasks, &counts, clients).await?;
    server.kill()?;
    while counts.live.get() > 0 {
        sleep(Duration::from_millis(20)).await;
    }
    counts.attempts.set(0);
    let (address, data, setup) = (server.address.clone(), data.to_owned(), setup());
    let _server = tokio::task::spawn_blocking(move || Server::start_at(&address, &data, setup)).await??;
    let took = all_live(&mut tasks, &counts, clients).await?;
    println!(
        "back after a kill {:>10.1} s until all {clients} of one address are; {} attempts, none refused for good",
        took.as_secs_f64(),
        counts.attempts.get()
    );
    Ok(())
}

/// Waits until each has had its greeting. Returns how long that took.
async fn all_live(tasks: &mut JoinSet<Result<()>>, counts: &Counts, clients: usize) -> Result<Duration> {
    let start = Instant::now();
    let waiting = async {
        while counts.live.get() < clients {
            tokio::select! {
                ended = tasks.join_next() => ended.context("nobody is left")???,
                () = sleep(Duration::from_millis(20)) => {}
            }
        }
        anyhow::Ok(())
    };
    let waited = timeout(DEADLINE, waiting).await;
    waited.with_context(|| format!("{} of {clients} are back", counts.live.get()))??;
    ensure!(tasks.len() == clients, "{} of {clients} read on", tasks.len());
    Ok(start.elapsed())
}

/// Reads for ever, as an `EventSource` does.
///
/// # Errors
/// When it would have given up: any status but 200.
async fn read(mut source: EventSource, counts: Rc<Counts>) -> Result<()> {
    let mut is_live = false;
    while let Some(signal) = source.next().await {
        match signal {
            // One that is sent away gets no greeting.
            Signal::Event(_) if !is_live => {
                is_live = true;
                counts.live.set(counts.live.get() + 1);
            }
            Signal::Reconnecting(_) => {
                counts.attempts.set(counts.attempts.get() + 1);
                counts.live.set(counts.live.get() - usize::from(is_live));
                is_live = false;
            }
            Signal::Closed(reason) => bail!("a client of the herd was refused for good: {reason}"),
            _ => {}
        }
    }
    bail!("a client of the herd ended")
}
