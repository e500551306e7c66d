//! The process of the hostile clients: runs all kinds at once until its stdin is closed, then prints a table of how
//! their attempts ended.

use std::cell::Cell;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{sleep, timeout};

use super::attacks::{KINDS, Kind};
use super::target::{End, Target};
use crate::process::stdin_closed;

/// Flags of `cargo xtask hostile-clients`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// `HOST:PORT` of the server.
    address: String,
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Numbers of the kinds; all when empty.
    #[arg(long, default_value = "")]
    only: String,
}

/// Longest that an attempt may take to look what became of it.
const GRACE: Duration = Duration::from_secs(8);

/// How the attempts of one kind ended.
#[derive(Default)]
struct Tally {
    served: Cell<u64>,
    refused: Cell<u64>,
    cut: Cell<u64>,
    open: Cell<u64>,
    /// Why the last attempt failed, of those that are counted as cut.
    last_error: Cell<Option<String>>,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: Args) -> Result<()> {
    LocalSet::new().run_until(attack(args)).await
}

async fn attack(args: Args) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let only: Vec<&str> = args.only.split(',').filter(|number| !number.is_empty()).collect();
    let stopped = stdin_closed();
    let (mut tallies, mut clients) = (Vec::new(), JoinSet::new());
    for (number, kind) in
        (1_u8..).zip(&KINDS).filter(|(number, _)| only.is_empty() || only.contains(&&*number.to_string()))
    {
        let tally = Rc::new(Tally::default());
        let source = Ipv4Addr::new(127, 0, 1, number);
        let count = (kind.clients as f64 * args.scale).ceil() as usize;
        for _ in 0..count {
            let target = Target { address: args.address.clone(), source, stop: stopped.clone() };
            clients.spawn_local(client(kind, target, Rc::clone(&tally)));
        }
        tallies.push((number, kind, count, tally));
    }
    while clients.join_next().await.is_some() {}
    println!("hostile clients{:>37} attempts   served  refused      cut     open", "");
    for (number, kind, count, tally) in tallies {
        let ends = [&tally.served, &tally.refused, &tally.cut, &tally.open].map(Cell::get);
        let attempts: u64 = ends.iter().sum();
        let [served, refused, cut, open] = ends;
        let error = tally.last_error.take().unwrap_or_default();
        println!(
            "{number:>2} {:<41} {count:>7} {attempts:>8} {served:>8} {refused:>8} {cut:>8} {open:>8}  {error}",
            kind.name
        );
    }
    Ok(())
}

/// One client: attempts until the test is over.
async fn client(kind: &'static Kind, target: Target, tally: Rc<Tally>) {
    let over = async {
        target.stopped().await;
        sleep(GRACE).await
    };
    tokio::pin!(over);
    // Not all at the same moment.
    sleep(Duration::from_millis(fastrand::u64(..1000))).await;
    while !*target.stop.borrow() {
        let end = tokio::select! {
            // An error is a connection that the server did not take, or reset.
            end = (kind.attack)(target.clone()) => end.unwrap_or_else(|error| {
                tally.last_error.set(Some(format!("{error:#}")));
                End::Cut
            }),
            () = &mut over => End::Open,
        };
        let count = match end {
            End::Served => &tally.served,
            End::Refused => &tally.refused,
            End::Cut => &tally.cut,
            End::Open => &tally.open,
        };
        count.set(count.get() + 1);
        // Over when the test is.
        let _ = timeout(Duration::from_millis(kind.pause), target.stopped()).await;
    }
}
