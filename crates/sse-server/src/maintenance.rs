//! Work beside the server: backup, restore and verify the log's files, make tokens, completions and man pages, ask for its health.
//! Says what was done, and how that ended.

mod health;
mod token;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Command, Subcommand};
use clap_complete::Shell;
use sse_hub::{Damage, LogCheck, backup_log, restore_log, verify_file, verify_log};

use self::health::HealthArgs;
use self::token::TokenArgs;
use crate::config::{DATA_DIR, DataDir, data_dir};

/// What the command line asks for instead of a server.
#[derive(Debug, Clone, Subcommand)]
pub enum Maintenance {
    /// Copy the log into FILE, while the server runs or not; see docs/backup.md
    ///
    /// Exit status: 0 FILE has all of it, 1 there is no FILE, or one without what is damaged.
    Backup {
        /// The file to make. It must not exist; when it does, it is whole.
        file: PathBuf,

        /// Where the log is.
        #[command(flatten)]
        log: LogFolder,
    },

    /// Make a backup the log of a folder that has none, while no server runs
    ///
    /// Readers that pass the end of the backup get a gap, since later events are not in it.
    Restore {
        /// The backup.
        file: PathBuf,

        /// Restore a damaged one too: its readers get a gap where something is missing.
        #[arg(long)]
        damaged: bool,

        /// Where the log is.
        #[command(flatten)]
        log: LogFolder,
    },

    /// Check everything in the log, or in a backup, while the server runs or not; changes nothing
    ///
    /// Prints what is damaged, then a summary. Exit status: 0 it is whole, 1 it is damaged, 2 it cannot be read.
    Verify {
        /// A backup. Default: the log of the folder.
        file: Option<PathBuf>,

        /// Where the log is.
        #[command(flatten)]
        log: LogFolder,
    },

    /// Print a token, signed with the first secret of `[auth]` in the settings file; see docs/tokens.md
    ///
    /// It grants what is named, and nothing else. Exit status: 0 printed, 1 it cannot be made.
    Token(TokenArgs),

    /// Print the script with which a shell completes commands and flags
    ///
    /// For bash, for example: sse-server completions bash > ~/.local/share/bash-completion/completions/sse-server
    Completions {
        /// The shell.
        shell: Shell,
    },

    /// Write the man pages into a folder
    #[command(hide = true)]
    Man {
        /// The folder.
        folder: PathBuf,
    },

    /// Ask a running server whether it is ready, at /readyz; for checks of containers
    ///
    /// Exit status: 0 it is, 1 it is not, or does not answer.
    Health(HealthArgs),
}

/// Where the log is.
#[derive(Debug, Clone, Args)]
pub struct LogFolder {
    /// Folder of the durable log.
    #[arg(long, env = "SSE_DATA_DIR", value_name = "DIR", default_value = DATA_DIR, value_parser = data_dir)]
    data_dir: DataDir,
}

impl LogFolder {
    fn path(&self) -> anyhow::Result<&Path> {
        match &self.data_dir {
            DataDir::Folder(folder) => Ok(folder),
            DataDir::Off => bail!("with --data-dir off the log is in memory alone; name its folder"),
        }
    }
}

impl Maintenance {
    /// Does it. Blocks, but for questions to a server. `definition` is that of the command line.
    pub async fn run(&self, definition: Command) -> ExitCode {
        let (done, failed) = match self {
            Self::Backup { file, log } => (backup(file, log), ExitCode::FAILURE),
            Self::Restore { file, damaged, log } => (restore(file, *damaged, log), ExitCode::FAILURE),
            Self::Verify { file, log } => (verify(file.as_deref(), log), ExitCode::from(2)),
            Self::Health(args) => (args.check().await.map(|()| ExitCode::SUCCESS), ExitCode::FAILURE),
            Self::Token(args) => (args.text().and_then(|text| printed(&text)), ExitCode::FAILURE),
            Self::Completions { shell } => (completions(*shell, definition), ExitCode::FAILURE),
            Self::Man { folder } => (man_pages(definition, folder), ExitCode::FAILURE),
        };
        done.unwrap_or_else(|error| {
            eprintln!("sse-server: {error:#}");
            failed
        })
    }
}

fn backup(file: &Path, log: &LogFolder) -> anyhow::Result<ExitCode> {
    let report = backup_log(log.path()?, file).context("no backup was made")?;
    if report.unreadable > 0 {
        let places = report.unreadable;
        eprintln!(
            "sse-server: the log is damaged: at {places} places events cannot be read, and are not in the backup; \
             `sse-server verify` says which"
        );
    }
    print(&format!("{}: {}\n", file.display(), report.contents))?;
    Ok(if report.unreadable == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn restore(file: &Path, damaged: bool, log: &LogFolder) -> anyhow::Result<ExitCode> {
    let folder = log.path()?;
    let check = restore_log(file, folder, damaged).context("nothing was restored")?;
    let line = format!(
        "{}: {}; start the server on it, and readers that pass its end get a gap\n",
        folder.display(),
        check.contents
    );
    printed(&line)
}

fn verify(file: Option<&Path>, log: &LogFolder) -> anyhow::Result<ExitCode> {
    let (check, name) = match file {
        Some(file) => (verify_file(file)?, file),
        None => (verify_log(log.path()?)?, log.path()?),
    };
    print(&findings(name, &check))?;
    Ok(if check.damages.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn findings(name: &Path, check: &LogCheck) -> String {
    let mut text = String::new();
    for Damage { what, effect, places, count } in &check.damages {
        for place in places {
            text += &format!("{what}: {place}\n");
        }
        let more = count.saturating_sub(places.len() as u64);
        if more > 0 {
            text += &format!("{what}: and {more} more\n");
        }
        text += &format!("{what}: {effect}\n");
    }
    let kinds: Vec<&str> = check.damages.iter().map(|damage| damage.what).collect();
    let state = if kinds.is_empty() { "whole".into() } else { format!("damaged: {}", kinds.join(", ")) };
    text + &format!("{}: {}, {state}\n", name.display(), check.contents)
}

fn completions(shell: Shell, mut definition: Command) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut definition, "sse-server", &mut script);
    printed(&String::from_utf8_lossy(&script))
}

fn man_pages(definition: Command, folder: &Path) -> anyhow::Result<ExitCode> {
    let written = clap_mangen::generate_to(definition, folder);
    written.with_context(|| format!("no man pages were written to {}", folder.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn printed(text: &str) -> anyhow::Result<ExitCode> {
    print(text)?;
    Ok(ExitCode::SUCCESS)
}

/// Whoever reads it may have seen enough.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use sse_hub::LogContents;

    use super::*;

    #[test]
    fn findings_name_some_places_and_count_the_others() {
        let contents = LogContents { events: 3, topics: 2, bytes: 4096, newest: None };
        let whole = LogCheck { contents: contents.clone(), damages: Vec::new() };
        let log = Path::new("sse-data");
        assert_eq!(findings(log, &whole), "sse-data: 3 events, 2 topics, 4096 bytes, whole\n");
        let places = vec!["seq 1: missing".to_owned(), "seq 2: missing".to_owned()];
        let damage = Damage { what: "records", effect: "readers get a gap", places, count: 5 };
        let text = findings(log, &LogCheck { contents, damages: vec![damage] });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1..4],
            ["records: seq 2: missing", "records: and 3 more", "records: readers get a gap"]
        );
        assert!(lines[4].ends_with(", damaged: records"), "{text}");
    }
}
