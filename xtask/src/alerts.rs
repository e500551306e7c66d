//! The alert rules in docs/operations, checked and tested by Prometheus's own tool.

use anyhow::{Context, Result};

use crate::{shell, tools};

pub(crate) fn run() -> Result<()> {
    tools::need(&[("promtool", "prometheus")])?;
    let promtool = tools::path("promtool").context("promtool is not installed")?;
    for args in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]] {
        let mut command = shell::program(&promtool);
        shell::run(command.current_dir(shell::root().join("docs/operations")).args(args))?;
    }
    Ok(())
}
