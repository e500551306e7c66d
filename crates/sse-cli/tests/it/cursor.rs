//! `--cursor`: the next run goes on where this one stopped, and a crash repeats or loses no more than `--help` says.

use std::path::Path;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Child;

use super::{DEADLINE, command, finish, run, stderr, stdout};
use crate::server::{Script, Server};

/// `id: N` and `data: N` for each number.
fn events(numbers: std::ops::RangeInclusive<u32>) -> String {
    numbers.map(|n| format!("id: {n}\ndata: {n}\n\n")).collect()
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Waits until the file is as wanted.
async fn await_text(path: &Path, wanted: &str) {
    let same = async {
        while text(path) != wanted {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let in_time = tokio::time::timeout(DEADLINE, same).await;
    assert!(in_time.is_ok(), "{} is {:?}, not {wanted:?}", path.display(), text(path));
}

async fn kill(mut child: Child) {
    child.kill().await.unwrap();
}

#[tokio::test]
async fn the_next_run_goes_on_after_the_last_event() {
    let folder = tempfile::tempdir().unwrap();
    let cursor = folder.path().join("cursor");
    let cursor = cursor.to_str().unwrap();
    let mut server = Server::start([
        Script::stream().send(events(1..=3)).hold(),
        Script::stream().send(events(3..=3)).hold(),
    ])
    .await;
    let url = server.url("/x");
    let args = ["tail", &url, "--cursor", cursor, "-o", "raw", "--since", "earliest"];
    let first = run(&[&args[..], &["-n2"]].concat()).await;
    assert_eq!(stdout(&first), "1\n2\n");
    assert_eq!(text(Path::new(cursor)), "{\"id\":\"2\"}\n");
    let second = run(&[&args[..], &["-n1"]].concat()).await;
    assert_eq!(stdout(&second), "3\n");
    assert_eq!(server.request().await.header("last-event-id").unwrap(), "earliest");
    assert_eq!(server.request().await.header("last-event-id").unwrap(), "2");
    let mut left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["cursor", "cursor.lock"]);
}

#[tokio::test]
async fn a_time_is_asked_for_in_the_first_run_only() {
    let folder = tempfile::tempdir().unwrap();
    let cursor = folder.path().join("cursor");
    let mut server = Server::start([
        Script::stream().send("data: greeting\n\nid: 7\n\ndata: x\n\n").hold(),
        Script::stream().send("data: y\n\n").hold(),
    ])
    .await;
    let url = server.url("/x");
    let args = ["tail", &url, "--cursor", cursor.to_str().unwrap(), "--last", "5"];
    run(&[&args[..], &["-n2"]].concat()).await;
    run(&[&args[..], &["-n1"]].concat()).await;
    assert_eq!(server.request().await.in_words(), "> GET /x?last=5");
    assert_eq!(server.request().await.in_words(), "> GET /x [7]");
}

#[tokio::test]
async fn what_is_filtered_out_and_blocks_without_data_move_it_too() {
    let folder = tempfile::tempdir().unwrap();
    let cursor = folder.path().join("cursor");
    let body = "id: 1\nevent: a\ndata: x\n\nid: 2\nevent: b\ndata: y\n\nid: 3\n\n";
    let server = Server::start([Script::stream().send(body).hold()]).await;
    let url = server.url("/x");
    let child =
        command(&["tail", &url, "--cursor", cursor.to_str().unwrap(), "--event", "a"]).spawn().unwrap();
    await_text(&cursor, "{\"id\":\"3\"}\n").await;
    kill(child).await;
}

#[tokio::test]
async fn it_is_not_ahead_of_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let cursor = folder.path().join("cursor");
    // Far more than a pipe holds, so that tail hangs in the write.
    let big = format!("id: 2\ndata: {}\n\n", "x".repeat(1 << 20));
    let server = Server::start([Script::stream().send(events(1..=1)).pause(200).send(big).hold()]).await;
    let url = server.url("/x");
    let mut child =
        command(&["tail", &url, "--cursor", cursor.to_str().unwrap(), "-o", "raw"]).spawn().unwrap();
    await_text(&cursor, "{\"id\":\"1\"}\n").await;
    let mut pipe = child.stdout.take().unwrap();
    let mut start = [0; 10];
    pipe.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"1\nxxxxxxxx");
    assert_eq!(text(&cursor), "{\"id\":\"1\"}\n");
    kill(child).await;
    assert_eq!(text(&cursor), "{\"id\":\"1\"}\n");
}

#[cfg(unix)]
#[tokio::test]
async fn a_signal_leaves_it_at_the_last_event() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let folder = tempfile::tempdir().unwrap();
        let cursor = folder.path().join("cursor");
        let server = Server::start([Script::stream().send(events(1..=2)).hold()]).await;
        let url = server.url("/x");
        let args = ["tail", &url, "--cursor", cursor.to_str().unwrap(), "-o", "raw"];
        let mut child = command(&args).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while lines.next_line().await.unwrap().unwrap() != "2" {}
        let id = child.id().unwrap().to_string();
        tokio::process::Command::new("kill").args([signal, &id]).status().await.unwrap();
        assert_eq!(finish(child).await.status.code(), Some(code));
        assert_eq!(text(&cursor), "{\"id\":\"2\"}\n");
    }
}

#[tokio::test]
async fn the_output_is_cut_to_what_belongs_to_the_cursor() {
    let folder = tempfile::tempdir().unwrap();
    let (cursor, output) = (folder.path().join("cursor"), folder.path().join("output"));
    std::fs::write(&output, "before\n").unwrap();
    let mut server = Server::start([
        Script::stream().send(events(1..=2)).hold(),
        Script::stream().send(events(3..=4)).hold(),
    ])
    .await;
    let url = server.url("/x");
    let (cursor_arg, output_arg) = (cursor.to_str().unwrap(), output.to_str().unwrap());
    let args = ["tail", &url, "--cursor", cursor_arg, "--output", output_arg, "-o", "raw"];
    let child = command(&args).spawn().unwrap();
    await_text(&cursor, "{\"id\":\"2\",\"output_bytes\":11}\n").await;
    kill(child).await;
    // As if the crash had come after these were written, and before their place was stored.
    std::fs::write(&output, "before\n1\n2\n3\n4 and hal").unwrap();
    let child = command(&args).spawn().unwrap();
    await_text(&cursor, "{\"id\":\"4\",\"output_bytes\":15}\n").await;
    kill(child).await;
    assert_eq!(text(&output), "before\n1\n2\n3\n4\n");
    server.request().await;
    assert_eq!(server.request().await.header("last-event-id").unwrap(), "2");
}

#[tokio::test]
async fn a_crash_before_the_first_event_leaves_the_output_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (cursor, output) = (folder.path().join("cursor"), folder.path().join("output"));
    std::fs::write(&output, "before\n").unwrap();
    let server = Server::start([Script::stream().hold()]).await;
    let url = server.url("/x");
    let args =
        ["tail", &url, "--cursor", cursor.to_str().unwrap(), "--output", output.to_str().unwrap(), "-q"];
    let child = command(&args).spawn().unwrap();
    await_text(&cursor, "{\"id\":\"\",\"output_bytes\":7}\n").await;
    kill(child).await;
    assert_eq!(text(&output), "before\n");
}

#[tokio::test]
async fn an_output_that_does_not_fit_the_cursor_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (cursor, output) = (folder.path().join("cursor"), folder.path().join("output"));
    let (cursor_arg, output_arg) = (cursor.to_str().unwrap(), output.to_str().unwrap());
    let server = Server::start([]).await;
    let url = server.url("/x");
    std::fs::write(&output, "1\n").unwrap();
    for (place, reason) in [
        ("{\"id\":\"2\",\"output_bytes\":4}", "has 2 bytes, but the cursor expects 4"),
        ("{\"id\":\"2\"}", "was written without --output"),
        ("7", "is not a cursor file"),
        ("{\"id\":\"2\",\"more\":1}", "is not a cursor file"),
        ("{\"id\":\"a\\nb\",\"output_bytes\":2}", "contains an invalid id"),
    ] {
        std::fs::write(&cursor, place).unwrap();
        let refused = run(&["tail", &url, "--cursor", cursor_arg, "--output", output_arg]).await;
        assert_eq!(refused.status.code(), Some(1), "{place}");
        assert!(stderr(&refused).contains(reason), "{}", stderr(&refused));
        assert_eq!((text(&output).as_str(), text(&cursor).as_str()), ("1\n", place));
    }
}

#[tokio::test]
async fn two_runs_do_not_write_to_one_output() {
    let folder = tempfile::tempdir().unwrap();
    let (cursor, output) = (folder.path().join("cursor"), folder.path().join("output"));
    let server = Server::start([Script::stream().send(events(1..=1)).hold()]).await;
    let url = server.url("/x");
    let args = [
        "tail",
        &url,
        "--cursor",
        cursor.to_str().unwrap(),
        "--output",
        output.to_str().unwrap(),
        "-o",
        "raw",
    ];
    let child = command(&args).spawn().unwrap();
    await_text(&output, "1\n").await;
    let other = folder.path().join("other");
    let second = run(&[&args[..2], &["--cursor", other.to_str().unwrap()], &args[4..]].concat()).await;
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains("another run writes to this file"), "{}", stderr(&second));
    kill(child).await;
}

#[tokio::test]
async fn two_runs_do_not_share_one_cursor() {
    let folder = tempfile::tempdir().unwrap();
    let cursor = folder.path().join("cursor");
    let scripts = [(); 2].map(|()| Script::stream().send(events(1..=1)).hold());
    let server = Server::start(scripts).await;
    let url = server.url("/x");
    let args = ["tail", &url, "--cursor", cursor.to_str().unwrap(), "-o", "raw"];
    let child = command(&args).spawn().unwrap();
    await_text(&cursor, "{\"id\":\"1\"}\n").await;
    let second = run(&[&args[..], &["-n1"]].concat()).await;
    assert_eq!((second.status.code(), stdout(&second)), (Some(1), ""));
    assert!(stderr(&second).contains("another run uses this cursor"), "{}", stderr(&second));
    kill(child).await;
    let third = run(&[&args[..], &["-n1"]].concat()).await;
    assert_eq!((third.status.code(), stdout(&third)), (Some(0), "1\n"), "{}", stderr(&third));
}

#[tokio::test]
async fn one_cursor_is_for_one_stream() {
    let folder = tempfile::tempdir().unwrap();
    let cursor = folder.path().join("cursor");
    let refused = run(&["tail", ":1", ":2", "--cursor", cursor.to_str().unwrap()]).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("once for each URL"), "{}", stderr(&refused));
}
