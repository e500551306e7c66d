//! Settings that are read again while connections go on.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;

use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tempfile::TempDir;

use crate::api::{Answer, Api, send};
use crate::harness::{Reader, Server, command, eventually};
use crate::settings::FAULTY;

/// A server with a settings file and a log.
struct World {
    folder: TempDir,
    api: Api,
}

impl World {
    fn start(settings: &str, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("hub.toml"), settings).unwrap();
        // For those that name it.
        fs::write(folder.path().join("hub.secret"), "x".repeat(32)).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut command = command(folder.path());
        command.env("SSE_DATA_DIR", folder.path().join("data"));
        command.args(["--listen", "127.0.0.1:0", "--apps", "none", "--config", "hub.toml"]).args(args);
        let api = Api::of(Server::spawn_logging_to(log, &mut command));
        Self { folder, api }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, settings: &str) {
        fs::write(self.path("hub.toml"), settings).unwrap();
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    fn request(&self) -> RequestBuilder {
        self.api.request(Method::POST, "/admin/reload")
    }

    /// Writes these settings, and has them read by whoever may without a token.
    async fn reload(&self, settings: &str) -> Answer {
        self.write(settings);
        send(self.request()).await
    }
}

fn of(answer: &Answer, list: &str) -> Vec<String> {
    let json = answer.json();
    let list = json[list].as_array().unwrap_or_else(|| panic!("{answer:?}"));
    list.iter().map(|key| key.as_str().unwrap().to_owned()).collect()
}

/// Keys that are tokens.
const KEYS: [&str; 2] = ["ssehub_one", "ssehub_two"];

/// A section for one of them.
fn key(nth: usize) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, KEYS[nth].as_bytes());
    let sha256: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "[[auth.key]]\nname = 'key {nth}'\nsha256 = '{sha256}'\nsubscribe = ['*']\npublish = ['*']\nadmin = true\n"
    )
}

fn subscribe(server: &Server, token: &str) -> TcpStream {
    let mut connection = server.connect();
    let head =
        format!("GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
    connection.write_all(head.as_bytes()).unwrap();
    connection
}

fn read_until(connection: &mut TcpStream, text: &str) {
    let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&read).contains(text) {
        let count = connection.read(&mut buffer).unwrap();
        assert!(count > 0, "cut before {text:?}: {}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&buffer[..count]);
    }
}

#[tokio::test]
async fn a_thousand_connections_go_on_and_new_limits_and_keys_are_in_force() {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let world = World::start(&key(0), &[]);
    let (one, two) = (KEYS[0], KEYS[1]);
    assert_eq!(send(world.api.post("/topics/a", "x").bearer_auth(one)).await.status, 200);
    let mut connections: Vec<TcpStream> = (0..1000).map(|_| subscribe(&world.api.server, one)).collect();
    connections.iter_mut().for_each(|connection| read_until(connection, "data: "));
    world.write(&format!("[limits]\ntopics = 1\n{}{}", key(0), key(1)));
    let reloaded = send(world.request().bearer_auth(one)).await;
    let changed = of(&reloaded, "changed");
    assert!(changed.contains(&"limits.topics".to_owned()), "{reloaded:?}");
    assert!(changed.contains(&"auth.key[1].sha256".to_owned()), "{reloaded:?}");
    assert_eq!(of(&reloaded, "needsRestart"), [""; 0]);
    // The new key is good, and the new limit holds.
    let publish = |topic: &str| send(world.api.post(&format!("/topics/{topic}"), "news").bearer_auth(two));
    assert_eq!(publish("a").await.status, 200);
    assert_eq!(publish("b").await.problem().0, 409);
    connections.iter_mut().for_each(|connection| read_until(connection, "data: news"));
    // As the signal does.
    world.write(&key(1));
    world.api.server.signal("HUP");
    // Those of the key that is gone end; nothing else does.
    for connection in &mut connections {
        read_until(connection, "signed out");
    }
    assert_eq!(send(world.api.post("/topics/a", "x").bearer_auth(one)).await.problem().0, 401);
    // Once that is done, nothing is left to change.
    assert_eq!(of(&send(world.request().bearer_auth(two)).await, "changed"), [""; 0]);
    assert_eq!(publish("b").await.status, 200);
}

#[tokio::test]
async fn what_cannot_be_used_changes_nothing() {
    let good = "[limits]\ntopics = 1\n";
    let world = World::start("", &[]);
    world.api.publish("a", "x").await;
    assert_eq!(of(&world.reload(good).await, "changed"), ["limits.topics"]);
    for (text, expected) in FAULTY {
        let refused = world.reload(&text.replace("topics = 5", "topics = 7")).await;
        assert_eq!(refused.status, 422, "{text}: {refused:?}");
        let faults = refused.json()["faults"].clone();
        let [fault] = &faults.as_array().unwrap()[..] else { panic!("{text}: {faults}") };
        let (line, key, detail) =
            (&fault["line"], fault["key"].as_str().unwrap(), fault["detail"].as_str().unwrap());
        let said = format!(
            "line {line}: {}{detail}",
            if key.is_empty() { String::new() } else { format!("{key}: ") }
        );
        assert!(said.starts_with(expected), "{text}: {said}");
        assert!(!refused.text.contains("hunter2"));
        assert_eq!(send(world.api.post("/topics/b", "x")).await.problem().0, 409, "{text}");
    }
    // All faults of a file, in one line of the log.
    world.write("hartbeat = '1s'\n[limits]\ntopcs = 5");
    world.api.server.signal("HUP");
    let is_told = |line: &str| line.contains("ERROR") && line.contains("hartbeat") && line.contains("topcs");
    eventually("the log tells of both", || world.log().lines().any(is_told)).await;
    assert!(!world.log().contains("hunter2"));
    let reloaded = world.reload(&good.replace('1', "8")).await;
    assert_eq!(of(&reloaded, "changed"), ["limits.topics"]);
    assert_eq!(send(world.api.post("/topics/b", "x")).await.status, 200);
}

#[tokio::test]
async fn what_needs_a_restart_is_told_again_and_again() {
    let world = World::start("heartbeat = '5s'\n", &[]);
    for _ in 0..2 {
        let reloaded = world
            .reload("heartbeat = '6s'\nlog = 'debug'\n[chat]\npeople = 5\n[auth]\nleeway = '1s'\n")
            .await;
        assert_eq!(of(&reloaded, "needsRestart"), ["auth.leeway", "chat.people", "heartbeat"]);
    }
    // Nobody needs a token, as before.
    world.api.publish("a", "x").await;
    let reloaded = world.reload("heartbeat = '5s'\nlog = 'debug'\n").await;
    assert_eq!((of(&reloaded, "changed"), of(&reloaded, "needsRestart")), (vec![], vec![]));
}

#[tokio::test]
async fn origins_proxies_and_the_level_of_the_log_change() {
    let world = World::start("", &["--open"]);
    let from = |origin: &str| send(world.api.post("/topics/a", "x").header("Origin", origin.to_owned()));
    let page = "https://app.example.com";
    assert_eq!(from(page).await.problem().0, 403);
    let reloaded = world
        .reload(
            "allow_origin = ['https://app.example.com']\nlog = 'debug'\n[limits]\nrequests_per_second = 1\n",
        )
        .await;
    assert_eq!(of(&reloaded, "changed"), ["allow_origin", "limits.requests_per_second", "log"]);
    let answer = from(page).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, page));
    let reader = Reader::open(world.api.server.url("/events")).await;
    eventually("subscriptions are logged", || world.log().contains("subscription opened")).await;
    drop(reader);
    // Of one client of the proxy, once that is trusted.
    world.reload("trusted_proxy = '127.0.0.1'\n[limits]\nrequests_per_second = 1\n").await;
    let mut statuses = Vec::new();
    while statuses.last() != Some(&429) && statuses.len() < 1000 {
        let request = world.api.post("/topics/a", "x").header("X-Forwarded-For", "192.0.2.1");
        statuses.push(send(request).await.status);
    }
    assert_eq!(statuses.last(), Some(&429));
    assert_eq!(from(page).await.problem().0, 403);
}

#[tokio::test]
async fn policies_change_for_topics_that_are_there() {
    let world = World::start("[[topic]]\npattern = 'a'\nretention = { count = 5 }\n", &[]);
    for n in 0..5 {
        world.api.publish("a", n.to_string()).await;
    }
    let reloaded = world
        .reload("[[topic]]\npattern = 'a'\ndurability = 'memory'\nidle = '1h'\nlast_value = true\nretention = { count = 2 }\n")
        .await;
    assert_eq!(
        of(&reloaded, "needsRestart"),
        ["durability of 1 topics that are there", "idle, since no topic had it"]
    );
    assert_eq!(world.api.kept("a").await, ["3", "4"]);
    let mut reader = Reader::open(world.api.server.url("/events?topic=a")).await;
    assert_eq!(reader.event().await.data(), "4");
}

#[tokio::test]
async fn a_key_file_that_is_named_later_is_not_served() {
    let world = World::start(&key(0), &["--web-dir", "."]);
    let get = |path: &str| send(world.api.request(Method::GET, path).bearer_auth(KEYS[0]));
    fs::write(world.path("new.secret"), "a secret of the tests, of 32 bytes and more").unwrap();
    assert_eq!(get("/new.secret").await.status, 200);
    world.write(&format!("{}[[auth.jwt]]\nalgorithm = 'HS256'\nsecret_file = 'new.secret'\n", key(0)));
    assert_eq!(send(world.request().bearer_auth(KEYS[0])).await.status, 200);
    assert_eq!(get("/new.secret").await.problem().0, 404);
}

#[tokio::test]
async fn operators_alone_reload_and_the_audit_log_tells_who() {
    let world = World::start("log = 'error'\n", &["--open"]);
    let proxied = world.request().header("X-Forwarded-For", "192.0.2.1");
    assert_eq!(send(proxied).await.problem().0, 403);
    let page = world.request().header("Origin", "https://evil.example").header("X-Request-Id", "evil-1");
    assert_eq!(send(page).await.problem().0, 403);
    let answer = send(world.request().header("X-Request-Id", "mine-2")).await;
    assert_eq!((answer.status, answer.header("x-request-id")), (200, "mine-2"));
    let log = world.log();
    assert!(log.lines().any(|line| line.contains("WARN") && line.contains("admin action refused")), "{log}");
    let done = log.lines().find(|line| line.contains("admin action") && line.contains("mine-2"));
    let done = done.unwrap_or_else(|| panic!("{log}"));
    for part in ["INFO", "127.0.0.1", "method=POST", "/admin/reload", "status=200"] {
        assert!(done.contains(part), "{part}: {done}");
    }
    // A path can be written in many ways.
    let answer =
        send(world.api.request(Method::POST, "/%61dmin/reload").header("X-Request-Id", "mine-3")).await;
    assert_eq!(answer.status, 200);
    for _ in 0..5 {
        assert_eq!(send(world.api.request(Method::POST, "/admin/nothing")).await.status, 404);
    }
    let log = world.log();
    assert!(log.lines().any(|line| line.contains("admin action") && line.contains("mine-3")), "{log}");
    assert!(!log.contains("/admin/nothing"), "no action, and within a minute of the last refusal: {log}");
    let guarded = World::start(&key(0).replace("admin = true", ""), &[]);
    assert_eq!(send(guarded.request()).await.problem().0, 401);
    assert_eq!(send(guarded.request().bearer_auth(KEYS[0])).await.problem().0, 403);
    let log = guarded.log();
    assert!(log.contains("admin action refused") && !log.contains(KEYS[0]), "{log}");
}

#[tokio::test]
async fn a_problem_names_its_request() {
    let api = Api::start();
    let with = |id: &str| send(api.request(Method::GET, "/nothing").header("X-Request-Id", id.to_owned()));
    let given = with("Abc-1.2:3").await;
    assert_eq!(
        (given.header("x-request-id"), &given.json()["requestId"]),
        ("Abc-1.2:3", &json!("Abc-1.2:3"))
    );
    let long = "x".repeat(65);
    for odd in ["a b", "a\"b", &long] {
        let made = with(odd).await;
        let id = made.header("x-request-id").to_owned();
        assert!(id.len() == 16 && made.json()["requestId"] == id, "{made:?}");
    }
    // What goes well needs none.
    assert_eq!(api.get("/hub").await.header("x-request-id"), "");
    let found = send(api.request(Method::GET, "/hub").header("X-Request-Id", "a")).await;
    assert_eq!((found.status, found.header("x-request-id")), (200, "a"));
    let limited = Reader::of(api.request(Method::GET, "/events").header("X-Request-Id", "stream")).await;
    assert_eq!(limited.header("x-request-id"), "stream");
}

#[tokio::test]
async fn what_is_still_in_use_is_still_not_served() {
    let jwt = "[[auth.jwt]]\nalgorithm = 'HS256'\nsecret_file = 'hub.secret'\n";
    let world = World::start(&format!("web_dir = '.'\n{jwt}[auth.anonymous]\nadmin = true\n"), &[]);
    for settings in [None, Some("web_dir = '.'\n")] {
        if let Some(settings) = settings {
            let needs_restart = of(&world.reload(settings).await, "needsRestart");
            assert!(needs_restart.iter().any(|key| key.starts_with("auth.")), "{needs_restart:?}");
        }
        for path in ["/hub.secret", "/hub.toml", "/data/log.sqlite"] {
            assert_eq!(world.api.get(path).await.status, 404, "{path} {settings:?}");
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_in_place_of_settings_holds_nobody_up() {
    let mut world = World::start("", &[]);
    fs::remove_file(world.path("hub.toml")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(world.path("hub.toml")).status().unwrap().success());
    let answer = send(world.request()).await;
    assert!(answer.status == 422 && answer.text.contains("not a regular file"), "{answer:?}");
    world.api.server.signal("TERM");
    assert!(world.api.server.ended().await.0.success());
}
