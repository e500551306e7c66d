//! The server as a process: how it starts, refuses to start, and stops.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::{DEADLINE, Reader, Server, command, eventually};

#[tokio::test]
async fn a_signal_ends_every_stream_cleanly_and_the_process_soon() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::start(&[]);
        let mut readers = Vec::new();
        for path in ["/events", "/dashboard-events", "/events?topic=quiet"] {
            let mut reader = Reader::open(server.url(path)).await;
            reader.event().await;
            readers.push(reader);
        }
        server.signal(signal);
        for reader in &mut readers {
            reader.read_to_end().await;
        }
        let (status, took) = server.ended().await;
        assert!(status.success(), "{status}");
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
}

#[tokio::test]
async fn a_signal_right_after_the_start_ends_it_cleanly_too() {
    for _ in 0..10 {
        let mut server = Server::start(&[]);
        server.signal("TERM");
        let (status, _) = server.ended().await;
        assert!(status.success(), "{status}");
    }
}

#[tokio::test]
async fn a_reader_that_does_not_read_cannot_hold_up_the_end() {
    let mut server = Server::start(&["--metrics-interval", "200ms"]);
    let address = server.base.strip_prefix("http://").unwrap().to_owned();
    let mut stalled = TcpStream::connect(&address).unwrap();
    stalled.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    stalled.read_exact(&mut [0; 16]).unwrap();
    server.signal("TERM");
    let (status, took) = server.ended().await;
    assert!(status.success() && took < Duration::from_secs(2), "{status} after {took:?}");
}

#[tokio::test]
async fn closed_streams_give_their_files_back() {
    let server = Server::start(&["--heartbeat", "off", "--apps", "none"]);
    Reader::open(server.url("/events?topic=quiet")).await.event().await;
    let before = server.open_files();
    let mut readers = Vec::new();
    for _ in 0..20 {
        readers.push(Reader::open(server.url("/events?topic=quiet")).await);
    }
    assert!(server.open_files() >= before + 19);
    drop(readers);
    eventually("open files are back", || server.open_files() <= before).await;
}

/// Runs to the end and gives what it said on stderr.
pub fn refuses(args: &[&str]) -> String {
    let mut command = command(&std::env::temp_dir());
    let mut child = command.args(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let from = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if from.elapsed() > DEADLINE {
            child.kill().unwrap();
            panic!("the server runs with {args:?}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(!child.wait().unwrap().success());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    said
}

#[test]
fn a_bad_setting_is_one_clear_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let cases = [
        (["--listen", &taken], vec!["cannot listen on", &taken, "--listen", "in use"]),
        (["--listen", "nonsense"], vec!["cannot listen on nonsense", "--listen"]),
        (["--config", "/nowhere/at/all"], vec!["/nowhere/at/all", "--config", "No such file"]),
        (["--web-dir", "/nowhere/at/all"], vec!["/nowhere/at/all", "--web-dir", "No such file"]),
        (["--heartbeat", "5"], vec!["--heartbeat", "such as 500ms"]),
        (["--metrics-interval", "1ms"], vec!["--metrics-interval", "from 200ms to 1h"]),
        (["--log-format", "xml"], vec!["--log-format", "json"]),
    ];
    for (args, expected) in cases {
        let said = refuses(&args);
        for part in expected {
            assert!(said.contains(part), "{args:?}: {part:?} is not in {said:?}");
        }
        assert!(!said.contains("panicked"), "{said}");
        for reason in ["No such file", "in use", "invalid socket address"] {
            assert!(said.matches(reason).count() <= 1, "the reason is there twice: {said}");
        }
    }
}

#[tokio::test]
async fn json_logs_are_json() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = command(&std::env::temp_dir());
    command.args(["--listen", "127.0.0.1:0"]).env("SSE_LOG_FORMAT", "json");
    let mut child = command.stdout(Stdio::piped()).stderr(log.reopen().unwrap()).spawn().unwrap();
    let mut line = [0; 13];
    child.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
    let text = || std::fs::read_to_string(log.path()).unwrap();
    eventually("it says that it runs", || text().contains("accepting connections")).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let text = text();
    let mut lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    assert!(lines.any(|line| line["message"] == "accepting connections"), "{text}");
}

#[test]
fn an_address_that_cannot_be_used_leaves_no_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let output =
        command(folder.path()).env("SSE_DATA_DIR", &data).args(["--listen", "nonsense"]).output().unwrap();
    assert!(!output.status.success() && !data.exists(), "{output:?}");
}
