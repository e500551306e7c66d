//! Everything that the settings say is listened on, and where that is.

use std::net::SocketAddr;

use anyhow::Context as _;

use crate::config::Settings;
#[cfg(unix)]
use crate::transport::SocketFile;
use crate::transport::{ListenerCloser, Listeners};

/// Where the server is reached, and what ends that.
pub(crate) struct Listening {
    pub(crate) closer: ListenerCloser,
    pub(crate) addr: SocketAddr,
    pub(crate) admin_addr: Option<SocketAddr>,
    pub(crate) redirect: Option<SocketAddr>,
    #[cfg(unix)]
    pub(crate) unix_socket: Option<SocketFile>,
}

impl Listening {
    /// Nothing is accepted yet.
    ///
    /// # Errors
    /// Which setting cannot be used, and why. Nothing is left behind.
    pub(crate) fn open(settings: &Settings) -> anyhow::Result<(Self, Listeners)> {
        let unusable = |listen: &str, flag| format!("cannot listen on {listen} ({flag})");
        let public = || unusable(&settings.listen, "--listen");
        let mut listeners = Listeners::open(&settings.listen).with_context(public)?;
        let addr = listeners.addr().with_context(public)?;
        let redirect = settings.redirect_listen.as_deref().map(|listen| {
            listeners.and_redirect(listen).with_context(|| unusable(listen, "--redirect-listen"))
        });
        let redirect = redirect.transpose()?;
        let admin_addr = settings
            .admin_listen
            .as_deref()
            .map(|listen| listeners.and_admin(listen).with_context(|| unusable(listen, "--admin-listen")));
        let admin_addr = admin_addr.transpose()?;
        #[cfg(unix)]
        let unix_socket = settings.unix_socket.as_deref().map(|path| {
            let shown = path.display().to_string();
            listeners.and_unix(path).with_context(|| unusable(&shown, "--unix-socket"))
        });
        let this = Self {
            closer: listeners.closer().with_context(public)?,
            addr,
            admin_addr,
            redirect,
            #[cfg(unix)]
            unix_socket: unix_socket.transpose()?,
        };
        Ok((this, listeners))
    }
    pub(crate) fn log(&self) {
        let Self { addr, admin_addr, .. } = self;
        tracing::info!(%addr, admin = admin_addr.map(tracing::field::display), "accepting connections");
    }
}
