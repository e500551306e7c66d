//! Scripted server: each connection gets the next script's bytes, byte for byte and with its pauses. Records
//! what was asked, and when; knows nothing of event streams beyond a handy head, and nothing of TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

const DEADLINE: Duration = Duration::from_secs(20);

/// What a connection answers once it has read the request. At the end it is closed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script(Vec<Step>);

#[derive(Debug, Clone)]
enum Step {
    Send(Vec<u8>),
    Repeat(Vec<u8>, usize),
    Pause(Duration),
    Hold,
    Reset,
    Cut,
}

impl Script {
    /// Starts with a status line and headers, for example `404 Not Found\r\nX: y`.
    pub(crate) fn answer(head: &str) -> Self {
        Self::default().send(format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n"))
    }

    /// Starts with the head of an event stream; the body ends when the connection does.
    pub(crate) fn stream() -> Self {
        Self::answer("200 OK\r\nContent-Type: text/event-stream")
    }

    /// Starts with the head of an event stream whose body comes in chunks.
    pub(crate) fn chunked() -> Self {
        Self::answer("200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked")
    }

    /// Sends the reader somewhere else.
    pub(crate) fn redirect(status: &str, location: &str) -> Self {
        Self::answer(&format!("{status}\r\nLocation: {location}\r\nContent-Length: 0"))
    }

    /// Sends bytes as they are, at once.
    pub(crate) fn send(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.push(Step::Send(bytes.as_ref().to_vec()));
        self
    }

    /// Sends the same bytes this many times, as fast as they are taken.
    pub(crate) fn repeat(mut self, bytes: impl AsRef<[u8]>, times: usize) -> Self {
        self.0.push(Step::Repeat(bytes.as_ref().to_vec(), times));
        self
    }

    pub(crate) fn pause(mut self, millis: u64) -> Self {
        self.0.push(Step::Pause(Duration::from_millis(millis)));
        self
    }

    /// Waits until the client closes the connection.
    pub(crate) fn hold(mut self) -> Self {
        self.0.push(Step::Hold);
        self
    }

    /// Ends the connection with a TCP reset.
    pub(crate) fn reset(mut self) -> Self {
        self.0.push(Step::Reset);
        self
    }

    /// Ends the connection without the goodbye of TLS.
    pub(crate) fn cut(mut self) -> Self {
        self.0.push(Step::Cut);
        self
    }
}

/// One request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) head: Vec<u8>,
    /// As long as its `Content-Length`.
    body: Vec<u8>,
    pub(crate) at: Instant,
}

impl Request {
    pub(crate) fn line(&self) -> String {
        String::from_utf8_lossy(self.head.split(|byte| *byte == b'\r').next().unwrap()).into_owned()
    }

    /// The value of a header, whatever the case of its name.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let head = String::from_utf8(self.head.clone()).unwrap();
        let mut lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    }

    /// `> METHOD PATH [LAST-EVENT-ID]: BODY`, as far as there is one.
    pub(crate) fn in_words(&self) -> String {
        let line = self.line();
        let id = self.header("last-event-id").map_or(String::new(), |id| format!(" [{id}]"));
        let body = String::from_utf8_lossy(&self.body);
        let colon = if body.is_empty() { "" } else { ": " };
        format!("> {}{id}{colon}{body}", line.trim_end_matches(" HTTP/1.1"))
    }
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: mpsc::UnboundedReceiver<Request>,
    closed: mpsc::UnboundedReceiver<()>,
    sent: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

/// Has an address, and refuses connections. Nobody else can take the address meanwhile.
pub(crate) struct Absent(TcpSocket);

impl Absent {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self(socket)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.0.local_addr().unwrap())
    }

    pub(crate) fn listen(self) -> TcpListener {
        self.0.listen(1024).unwrap()
    }
}

/// What all connections of a server have in common.
#[derive(Clone)]
struct Journal {
    requests: mpsc::UnboundedSender<Request>,
    closed: mpsc::UnboundedSender<()>,
    sent: Arc<AtomicU64>,
}

impl Server {
    /// Listens on a free port. Connections beyond the scripts get 204, which ends a reader for good.
    pub(crate) async fn start(scripts: impl IntoIterator<Item = Script>) -> Self {
        Self::start_at(Absent::new(), scripts)
    }

    /// Listens where nobody has.
    pub(crate) fn start_at(absent: Absent, scripts: impl IntoIterator<Item = Script>) -> Self {
        Self::listen(absent.listen(), scripts, |socket| std::future::ready(Some(socket)))
    }

    /// Talks over what `wrap` makes of each connection; `None` when the client did not like it.
    pub(crate) fn listen<S, F>(
        listener: TcpListener,
        scripts: impl IntoIterator<Item = Script>,
        wrap: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = Option<S>> + Send + 'static,
    {
        let address = listener.local_addr().unwrap();
        let (request_sender, requests) = mpsc::unbounded_channel();
        let (closed_sender, closed) = mpsc::unbounded_channel();
        let sent = Arc::new(AtomicU64::new(0));
        let journal = Journal { requests: request_sender, closed: closed_sender, sent: Arc::clone(&sent) };
        let mut scripts = scripts.into_iter().collect::<Vec<_>>().into_iter();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                socket.set_nodelay(true).unwrap();
                let script = scripts.next().unwrap_or_else(|| Script::answer("204 No Content"));
                if script.0.iter().any(|step| matches!(step, Step::Reset)) {
                    socket.set_zero_linger().unwrap();
                }
                let (wrapped, journal) = (wrap(socket), journal.clone());
                connections.spawn(async move {
                    if let Some(socket) = wrapped.await {
                        play(socket, script, journal).await;
                    }
                });
            }
        });
        Self { address, requests, closed, sent, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The next request, waiting for it.
    pub(crate) async fn request(&mut self) -> Request {
        let request = tokio::time::timeout(DEADLINE, self.requests.recv()).await.expect("a request in time");
        request.expect("the server runs")
    }

    /// The next of the requests that have come.
    pub(crate) fn next_request(&mut self) -> Option<Request> {
        self.requests.try_recv().ok()
    }

    /// Bytes that the connections have taken in.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Waits until a client has closed a connection that a script holds.
    pub(crate) async fn client_closed(&mut self) {
        let closed = tokio::time::timeout(DEADLINE, self.closed.recv()).await.expect("a close in time");
        closed.expect("the server runs");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn play<S: AsyncRead + AsyncWrite + Unpin>(mut socket: S, script: Script, journal: Journal) {
    let Some(request) = read_request(&mut socket).await else { return };
    let _ = journal.requests.send(request);
    for step in script.0 {
        let sent = match step {
            Step::Pause(time) => {
                tokio::time::sleep(time).await;
                true
            }
            Step::Send(bytes) => send(&mut socket, &bytes, 1, &journal).await,
            Step::Repeat(bytes, times) => send(&mut socket, &bytes, times, &journal).await,
            Step::Hold => {
                while socket.read(&mut [0; 1024]).await.is_ok_and(|count| count > 0) {}
                let _ = journal.closed.send(());
                true
            }
            Step::Reset | Step::Cut => return,
        };
        if !sent {
            return;
        }
    }
    let _ = socket.shutdown().await;
}

/// False when the client is gone.
async fn send<S: AsyncWrite + Unpin>(socket: &mut S, bytes: &[u8], times: usize, journal: &Journal) -> bool {
    for _ in 0..times {
        if socket.write_all(bytes).await.is_err() || socket.flush().await.is_err() {
            return false;
        }
        journal.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    }
    true
}

/// `None` when the client went away before.
async fn read_request<S: AsyncRead + Unpin>(socket: &mut S) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.ok()?);
    }
    let mut request = Request { head, body: Vec::new(), at: Instant::now() };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    request.body.resize(length, 0);
    socket.read_exact(&mut request.body).await.ok()?;
    Some(request)
}
