//! The wrong-clock test: the wall clock of the release server jumps by seconds to ten years, forward and back, while it
//! runs and while it is stopped, and runs too fast and too slow. No event may expire before it is really that old, ids go on,
//! readers get every event once, and timers do not notice.

mod ages;
mod fake_clock;
mod heartbeats;
mod reader;
mod world;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use crate::shell;
use ages::Ages;
use world::{Ending, World};

/// Flags of `cargo xtask wrong-clock`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Jumps while the server is stopped: of every size, before a start after a stop and after a kill, put right while it
    /// runs and while it is stopped. Fewer than all 34 are drawn at random.
    #[arg(long, default_value_t = 34)]
    stops: usize,
    /// For how long the wall clock runs too fast, and again too slow, in seconds.
    #[arg(long, default_value_t = 25.0)]
    slew: f64,
    /// The running server's clock goes from one wrong time to the next, and is put right at the end.
    #[arg(long)]
    in_a_row: bool,
}

impl Args {
    /// The short form of the gate.
    pub(crate) fn short() -> Self {
        Self { stops: 2, slew: 1.0, in_a_row: true }
    }
}

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const TEN_YEARS: i64 = 3650 * DAY;
/// A clock that was years behind once, and is a little behind at a start: easily taken for one that was right all the time
/// and says that years have passed.
const A_LITTLE_BEHIND: i64 = -5;
/// In seconds.
const JUMPS: [i64; 9] = [-TEN_YEARS, -8 * DAY, -HOUR, A_LITTLE_BEHIND, -1, 1, HOUR, 8 * DAY, TEN_YEARS];
/// Too slow and too fast.
const RATES: [f64; 2] = [0.95, 1.05];

/// Event streams of the [`Watchers`].
const STREAMS: u64 = 2;

/// A jump while the server is stopped.
#[derive(Debug, Clone, Copy)]
struct StoppedJump {
    seconds: i64,
    ending: Ending,
    right_while_running: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    if !cfg!(target_os = "linux") {
        eprintln!("skipped: wrong clock (libfaketime is tried on Linux)");
        return Ok(());
    }
    shell::build_server()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, test(args))
}

/// Tasks that look at the server all the time.
struct Watchers {
    received: Rc<Cell<usize>>,
    ages: Rc<Ages>,
    reader: JoinHandle<Result<()>>,
    heartbeats: JoinHandle<Result<()>>,
    aging: JoinHandle<Result<()>>,
}

async fn test(args: &Args) -> Result<()> {
    let folder = shell::scratch_folder("wrong-clock")?;
    let (mut world, start) = (World::start(folder.path()).await?, Instant::now());
    let mut watchers = Watchers::start(&world);
    let progress = Progress::default();
    tokio::select! {
        done = jump_everywhere(args, &mut world, &progress) => done?,
        failed = watchers.fail() => return Err(failed.context(format!("last {}", progress.last.borrow()))),
    }
    let jumps = progress.jumps.get();
    let received = Rc::clone(&watchers.received);
    let all = world.acknowledged();
    tokio::select! {
        done = world::wait(world::DEADLINE, || received.get() >= all) => done.context("a reader misses events")?,
        failed = watchers.fail() => return Err(failed),
    }
    watchers.ages.stop.set(true);
    watchers.aging.await??;
    world.expect_history().await?;
    let ages = &watchers.ages;
    println!("jumps             {jumps:>10} in {:.0} s", start.elapsed().as_secs_f64());
    println!(
        "acknowledged      {all:>10} events with an age of 7 days, all there, each read once and in order"
    );
    println!(
        "expired           {:>10} events with an age of {} s, after {:.1} to {:.1} s",
        ages.expired.get(),
        ages::AGE.as_secs(),
        ages.youngest.get().unwrap_or_default().as_secs_f64(),
        ages.oldest.get().as_secs_f64()
    );
    println!("heartbeats        {:>10}", world.heartbeats.get());
    world.expect_no_complaints()
}

impl Watchers {
    fn start(world: &World) -> Self {
        let (received, ages) = (Rc::<Cell<usize>>::default(), Rc::<Ages>::default());
        let address = || world.address.clone();
        Self {
            reader: spawn_local(reader::read(address(), world::TOPIC, Rc::clone(&received))),
            heartbeats: spawn_local(heartbeats::count(address(), Rc::clone(&world.heartbeats))),
            aging: spawn_local(ages::watch(address(), Rc::clone(&ages))),
            received,
            ages,
        }
    }

    /// Waits until one of them fails; none of them ends before.
    async fn fail(&mut self) -> anyhow::Error {
        let ended = tokio::select! {
            ended = &mut self.reader => ended,
            ended = &mut self.heartbeats => ended,
            ended = &mut self.aging => ended,
        };
        match ended {
            Ok(Err(error)) => error,
            Ok(Ok(())) => anyhow::anyhow!("a watcher has ended"),
            Err(error) => error.into(),
        }
    }
}

/// What was done so far.
#[derive(Default)]
struct Progress {
    jumps: Cell<usize>,
    last: RefCell<String>,
}

impl Progress {
    fn begin(&self, what: String) -> String {
        self.jumps.set(self.jumps.get() + 1);
        self.last.replace(what.clone());
        what
    }
}

async fn jump_everywhere(args: &Args, world: &mut World, progress: &Progress) -> Result<()> {
    let address = world.address.clone();
    let stalled = spawn_local(async move { heartbeats::expect_write_timeout(&address, STREAMS).await });
    // It would know that time again.
    for seconds in JUMPS.into_iter().filter(|seconds| *seconds != A_LITTLE_BEHIND) {
        let steps: &[i64] = if args.in_a_row { &[seconds] } else { &[seconds, 0] };
        for &ahead in steps {
            let what = progress.begin(format!("at a jump to {} while running", describe(ahead)));
            world.jump_while_running(ahead).await.context(what)?;
        }
    }
    let cut_after = stalled.await??;
    println!(
        "write timeout     {:>10.1} s, of {} s",
        cut_after.as_secs_f64(),
        heartbeats::WRITE_TIMEOUT.as_secs()
    );
    for rate in RATES {
        let time = Duration::from_secs_f64(args.slew);
        world.slew(rate, time).await.with_context(|| format!("at a rate of {rate}"))?;
    }
    world.jump_while_running(0).await.context("when the clock is right again")?;
    for jump in stopped_jumps(args.stops) {
        let StoppedJump { seconds, ending, right_while_running } = jump;
        let there = format!("at a jump to {} before a start after a {ending:?}", describe(seconds));
        let there = progress.begin(there);
        world.jump_while_stopped(seconds, ending).await.context(there.clone())?;
        if right_while_running {
            let what = progress.begin(format!("{there}, put right while running"));
            world.jump_while_running(0).await.context(what)?;
        } else {
            let what = progress.begin(format!("{there}, put right while stopped"));
            world.jump_while_stopped(0, ending).await.context(what)?;
        }
    }
    Ok(())
}

/// So many of all that there are, and first those that are most easily mistaken.
fn stopped_jumps(count: usize) -> Vec<StoppedJump> {
    let mut all = Vec::new();
    for seconds in JUMPS {
        for ending in [Ending::Stop, Ending::Kill] {
            for right_while_running in [true, false] {
                // Up to a minute of a clock that is put right while the server is stopped counts as time that has passed.
                if right_while_running || seconds != A_LITTLE_BEHIND {
                    all.push(StoppedJump { seconds, ending, right_while_running });
                }
            }
        }
    }
    fastrand::shuffle(&mut all);
    all.sort_by_key(|jump| jump.seconds != A_LITTLE_BEHIND);
    all.truncate(count);
    all
}

/// For a person.
fn describe(seconds: i64) -> String {
    match seconds.abs() {
        0 => "the true time".to_owned(),
        DAY.. => format!("{:+} days", seconds / DAY),
        _ => format!("{seconds:+} s"),
    }
}
