//! What TLS costs: memory of an idle event stream and CPU time of a delivery, over plain HTTP, over HTTPS, and over HTTPS of
//! nginx in front of plain HTTP.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::cores::apart;
use super::figures::{median, ratios, spread};
use super::foreign_server::ForeignServer;
use super::{machine, stream};
use crate::server::Server;
use crate::{shell, tools};

/// Flags of `cargo xtask bench tls`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Event streams.
    #[arg(long, default_value_t = 1000)]
    streams: usize,
    /// Events per second.
    #[arg(long, default_value_t = 20)]
    rate: u32,
    /// Rounds; each measures all three in turn.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds for each of them in each round.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
}

/// Streams opened before memory is read for the first time, so that one-time allocations do not count.
const WARM_UP_STREAMS: usize = 20;
/// Handshakes at the same time.
const HANDSHAKES: usize = 16;
/// In each event once, and in nothing else.
const MARK: u8 = b'~';
const DATA_BYTES: usize = 100;

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

#[derive(Debug, Clone, Copy)]
enum Way {
    Plain,
    Https,
    Nginx,
}

/// What is measured of one way, one figure for each round.
#[derive(Default)]
struct Cost {
    kibibytes: Vec<f64>,
    /// CPU time of a delivery.
    micros: Vec<f64>,
}

/// A server, and nginx if it is in front.
struct Running {
    server: Server,
    nginx: Option<ForeignServer>,
    connector: Option<TlsConnector>,
    /// Outlasts nginx, which stops by its settings there.
    _folder: TempDir,
}

pub(super) async fn run(args: Args) -> Result<()> {
    tools::need(&[("nginx", "nginx")])?;
    rlimit::increase_nofile_limit(u64::MAX)?;
    let mut rows = [Way::Plain, Way::Https, Way::Nginx].map(|way| (way, Cost::default()));
    for _ in 0..args.rounds {
        for (way, cost) in &mut rows {
            let measured = LocalSet::new().run_until(way.measure(&args)).await;
            let (kibibytes, micros) = measured.with_context(|| format!("{way:?}"))?;
            cost.kibibytes.push(kibibytes);
            cost.micros.push(micros);
        }
    }
    machine::print_heading();
    let Args { streams, rate, rounds, seconds } = args;
    println!(
        "measured  {rounds} rounds of {seconds} s, {streams} streams, {rate} events/s, server on one core"
    );
    println!("          KiB of an idle stream   µs of processor a delivery   against plain");
    let plain = &rows[0].1.micros;
    for (way, Cost { kibibytes, micros }) in &rows {
        let (name, against) = (format!("{way:?}"), spread(&ratios(micros, plain)));
        println!("{name:<10}{:>21.1}   {:>26.2}   {against}", median(kibibytes), median(micros));
    }
    Ok(())
}

impl Way {
    /// Memory of an idle stream in KiB, and CPU time of a delivery in microseconds.
    async fn measure(self, args: &Args) -> Result<(f64, f64)> {
        let running = Rc::new(self.start(shell::scratch_folder("bench")?)?);
        let _warm = Readers::open(&running, WARM_UP_STREAMS).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let memory = running.resident_bytes()?;
        let mut readers = Readers::open(&running, args.streams).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let held = running.resident_bytes()?.saturating_sub(memory);
        let events = (args.seconds * f64::from(args.rate)).ceil() as u32;
        let before = running.cpu_time()?;
        publish(&running, events, Duration::from_secs(1) / args.rate).await?;
        readers.wait_for(u64::from(events)).await?;
        let cpu = running.cpu_time()? - before;
        let deliveries = f64::from(events) * (args.streams + WARM_UP_STREAMS) as f64;
        Ok((held as f64 / 1024.0 / args.streams as f64, cpu.as_secs_f64() * 1e6 / deliveries))
    }

    fn start(self, in_folder: TempDir) -> Result<Running> {
        let folder = in_folder.path();
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&certificate, own.cert.pem())?;
        std::fs::write(&key, own.signing_key.serialize_pem())?;
        let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
        let data = folder.join("data");
        let tls = ["--apps", "none", "--tls-cert", &certificate, "--tls-key", &key];
        let connector = connector(own.cert.der().clone())?;
        let args = if matches!(self, Self::Https) { &tls[..] } else { &["--apps", "none"] };
        let server = apart(|| Server::start(&data, args))?;
        let in_front = || apart(|| ForeignServer::nginx_tls(folder, &server.address, &certificate, &key));
        let nginx = matches!(self, Self::Nginx).then(in_front).transpose()?;
        let connector = (!matches!(self, Self::Plain)).then_some(connector);
        Ok(Running { server, nginx, connector, _folder: in_folder })
    }
}

fn connector(certificate: CertificateDer<'static>) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions()?.with_root_certificates(roots);
    Ok(TlsConnector::from(Arc::new(config.with_no_client_auth())))
}

impl Running {
    async fn connect(&self) -> Result<Box<dyn Stream>> {
        let address = self.nginx.as_ref().map_or(&self.server.address, |nginx| &nginx.address);
        let tcp = stream::connect(address).await?;
        let Some(connector) = &self.connector else { return Ok(Box::new(tcp)) };
        Ok(Box::new(connector.connect(ServerName::try_from("127.0.0.1")?, tcp).await?))
    }

    fn cpu_time(&self) -> Result<Duration> {
        let nginx = self.nginx.as_ref().map_or(Ok(Duration::ZERO), ForeignServer::cpu_time)?;
        Ok(self.server.cpu_time()? + nginx)
    }

    fn resident_bytes(&self) -> Result<u64> {
        let nginx = self.nginx.as_ref().map_or(Ok(0), ForeignServer::resident_bytes)?;
        Ok(self.server.resident_bytes()? + nginx)
    }
}

/// Event streams that are read by a task each.
struct Readers(JoinSet<Result<()>>, Rc<Semaphore>, usize);

impl Readers {
    /// Opens so many. Each event that one of them reads adds a permit.
    async fn open(running: &Rc<Running>, count: usize) -> Result<Self> {
        let (read, handshakes) = (Rc::new(Semaphore::new(0)), Rc::new(Semaphore::new(HANDSHAKES)));
        let opened = Rc::new(Semaphore::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..count {
            let (running, read, opened) = (Rc::clone(running), Rc::clone(&read), Rc::clone(&opened));
            let handshakes = Rc::clone(&handshakes);
            tasks.spawn_local(async move {
                let turn = handshakes.acquire().await?;
                let mut stream = running.connect().await?;
                stream.write_all(b"GET /events?topic=load HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await?;
                let mut bytes = Vec::with_capacity(4096);
                while memchr::memmem::find(&bytes, stream::GREETING.as_bytes()).is_none() {
                    ensure!(stream.read_buf(&mut bytes).await? > 0, "the stream ended");
                }
                drop(turn);
                opened.add_permits(1);
                loop {
                    bytes.clear();
                    ensure!(stream.read_buf(&mut bytes).await? > 0, "the stream ended");
                    read.add_permits(memchr::memchr_iter(MARK, &bytes).count());
                }
            });
        }
        let mut this = Self(tasks, read, count);
        this.until(&opened, count).await?;
        Ok(this)
    }

    /// Waits until each has read so many events.
    async fn wait_for(&mut self, events: u64) -> Result<()> {
        let (read, all) = (Rc::clone(&self.1), usize::try_from(events)? * self.2);
        self.until(&read, all).await
    }

    async fn until(&mut self, counted: &Semaphore, count: usize) -> Result<()> {
        let start = Instant::now();
        while counted.available_permits() < count {
            ensure!(start.elapsed() < Duration::from_secs(60), "{} of {count}", counted.available_permits());
            tokio::select! {
                ended = self.0.join_next() => ended.context("no reader")???,
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
        }
        Ok(())
    }
}

async fn publish(running: &Running, events: u32, interval: Duration) -> Result<()> {
    let mut connection = running.connect().await?;
    let data = format!("{}{}", char::from(MARK), "x".repeat(DATA_BYTES - 1));
    let request = format!(
        "POST /topics/load HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {DATA_BYTES}\r\n\r\n{data}"
    );
    let mut due = tokio::time::interval(interval);
    for _ in 0..events {
        due.tick().await;
        connection.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        // The body of the answer ends with a brace, and has no other.
        while !answer.ends_with(b"}") {
            ensure!(connection.read_buf(&mut answer).await? > 0, "the connection ended");
        }
        ensure!(answer.starts_with(b"HTTP/1.1 200"), "{}", answer.escape_ascii());
    }
    Ok(())
}
