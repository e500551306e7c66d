//! Type-checks the workspace for Windows and macOS on Debian, without their toolchains. Links and runs nothing.
//!
//! The standard library of a foreign system comes with rustup alone, so Debian's compiler builds it from Debian's sources,
//! which takes `RUSTC_BOOTSTRAP`. SQLite and the crypto library are C: MinGW compiles them for Windows, zig for macOS,
//! because it carries the headers of macOS's libc.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::{shell, tools};

/// Flags of `cargo xtask portable`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these; both by default.
    systems: Vec<System>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum System {
    Windows,
    Macos,
}

const CARGO: &str = "/usr/bin/cargo";
const STANDARD_LIBRARY: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";

/// Zig as the compiler for macOS, without the flags that only Apple's compiler knows. `PYTHON` has the ziglang package.
const CC: &str = r#"#!/bin/bash
flags=()
while [ $# -gt 0 ]; do
  case "$1" in
    -arch) shift ;;
    --target=* | -mmacos*-version-min=*) ;;
    *) flags+=("$1") ;;
  esac
  shift
done
exec "PYTHON" -m ziglang cc -target aarch64-macos "${flags[@]}"
"#;
const AR: &str = "#!/bin/bash\nexec \"PYTHON\" -m ziglang ar \"$@\"\n";

pub(crate) fn run(args: &Args) -> Result<()> {
    tools::need(&[
        (CARGO, "cargo-web"),
        ("/usr/bin/rustc", "rustc-web"),
        (STANDARD_LIBRARY, "rust-web-src"),
        ("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64"),
        ("x86_64-w64-mingw32-g++", "g++-mingw-w64-x86-64"),
    ])?;
    for system in [System::Windows, System::Macos] {
        if args.systems.is_empty() || args.systems.contains(&system) {
            eprintln!("== {}", system.target());
            shell::run(&mut system.check()?)?;
        }
    }
    Ok(())
}

impl System {
    fn target(self) -> &'static str {
        match self {
            Self::Windows => "x86_64-pc-windows-gnu",
            Self::Macos => "aarch64-apple-darwin",
        }
    }

    fn check(self) -> Result<Command> {
        let mut check = shell::program(CARGO);
        check.args(["check", "--quiet", "--locked", "--workspace", "-Z", "build-std=std,panic_abort"]);
        check.args(["--target", self.target(), "--target-dir"]).arg(shell::target().join("portable"));
        // Debian's compiler, and not the one that runs this program.
        check.env("RUSTC_BOOTSTRAP", "1").env("PATH", "/usr/bin:/bin");
        for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH"] {
            check.env_remove(name);
        }
        if self == Self::Macos {
            let (cc, ar) = zig(&shell::target().join("portable"))?;
            check.env("CC_aarch64_apple_darwin", &cc).env("CXX_aarch64_apple_darwin", &cc);
            check.env("AR_aarch64_apple_darwin", ar).env("SDKROOT", "/");
        }
        Ok(check)
    }
}

/// Installs zig from PyPI into `folder`. Gives the programs that stand for compiler and archiver.
fn zig(folder: &Path) -> Result<(PathBuf, PathBuf)> {
    let venv = folder.join("venv");
    let python = venv.join("bin/python");
    if !python.is_file() {
        let Some(system_python) = tools::path("python3") else { bail!("macOS needs python3 with venv") };
        shell::run(Command::new(system_python).args(["-m", "venv"]).arg(&venv))?;
    }
    shell::run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "ziglang"]))?;
    let python = python.to_str().context("the path of the build output is not UTF-8")?;
    let script = |name: &str, text: &str| {
        let file = folder.join(name);
        fs::write(&file, text.replace("PYTHON", python))?;
        let made = Command::new("chmod").arg("+x").arg(&file).status()?;
        ensure!(made.success(), "cannot make {} executable", file.display());
        anyhow::Ok(file)
    };
    Ok((script("cc", CC)?, script("ar", AR)?))
}
