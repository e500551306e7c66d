//! Listening on a Unix socket beside the address.

use std::os::unix::net::UnixListener;
use std::path::Path;

use tempfile::TempDir;

use crate::harness::{Reader, Server, eventually};
use crate::process::refuses;

/// A server, and a client that reaches it at the path alone.
fn start(path: &Path) -> (Server, reqwest::Client) {
    // Applications open files for a moment, such as the dashboard's sampler.
    let server = Server::start(&["--apps", "none", "--unix-socket", path.to_str().unwrap()]);
    (server, reqwest::Client::builder().unix_socket(path).build().unwrap())
}

/// A folder, and the path of a socket in it.
fn place() -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.sock");
    (folder, path)
}

async fn publish(client: &reqwest::Client, base: &str, data: &'static str) {
    let answer = client.post(format!("{base}/topics/a")).body(data).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn it_is_the_same_hub_at_both() {
    let (_folder, path) = place();
    let (server, client) = start(&path);
    let mut at_path = Reader::of(client.get("http://hub/events?topic=a")).await;
    let mut at_address = Reader::open(server.url("/events?topic=a")).await;
    at_path.event().await;
    at_address.event().await;
    publish(&client, "http://hub", "over the socket").await;
    publish(&reqwest::Client::new(), &server.base, "over TCP").await;
    for reader in [&mut at_path, &mut at_address] {
        assert_eq!(reader.event().await.data(), "over the socket");
        assert_eq!(reader.event().await.data(), "over TCP");
    }
}

#[tokio::test]
async fn a_clean_stop_takes_the_socket_away_and_ends_its_streams() {
    let (_folder, path) = place();
    let (mut server, client) = start(&path);
    let mut reader = Reader::of(client.get("http://hub/events")).await;
    reader.event().await;
    server.signal("TERM");
    reader.read_to_end().await;
    assert!(server.ended().await.0.success());
    assert!(!path.exists());
}

#[tokio::test]
async fn what_a_killed_server_left_behind_is_replaced() {
    let (_folder, path) = place();
    let (server, _) = start(&path);
    drop(server);
    assert!(path.exists(), "a kill leaves it there");
    let (_server, client) = start(&path);
    publish(&client, "http://hub", "x").await;
}

#[tokio::test]
async fn a_path_where_something_is_already_is_refused_and_left_alone() {
    let (_folder, path) = place();
    let refused = || refuses(&["--listen", "127.0.0.1:0", "--unix-socket", path.to_str().unwrap()]);
    std::fs::write(&path, "mine").unwrap();
    assert!(refused().contains("--unix-socket"), "{}", refused());
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    std::fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    assert!(refused().contains("in use"), "{}", refused());
    assert!(path.exists());
}

#[tokio::test]
async fn closed_streams_give_their_files_back() {
    let (_folder, path) = place();
    let (server, client) = start(&path);
    Reader::of(client.get("http://hub/events?topic=quiet")).await.event().await;
    let before = server.open_files();
    let mut readers = Vec::new();
    for _ in 0..20 {
        readers.push(Reader::of(client.get("http://hub/events?topic=quiet")).await);
    }
    assert!(server.open_files() >= before + 19);
    drop(readers);
    eventually("open files are back", || server.open_files() <= before).await;
}

#[tokio::test]
async fn any_host_is_served_but_nobody_behind_a_proxy() {
    let (_folder, path) = place();
    let (_server, client) = start(&path);
    let get = || client.get("http://hub.example.com/hub");
    assert_eq!(get().send().await.unwrap().status(), 200);
    assert_eq!(get().header("X-Forwarded-For", "203.0.113.7").send().await.unwrap().status(), 403);
}
