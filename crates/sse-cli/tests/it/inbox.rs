//! Scripted hub that takes what is published: each request gets the next answer, then all are acknowledged. Records
//! the requests with their bodies.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::DEADLINE;
use crate::server::Absent;

pub(crate) const EPOCH: &str = "0123456789ab";

/// What one request gets; the connection is closed after it.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// The ids that come next.
    Acknowledge,
    /// A status line with headers as they are, and a body.
    Http(&'static str, &'static str),
    /// These bytes, then the end of the connection.
    Raw(&'static str),
    /// Nothing.
    Cut,
}

/// What was sent.
#[derive(Debug)]
pub(crate) struct Posted {
    pub(crate) line: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Posted {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.split("\r\n").filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn key(&self) -> &str {
        self.header("idempotency-key").expect("each request has a key")
    }
}

pub(crate) struct Inbox {
    pub(crate) address: SocketAddr,
    posted: mpsc::UnboundedReceiver<Posted>,
    task: JoinHandle<()>,
}

impl Inbox {
    pub(crate) async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::start_at(Absent::new(), answers)
    }

    pub(crate) fn start_at(absent: Absent, answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = absent.listen();
        let address = listener.local_addr().unwrap();
        let (sender, posted) = mpsc::unbounded_channel();
        let mut answers = answers.into_iter().collect::<Vec<_>>().into_iter();
        let task = tokio::spawn(async move {
            let mut seq = 1;
            while let Ok((mut socket, _)) = listener.accept().await {
                let Some(posted) = read(&mut socket).await else { continue };
                let count = posted.body.lines().count();
                let _ = sender.send(posted);
                let text = match answers.next().unwrap_or(Answer::Acknowledge) {
                    Answer::Acknowledge => acknowledge(&mut seq, count),
                    Answer::Http(head, body) => http(head, body),
                    Answer::Raw(text) => text.to_owned(),
                    Answer::Cut => continue,
                };
                socket.write_all(text.as_bytes()).await.unwrap();
            }
        });
        Self { address, posted, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next request, waiting for it.
    pub(crate) async fn posted(&mut self) -> Posted {
        let posted = tokio::time::timeout(DEADLINE, self.posted.recv()).await.expect("a request in time");
        posted.expect("the hub runs")
    }

    /// All requests so far that were not looked at.
    pub(crate) fn rest(&mut self) -> Vec<Posted> {
        std::iter::from_fn(|| self.posted.try_recv().ok()).collect()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn acknowledge(seq: &mut usize, count: usize) -> String {
    let (first, last) = (*seq, *seq + count - 1);
    *seq = last + 1;
    let body = format!(r#"{{"ids":{{"first":"{EPOCH}-{first}","last":"{EPOCH}-{last}"}},"count":{count}}}"#);
    http("200 OK\r\nContent-Type: application/json", &body)
}

fn http(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// `None` when the client went away before.
async fn read(socket: &mut TcpStream) -> Option<Posted> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let line = head.split("\r\n").next().unwrap().to_owned();
    let mut posted = Posted { line, head, body: String::new() };
    // A request without a body may have no length.
    let length = posted.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.ok()?;
    posted.body = String::from_utf8(body).unwrap();
    Some(posted)
}
