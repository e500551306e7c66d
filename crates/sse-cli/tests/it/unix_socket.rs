//! `--unix-socket` of each command: the scripted servers behind a socket, at URLs whose hosts do not exist.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, copy_bidirectional};
use tokio::net::{TcpStream, UnixListener, UnixSocket};
use tokio::task::JoinHandle;

use super::{DEADLINE, command, finish, run, stderr, stdout};
use crate::bench::{Fate, Hub, counts};
use crate::inbox::{EPOCH, Inbox};
use crate::server::{Script, Server};

/// A path for a socket in a folder of its own.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("hub.sock")
    }

    fn name(&self) -> String {
        self.path().to_str().unwrap().to_owned()
    }

    /// A socket that nobody listens on, as a killed server leaves it.
    fn abandoned() -> Self {
        let place = Self::new();
        drop(std::os::unix::net::UnixListener::bind(place.path()).unwrap());
        place
    }

    /// Runs the program with the option for this path.
    async fn run(&self, args: &[&str]) -> Output {
        run(&[args, &["--unix-socket", &self.name()]].concat()).await
    }
}

/// A Unix socket before a server that listens over TCP.
struct Socket {
    place: Place,
    task: JoinHandle<()>,
}

impl Socket {
    fn to(server: SocketAddr) -> Self {
        Self::at(Place::new(), server)
    }

    fn at(place: Place, server: SocketAddr) -> Self {
        let listener = UnixListener::bind(place.path()).unwrap();
        Self { place, task: tokio::spawn(relay(listener, server, Duration::ZERO)) }
    }

    /// One that only so many may wait at, before a server that takes its time.
    fn narrow(server: SocketAddr, room: u32) -> Self {
        let place = Place::new();
        let socket = UnixSocket::new_stream().unwrap();
        socket.bind(place.path()).unwrap();
        let listener = socket.listen(room).unwrap();
        Self { place, task: tokio::spawn(relay(listener, server, Duration::from_millis(5))) }
    }

    fn name(&self) -> String {
        self.place.name()
    }

    async fn run(&self, args: &[&str]) -> Output {
        self.place.run(args).await
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// `pause` after each connection.
async fn relay(listener: UnixListener, server: SocketAddr, pause: Duration) {
    while let Ok((mut near, _)) = listener.accept().await {
        let mut far = TcpStream::connect(server).await.unwrap();
        tokio::spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        tokio::time::sleep(pause).await;
    }
}

#[tokio::test]
async fn tail_reads_and_comes_back_over_the_socket() {
    let mut server = Server::start([
        Script::stream().send("retry: 100\nid: 7\ndata: x\n\n"),
        Script::stream().send("data: y\n\n").hold(),
    ])
    .await;
    let socket = Socket::to(server.address);
    let output = socket.run(&["tail", "http://hub.invalid/x?topic=a", "-o", "raw", "--count", "2"]).await;
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), "x\ny\n"), "{}", stderr(&output));
    let connected = format!("connected to http://hub.invalid/x?topic=a over {}", socket.name());
    let lost = "connection lost (end of the stream), retrying in 0.1 s (attempt 1)";
    assert_eq!(stderr(&output).lines().collect::<Vec<_>>(), [&*connected, lost, &*connected]);
    for words in ["> GET /x?topic=a", "> GET /x?topic=a [7]"] {
        let request = server.request().await;
        assert_eq!(
            (request.in_words(), request.header("host").unwrap()),
            (words.into(), "hub.invalid".into())
        );
    }
}

#[tokio::test]
async fn tail_waits_for_a_socket_that_is_not_there_yet() {
    let server = Server::start([Script::stream().send("data: x\n\n")]).await;
    let place = Place::new();
    let name = place.name();
    let mut child = command(&["tail", "--unix-socket", &name, "--count", "1"]).spawn().unwrap();
    let mut messages = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut line =
        async || tokio::time::timeout(DEADLINE, messages.next_line()).await.unwrap().unwrap().unwrap();
    let why = "(No such file or directory), retrying in 1.0 s (attempt 1)";
    assert_eq!(line().await, format!("cannot connect to {name} {why}"));
    let _socket = Socket::at(place, server.address);
    // Not the hint for the address that a server listens on without being asked.
    assert_eq!(line().await, format!("connected to http://127.0.0.1:3000/events over {name}"));
    assert_eq!(finish(child).await.status.code(), Some(0));
}

#[tokio::test]
async fn a_socket_that_nobody_listens_on_is_named() {
    let place = Place::abandoned();
    let name = place.name();
    let refused = format!("{name} (Connection refused)");
    let cases: [(&[&str], String); 5] = [
        (&["tail", "--wait", "0s"], format!("cannot connect to {refused}")),
        (
            &["tail", "--wait", "0s", "--no-follow"],
            format!("cannot get the topics of {name} (Connection refused)"),
        ),
        (
            &["publish", "t", "x", "--wait", "0s"],
            format!("cannot connect to {refused} (0 events acknowledged)"),
        ),
        (&["bench"], format!("{name}: cannot open the stream (Connection refused)")),
        (&["bench", "--publish", "t"], format!("{name}: cannot open the stream (Connection refused)")),
    ];
    for (args, error) in cases {
        let output = place.run(args).await;
        assert_eq!((output.status.code(), stdout(&output)), (Some(1), ""), "{args:?}");
        assert_eq!(stderr(&output), format!("error: {error}\n"), "{args:?}");
    }
}

#[tokio::test]
async fn a_path_that_no_socket_can_have_is_wrong_usage() {
    let long = format!("/tmp/{}", "x".repeat(200));
    for args in [["tail", &long], ["publish", &long], ["doctor", &long], ["bench", &long]] {
        let topic: &[&str] = if args[0] == "publish" { &["t", "x"] } else { &[] };
        let output = run(&[&[args[0]], topic, &["--unix-socket", args[1]]].concat()).await;
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains("--unix-socket <PATH>"), "{}", stderr(&output));
    }
}

#[tokio::test]
async fn a_proxy_of_the_environment_is_not_used_and_its_password_told_to_nobody() {
    let mut server = Server::start([Script::stream().send("data: x\n\n")]).await;
    let socket = Socket::to(server.address);
    let mut command = command(&["tail", "http://hub.invalid/x", "-n1", "--unix-socket", &socket.name()]);
    command.env("http_proxy", "http://me:secret@127.0.0.1:9").env("no_proxy", "");
    let output = finish(command.spawn().unwrap()).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let request = server.request().await;
    assert_eq!((request.line().as_str(), request.header("proxy-authorization")), ("GET /x HTTP/1.1", None));
}

#[tokio::test]
async fn publish_goes_over_the_socket() {
    let mut hub = Inbox::start([]).await;
    let socket = Socket::to(hub.address);
    let output = socket.run(&["publish", "a/b", "x", "--server", "http://hub.invalid/base"]).await;
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), format!("{EPOCH}-1\n").as_str()));
    let posted = hub.posted().await;
    assert_eq!(posted.line, "POST /base/topics/a/b HTTP/1.1");
    assert_eq!((posted.header("host"), posted.body.as_str()), (Some("hub.invalid"), "{\"data\":\"x\"}\n"));
}

const HEAD: &str = "200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache";
const EVENTS: &str = "retry: 2000\n\nid: 1\ndata: a\n\nid: 2\ndata: b\n\n";

/// What doctor asks for, of a stream that has nothing wrong.
fn healthy() -> [Script; 3] {
    let stream = Script::answer(HEAD);
    let resumed = stream.clone().send("id: 2\ndata: b\n\n").hold();
    [stream.clone().send(EVENTS).hold(), stream.send(EVENTS).hold(), resumed]
}

/// The report of doctor, for programs, and the exit code.
async fn diagnose(place: &Place, url: &str, args: &[&str]) -> (Value, Option<i32>) {
    let output = place.run(&[&["doctor", url, "--watch", "1s", "--json", "-q"], args].concat()).await;
    let json = serde_json::from_str(stdout(&output)).unwrap_or_else(|_| panic!("{output:?}"));
    (json, output.status.code())
}

fn titles(report: &Value) -> Vec<&str> {
    report["findings"].as_array().unwrap().iter().map(|one| one["title"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn doctor_finds_nothing_wrong_with_the_socket_itself() {
    let server = Server::start(healthy()).await;
    let socket = Socket::to(server.address);
    // Over TCP it would be told that browsers get no HTTP/2 there.
    let url = "http://hub.invalid/x";
    let output = socket.run(&["doctor", url, "--watch", "1s"]).await;
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), format!("watching {url} over {} for 1s\n", socket.name()));
    assert!(
        stdout(&output).starts_with(&format!("{url} over {}\n200 OK", socket.name())),
        "{}",
        stdout(&output)
    );
    assert!(stdout(&output).ends_with("nothing found\n"), "{}", stdout(&output));
}

#[tokio::test]
async fn doctor_takes_a_page_of_the_same_host_for_one_behind_the_same_proxy() {
    let allowed = "Access-Control-Allow-Origin: https://other.invalid\r\nVary: Origin\r\n\
                   Access-Control-Allow-Headers: last-event-id";
    for (origin, findings) in [
        ("https://hub.invalid", &[][..]),
        ("https://app.invalid", &["another origin is allowed, not the page's"]),
    ] {
        let answer = || Script::answer(&format!("{HEAD}\r\n{allowed}")).hold();
        let server = Server::start(healthy().into_iter().chain([answer(), answer()])).await;
        let socket = Socket::to(server.address);
        let (report, _) = diagnose(&socket.place, "http://hub.invalid/x", &["--origin", origin]).await;
        assert_eq!(titles(&report), findings, "{report}");
        assert_eq!(report["unix_socket"], socket.name());
    }
}

#[tokio::test]
async fn doctor_does_not_look_for_another_origin_behind_the_socket() {
    let mut server = Server::start([Script::redirect("302 Found", "https://www.invalid/y")]).await;
    let socket = Socket::to(server.address);
    let (report, code) = diagnose(&socket.place, "http://hub.invalid/x", &[]).await;
    assert_eq!((titles(&report), code), (vec!["a redirect leads to another origin"], Some(3)), "{report}");
    let answer = &report["unjudged"][0];
    assert_eq!(answer["why"], "a redirect leads away from the socket");
    server.request().await;
    assert!(server.next_request().is_none());
}

#[tokio::test]
async fn doctor_names_a_socket_that_is_not_there() {
    let place = Place::new();
    let (report, code) = diagnose(&place, "http://hub.invalid/x", &[]).await;
    assert_eq!((titles(&report), code), (vec!["the server cannot be reached"], Some(1)), "{report}");
    let finding = &report["findings"][0];
    assert_eq!(finding["seen"], format!("No such file or directory: {}", place.name()));
    assert!(finding["fix"].to_string().contains("--unix-socket"), "{finding}");
}

/// The report of bench, for programs.
async fn measure(socket: &Socket, args: &[&str]) -> Value {
    let output = socket.run(&[&["bench", "-d", "200ms", "--json"], args].concat()).await;
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    serde_json::from_str(stdout(&output)).unwrap()
}

#[tokio::test]
async fn bench_reads_and_publishes_over_the_socket() {
    let hub = Hub::start(|nth| if nth == 7 { Fate::Lose } else { Fate::Pass }).await;
    let socket = Socket::to(hub);
    let publish = ["--publish", "http://other.invalid/pub", "--rate", "100", "-n", "3"];
    let report = measure(&socket, &[&["http://hub.invalid/sub"][..], &publish].concat()).await;
    assert_eq!(counts(&report), [3, 0, 0]);
    assert_eq!(
        (&report["published"]["acknowledged"], &report["deliveries"]["count"]),
        (&20.into(), &57.into())
    );
    assert_eq!(report["connect_seconds"]["count"], 3, "read as cheaply as over TCP");
    assert_eq!(report["unix_socket"], socket.name());
}

#[tokio::test]
async fn bench_says_in_its_report_that_it_went_over_the_socket() {
    let socket = Socket::to(Hub::start(|_| Fate::Pass).await);
    let output = socket.run(&["bench", "http://hub.invalid/sub", "-n", "1", "-d", "50ms"]).await;
    let heading = format!("http://hub.invalid/sub over {}\n", socket.name());
    assert!(stdout(&output).starts_with(&heading), "{}{}", stdout(&output), stderr(&output));
}

#[tokio::test]
async fn bench_waits_for_room_at_the_socket() {
    let socket = Socket::narrow(Hub::start(|_| Fate::Pass).await, 1);
    let report = measure(&socket, &["http://hub.invalid/sub", "-n", "60"]).await;
    assert_eq!(
        (&report["streams"]["opened"], &report["streams"]["failed"]),
        (&60.into(), &0.into()),
        "{report}"
    );
}

#[tokio::test]
async fn the_user_in_the_url_of_bench_goes_over_the_socket_too() {
    let mut server = Server::start([Script::stream().hold(), Script::stream().hold()]).await;
    let socket = Socket::to(server.address);
    let report = measure(&socket, &["http://me:secret@hub.invalid/x", "-n", "1"]).await;
    assert_eq!(report["streams"]["opened"], 1);
    for _ in ["the probe", "the stream"] {
        assert_eq!(server.request().await.header("authorization").unwrap(), "Basic bWU6c2VjcmV0");
    }
}

#[tokio::test]
async fn addresses_to_come_from_make_no_sense_over_a_socket() {
    let output = Place::new().run(&["bench", "--source", "127.0.0.9"]).await;
    assert_eq!((output.status.code(), stdout(&output)), (Some(2), ""));
    let error = "error: the argument '--source <ADDR>' cannot be used with '--unix-socket <PATH>'";
    assert!(stderr(&output).starts_with(error), "{}", stderr(&output));
}
