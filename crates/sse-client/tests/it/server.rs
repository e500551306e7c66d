//! Scripted server: each connection gets the next script's bytes, byte for byte and with its pauses. Records
//! what was asked, and when; knows nothing of event streams beyond a handy head.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

const DEADLINE: Duration = Duration::from_secs(20);
/// Silence that shows that nothing comes: more than twice the first delay of the sources here.
const QUIET: Duration = Duration::from_millis(250);

/// What a connection answers once it has read the head of the request. At the end it is closed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script(Vec<Step>);

#[derive(Debug, Clone)]
enum Step {
    Send(Vec<u8>),
    Pause(Duration),
    Hold,
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

    /// Sends bytes as they are, at once.
    pub(crate) fn send(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.push(Step::Send(bytes.as_ref().to_vec()));
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
}

/// One request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) head: Vec<u8>,
    /// As long as its `Content-Length`.
    pub(crate) body: Vec<u8>,
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
}

pub(crate) struct Server {
    address: SocketAddr,
    requests: mpsc::UnboundedReceiver<Request>,
    closed: mpsc::UnboundedReceiver<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on a free port. Connections beyond the scripts get 204, which ends a reader for good.
    pub(crate) async fn start(scripts: impl IntoIterator<Item = Script>) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), scripts).await
    }

    pub(crate) async fn start_at(address: SocketAddr, scripts: impl IntoIterator<Item = Script>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (request_sender, requests) = mpsc::unbounded_channel();
        let (closed_sender, closed) = mpsc::unbounded_channel();
        let mut scripts = scripts.into_iter().collect::<Vec<_>>().into_iter();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let script = scripts.next().unwrap_or_else(|| Script::answer("204 No Content"));
                connections.spawn(play(socket, script, request_sender.clone(), closed_sender.clone()));
            }
        });
        Self { address, requests, closed, task }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Stops listening and cuts all connections.
    pub(crate) async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    /// The next request, waiting for it.
    pub(crate) async fn request(&mut self) -> Request {
        let request = tokio::time::timeout(DEADLINE, self.requests.recv()).await.expect("a request in time");
        request.expect("the server runs")
    }

    /// Requests that came this long after one another at least, from the oldest that nobody has asked for on.
    pub(crate) async fn expect_delays(&mut self, delays: &[Duration]) {
        let mut before = self.request().await.at;
        for delay in delays {
            let now = self.request().await.at;
            assert!(now - before >= *delay, "came back after {:?}, not {delay:?}", now - before);
            before = now;
        }
    }

    /// No request is left, and none comes.
    pub(crate) async fn no_request(&mut self) -> bool {
        tokio::time::timeout(QUIET, self.requests.recv()).await.is_err()
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

async fn play(
    mut socket: TcpStream,
    script: Script,
    requests: mpsc::UnboundedSender<Request>,
    closed: mpsc::UnboundedSender<()>,
) {
    socket.set_nodelay(true).unwrap();
    let Some(request) = read_request(&mut socket).await else { return };
    let _ = requests.send(request);
    for step in script.0 {
        match step {
            Step::Pause(time) => tokio::time::sleep(time).await,
            Step::Send(bytes) => {
                if socket.write_all(&bytes).await.is_err() {
                    break;
                }
            }
            Step::Hold => {
                while socket.read(&mut [0; 1024]).await.is_ok_and(|count| count > 0) {}
                let _ = closed.send(());
            }
        }
    }
}

/// `None` when the client went away before.
async fn read_request(socket: &mut TcpStream) -> Option<Request> {
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
