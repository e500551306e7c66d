//! Puts the parts together: hub, applications, workers. Knows how to start and how to stop.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use actix_server::Server;
use actix_web::web::ServiceConfig;
use anyhow::{Context as _, ensure};
use arc_swap::ArcSwap;
use sse_hub::{Fanout, Hub};
use tokio::task::{JoinSet, spawn_local};
use tokio_util::sync::CancellationToken;

use crate::apps::{Application, Launch, Running};
use crate::auth::{AuthState, Authenticator, Guard, Revocations, TokenVerifier};
use crate::client_limits::{AddressLimits, ClientLimits, Proxies, SubjectLimits};
use crate::config::{DataDir, Settings};
use crate::data_folder::open_log;
use crate::hangup_signal::HangupSignal;
use crate::http::{
    AppState, Hidden, OpenApi, Pages, Reloads, Reserved, STREAMS, admin_routes, redirects, routes,
};
use crate::listening::Listening;
use crate::metrics;
use crate::parts::{check_same_site, policies, private_files, subject_limits};
use crate::reload::Reloader;
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
    pub async fn start(settings: Settings, mut selection: Selection) -> anyhow::Result<Self> {
        raise_limit_of_open_files();
        selection.warn_of_ignored();
        let file = std::mem::take(&mut selection.file);
        let hidden = Hidden::new(ArcSwap::from_pointee(private_files(&settings, file.auth.as_ref())));
        let pages = pages(&settings, &selection, Arc::clone(&hidden))?;
        // Before the log is opened, or created: an address that cannot be used leaves nothing behind.
        let (listening, mut listeners) = Listening::open(&settings)?;
        let unusable = || format!("cannot listen on {} (--listen)", settings.listen);
        let guard = guard(&settings, &file, &listeners).with_context(unusable)?;
        let (mut tasks, drain) = (JoinSet::new(), Arc::<Drain>::default());
        let shutdown = drain.closing();
        let tls = tls(&settings, &mut tasks, shutdown)?;
        listeners.tls.clone_from(&tls);
        let is_tls = tls.is_some();
        let mut signal = ShutdownSignal::listen().context("cannot wait for signals")?;
        // Before the log is opened, which may take its time.
        let hangups = HangupSignal::listen();
        let reserved = reserved(&selection);
        let on: Vec<_> = selection.on().collect();
        let policies = policies(file.rules, &on, &reserved).with_limits(file.limits);
        let log = open_log(&settings.data_dir, policies.clone(), &mut signal).await?;
        let hub = Hub::with_budget(log, policies, settings.memory_limit);
        let of_subjects = subject_limits(file.subject_limits, file.auth.is_some());
        let auth = start_auth(file.auth, &settings.data_dir, &mut tasks, shutdown)?;
        let running = start_applications(&hub, &selection, &mut tasks, shutdown).await?;
        let (page_paths, app_streams) = (pages.paths(), streams(&on).to_vec());
        let clients = client_limits(&settings, (file.address_limits, of_subjects), &hub);
        let (reloads, requests) = Reloads::new();
        let reloader = Reloader {
            args: selection.args,
            in_force: selection.in_force,
            apps: on.clone(),
            hub: hub.clone(),
            reserved,
            guard,
            clients: clients.clone(),
            auth,
            tls,
            hidden,
        };
        let has_admin_listener = listening.admin_addr.is_some();
        let state = state(&settings, &on, &reloader, (Arc::clone(&drain), reloads, has_admin_listener));
        tasks.spawn(reloader.run(hangups, requests, shutdown.clone()));
        let routes = routes_of(on, running, pages, listening.addr.port());
        let (limits, budget, of_server) = (limits(&settings), hub.budget().clone(), Arc::clone(&drain));
        let shared = Shared { limits, budget, clients, drain: of_server };
        let server = serve(listeners, settings.workers, shared, state, routes).with_context(unusable)?;
        listening.log();
        Ok(Self {
            server,
            is_tls,
            pages: page_paths,
            streams: app_streams,
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

fn pages(settings: &Settings, selection: &Selection, hidden: Hidden) -> anyhow::Result<Pages> {
    let apps = selection.on().flat_map(|app| app.pages).copied();
    Pages::new(apps, settings.web_dir.as_deref(), hidden)
        .with_context(|| format!("cannot serve pages from {} (--web-dir)", shown(&settings.web_dir)))
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

fn guard(
    settings: &Settings,
    file: &SettingsFile,
    listeners: &Listeners,
) -> anyhow::Result<Arc<ArcSwap<Guard>>> {
    let guard = Guard {
        is_loopback: listeners.are_loopback(),
        is_open: settings.open,
        has_auth: file.auth.is_some(),
        is_guarded: file.auth.as_ref().is_some_and(TokenVerifier::refuses_anonymous),
        hosts: settings.allowed_host.clone(),
        origins: settings.allow_origin.clone(),
    };
    check_same_site(&guard, file.auth.as_ref())?;
    ensure!(
        guard.is_meant(),
        "this address is not loopback, and everybody who reaches it could publish and read. Say in [auth] of the settings file \
         who may, or pass --open (SSE_OPEN=on) if everybody may"
    );
    Ok(Arc::new(ArcSwap::from_pointee(guard)))
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
    tasks: &mut JoinSet<()>,
    shutdown: &CancellationToken,
) -> anyhow::Result<Vec<Running>> {
    let mut running = Vec::new();
    for app in selection.on() {
        let (hub, settings, shutdown) = (hub.clone(), &selection.tree, shutdown.clone());
        let launch = Launch { hub, flags: selection.flags(), settings, tasks: &mut *tasks, shutdown };
        let started = (app.start)(launch).await;
        running.push(started.with_context(|| format!("cannot start the application {}", app.name))?);
    }
    Ok(running)
}

/// Makes the state of each worker.
fn state(
    settings: &Settings,
    on: &[&'static Application],
    parts: &Reloader,
    (drain, reloads, has_admin_listener): (Arc<Drain>, Reloads, bool),
) -> impl Fn() -> AppState + Clone + use<> {
    let Reloader { hub, reserved, guard, clients, auth, tls, .. } = parts;
    let (hub, reserved, guard) = (hub.clone(), Arc::clone(reserved), Arc::clone(guard));
    let (clients, auth, is_tls) = (clients.clone(), auth.clone(), tls.is_some());
    let (heartbeat, hsts, streams) = (settings.heartbeat.0, settings.hsts.clone(), streams(on));
    let apps: Vec<&str> = on.iter().map(|app| app.name).collect();
    move || {
        let stop = CancellationToken::new();
        let fanout = Fanout::start(hub.clone(), stop.clone());
        // The worker's runtime owns the task.
        spawn_local(Arc::clone(&drain).end_streams(fanout.clone(), stop));
        AppState {
            fanout,
            drain: Arc::clone(&drain),
            has_admin_listener,
            heartbeat,
            apps: apps.clone(),
            reserved: Arc::clone(&reserved),
            auth: Authenticator::new(auth.clone()),
            is_tls,
            hsts: hsts.clone(),
            guard: Arc::clone(&guard),
            clients: clients.clone(),
            reloads: reloads.clone(),
            streams: Arc::clone(&streams),
        }
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
