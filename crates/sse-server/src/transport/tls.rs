//! The certificate that the server shows, and the handshake with it. New files take the place of old ones while connections
//! go on; files that cannot be used change nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto::aws_lc_rs};
use tokio_util::sync::CancellationToken;

use super::tls_socket::{HTTP2, TlsSocket};
use crate::small_file;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// What a peer that speaks TLS begins with.
const HANDSHAKE: u8 = 22;
/// To who speaks plain HTTP where TLS is spoken.
const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 26\r\n\r\nUse https:// at this port.";

/// Certificate and key of the server.
#[derive(Debug)]
pub(crate) struct Tls(Mutex<Certificate>);

/// One that can be shown, and the files that it is from.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    files: TlsFiles,
    config: Arc<ServerConfig>,
    seen: Seen,
}

/// Files in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The server's certificate, then those between it and the root.
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// By which a change of the files is noticed: time and length of each.
type Seen = [Option<(SystemTime, u64)>; 2];

impl Tls {
    /// # Errors
    /// Which file cannot be used, and why.
    pub(crate) fn open(files: TlsFiles) -> anyhow::Result<Arc<Self>> {
        Ok(Arc::new(Self(Mutex::new(Certificate::read(files)?))))
    }

    /// Shows this one from now on. Says whether it is another one, as far as the files tell.
    pub(crate) fn set(&self, certificate: Certificate) -> bool {
        let old = std::mem::replace(&mut *self.0.lock(), certificate.clone());
        (old.seen, old.files) != (certificate.seen, certificate.files)
    }

    /// A connection over TLS, once its peer has done its part of the handshake.
    pub(super) async fn accept(&self, tcp: TcpStream) -> io::Result<TlsSocket> {
        let mut first = [HANDSHAKE];
        tcp.peek(&mut first).await?;
        if first != [HANDSHAKE] {
            // Best effort: the peer is about to be cut.
            let _ = tcp.try_write(PLAIN);
            return Err(io::ErrorKind::InvalidData.into());
        }
        let acceptor = TlsAcceptor::from(Arc::clone(&self.0.lock().config));
        acceptor.accept(tcp).await.map(TlsSocket::new)
    }

    /// Follows the files until the server stops.
    pub(crate) async fn follow_files(self: Arc<Self>, shutdown: CancellationToken) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(looks.tick()).await.is_some() {
            self.look();
        }
    }

    fn look(&self) {
        let Certificate { files, seen, .. } = self.0.lock().clone();
        if files.seen() == seen {
            return;
        }
        let file = files.certificate.clone();
        match Certificate::read(files) {
            Ok(certificate) => {
                self.set(certificate);
                tracing::info!(file = %file.display(), "certificate reloaded");
            }
            Err(error) => {
                let mut current = self.0.lock();
                current.seen = current.files.seen();
                tracing::error!(
                    error = format!("{error:#}"),
                    "certificate not reloaded; the old one stays in use"
                );
            }
        }
    }
}

impl Certificate {
    /// # Errors
    /// Which file cannot be used, and why.
    pub(crate) fn read(files: TlsFiles) -> anyhow::Result<Self> {
        // First: what comes in between is noticed later.
        let seen = files.seen();
        Ok(Self { config: files.read()?, seen, files })
    }
}

impl TlsFiles {
    fn seen(&self) -> Seen {
        [&self.certificate, &self.key].map(|file| {
            let metadata = file.metadata().ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
    }

    fn read(&self) -> anyhow::Result<Arc<ServerConfig>> {
        let (certificate, key) = (&*self.certificate, &*self.key);
        let unusable = |file: &Path, flag| format!("cannot use {} ({flag})", file.display());
        small_file::check(certificate).with_context(|| unusable(certificate, "--tls-cert"))?;
        small_file::check(key).with_context(|| unusable(key, "--tls-key"))?;
        let chain =
            CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let chain = chain.with_context(|| unusable(certificate, "--tls-cert"))?;
        if chain.is_empty() {
            anyhow::bail!("{}: there is no certificate in it", unusable(certificate, "--tls-cert"));
        }
        let key_of_file = PrivateKeyDer::from_pem_file(key).with_context(|| unusable(key, "--tls-key"))?;
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions()?.with_no_client_auth();
        let mut config =
            config.with_single_cert(chain, key_of_file).with_context(|| unusable(key, "--tls-key"))?;
        config.alpn_protocols = vec![HTTP2.to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}
