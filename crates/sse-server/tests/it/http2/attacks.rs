//! Peers that abuse HTTP/2, byte by byte.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use super::until_open;
use crate::harness::{DEADLINE, Server};
use crate::tls::Secure;

const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RESET: u8 = 3;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection on which every byte is the test's.
pub struct Raw(TcpStream);

impl Raw {
    pub fn open(server: &Server) -> Self {
        let mut raw = Self(server.connect());
        raw.write(&[PREFACE, &frame(4, 0, 0, &[])].concat());
        raw
    }

    /// The server may have cut it meanwhile.
    pub fn write(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// The next frame, if the connection has not ended: its type, its stream, its payload.
    pub fn frame(&mut self) -> Option<(u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.read(&mut head)?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.read(&mut payload)?;
        Some((head[3], u32::from_be_bytes(head[5..].try_into().unwrap()), payload))
    }

    fn read(&mut self, bytes: &mut [u8]) -> Option<()> {
        match self.0.read_exact(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("the connection stays open"),
            read => read.ok(),
        }
    }

    /// All frames to the end of the connection.
    fn frames(&mut self) -> Vec<(u8, u32, Vec<u8>)> {
        std::iter::from_fn(|| self.frame()).collect()
    }

    /// Reads to the end. Why the server ended the connection, and what it says about it.
    pub fn goodbye(&mut self) -> (u8, String) {
        let frames = self.frames();
        let (_, _, said) = frames.iter().rfind(|frame| frame.0 == GOAWAY).expect("a GOAWAY");
        (said[7], String::from_utf8_lossy(&said[8..]).into_owned())
    }
}

pub fn frame(of: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([of, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A GET in one frame.
pub fn get(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, 5, stream, &head(path))
}

fn head(path: &str) -> Vec<u8> {
    let mut head = vec![0x82, 0x86, 0x01, 9];
    head.extend(b"127.0.0.1");
    head.extend([0x04, path.len() as u8]);
    head.extend(path.as_bytes());
    head
}

#[test]
fn rapid_resets_end_the_connection_and_cost_nothing() {
    let server = Server::start(&["--apps", "none"]);
    let mut raw = Raw::open(&server);
    let pair = |stream| [get(stream, "/events"), frame(RESET, 0, stream, &[0, 0, 0, 8])].concat();
    let flood: Vec<u8> = (0..10_000).flat_map(|nth| pair(2 * nth + 1)).collect();
    raw.write(&flood);
    assert_eq!(raw.goodbye(), (11, "too_many_resets".into()));
}

#[tokio::test]
async fn streams_over_the_limit_are_refused_and_may_come_again() {
    let server = Server::start(&["--apps", "none"]);
    let mut raw = Raw::open(&server);
    let streams: Vec<u8> = (0..110).flat_map(|nth| get(2 * nth + 1, "/events")).collect();
    raw.write(&streams);
    let mut refused = 0;
    while refused < 10 {
        if let (RESET, stream, why) = raw.frame().unwrap() {
            assert!(stream > 200 && why[3] == 7, "stream {stream}: {why:?}");
            refused += 1;
        }
    }
    until_open(&server, 100).await;
    // Who goes on all the same is an attacker.
    raw.write(&(110..3000).flat_map(|nth| get(2 * nth + 1, "/events")).collect::<Vec<u8>>());
    assert_eq!(raw.goodbye(), (11, "too_many_internal_resets".into()));
    until_open(&server, 0).await;
}

#[test]
fn heads_without_end_and_floods_are_cut() {
    let server = Server::start(&["--apps", "none"]);
    let mut raw = Raw::open(&server);
    raw.write(&frame(HEADERS, 1, 1, &head("/")));
    for _ in 0..1000 {
        raw.write(&frame(CONTINUATION, 0, 1, &[]));
    }
    assert_eq!(raw.goodbye(), (11, "too_many_continuations".into()));
    let mut raw = Raw::open(&server);
    // A header of 4,000 bytes goes into the table, and each further byte stands for all of them.
    let mut bomb = head("/");
    bomb.extend([0x40, 1, b'x', 0x7f, 0xa1, 0x1e]);
    bomb.extend([b'y'; 4000]);
    bomb.extend([0xbe; 1000]);
    raw.write(&frame(HEADERS, 5, 1, &bomb));
    assert_eq!(raw.goodbye(), (11, "header_list_way_too_large".into()));
    let mut raw = Raw::open(&server);
    raw.write(&frame(HEADERS, 4, 1, &[&[0x83, 0x86, 0x84, 0x01, 9][..], b"127.0.0.1"].concat()));
    for _ in 0..1000 {
        raw.write(&frame(0, 0, 1, &[]));
    }
    assert_eq!(raw.goodbye().0, 11);
    let mut next = Raw::open(&server);
    next.write(&get(1, "/hub"));
    while next.frame().expect("the server is still there").0 != HEADERS {}
}

#[test]
fn the_version_is_told_whatever_the_pieces_are() {
    let server = Server::start(&["--apps", "none"]);
    let mut split = server.connect();
    split.set_nodelay(true).unwrap();
    for byte in PREFACE {
        split.write_all(&[*byte]).unwrap();
    }
    let mut raw = Raw(split);
    raw.write(&[frame(4, 0, 0, &[]), get(1, "/hub")].concat());
    while raw.frame().expect("an answer").0 != HEADERS {}
    for (begin, rest) in [
        ("P", "OST /none HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"),
        ("PRI * HTTP/2.0\r\n\r\n", ""),
    ] {
        let mut old = server.connect();
        old.set_nodelay(true).unwrap();
        old.write_all(begin.as_bytes()).unwrap();
        old.write_all(rest.as_bytes()).unwrap();
        let mut answer = [0; 9];
        if !rest.is_empty() {
            old.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"HTTP/1.1 ");
        } else {
            assert_eq!(old.read(&mut answer).unwrap(), 0, "cut before the deadline of this read");
        }
    }
}

#[tokio::test]
async fn a_flood_leaves_others_their_turn() {
    let secure = Secure::start(&["--workers", "1"]);
    let mut flood = secure.connect(&["h2"]);
    flood.write_all(&[PREFACE, &frame(4, 0, 0, &[])].concat()).unwrap();
    let frames = frame(PRIORITY, 0, 1, &[0; 5]).repeat(5000);
    // Ends with the server.
    std::thread::spawn(move || while flood.write_all(&frames).is_ok() {});
    let client = secure.client().build().unwrap();
    for _ in 0..5 {
        let answer = client.get(secure.server.url("/hub")).timeout(DEADLINE).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
}
