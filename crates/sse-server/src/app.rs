//! Puts the parts together: hub, applications, workers. Knows how to start and how to stop.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use actix_server::Server;
use actix_web::web::ServiceConfig;
use anyhow::{Context as _, ensure};
use sse_core::Selector;
use sse_hub::{Durability, Fanout, Hub, Policies, Policy};
use tokio::task::{JoinSet, spawn_local};
use tokio_util::sync::CancellationToken;

use crate::apps::{APPLICATIONS, Application, Launch, Running};
use crate::auth::{AuthState, Authenticator, Guard, Revocations, SameSite, TokenVerifier};
use crate::client_limits::{AddressLimits, ClientLimits, Proxies, SubjectLimits};
use crate::config::{DataDir, Settings};
use crate::data_folder::open_log;
use crate::http::{AppState, OpenApi, Pages, Reserved, STREAMS, admin_routes, redirects, routes};
use crate::listening::Listening;
use crate::metrics;
use crate::selection::Selection;
use crate::settings_file::SettingsFile;
use crate::shutdown::{DrainTimes, Shutdown};
use crate::shutdown_signal::{self, ShutdownSignal};
use crate::systemd;
#[cfg(unix)]
use crate::transport::SocketFile;
use crate::transport::{Drain, Limits, Listeners, Role, Shared, Tls, TlsFiles, serve};

/// A running server.
pub struct App {
    server: Server,
    is_tls: bool,
    pages: Vec<&'static str>,
    streams: Vec<&'static str>,
    signal: ShutdownSignal,
    shutdown: Shutdown,
    drain_times: DrainTimes,
}

impl App {
    /// Binds, and starts applications and workers. Call it on an actix runtime. Connections are accepted once this
    /// returns and [`run`](Self::run) is polled.
    ///
    /// # Errors
    /// Which setting cannot be used; the source says what is wrong with it.
    pub async fn start(settings: Settings, selection: &Selection) -> anyhow::Result<Self> {
        raise_limit_of_open_files();
        let file = settings_file(&settings, selection)?;
        let pages = pages(&settings, selection, &file)?;
        // Before the log is opened, or created: an address that cannot be used leaves nothing behind.
        let (listening, mut listeners) = Listening::open(&settings)?;
        let unusable = || format!("cannot listen on {} (--listen)", settings.listen);
        let guard = guard(&settings, &file, &listeners).with_context(unusable)?;
        let (mut tasks, drain) = (JoinSet::new(), Arc::<Drain>::default());
        let shutdown = drain.closing();
        listeners.tls = tls(&settings, &mut tasks, shutdown)?;
        let is_tls = listeners.tls.is_some();
        let mut signal = ShutdownSignal::listen().context("cannot wait for signals")?;
        let reserved = reserved(selection);
        let policies = policies(file.rules, selection, &reserved).with_limits(file.limits);
        let log = open_log(&settings.data_dir, policies.clone(), &mut signal).await?;
        let hub = Hub::with_budget(log, policies, settings.memory_limit);
        let auth = start_auth(file.auth, &settings.data_dir, &mut tasks, shutdown)?;
        let running = start_applications(&hub, selection, &file.text, &mut tasks, shutdown).await?;
        let (on, page_paths) = (selection.on().collect::<Vec<_>>(), pages.paths());
        let streams = streams(&on);
        let clients = client_limits(&settings, (file.address_limits, file.subject_limits), &hub);
        let state = state(hub.clone(), Arc::clone(&drain), {
            let (clients, streams, apps, hsts) =
                (clients.clone(), Arc::clone(&streams), on.clone(), settings.hsts.clone());
            let (drain, has_admin_listener) = (Arc::clone(&drain), listening.admin_addr.is_some());
            move |fanout| AppState {
                fanout,
                drain: Arc::clone(&drain),
                has_admin_listener,
                heartbeat: settings.heartbeat.0,
                apps: apps.iter().map(|app| app.name).collect(),
                reserved: Arc::clone(&reserved),
                auth: Authenticator::new(auth.clone()),
                is_tls,
                hsts: hsts.clone(),
                guard: Arc::clone(&guard),
                clients: clients.clone(),
                streams: Arc::clone(&streams),
            }
        });
        let routes = routes_of(on, running, pages, listening.addr.port());
        let (limits, budget, of_server) = (limits(&settings), hub.budget().clone(), Arc::clone(&drain));
        let shared = Shared { limits, budget, clients, drain: of_server };
        let server = serve(listeners, settings.workers, shared, state, routes).with_context(unusable)?;
        listening.log();
        Ok(Self {
            server,
            is_tls,
            pages: page_paths,
            streams: streams.to_vec(),
            signal,
            shutdown: Shutdown { drain, listening, tasks, hub },
            drain_times: DrainTimes::new(settings.drain_delay, settings.drain_timeout),
        })
    }

    /// Scheme and address of the server.
    pub fn base(&self) -> String {
        format!("http{}://{}", if self.is_tls { "s" } else { "" }, self.shutdown.listening.addr)
    }

    /// Where requests are sent on to [`Self::base`].
    pub fn redirect(&self) -> Option<SocketAddr> {
        self.shutdown.listening.redirect
    }

    /// Path of the Unix socket that connections are accepted on too.
    #[cfg(unix)]
    pub fn unix_socket(&self) -> Option<&Path> {
        self.shutdown.listening.unix_socket.as_ref().map(SocketFile::path)
    }

    /// Where operators are served.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.shutdown.listening.admin_addr
    }

    /// Paths of the pages that are served.
    pub fn pages(&self) -> &[&'static str] {
        &self.pages
    }

    /// Paths that answer with an event stream.
    pub fn streams(&self) -> &[&'static str] {
        &self.streams
    }

    /// Runs until Ctrl-C or SIGTERM, then ends every connection and stops. A second signal ends it at once.
    ///
    /// # Errors
    /// When the server fails as a whole, or was not given the time to end.
    pub async fn run(mut self) -> io::Result<()> {
        let _alive = systemd::keep_alive(self.shutdown.hub.clone());
        systemd::ready();
        let signal = tokio::select! {
            ended = &mut self.server => return ended,
            signal = self.signal.recv() => signal,
        };
        let times = if shutdown_signal::is_urgent(signal) { DrainTimes::QUICK } else { self.drain_times };
        tracing::info!(signal, "stopping");
        systemd::stopping();
        tokio::select! {
            ended = self.shutdown.run(self.server, times) => ended,
            signal = self.signal.recv() => Err(io::Error::other(format!("ended at once by {signal}"))),
        }
    }
}

/// A connection is an open file; the soft limit is 1,024 on most systems.
fn raise_limit_of_open_files() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

fn pages(settings: &Settings, selection: &Selection, file: &SettingsFile) -> anyhow::Result<Pages> {
    let apps = selection.on().flat_map(|app| app.pages).copied();
    Pages::new(apps, settings.web_dir.as_deref(), private_files(settings, file))
        .with_context(|| format!("cannot serve pages from {} (--web-dir)", shown(&settings.web_dir)))
}

fn settings_file(settings: &Settings, selection: &Selection) -> anyhow::Result<SettingsFile> {
    let sections = APPLICATIONS.iter().filter_map(|app| app.section);
    let file = SettingsFile::read(settings.config.as_deref(), sections)
        .with_context(|| format!("cannot use the settings in {} (--config)", shown(&settings.config)))?;
    selection.warn_of_ignored(&file.sections);
    Ok(file)
}

/// Paths that answer with an event stream.
fn streams(on: &[&'static Application]) -> Arc<[&'static str]> {
    STREAMS.iter().chain(on.iter().flat_map(|app| app.streams)).copied().collect()
}

/// Adds the routes of the hub and of these applications to a worker.
fn routes_of(
    on: Vec<&'static Application>,
    running: Vec<Running>,
    pages: Pages,
    port: u16,
) -> impl Fn(&mut ServiceConfig, Rc<AppState>, Role) + Clone {
    let openapi = OpenApi::with(on.iter().map(|app| app.openapi).chain([metrics::OPENAPI]));
    move |config, state, role| {
        match role {
            Role::Hub => {}
            Role::Admin => return admin_routes(config, state, metrics::endpoints()),
            Role::Redirect => return redirects(config, state, port),
        }
        config.app_data(openapi.clone());
        running.iter().for_each(|app| app.configure(config));
        let of_apps = on.iter().flat_map(|app| (app.endpoints)());
        routes(config, state, of_apps.chain(metrics::endpoints()).collect(), &pages);
    }
}

fn guard(settings: &Settings, file: &SettingsFile, listeners: &Listeners) -> anyhow::Result<Arc<Guard>> {
    let guard = Guard {
        is_loopback: listeners.are_loopback(),
        is_open: settings.open,
        has_auth: file.auth.is_some(),
        is_guarded: file.auth.as_ref().is_some_and(TokenVerifier::refuses_anonymous),
        hosts: settings.allowed_host.clone(),
        origins: settings.allow_origin.clone(),
    };
    let is_for_others = file.auth.as_ref().is_some_and(|auth| auth.same_site == SameSite::None);
    ensure!(
        !is_for_others || guard.lists_origins(),
        "[auth] of the settings file has cookie_same_site = \"none\", which is for pages of other origins, and none is listed: name \
         them with --allow-origin ORIGIN (`*` has no cookies), or leave it at \"lax\""
    );
    ensure!(
        guard.is_meant(),
        "this address is not loopback, and everybody who reaches it could publish and read. Say in [auth] of the settings file \
         who may, or pass --open (SSE_OPEN=on) if everybody may"
    );
    Ok(Arc::new(guard))
}

/// What is nobody's, even when it is in the folder of the pages.
fn private_files(settings: &Settings, file: &SettingsFile) -> Vec<PathBuf> {
    let Settings { data_dir, config, tls_cert, tls_key, .. } = settings;
    let data = match data_dir {
        DataDir::Folder(folder) => Some(folder),
        DataDir::Off => None,
    };
    let keys = file.auth.iter().flat_map(|auth| &auth.files);
    data.into_iter().chain(config).chain(tls_cert).chain(tls_key).chain(keys).cloned().collect()
}

fn limits(settings: &Settings) -> Limits {
    let Settings { heartbeat, write_timeout, keep_alive, direct, .. } = *settings;
    Limits { heartbeat: heartbeat.0, write_timeout, head_timeout: Limits::HEAD_TIMEOUT, keep_alive, direct }
}

fn client_limits(
    settings: &Settings,
    (limits, of_subjects): (AddressLimits, SubjectLimits),
    hub: &Hub,
) -> ClientLimits {
    let proxies = Proxies::new(settings.trusted_proxy.clone(), settings.client_address_header.clone());
    ClientLimits::new(limits, of_subjects, proxies, Arc::clone(hub.counters()))
}

fn tls(
    settings: &Settings,
    tasks: &mut JoinSet<()>,
    shutdown: &CancellationToken,
) -> anyhow::Result<Option<Arc<Tls>>> {
    let files = settings.tls_cert.clone().zip(settings.tls_key.clone());
    let tls = files.map(|(certificate, key)| Tls::open(TlsFiles { certificate, key })).transpose()?;
    if let Some(tls) = &tls {
        tasks.spawn(Arc::clone(tls).follow_files(shutdown.clone()));
    }
    Ok(tls)
}

async fn start_applications(
    hub: &Hub,
    selection: &Selection,
    settings: &str,
    tasks: &mut JoinSet<()>,
    shutdown: &CancellationToken,
) -> anyhow::Result<Vec<Running>> {
    let mut running = Vec::new();
    for app in selection.on() {
        let (hub, shutdown) = (hub.clone(), shutdown.clone());
        let launch = Launch { hub, flags: selection.flags(), settings, tasks: &mut *tasks, shutdown };
        let started = (app.start)(launch).await;
        running.push(started.with_context(|| format!("cannot start the application {}", app.name))?);
    }
    Ok(running)
}

/// The settings file's rules first. Of an application that is off stays in force what keeps its stored events.
fn policies(rules: Vec<(Selector, Policy)>, selection: &Selection, reserved: &[Reserved]) -> Policies {
    let built_in = APPLICATIONS.iter().flat_map(|app| {
        let is_on = selection.is_on(app);
        app.policies.iter().filter(move |(_, policy)| is_on || policy.durability == Durability::Disk)
    });
    let built_in = built_in
        .map(|(pattern, policy)| (pattern.parse().expect("the pattern follows the grammar"), *policy));
    let reserved = reserved.iter().map(|reserved| reserved.topics.clone()).collect();
    Policies::new(rules.into_iter().chain(built_in).collect()).with_reserved(reserved)
}

/// Makes the state of each worker.
fn state(
    hub: Hub,
    drain: Arc<Drain>,
    make: impl Fn(Fanout) -> AppState + Clone,
) -> impl Fn() -> AppState + Clone {
    move || {
        let stop = CancellationToken::new();
        let fanout = Fanout::start(hub.clone(), stop.clone());
        // The worker's runtime owns the task.
        spawn_local(Arc::clone(&drain).end_streams(fanout.clone(), stop));
        make(fanout)
    }
}

/// The topics of the applications that are on.
fn reserved(selection: &Selection) -> Arc<[Reserved]> {
    let topics = selection.on().flat_map(|app| app.policies.iter().map(|(pattern, _)| (app.name, pattern)));
    let parsed = |(app, pattern): (_, &&str)| Reserved {
        topics: pattern.parse().expect("the pattern follows the grammar"),
        app,
    };
    topics.map(parsed).collect()
}

/// Who is kept out stands beside the log. `None` where nobody needs a token.
fn start_auth(
    verifier: Option<TokenVerifier>,
    data_dir: &DataDir,
    tasks: &mut JoinSet<()>,
    shutdown: &CancellationToken,
) -> anyhow::Result<Option<Arc<AuthState>>> {
    let Some(verifier) = verifier else { return Ok(None) };
    let revocations = match data_dir {
        DataDir::Folder(folder) => {
            Revocations::open(folder).context("cannot use the data folder (--data-dir)")?
        }
        DataDir::Off => Revocations::default(),
    };
    let auth = AuthState::new(verifier, revocations);
    let (keeping, shutdown) = (Arc::clone(&auth).keep_keys(), shutdown.clone());
    tasks.spawn(async move {
        shutdown.run_until_cancelled(keeping).await;
    });
    Ok(Some(auth))
}

fn shown(path: &Option<PathBuf>) -> std::path::Display<'_> {
    path.as_deref().unwrap_or(Path::new("")).display()
}
