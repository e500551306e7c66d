//! Clients that send more than they should, never finish what they send, or vanish.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::harness::{DEADLINE, Server, eventually};

const QUIET: &str = "GET /events?topic=quiet HTTP/1.1\r\nHost: localhost\r\n\r\n";
const HUB: &str = "GET /hub HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn connect(server: &Server) -> TcpStream {
    let socket = TcpStream::connect(server.base.strip_prefix("http://").unwrap()).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket.set_write_timeout(Some(DEADLINE)).unwrap();
    socket
}

/// Sends this, then reads until `mark` has come.
fn exchange(server: &Server, request: &str, mark: &str) -> TcpStream {
    let mut socket = connect(server);
    socket.write_all(request.as_bytes()).unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(mark) {
        let mut buffer = [0; 1024];
        let count = socket.read(&mut buffer).unwrap();
        assert!(count > 0, "the connection ended: {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..count]);
    }
    socket
}

/// Reads until the server closes or resets the connection; a read that times out panics.
pub fn expect_cut(mut socket: &TcpStream) {
    let mut buffer = [0; 4096];
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), std::io::ErrorKind::ConnectionReset) => return,
            Err(error) => panic!("the connection stays open: {error}"),
        }
    }
}

#[test]
fn requests_behind_that_of_an_event_stream_cut_it() {
    let server = Server::start(&["--heartbeat", "off", "--apps", "none"]);
    for (requests, rest) in [(1, ""), (3000, ""), (9000, "GET /")] {
        let mut socket = connect(&server);
        // A cut in the middle of it is what is wanted.
        let _ = socket.write_all(format!("{QUIET}{}{rest}", HUB.repeat(requests)).as_bytes());
        expect_cut(&socket);
    }
}

#[test]
fn any_byte_on_an_open_event_stream_cuts_it() {
    let server = Server::start(&["--heartbeat", "off", "--apps", "none"]);
    for bytes in ["\n", "x", HUB] {
        let mut socket = exchange(&server, QUIET, "Connected");
        socket.write_all(bytes.as_bytes()).unwrap();
        expect_cut(&socket);
    }
}

#[test]
fn a_request_head_that_is_never_finished_is_cut_on_a_kept_connection_too() {
    let server = Server::start(&[]);
    let mut kept = exchange(&server, HUB, "version");
    let mut first = connect(&server);
    for socket in [&mut first, &mut kept] {
        socket.write_all(b"GET /hub HTTP/1.1\r\nHost: local").unwrap();
    }
    expect_cut(&first);
    expect_cut(&kept);
}

#[tokio::test]
async fn a_body_whose_end_is_told_in_two_ways_hides_no_request() {
    let server = Server::start(&["--apps", "none"]);
    let hidden = "POST /topics/hidden HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx";
    let (plain, chunked) = (format!("x{hidden}"), format!("1\r\nx\r\n0\r\n\r\n{hidden}"));
    for (version, headers, body) in [
        ("1.1", &*format!("Content-Length: {}\r\nTransfer-Encoding: chunked", chunked.len()), &chunked),
        ("1.1", "Transfer-Encoding: chunked\r\nContent-Length: 4", &chunked),
        ("1.1", &*format!("Content-Length: 1\r\nContent-Length: {}", plain.len()), &plain),
        ("1.1", &*format!("Content-Length: 1, {}", plain.len()), &plain),
        ("1.1", "Content-Length: +1", &plain),
        ("1.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", &chunked),
        ("1.1", "Transfer-Encoding: xchunked", &chunked),
        ("1.1", "Transfer-Encoding: gzip, chunked", &chunked),
        ("1.1", "Transfer-Encoding : chunked", &chunked),
        ("1.1", "Transfer-Encoding: \x0bchunked", &chunked),
        ("1.1", "X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 1", &plain),
        ("1.0", "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: 1", &plain),
        ("1.0", "Connection: keep-alive\r\nTransfer-Encoding: chunked", &hidden.to_owned()),
    ] {
        let mut socket = connect(&server);
        let head = format!("POST /topics/a HTTP/{version}\r\nHost: localhost\r\n{headers}\r\n\r\n");
        socket.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut answer = [0; 13];
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 400 ", "HTTP/{version} {headers:?}");
        expect_cut(&socket);
        let topics = reqwest::get(server.url("/topics?prefix=hidden")).await.unwrap().text().await.unwrap();
        assert!(topics.contains("\"topics\":[]"), "HTTP/{version} {headers:?}: {topics}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn connections_that_are_reset_are_freed_at_once() {
    let server = Server::start(&["--heartbeat", "off", "--apps", "none"]);
    let _open = exchange(&server, QUIET, "Connected");
    let before = server.open_files();
    let streams: Vec<TcpStream> = (0..20).map(|_| exchange(&server, QUIET, "Connected")).collect();
    assert!(server.open_files() >= before + 20);
    for stream in streams {
        stream.set_nonblocking(true).unwrap();
        tokio::net::TcpStream::from_std(stream).unwrap().set_zero_linger().unwrap();
    }
    eventually("open files are back", || server.open_files() <= before).await;
}
