//! `sse-server token`: makes a token with the keys of the settings file, or a new key for it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use clap::Args;

use crate::auth::{Grant, Grants, TokenOrder, TokenVerifier};
use crate::duration_flag::duration_within;
use crate::settings_file::SettingsFile;

/// Longest life of a token that is made here: a year of 365.25 days.
const LONGEST: Duration = Duration::from_secs(31_557_600);

/// What the token says.
#[derive(Debug, Clone, Args)]
pub struct TokenArgs {
    /// Topics that it may subscribe to: `orders/42`, `chat/*` or `*`; repeatable.
    #[arg(long, value_name = "SELECTOR")]
    subscribe: Vec<String>,

    /// Topics that it may publish to, close and delete; repeatable.
    #[arg(long, value_name = "SELECTOR")]
    publish: Vec<String>,

    /// Grants what is for operators: figures of the hub, revoking.
    #[arg(long)]
    admin: bool,

    /// Whose it is; with --new-key the name of the key.
    #[arg(long, value_name = "ID")]
    subject: Option<String>,

    /// Name that others see.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Time until it expires, from 1s to 1year.
    #[arg(long, value_name = "TIME", default_value = "1h",
        value_parser = |text: &str| duration_within(text, Duration::from_secs(1), LONGEST))]
    expires: Duration,

    /// Print a random key that does not expire instead, and what to paste into the settings file for it.
    #[arg(long, conflicts_with_all = ["expires", "name"])]
    new_key: bool,

    /// The server's settings file.
    #[arg(long, env = "SSE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl TokenArgs {
    pub(super) fn text(&self) -> anyhow::Result<String> {
        let grant = |right, selectors: &Vec<String>| {
            Grant::try_from(selectors.clone()).map_err(|error| anyhow!("--{right} {error}"))
        };
        let grants = Grants {
            subscribe: grant("subscribe", &self.subscribe)?,
            publish: grant("publish", &self.publish)?,
            admin: self.admin,
        };
        ensure!(
            grants != Grants::default(),
            "a token that grants nothing is good for nothing; add --subscribe, --publish or --admin"
        );
        match self.new_key {
            true => self.new_key(),
            false => self.token(grants),
        }
    }

    fn token(&self, grants: Grants) -> anyhow::Result<String> {
        let config = self.config.as_deref().context("name the server's settings file with --config")?;
        let verifier =
            verifier(config).with_context(|| format!("cannot use {} (--config)", config.display()))?;
        let (subject, name, expires) = (self.subject.clone(), self.name.clone(), self.expires);
        Ok(verifier.mint(&TokenOrder { subject, name, grants, expires })? + "\n")
    }

    fn new_key(&self) -> anyhow::Result<String> {
        let (key, sha256) = TokenVerifier::new_key()?;
        let name = self.subject.as_deref().unwrap_or("name it");
        let Self { subscribe, publish, admin, .. } = self;
        Ok(format!(
            "{key}\n\n# The key is shown this once. For the settings file:\n[[auth.key]]\nname = {name:?}\n\
             sha256 = {sha256:?}\nsubscribe = {subscribe:?}\npublish = {publish:?}\nadmin = {admin}\n"
        ))
    }
}

fn verifier(config: &Path) -> anyhow::Result<TokenVerifier> {
    SettingsFile::read(config)?.auth.context("it has no section `[auth]`")
}
