//! The power-loss test: what was acknowledged is there after a power cut. Runs the server under strace, replays its calls into
//! a model of a disk, and at answers and at syncs builds the folder that a cut at that moment would leave: at the least what
//! was synced, at the most everything, or with some of the sectors, lengths and names in between. A server is started on
//! each of them.

mod check;
mod disk;
mod trace;
mod workload;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use tempfile::TempDir;

use crate::{shell, tools};
use check::{AFTER, Found, check};
use disk::{Disk, Unsynced};
use trace::{Call, Phase, Step};
use workload::{Acknowledged, Ledger};

/// Flags of `cargo xtask power-loss`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Power cuts.
    #[arg(long, default_value_t = 300)]
    cuts: usize,
    /// Seed of the choice of cuts, and of what they leave. Random without one.
    #[arg(long)]
    seed: Option<u64>,
}

impl Args {
    /// The short form of the gate.
    pub(crate) fn short() -> Self {
        Self { cuts: 25, seed: None }
    }
}

/// After so many cuts there is one that is followed by a second one.
const CUTS_PER_SECOND_ONE: usize = 3;

/// A power cut just before a step.
#[derive(Debug, Clone, Copy)]
struct Cut {
    at: usize,
    unsynced: Unsynced,
}

/// What the cuts have shown.
#[derive(Debug, Default)]
struct Summary {
    cuts: usize,
    again: usize,
    acknowledged: usize,
    unacknowledged: usize,
    false_gaps: usize,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: &Args) -> Result<()> {
    if !cfg!(target_os = "linux") {
        eprintln!("skipped: power loss (strace is for Linux)");
        return Ok(());
    }
    tools::need(&[("strace", "strace")])?;
    let scratch = shell::scratch_folder("power-loss")?;
    // As strace names files.
    let scratch_path = scratch.path().canonicalize()?;
    if let Some(why) = cannot_trace(&scratch_path)? {
        eprintln!("skipped: power loss (strace cannot attach: {why})");
        return Ok(());
    }
    shell::build_server()?;
    let (root, traces) = (scratch_path.join("disk"), scratch_path.join("traces"));
    for folder in [&root, &traces] {
        std::fs::create_dir(folder)?;
    }
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed              {seed}");
    let start = Instant::now();
    let (ledger, steps) = workload::run(&root, &traces).await?;
    let log = scratch_path.join("server.log");
    let mut test = Test { scratch: &scratch_path, log, root: &root, ledger, steps };
    let answers = test.expect_model()?;
    println!(
        "workload          {} events sent, {answers} answers, {} steps, in {:.1} s",
        test.ledger.sent.len(),
        test.steps.len(),
        start.elapsed().as_secs_f64()
    );
    test.ledger.sent.insert(AFTER.1.to_owned(), AFTER.0.to_owned());
    test.expect_noticed().await?;
    println!("without syncs     the loss is noticed");
    let mut rng = Rng::with_seed(seed);
    let cuts = test.choose(args.cuts, &mut rng);
    let (summary, took) = (test.cut_all(&cuts, &mut rng).await?, start.elapsed());
    println!(
        "power cuts        {:>10} and {} second ones, in {:.1} s",
        summary.cuts,
        summary.again,
        took.as_secs_f64()
    );
    println!("acknowledged      {:>10} events over all cuts, all there, once", summary.acknowledged);
    println!("not acknowledged  {:>10} events are stored as well", summary.unacknowledged);
    println!("gaps              {:>10} are told though nothing is missing", summary.false_gaps);
    Ok(())
}

/// Why strace does not work here.
fn cannot_trace(scratch: &Path) -> Result<Option<String>> {
    let words = workload::strace(&scratch.join("try"));
    let mut words = words.iter().filter(|word| *word != "-D");
    let mut strace = Command::new(words.next().context("no strace")?);
    let done = strace.args(words).arg("true").output().context("cannot run strace")?;
    let said = String::from_utf8_lossy(&done.stderr);
    Ok((!done.status.success()).then(|| said.lines().next().unwrap_or("no reason").to_owned()))
}

/// Writes the folder of a cut beside the build output, to look at. Says where.
fn retain(disk: &Disk, unsynced: Unsynced) -> Result<String> {
    let folder = tempfile::Builder::new().prefix("power-loss-failed-").tempdir_in(shell::target())?;
    disk.write_to(folder.path(), unsynced)?;
    Ok(format!("what the power cut has left is in {}", folder.keep().display()))
}

/// A workload that was traced.
struct Test<'a> {
    scratch: &'a Path,
    /// What the servers on cut disks tell.
    log: PathBuf,
    /// Folder of the files of `steps`.
    root: &'a Path,
    ledger: Ledger,
    steps: Vec<Step>,
}

impl Test<'_> {
    /// The model ends with the files that are really there, and has seen every answer. Returns the number of answers.
    fn expect_model(&self) -> Result<usize> {
        let mut disk = Disk::new(self.root);
        self.steps.iter().try_for_each(|step| disk.take(step))?;
        disk.expect_real()?;
        let answers = self.steps.iter().filter(|step| self.acknowledged_by(step).is_some()).count();
        ensure!(
            answers == self.ledger.answers.len(),
            "strace saw {answers} of {} answers",
            self.ledger.answers.len()
        );
        Ok(answers)
    }

    /// A disk that ignores syncs loses something, and that is noticed.
    async fn expect_noticed(&self) -> Result<()> {
        let last = self.steps.iter().rposition(|step| self.acknowledged_by(step).is_some());
        let cut = Cut { at: last.context("no answer")?, unsynced: Unsynced::Nothing };
        let mut disk = Disk::new(self.root);
        disk.ignores_syncs = true;
        let mut acknowledged = Vec::new();
        for step in self.steps.iter().take(cut.at + 1) {
            acknowledged.extend(self.acknowledged_by(step).into_iter().flatten());
            disk.take(step)?;
        }
        let noticed = self.cut(&disk, cut, &acknowledged).await;
        ensure!(noticed.is_err(), "a disk that ignores syncs loses nothing: the test is worth nothing");
        Ok(())
    }

    /// The events that this step acknowledges, when it is the beginning of an answer.
    fn acknowledged_by(&self, step: &Step) -> Option<&[Acknowledged]> {
        let Call::Send(data) = &step.call else { return None };
        if step.phase != Phase::Begins || !data.starts_with(b"HTTP/1.1 20") {
            return None;
        }
        let head = memchr::memmem::find(data, b"\r\n\r\n")?;
        self.ledger.answers.get(data.get(head + 4..)?).map(Vec::as_slice)
    }

    /// First all answers with what was synced and nothing else, then answers and the beginnings of syncs in turn. When
    /// there are fewer cuts than answers, any of them, half with more than what was synced.
    fn choose(&self, count: usize, rng: &mut Rng) -> Vec<Cut> {
        let places = |chosen: &dyn Fn(&Step) -> bool| -> Vec<usize> {
            self.steps.iter().enumerate().filter(|(_, step)| chosen(step)).map(|(at, _)| at).collect()
        };
        let mut answers = places(&|step| self.acknowledged_by(step).is_some());
        let mut syncs = places(&|step| {
            step.phase == Phase::Begins
                && matches!(&step.call, Call::Sync(path) if path.starts_with(self.root))
        });
        rng.shuffle(&mut answers);
        let nothing = answers.len().min(count / 2);
        let mut cuts: Vec<Cut> =
            answers.iter().take(nothing).map(|&at| Cut { at, unsynced: Unsynced::Nothing }).collect();
        while cuts.len() < count {
            rng.shuffle(&mut syncs);
            let more = answers.iter().zip(&syncs).flat_map(|(answer, sync)| [*sync, *answer, *sync]);
            let more = more.enumerate().map(|(nth, at)| {
                let some = Unsynced::Some(rng.u64(..));
                let kinds = [some, some, Unsynced::Nothing, Unsynced::Everything];
                Cut { at, unsynced: kinds.get(nth % kinds.len()).copied().unwrap_or(some) }
            });
            cuts.extend(more.take(count - cuts.len()));
        }
        cuts
    }

    /// Replays the steps once, with all cuts on the way.
    async fn cut_all(&self, cuts: &[Cut], rng: &mut Rng) -> Result<Summary> {
        let mut places: BTreeMap<usize, Vec<Cut>> = BTreeMap::new();
        cuts.iter().for_each(|cut| places.entry(cut.at).or_default().push(*cut));
        let (mut disk, mut acknowledged, mut summary) =
            (Disk::new(self.root), Vec::new(), Summary::default());
        for (at, step) in self.steps.iter().enumerate() {
            acknowledged.extend(self.acknowledged_by(step).into_iter().flatten());
            for cut in places.get(&at).into_iter().flatten() {
                let found = match self.cut(&disk, *cut, &acknowledged).await {
                    Ok(found) => found,
                    Err(error) => return Err(error.context(retain(&disk, cut.unsynced)?)),
                };
                summary.cuts += 1;
                if summary.cuts % CUTS_PER_SECOND_ONE == 0 {
                    let again = self.cut_again(&disk, *cut, &acknowledged, rng).await;
                    again.with_context(|| self.describe(*cut))?;
                    summary.again += 1;
                }
                summary.acknowledged += acknowledged.len();
                summary.unacknowledged += found.unacknowledged;
                summary.false_gaps += usize::from(found.false_gap.is_some());
                if let Some(gap) = found.false_gap {
                    let what = format!("{}: a reader is told of a gap: {gap}", self.describe(*cut));
                    // A commit of which sectors are missing looks like one that was damaged later.
                    let is_excused = matches!(cut.unsynced, Unsynced::Some(_));
                    ensure!(is_excused, "{what}; {}", retain(&disk, cut.unsynced)?);
                    eprintln!("{what}");
                }
            }
            disk.take(step)?;
        }
        Ok(summary)
    }

    /// One power cut, with what was acknowledged before it.
    async fn cut(&self, disk: &Disk, cut: Cut, acknowledged: &[&Acknowledged]) -> Result<Found> {
        let folder = self.folder()?;
        disk.write_to(folder.path(), cut.unsynced)?;
        let run = (Vec::new(), self.log.as_path());
        let found = check(folder.path(), run, &self.ledger, acknowledged).await;
        found.with_context(|| self.describe(cut))
    }

    /// The power is cut again while the server starts on what the first cut has left, or when it answers again.
    async fn cut_again(
        &self,
        first: &Disk,
        cut: Cut,
        acknowledged: &[&Acknowledged],
        rng: &mut Rng,
    ) -> Result<()> {
        let (folder, trace) = (self.folder()?, self.scratch.join("again"));
        first.write_to(folder.path(), cut.unsynced)?;
        let mut disk = Disk::of(folder.path())?;
        let run = (workload::strace(&trace), self.log.as_path());
        let found = check(folder.path(), run, &self.ledger, acknowledged).await?;
        let steps = trace::read(&trace, found.process).await?;
        let (body, after) = &found.after;
        let is_answer = |step: &Step| matches!(&step.call, Call::Send(data) if data.ends_with(body));
        let places = |chosen: &dyn Fn(&Step) -> bool| -> Vec<usize> {
            let begins = steps.iter().enumerate().filter(|(_, step)| step.phase == Phase::Begins);
            begins.filter(|(_, step)| chosen(step)).map(|(at, _)| at).collect()
        };
        let syncs = places(&|step| matches!(&step.call, Call::Sync(path) if path.starts_with(folder.path())));
        let answer = places(&is_answer).first().copied().context("strace did not see the answer")?;
        let at = if rng.u8(..4) == 0 { answer } else { rng.choice(syncs).unwrap_or(answer) };
        steps.iter().take(at).try_for_each(|step| disk.take(step))?;
        let mut acknowledged = acknowledged.to_vec();
        acknowledged.extend((at >= answer).then_some(after));
        let unsynced = if rng.bool() { Unsynced::Nothing } else { Unsynced::Some(rng.u64(..)) };
        let again = self.folder()?;
        disk.write_to(again.path(), unsynced)?;
        let run = (Vec::new(), self.log.as_path());
        let found = check(again.path(), run, &self.ledger, &acknowledged).await;
        found.map(drop).or_else(|error| {
            let retained = retain(&disk, unsynced)?;
            Err(error
                .context(format!("cut again at step {at} of the next run, with {unsynced:?}; {retained}")))
        })
    }

    fn folder(&self) -> Result<TempDir> {
        Ok(tempfile::Builder::new().prefix("cut-").tempdir_in(self.scratch)?)
    }

    fn describe(&self, cut: Cut) -> String {
        let call = match self.steps.get(cut.at).map(|step| &step.call) {
            Some(Call::Sync(path)) => format!("the sync of {}", path.display()),
            _ => "an answer".to_owned(),
        };
        format!("power cut at step {}, {call}, with {:?} of what was not synced", cut.at, cut.unsynced)
    }
}
