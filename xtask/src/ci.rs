//! The gate: every check that a change must pass. Stops at the first that fails.

use std::time::Instant;

use anyhow::{Context, Result};

use crate::shell::{cargo, program, run};
use crate::{
    alerts, bench, clients, crash, deny, doctor, drain, e2e, full_disk, fuzz, loss, power_loss, tidy, tools,
    torture, wrong_clock,
};

type Step = (&'static str, fn() -> Result<()>);

const STEPS: [Step; 20] = [
    ("format", || run(&mut cargo(&["fmt", "--all", "--check"]))),
    ("tidy", tidy::run),
    ("licences and sources of dependencies", deny::run),
    ("clippy", || {
        run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"]))
    }),
    ("docs", || {
        let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
        run(doc.env("RUSTDOCFLAGS", "--deny warnings"))
    }),
    ("tests", || {
        tools::need(&[("curl", "curl")])?;
        run(&mut cargo(&["test", "--workspace", "--locked"]))
    }),
    ("server tests without direct writes", || {
        run(cargo(&["test", "-p", "sse-server", "--test", "it", "--locked"]).env("SSE_DIRECT", "off"))
    }),
    ("fuzz", || fuzz::run(&fuzz::Args { seconds: 30, light: true })),
    ("end to end", || e2e::run(&e2e::Args::default())),
    ("crash", || crash::run(&crash::Args::short())),
    ("clients", || clients::run(&clients::Args::short())),
    ("loss", || loss::run(&loss::Args::short())),
    ("full disk", full_disk::run),
    ("torture", || torture::run(&torture::Args::short())),
    ("power loss", || power_loss::run(&power_loss::Args::short())),
    ("wrong clock", || wrong_clock::run(&wrong_clock::Args::short())),
    ("drain", || drain::run(&drain::Args::short())),
    ("doctor behind nginx", doctor::run),
    ("alert rules", alerts::run),
    ("benches, once and small", bench::run_small),
];

/// No test needs link-time optimisation, and it is slow.
const LTO: (&str, &str) = ("CARGO_PROFILE_RELEASE_LTO", "off");

/// Runs the gate in a child process whose builds leave out link-time optimisation.
pub(crate) fn run_gate() -> Result<()> {
    let (name, off) = LTO;
    if std::env::var_os(name).is_some() {
        return run_steps();
    }
    run(program(std::env::current_exe()?).arg("ci").env(name, off))
}

fn run_steps() -> Result<()> {
    let start = Instant::now();
    let mut table = String::new();
    for (name, step) in STEPS {
        eprintln!("\n== {name}");
        let step_start = Instant::now();
        step().with_context(|| format!("{name} failed"))?;
        table += &format!("{:>6.0} s  {name}\n", step_start.elapsed().as_secs_f32());
    }
    eprintln!("\n{table}{:>6.0} s  all passed", start.elapsed().as_secs_f32());
    Ok(())
}
