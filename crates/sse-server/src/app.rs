//! Puts the parts together: hub, sources, workers. Knows how to start and how to stop.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use actix_server::Server;
use tokio::task::JoinSet;

use crate::chat::Chat;
use crate::config::{DataDir, Settings, Switch, TickerMarket};
#[cfg(unix)]
use crate::http::SocketFile;
use crate::http::{self, Listeners, Pages, Worker};
use crate::hub::{Fanout, Hub};
use crate::log::{DiskLog, Log, MemoryLog};
use crate::policy::Policies;
use crate::settings_file::{self, Contents, SettingsFileError};
use crate::shutdown::{Interruption, Shutdown, ShutdownSwitch};
use crate::source;
use crate::source::ticker::{FeedError, Market, Ticker};

/// A running server.
pub struct App {
    server: Server,
    addr: SocketAddr,
    #[cfg(unix)]
    unix_socket: Option<SocketFile>,
    pages: Pages,
    sources: JoinSet<()>,
    interruption: Interruption,
    /// The log, if it is on disk and has to be closed.
    disk: Option<Arc<DiskLog>>,
}

/// Why the server could not start: which setting to change; the source says what is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// `--web-dir` is not a folder that can be read.
    #[error("cannot serve pages from {folder} (--web-dir)", folder = folder.display())]
    WebDir {
        /// The folder as given.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// `--config` cannot be read or understood.
    #[error("cannot use the settings in {file} (--config)", file = file.display())]
    Config {
        /// The file as given.
        file: PathBuf,
        /// What is wrong with it.
        source: SettingsFileError,
    },
    /// `--data-dir` cannot be used for the log.
    #[error("cannot keep the log in {folder} (--data-dir): {why}", folder = folder.display())]
    DataDir {
        /// The folder as given.
        folder: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// `--ticker-feed` cannot be read or understood.
    #[error("cannot play the quotes in {file} (--ticker-feed)", file = file.display())]
    TickerFeed {
        /// The file as given.
        file: PathBuf,
        /// What is wrong with it.
        source: FeedError,
    },
    /// The system does not let it hear Ctrl-C.
    #[error("cannot wait for signals: {0}")]
    Signals(#[source] io::Error),
    /// `--listen` is not an address of this machine, or taken.
    #[error("cannot listen on {addr} (--listen)")]
    Listen {
        /// The address as given.
        addr: String,
        /// What the system says.
        source: io::Error,
    },
    /// `--unix-socket` cannot be made, or something is there.
    #[cfg(unix)]
    #[error("cannot listen on {path} (--unix-socket)", path = path.display())]
    UnixSocket {
        /// The path as given.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl App {
    /// Binds, and starts sources and workers. Call it on an actix runtime. Connections are accepted once this
    /// returns and [`run`](Self::run) is polled.
    ///
    /// # Errors
    /// When the address, the path of the socket, the data folder or a file of the settings cannot be used.
    pub fn start(settings: Settings, shutdown: Shutdown) -> Result<Self, StartError> {
        // A stream is an open file; the soft limit is 1,024 on most systems.
        if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
            tracing::warn!(%error, "the limit of open files stays as it is");
        }
        let pages = Pages::find(settings.web_dir.as_deref()).map_err(|source| StartError::WebDir {
            folder: settings.web_dir.clone().unwrap_or_default(),
            source,
        })?;
        let Contents { policies, thresholds } =
            settings_file::read(settings.config.as_deref()).map_err(|source| StartError::Config {
                file: settings.config.clone().unwrap_or_default(),
                source,
            })?;
        let market = market(&settings)?;
        let disk = open_disk(&settings.data_dir, &policies)?;
        let log: Arc<dyn Log> = match &disk {
            Some(disk) => Arc::clone(disk) as _,
            None => Arc::new(MemoryLog::new(policies.clone())),
        };
        let hub = Hub::new(log, &policies);
        let mut sources = JoinSet::new();
        sources.spawn(source::clock::run(hub.clone(), shutdown.clone()));
        sources.spawn(source::metrics::run(hub.clone(), settings.metrics_interval, shutdown.clone()));
        if settings.alerts == Switch::On {
            sources.spawn(source::alerts::run(hub.clone(), thresholds, shutdown.clone()));
        }
        let chat = Chat::new(hub.clone(), settings.chat_grace);
        sources.spawn(chat.clone().run(shutdown.clone()));
        let ticker = Ticker::new(hub.clone());
        if let Some(market) = market {
            sources.spawn(source::ticker::run(ticker.clone(), market, shutdown.clone()));
        }
        let interruption = Interruption::listen().map_err(StartError::Signals)?;
        let heartbeat = settings.heartbeat;
        let worker = move || {
            let fanout = Fanout::start(hub.clone(), shutdown.clone());
            Worker { fanout, chat: chat.clone(), heartbeat, ticker: ticker.clone() }
        };
        let unusable = |source| StartError::Listen { addr: settings.listen.clone(), source };
        #[cfg_attr(not(unix), expect(unused_mut, reason = "there is nothing else to listen on"))]
        let mut listeners = Listeners::tcp(&settings.listen).map_err(unusable)?;
        let addr = listeners.addr().map_err(unusable)?;
        #[cfg(unix)]
        let unix_socket = listen_at(settings.unix_socket, &mut listeners)?;
        let server = http::serve(listeners, settings.workers, &pages, worker).map_err(unusable)?;
        tracing::info!(%addr, "accepting connections");
        Ok(Self {
            server,
            addr,
            #[cfg(unix)]
            unix_socket,
            pages,
            sources,
            interruption,
            disk,
        })
    }

    /// The address that connections are accepted on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Path of the Unix socket that connections are accepted on too.
    #[cfg(unix)]
    pub fn unix_socket(&self) -> Option<&std::path::Path> {
        self.unix_socket.as_ref().map(SocketFile::path)
    }

    /// Paths of the pages that are served.
    pub fn pages(&self) -> Vec<&'static str> {
        self.pages.paths()
    }

    /// Paths of the streams that are served.
    pub fn streams(&self) -> impl Iterator<Item = &'static str> {
        http::STREAMS.into_iter()
    }

    /// Runs until Ctrl-C or SIGTERM, then ends every stream and stops, within 2 s.
    ///
    /// # Errors
    /// When the server fails as a whole.
    pub async fn run(mut self, switch: ShutdownSwitch) -> io::Result<()> {
        let handle = self.server.handle();
        let mut server = std::pin::pin!(self.server);
        tokio::select! {
            ended = &mut server => return ended,
            signal = self.interruption.came() => tracing::info!(signal = signal?, "stopping"),
        }
        #[cfg(unix)]
        drop(self.unix_socket.take());
        switch.pull();
        let (ended, ()) = tokio::join!(server, handle.stop(true));
        while self.sources.join_next().await.is_some() {}
        if let Some(log) = self.disk {
            tokio::task::spawn_blocking(move || log.close()).await?;
        }
        ended
    }
}

#[cfg(unix)]
fn listen_at(path: Option<PathBuf>, listeners: &mut Listeners) -> Result<Option<SocketFile>, StartError> {
    let Some(path) = path else { return Ok(None) };
    listeners.and_unix(&path).map(Some).map_err(|source| StartError::UnixSocket { path, source })
}

fn open_disk(data_dir: &DataDir, policies: &Policies) -> Result<Option<Arc<DiskLog>>, StartError> {
    let DataDir::Folder(folder) = data_dir else {
        tracing::warn!("--data-dir off: every event is gone with the process");
        return Ok(None);
    };
    let log = DiskLog::open(folder, policies.clone())
        .map_err(|why| StartError::DataDir { folder: folder.clone(), why: why.to_string() })?;
    Ok(Some(Arc::new(log)))
}

/// What the ticker plays, if anything.
fn market(settings: &Settings) -> Result<Option<Market>, StartError> {
    if let Some(file) = &settings.ticker_feed {
        let market = Market::replay(file);
        return market.map(Some).map_err(|source| StartError::TickerFeed { file: file.clone(), source });
    }
    let seed = || settings.ticker_seed.unwrap_or_else(|| fastrand::u64(..));
    Ok(match settings.ticker {
        TickerMarket::Simulated => Some(Market::simulated(seed())),
        TickerMarket::Off => None,
    })
}
