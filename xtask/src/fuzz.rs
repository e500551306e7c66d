//! Coverage-guided fuzzing, on a stable toolchain and without cargo-fuzz.

use std::process::Command;

use anyhow::{Context, Result};

use crate::{shell, tools};

/// Flags of `cargo xtask fuzz`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Seconds for each target.
    #[arg(long, default_value_t = 600)]
    pub(crate) seconds: u32,
    /// Leaves out the targets for which the server has to be built.
    #[arg(long)]
    pub(crate) light: bool,
}

const LIGHT: [&str; 3] = ["decode", "encode", "origin"];
const OF_SERVER: [&str; 2] = ["forwarded", "token"];

/// Compiler flags that report to libFuzzer which code an input reaches.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing";

/// Fuzzes each target in turn. Crashing inputs are written to `fuzz/artifacts`.
pub(crate) fn run(args: &Args) -> Result<()> {
    tools::need(&[("c++", "g++")])?;
    let host = host()?;
    let folder = shell::root().join("fuzz");
    let target_dir = folder.join("target");
    // With --target, build scripts and macros are built without the flags.
    let mut build = shell::cargo(&["build", "--release", "--locked", "--target", &host]);
    build.current_dir(&folder).env("RUSTFLAGS", COVERAGE);
    let of_server = if args.light { &[][..] } else { &OF_SERVER };
    if !args.light {
        build.args(["--features", "server"]);
    }
    shell::run(build.arg("--target-dir").arg(&target_dir))?;
    for target in LIGHT.iter().chain(of_server) {
        let grown = folder.join("corpus-grown").join(target);
        let artifacts = folder.join("artifacts").join(target);
        for folder in [&grown, &artifacts] {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let mut fuzz = shell::program(target_dir.join(&host).join("release").join(target));
        fuzz.current_dir(&folder)
            .arg("-dict=sse.dict")
            .arg("-print_final_stats=1")
            .arg(format!("-max_total_time={}", args.seconds))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .arg(&grown)
            .arg(folder.join("seeds").join(target));
        shell::run(&mut fuzz)?;
    }
    Ok(())
}

/// The target triple of this machine.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot run rustc")?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not report its host")
}
