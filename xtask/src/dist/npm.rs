//! The browser client as a package of npm: the modules that each hub serves, with types made of their JSDoc.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{shell, tools};

/// Makes it in this folder.
pub(super) fn pack(folder: &Path, version: &str) -> Result<PathBuf> {
    tools::need(&[("node", "nodejs"), ("npm", "npm")])?;
    let e2e = shell::root().join("xtask/e2e");
    let compiler = e2e.join("node_modules/.bin/tsc");
    if !compiler.is_file() {
        let mut ci = npm(&e2e);
        shell::run(ci.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]))?;
    }
    let (sources, package) = (shell::root().join("packaging/npm"), folder.join("npm"));
    copy(&shell::root().join("web/client"), &package)?;
    for name in ["package.json", "README.md"] {
        copy(&sources.join(name), &package.join(name))?;
    }
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        copy(&shell::root().join(name), &package.join(name))?;
    }
    let mut types = Command::new(&compiler);
    shell::run(types.arg("--project").arg(sources.join("tsconfig.json")).arg("--outDir").arg(&package))?;
    check_example(&compiler, &sources.join("example.ts"), &package)?;
    shell::run(npm(&package).args(["pkg", "set", &format!("version={version}")]))?;
    let packed = npm(&package).args(["pack", "--silent", "--pack-destination"]).arg(folder).output()?;
    ensure!(packed.status.success(), "npm pack: {}", String::from_utf8_lossy(&packed.stderr));
    let name = String::from_utf8(packed.stdout)?;
    Ok(folder.join(name.lines().last().context("npm pack names no file")?))
}

/// The types fit a program that uses the package by its name.
fn check_example(compiler: &Path, example: &Path, package: &Path) -> Result<()> {
    let user = package.with_file_name("npm-user");
    copy(package, &user.join("node_modules/sse-hub-client"))?;
    copy(example, &user.join("example.ts"))?;
    let mut check = Command::new(compiler);
    check.args(["--noEmit", "--strict", "--target", "es2023", "--lib", "es2023,dom", "--module", "esnext"]);
    check.args(["--moduleResolution", "bundler", "--skipLibCheck", "false", "example.ts"]);
    shell::run(check.current_dir(&user)).context("the types of the npm package")
}

fn npm(folder: &Path) -> Command {
    let mut npm = Command::new("npm");
    npm.current_dir(folder);
    npm
}

/// A file or a folder.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let parent = to.parent().context("no folder")?;
    std::fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    shell::run(shell::program("cp").args(["--recursive", "--no-target-directory"]).arg(from).arg(to))
}
