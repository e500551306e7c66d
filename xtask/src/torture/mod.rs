//! The torture of the log's files: damages a data folder in every way a disk or an operator can, starts the server on it, and
//! holds what readers receive against what was acknowledged. The server may refuse the folder, or serve it and tell of each
//! loss; it must not lose, alter or repeat an event in silence.

mod build;
mod check;
mod damage;
mod fault;
mod known_log;
mod readers;
mod round;
mod start;
mod wal;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::shell;
use damage::Kind;
use fault::Fault;
use known_log::KnownLog;
use round::{Outcome, Round};

/// Flags of `cargo xtask torture`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Number of rounds.
    #[arg(long, default_value_t = 2000)]
    rounds: u64,
    /// The same seed gives the same rounds, as long as the known logs of a failed run are there. Default: drawn at random.
    #[arg(long)]
    seed: Option<u64>,
    /// Runs this round alone.
    #[arg(long)]
    round: Option<u64>,
    /// Goes on after a fault, and tells of all at the end.
    #[arg(long)]
    keep_going: bool,
    /// Leaves out what the server is not known to withstand every time: whole pages of the file that are of another moment.
    #[arg(long)]
    sure: bool,
}

impl Args {
    /// The short form of the gate.
    pub(crate) fn short() -> Self {
        Self { rounds: 35, seed: None, round: None, keep_going: false, sure: true }
    }
}

/// Rounds after which progress is told.
const PROGRESS: u64 = 200;

pub(crate) fn run(args: &Args) -> Result<()> {
    shell::build_server()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(test(args))
}

async fn test(args: &Args) -> Result<()> {
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..1 << 32));
    println!("seed              {seed:>10}");
    let folder = shell::target().join(format!("torture-{seed}"));
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let settings = folder.join("settings.toml");
    build::write_settings(&settings)?;
    let logs = build::known_logs(&folder, &settings, seed).await?;
    let mut torture = Torture {
        seed,
        folder,
        settings,
        logs,
        kinds: if args.sure { &Kind::SURE } else { &Kind::ALL },
        tally: BTreeMap::new(),
        faults: BTreeMap::new(),
    };
    let rounds = args.round.map_or(0..args.rounds, |round| round..round + 1);
    for number in rounds {
        torture.run(number, args.round.is_some()).await?;
        if !args.keep_going && !torture.faults.is_empty() {
            break;
        }
        if (number + 1) % PROGRESS == 0 {
            eprintln!("{} rounds", number + 1);
        }
    }
    torture.report(args.round.is_none())
}

/// The state of a run.
struct Torture {
    seed: u64,
    folder: PathBuf,
    settings: PathBuf,
    logs: Vec<KnownLog>,
    /// Taken in turn.
    kinds: &'static [Kind],
    /// Rounds by damage and outcome; `None` is a fault.
    tally: BTreeMap<(Kind, Option<Outcome>), usize>,
    faults: BTreeMap<String, Vec<FailedRound>>,
}

struct FailedRound {
    number: u64,
    /// What was damaged, and what is wrong.
    text: String,
}

impl Torture {
    async fn run(&mut self, number: u64, is_told: bool) -> Result<()> {
        let work = self.folder.join("round");
        remove(&work)?;
        let (data, stderr) = (work.join("data"), work.join("stderr.txt"));
        let round = self.prepare(number, &data)?;
        let (kind, what) = (round.kind, round.damaged.what.clone());
        let result = round.run(&stderr).await;
        if is_told {
            let outcome = result.as_ref().map_or("a fault".to_owned(), |outcome| format!("{outcome:?}"));
            println!("round {number}: {what}\n    {outcome}");
        }
        *self.tally.entry((kind, result.as_ref().ok().copied())).or_default() += 1;
        if let Err(error) = result {
            self.keep(number, &what, &error)?;
        }
        Ok(())
    }

    fn prepare(&self, number: u64, data: &Path) -> Result<Round<'_>> {
        let nth = usize::try_from(number % self.kinds.len() as u64).unwrap_or(0);
        let kind = self.kinds.get(nth).copied().unwrap_or(Kind::Undamaged);
        Round::prepare(
            &self.logs,
            kind,
            self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            (data, &self.settings),
        )
    }

    /// Keeps the folder of a failed round: of each class of faults the first, before the start and after it.
    fn keep(&mut self, number: u64, what: &str, error: &anyhow::Error) -> Result<()> {
        let class = error.downcast_ref::<Fault>().map_or("error", |fault| fault.class).to_owned();
        let text = format!("{what}\n    {error:#}");
        eprintln!("round {number}: {text}");
        if !self.faults.contains_key(&class) {
            let kept = self.folder.join(format!("failed-{number}"));
            remove(&kept)?;
            fs::rename(self.folder.join("round"), &kept)?;
            self.prepare(number, &kept.join("data-before"))?;
            fs::write(kept.join("fault.txt"), &text)?;
            eprintln!("    kept in {}", kept.display());
        }
        self.faults.entry(class).or_default().push(FailedRound { number, text });
        Ok(())
    }

    /// Tells the outcome. Without faults the folder is removed if `is_done`, so that a round of a failed run can be run again and
    /// again.
    fn report(self, is_done: bool) -> Result<()> {
        println!(
            "{:<30} {:>7} {:>8} {:>9} {:>10} {:>10} {:>7}",
            "damage", "rounds", "refused", "complete", "with gaps", "read-only", "faults"
        );
        for kind in Kind::ALL {
            let count = |outcome| self.tally.get(&(kind, outcome)).copied().unwrap_or(0);
            let outcomes = [Outcome::Refused, Outcome::Complete, Outcome::Gaps, Outcome::ReadOnly];
            let [refused, complete, gaps, read_only] = outcomes.map(|outcome| count(Some(outcome)));
            let faults = count(None);
            let rounds = refused + complete + gaps + read_only + faults;
            if rounds == 0 {
                continue;
            }
            let name = kind.name();
            println!(
                "{name:<30} {rounds:>7} {refused:>8} {complete:>9} {gaps:>10} {read_only:>10} {faults:>7}"
            );
        }
        if self.faults.is_empty() {
            return if is_done { remove(&self.folder) } else { Ok(()) };
        }
        for (class, rounds) in &self.faults {
            let numbers: Vec<String> = rounds.iter().take(20).map(|round| round.number.to_string()).collect();
            println!("\n{class}: {} rounds: {}", rounds.len(), numbers.join(" "));
            rounds.iter().take(3).for_each(|round| println!("  {} {}", round.number, round.text));
        }
        let first = self.faults.values().flatten().map(|round| round.number).min().unwrap_or(0);
        bail!(
            "run one again with --seed {} --round {first}; folders are kept in {}",
            self.seed,
            self.folder.display()
        )
    }
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}
