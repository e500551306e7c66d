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
