//! `backup`, `restore` and `verify` beside a running server, and what readers see after a restore.

use std::path::Path;
use std::process::Output;

use crate::harness::{Reader, Server, command, event_type_of, id_of};

/// Runs a command on the log in a folder to its end.
fn run(data: &Path, args: &[&str]) -> Output {
    command(&std::env::temp_dir()).env("SSE_DATA_DIR", data).args(args).output().unwrap()
}

/// What it said, and its exit status.
fn said(output: &Output) -> (i32, String) {
    let text = [&output.stdout[..], &output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

async fn publish(server: &Server, text: &'static str) {
    let request = reqwest::Client::new().post(server.url("/topics/orders")).body(text);
    request.send().await.unwrap().error_for_status().unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_backup_of_a_running_server_is_restored_and_readers_are_told_of_the_gap() {
    let places = tempfile::tempdir().unwrap();
    let [data, backup, restored] = ["data", "backup", "restored"].map(|name| places.path().join(name));
    let backup = backup.to_str().unwrap();
    let server = Server::start_on(&data, &["--apps", "none"]);
    let stream = "/events?topic=orders&since=0&greeting=off";
    let mut reader = Reader::open(server.url("/events?topic=orders&greeting=off")).await;
    publish(&server, "one").await;
    publish(&server, "two").await;
    let (one, two) = (reader.event().await, reader.event().await);
    let before = names(&data);
    let (status, text) = said(&run(&data, &["backup", backup]));
    assert!(status == 0 && text.contains(": 2 events, 1 topics, "), "{text}");
    assert!(
        text.trim_end().ends_with(&format!("last id {}", id_of(&two))) && text.lines().count() == 1,
        "{text}"
    );
    let (status, text) = said(&run(&data, &["verify"]));
    assert!(status == 0 && text.trim_end().ends_with(", whole"), "{text}");
    assert_eq!(names(&data), before);
    let (status, text) = said(&run(&data, &["restore", backup]));
    assert!(status == 1 && text.contains("another process is using it; stop that one"), "{text}");
    publish(&server, "three").await;
    let three = reader.event().await;
    drop(server);
    // What the kill left is whole, and stays as it is.
    let (status, text) = said(&run(&data, &["verify"]));
    assert!(status == 0 && text.contains(": 3 events"), "{text}");
    assert_eq!(names(&data), before);
    let (status, text) = said(&run(&data, &["restore", backup]));
    assert!(status == 1 && text.contains("has a log already"), "{text}");
    let (status, text) = said(&run(&restored, &["restore", backup]));
    assert!(status == 0 && text.contains(": 2 events"), "{text}");
    let server = Server::start_on(&restored, &["--apps", "none"]);
    publish(&server, "four").await;
    for (id, data) in
        [(&three, vec!["gap", "four"]), (&two, vec!["gap", "four"]), (&one, vec!["two", "gap", "four"])]
    {
        let mut reader = Reader::open_from(server.url(stream), Some(&id_of(id))).await;
        for expected in data {
            let event = reader.event().await;
            let found = if event_type_of(&event) == "gap" { "gap" } else { event.data() };
            assert_eq!(found, expected);
            assert!(found != "gap" || event.data().contains("\"lost\""), "{}", event.data());
        }
    }
}

#[tokio::test]
async fn damage_is_told_by_the_exit_status_and_refused() {
    let places = tempfile::tempdir().unwrap();
    let [data, backup, restored] = ["data", "backup", "restored"].map(|name| places.path().join(name));
    let file = backup.to_str().unwrap();
    let mut server = Server::start_on(&data, &["--apps", "none"]);
    publish(&server, "a text to find in the file").await;
    server.signal("TERM");
    server.ended().await;
    let before = names(&data);
    let (status, text) = said(&run(&data, &["backup", file]));
    assert!(status == 0, "{text}");
    assert_eq!(names(&data), before);
    let mut bytes = std::fs::read(&backup).unwrap();
    let at = bytes.windows(6).position(|bytes| bytes == b"a text").unwrap();
    bytes[at] = b'A';
    std::fs::write(&backup, bytes).unwrap();
    let (status, text) = said(&run(&data, &["verify", file]));
    assert!(
        status == 1 && text.contains("records: seq 1: ") && text.contains(", damaged: records"),
        "{text}"
    );
    let (status, text) = said(&run(&restored, &["restore", file]));
    assert!(status == 1 && text.contains("is damaged (records)") && text.contains("--damaged"), "{text}");
    let (status, text) = said(&run(&restored, &["restore", "--damaged", file]));
    assert!(status == 0, "{text}");
    std::fs::write(&backup, "no log").unwrap();
    let (status, text) = said(&run(&data, &["verify", file]));
    assert!(status == 2 && text.contains("is not an SQLite database"), "{text}");
    let (status, text) = said(&run(&data, &["backup", file]));
    assert!(status == 1 && text.contains("exists; choose another name"), "{text}");
    let (status, text) = said(&run(Path::new("off"), &["backup", file]));
    assert!(status == 1 && text.contains("--data-dir off"), "{text}");
}

#[test]
fn help_lists_the_commands() {
    let (status, text) = said(&run(Path::new("off"), &["--help"]));
    assert_eq!(status, 0);
    for part in ["event hub", "backup", "restore", "verify", "--listen"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn completions_and_man_pages_know_every_flag_and_command() {
    let folder = tempfile::tempdir().unwrap();
    let (status, script) = said(&run(folder.path(), &["completions", "bash"]));
    assert!(status == 0 && script.contains("--data-dir") && script.contains("--chat-grace"), "{script}");
    let (status, text) = said(&run(folder.path(), &["man", folder.path().to_str().unwrap()]));
    assert_eq!(status, 0, "{text}");
    let page = |name| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(page("sse-server.1").contains("SSE_DATA_DIR") && page("sse-server.1").contains("ticker\\-seed"));
    assert!(page("sse-server-backup.1").contains("sse\\-server backup"));
}
