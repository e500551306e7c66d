//! Screenshots for README and docs: pages of the release server in Chromium, written to `docs/images`.

use anyhow::Result;

use crate::{e2e, shell};

/// The suite of `xtask/e2e` that takes them.
const SUITE: &str = "screenshots.test.mjs";

pub(crate) fn run() -> Result<()> {
    e2e::run_suites(&[SUITE], Some(("README_IMAGES_DIR", &shell::root().join("docs/images"))))
}
