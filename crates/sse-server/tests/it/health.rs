//! Readiness, and who is told the reasons.

use std::process::{Command, Output};

use reqwest::Method;

use crate::api::{Api, send};
use crate::harness::{DEADLINE, Server, command};

/// What `sse-server health` says, with these arguments.
fn health(args: &[&str]) -> Output {
    let mut command: Command = command(&std::env::temp_dir());
    command.env_remove("SSE_LISTEN").arg("health").args(args).output().unwrap()
}

#[tokio::test]
async fn one_word_for_everybody_and_reasons_for_operators() {
    let api = Api::of(Server::start(&["--apps", "none", "--open"]));
    let verbose = || api.request(Method::GET, "/readyz?verbose");
    let answer = send(verbose()).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"ready":true,"reasons":[]}"#));
    // --open grants nothing to those who ask through a proxy, or from a page of another site.
    for (name, value) in [("X-Forwarded-For", "203.0.113.7"), ("Origin", "https://evil.example")] {
        assert_eq!(send(verbose().header(name, value)).await.status, 403, "{name}");
        assert_eq!(send(api.request(Method::GET, "/readyz").header(name, value)).await.text, "ready\n");
    }
}

#[tokio::test]
async fn what_cannot_be_stored_is_a_reason() {
    let data = tempfile::tempdir().unwrap();
    let api = Api::of(Server::start_on(data.path(), &["--apps", "none"]));
    std::fs::remove_file(data.path().join("log.sqlite")).unwrap();
    assert_eq!(send(api.post("/topics/a", "x")).await.status, 503);
    let unready = async {
        loop {
            let why = api.get("/readyz?verbose").await;
            if why.status != 200 {
                return why;
            }
        }
    };
    let why = tokio::time::timeout(DEADLINE, unready).await.unwrap();
    assert_eq!((why.status, &why.json()["reasons"][0]["reason"]), (503, &"log_not_writable".into()));
    assert_eq!(api.get("/readyz").await.text, "unready\n");
    assert_eq!(api.get("/livez").await.status, 200);
    let asked = health(&[&api.server.base]);
    assert_eq!(asked.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&asked.stderr).contains("503"), "{asked:?}");
}

#[tokio::test]
async fn the_command_asks_where_the_server_listens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.sock");
    let path = path.to_str().unwrap();
    let server = Server::start(&["--apps", "none", "--unix-socket", path]);
    let address = server.base.strip_prefix("http://").unwrap().to_owned();
    for args in [&[server.base.as_str()][..], &["--listen", &address], &["--unix-socket", path]] {
        let asked = health(args);
        assert!(asked.status.success(), "{args:?}: {asked:?}");
    }
    drop(server);
    for args in [&["--listen", address.as_str()][..], &["--unix-socket", path]] {
        let asked = health(args);
        let said = String::from_utf8_lossy(&asked.stderr);
        assert!(asked.status.code() == Some(1) && said.contains("no answer from"), "{asked:?}");
    }
}
