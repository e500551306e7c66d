//! Puts the parts together: hub, applications, workers. Knows how to start and how to stop.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_server::Server;
use actix_web::web::ServiceConfig;
use anyhow::{Context as _, ensure};
use sse_core::Selector;
use sse_hub::{DiskLog, Durability, Fanout, Hub, Log, MemoryLog, Policies, Policy};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::apps::{APPLICATIONS, Application, Launch, Running};
use crate::auth::{AuthState, Authenticator, Guard, Revocations, TokenVerifier};
use crate::client_limits::{AddressLimits, ClientLimits, Proxies};
use crate::config::{DataDir, Settings};
use crate::http::{AppState, OpenApi, Pages, Reserved, STREAMS, routes};
use crate::metrics;
use crate::selection::Selection;
use crate::settings_file::SettingsFile;
use crate::shutdown_signal::ShutdownSignal;
#[cfg(unix)]
use crate::transport::SocketFile;
use crate::transport::{Limits, Listeners, Tls, TlsFiles, serve};

/// How long event streams may take to send what they have begun, and their end, once the server stops.
const DRAIN: Duration = Duration::from_secs(1);

/// A running server.
pub struct App {
    server: Server,
    addr: SocketAddr,
    is_tls: bool,
    #[cfg(unix)]
    unix_socket: Option<SocketFile>,
    pages: Vec<&'static str>,
    streams: Vec<&'static str>,
    hub: Hub,
    tasks: JoinSet<()>,
    /// Event streams that own their socket.
    event_streams: TaskTracker,
    signal: ShutdownSignal,
    shutdown: CancellationToken,
}

impl App {
    /// Binds, and starts applications and workers. Call it on an actix runtime. Connections are accepted once this
    /// returns and [`run`](Self::run) is polled.
    ///
    /// # Errors
    /// Which setting cannot be used; the source says what is wrong with it.
    pub async fn start(settings: Settings, selection: &Selection) -> anyhow::Result<Self> {
        raise_limit_of_open_files();
        let file = settings_file(&settings)?;
        let pages = pages(&settings, selection, &file)?;
        // Before the log is opened, or created: an address that cannot be used leaves nothing behind.
        let unusable = || format!("cannot listen on {} (--listen)", settings.listen);
        let mut listeners = Listeners::tcp(&settings.listen).with_context(unusable)?;
        let addr = listeners.addr().with_context(unusable)?;
        let guard = guard(&settings, &file, &listeners).with_context(unusable)?;
        let (mut tasks, shutdown) = (JoinSet::new(), CancellationToken::new());
        listeners.tls = tls(&settings, &mut tasks, &shutdown)?;
        let is_tls = listeners.tls.is_some();
        #[cfg(unix)]
        let unix_socket = listen_at(settings.unix_socket.clone(), &mut listeners)?;
        let signal = ShutdownSignal::listen().context("cannot wait for signals")?;
        selection.warn_of_ignored(&file.sections);
        let reserved = reserved(selection);
        let policies = policies(file.rules, selection, &reserved).with_limits(file.limits);
        let log = open_log(&settings.data_dir, policies.clone())?;
        let hub = Hub::with_budget(log, policies, settings.memory_limit);
        let auth = start_auth(file.auth, &settings.data_dir, &mut tasks, &shutdown)?;
        let running = start_applications(&hub, selection, &file.text, &mut tasks, &shutdown).await?;
        let (on, page_paths) = (selection.on().collect::<Vec<_>>(), pages.paths());
        let streams: Arc<[_]> =
            STREAMS.iter().chain(on.iter().flat_map(|app| app.streams)).copied().collect();
        let clients = client_limits(&settings, file.address_limits, &hub);
        let state = state(hub.clone(), shutdown.clone(), {
            let (clients, streams, apps) = (clients.clone(), Arc::clone(&streams), on.clone());
            move |fanout| AppState {
                fanout,
                heartbeat: settings.heartbeat.0,
                apps: apps.iter().map(|app| app.name).collect(),
                reserved: Arc::clone(&reserved),
                auth: Authenticator::new(auth.clone()),
                is_tls,
                guard: Arc::clone(&guard),
                clients: clients.clone(),
                streams: Arc::clone(&streams),
            }
        });
        let routes = routes_of(on, running, pages);
        let event_streams = TaskTracker::new();
        let transport = (limits(&settings), event_streams.clone(), hub.budget().clone(), clients);
        let server = serve(listeners, settings.workers, transport, state, routes).with_context(unusable)?;
        tracing::info!(%addr, "accepting connections");
        Ok(Self {
            server,
            addr,
            is_tls,
            #[cfg(unix)]
            unix_socket,
            pages: page_paths,
            streams: streams.to_vec(),
            hub,
            tasks,
            event_streams,
            signal,
            shutdown,
        })
    }

    /// Scheme and address of the server.
    pub fn base(&self) -> String {
        format!("http{}://{}", if self.is_tls { "s" } else { "" }, self.addr)
    }

    /// Path of the Unix socket that connections are accepted on too.
    #[cfg(unix)]
    pub fn unix_socket(&self) -> Option<&Path> {
        self.unix_socket.as_ref().map(SocketFile::path)
    }

    /// Paths of the pages that are served.
    pub fn pages(&self) -> &[&'static str] {
        &self.pages
    }

    /// Paths that answer with an event stream.
    pub fn streams(&self) -> &[&'static str] {
        &self.streams
    }

    /// Runs until Ctrl-C or SIGTERM, then ends every connection and stops, within 3 s.
    ///
    /// # Errors
    /// When the server fails as a whole.
    pub async fn run(mut self) -> io::Result<()> {
        let handle = self.server.handle();
        let mut server = std::pin::pin!(self.server);
        tokio::select! {
            ended = &mut server => return ended,
            signal = self.signal.recv() => tracing::info!(signal, "stopping"),
        }
        #[cfg(unix)]
        drop(self.unix_socket.take());
        self.shutdown.cancel();
        self.event_streams.close();
        if timeout(DRAIN, self.event_streams.wait()).await.is_err() {
            tracing::debug!(streams = self.event_streams.len(), "cut, because their peers do not read");
        }
        let (ended, ()) = tokio::join!(server, handle.stop(true));
        while self.tasks.join_next().await.is_some() {}
        self.hub.close().await;
        ended
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

fn settings_file(settings: &Settings) -> anyhow::Result<SettingsFile> {
    let sections = APPLICATIONS.iter().filter_map(|app| app.section);
    SettingsFile::read(settings.config.as_deref(), sections)
        .with_context(|| format!("cannot use the settings in {} (--config)", shown(&settings.config)))
}

/// Adds the routes of the hub and of these applications to a worker.
fn routes_of(
    on: Vec<&'static Application>,
    running: Vec<Running>,
    pages: Pages,
) -> impl Fn(&mut ServiceConfig, Rc<AppState>) + Clone {
    let openapi = OpenApi::with(on.iter().map(|app| app.openapi).chain([metrics::OPENAPI]));
    move |config, state| {
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

fn client_limits(settings: &Settings, limits: AddressLimits, hub: &Hub) -> ClientLimits {
    let proxies = Proxies::new(settings.trusted_proxy.clone(), settings.client_address_header.clone());
    ClientLimits::new(limits, proxies, Arc::clone(hub.counters()))
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
    shutdown: CancellationToken,
    make: impl Fn(Fanout) -> AppState + Clone,
) -> impl Fn() -> AppState + Clone {
    move || make(Fanout::start(hub.clone(), shutdown.clone()))
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

#[cfg(unix)]
fn listen_at(path: Option<PathBuf>, listeners: &mut Listeners) -> anyhow::Result<Option<SocketFile>> {
    let Some(path) = path else { return Ok(None) };
    let file = listeners.and_unix(&path);
    file.map(Some).with_context(|| format!("cannot listen on {} (--unix-socket)", path.display()))
}

fn open_log(data_dir: &DataDir, policies: Policies) -> anyhow::Result<Arc<dyn Log>> {
    let DataDir::Folder(folder) = data_dir else {
        tracing::warn!("--data-dir off: every event is gone with the process");
        return Ok(Arc::new(MemoryLog::new(policies)));
    };
    let log = DiskLog::open(folder, policies)
        .with_context(|| format!("cannot keep the log in {} (--data-dir)", folder.display()))?;
    Ok(Arc::new(log))
}
