//! What an application is to the rest of the server: an entry in the table. Knows none of them.

use std::sync::Arc;

use actix_web::web::ServiceConfig;
use clap::{ArgMatches, Command, FromArgMatches};
use futures_util::future::BoxFuture;
use sse_hub::{Hub, Policy};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::http::{Endpoint, Page};
use crate::settings_tree::{Section, SettingsTree};

/// One entry of the table. All but `start` is known before anything runs.
#[derive(Debug)]
pub(crate) struct Application {
    /// As `--apps` names it.
    pub(crate) name: &'static str,
    /// Policies by topic pattern. They stand behind those of the settings file.
    pub(crate) policies: &'static [(&'static str, Policy)],
    /// Its pages, whose files are in `web/pages`.
    pub(crate) pages: &'static [Page],
    /// Paths that answer with an event stream, for people to read.
    pub(crate) streams: &'static [&'static str],
    /// Its paths, and what answers them.
    pub(crate) endpoints: fn() -> Vec<Endpoint>,
    /// Its part of the API's description.
    pub(crate) openapi: &'static str,
    /// Adds its flags.
    pub(crate) flags: fn(Command) -> Command,
    /// Its section of the settings file.
    pub(crate) section: Option<Section>,
    /// Starts its tasks; an error says which setting to change. Gives what its handlers find in the request's app data.
    pub(crate) start: for<'a> fn(Launch<'a>) -> BoxFuture<'a, anyhow::Result<Running>>,
}

/// What an application starts with.
pub(crate) struct Launch<'a> {
    pub(crate) hub: Hub,
    pub(crate) flags: &'a ArgMatches,
    /// The settings file, for the application's own section.
    pub(crate) settings: &'a SettingsTree,
    /// Awaited when the server ends; each task ends at `shutdown`.
    pub(crate) tasks: &'a mut JoinSet<()>,
    pub(crate) shutdown: CancellationToken,
}

/// Adds the state of a running application to a worker.
#[derive(Clone)]
pub(crate) struct Running(Arc<dyn Fn(&mut ServiceConfig) + Send + Sync>);

impl Launch<'_> {
    /// The application's flags.
    pub(crate) fn flags<F: FromArgMatches>(&self) -> anyhow::Result<F> {
        Ok(F::from_arg_matches(self.flags)?)
    }

    /// Runs a task until it ends or the server does.
    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move {
            shutdown.run_until_cancelled(task).await;
        });
    }
}

impl Running {
    /// Handlers find a clone of this.
    pub(crate) fn with<T: Clone + Send + Sync + 'static>(state: T) -> Self {
        Self(Arc::new(move |config| {
            config.app_data(state.clone());
        }))
    }

    /// Handlers need nothing.
    pub(crate) fn without_state() -> Self {
        Self(Arc::new(|_| {}))
    }

    pub(crate) fn configure(&self, config: &mut ServiceConfig) {
        (self.0)(config);
    }
}
