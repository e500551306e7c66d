//! One setting in all its forms, what is in force, and what is said of a file with faults.

use std::path::Path;
use std::process::{Command, Output};

use crate::harness::{Server, command};

/// Without the settings that the tests have.
fn bare(folder: &Path) -> Command {
    let mut command = command(folder);
    command.env_remove("SSE_DATA_DIR").env_remove("SSE_ALERTS").env_remove("SSE_DIRECT");
    command
}

fn said(output: &Output) -> (Option<i32>, String) {
    let text = [&*output.stdout, &*output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// What `check` says of a file.
pub fn check(text: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hub.toml"), text).unwrap();
    said(&bare(folder.path()).args(["check", "--config", "hub.toml"]).output().unwrap())
}

#[test]
fn flags_go_before_variables_and_these_before_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = "heartbeat = '5s'\nkeep_alive = '6s'\nwrite_timeout = '7s'\napps = 'chat'\nopen = true\nworkers = 2\n\
                allow_origin = ['https://a.example', 'https://b.example']\n\n[limits]\ntopics = 5\nmemory_topic = '1MiB'\n\n\
                [[auth.jwt]]\nalgorithm = 'HS256'\nsecret = 'a secret that nobody is to see, of 32 bytes'\n";
    std::fs::write(folder.path().join("hub.toml"), file).unwrap();
    let mut check = bare(folder.path());
    check.args(["check", "--config", "hub.toml", "--keep-alive", "10s", "--limits-memory-topic", "2MiB"]);
    check.env("SSE_WRITE_TIMEOUT", "20s").env("SSE_KEEP_ALIVE", "30s").env("SSE_LIMITS_TOPICS", "7");
    let (code, text) = said(&check.env("SSE_CHAT_PEOPLE", "9").output().unwrap());
    assert_eq!(code, Some(0), "{text}");
    for line in [
        "heartbeat = \"5s\"  # line 1",
        "keep_alive = \"10s\"  # --keep-alive",
        "write_timeout = \"20s\"  # SSE_WRITE_TIMEOUT",
        "apps = \"chat\"  # line 4",
        "open = true  # line 5",
        "workers = \"2\"  # line 6",
        "allow_origin = [\"https://a.example\", \"https://b.example\"]  # line 7",
        "memory_limit = \"256MiB\"  # default",
        "limits.topics = 7  # SSE_LIMITS_TOPICS",
        "limits.memory_topic = \"2MiB\"  # --limits-memory-topic",
        "limits.disk = \"off\"  # default",
        "chat.people = 9  # SSE_CHAT_PEOPLE",
        "auth.jwt[0].secret = \"(redacted)\"  # line 15",
    ] {
        assert!(text.lines().any(|said| said == line), "{line}: {text}");
    }
    assert!(!text.contains("nobody is to see"), "{text}");
}

#[tokio::test]
async fn what_the_file_says_is_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let file = "listen = '127.0.0.1:0'\napps = 'clock'\nticker = 'off'\n[alerts]\nevery = '1s'\n";
    std::fs::write(folder.path().join("hub.toml"), file).unwrap();
    let mut command = command(folder.path());
    let log = folder.path().join("log");
    let server = Server::spawn_logging_to(
        std::fs::File::create(&log).unwrap(),
        command.args(["--config", "hub.toml"]),
    );
    let hub = reqwest::get(server.url("/hub")).await.unwrap().text().await.unwrap();
    assert!(hub.contains(r#""apps":["clock"]"#), "{hub}");
    let log = std::fs::read_to_string(log).unwrap();
    for ignored in ["SSE_ALERTS", "ticker", "alerts"] {
        assert!(log.contains(&format!("setting=\"{ignored}\"")), "{ignored}: {log}");
    }
}

#[test]
fn the_example_has_every_key_with_its_default() {
    let folder = tempfile::tempdir().unwrap();
    let (code, example) = said(&bare(folder.path()).arg("config").output().unwrap());
    assert_eq!(code, Some(0), "{example}");
    let uncommented = |line: &str| match line.strip_prefix('#') {
        Some(setting) if setting.starts_with(|first: char| first == '[' || first.is_ascii_lowercase()) => {
            setting.to_owned()
        }
        _ => line.to_owned(),
    };
    let lines: Vec<String> = example.lines().map(uncommented).collect();
    std::fs::write(folder.path().join("hub.toml"), lines.join("\n")).unwrap();
    let values = |args: &[&str]| {
        let (code, text) = said(&bare(folder.path()).arg("check").args(args).output().unwrap());
        assert_eq!(code, Some(0), "{text}");
        let values = text.lines().filter(|line| !line.starts_with("config = "));
        let mut values: Vec<(String, String)> = values
            .map(|line| {
                line.rsplit_once("  # ").map(|(value, from)| (value.to_owned(), from.to_owned())).unwrap()
            })
            .collect();
        values.sort();
        values
    };
    let (defaults, given) = (values(&[]), values(&["--config", "hub.toml"]));
    let only =
        |values: &[(String, String)]| values.iter().map(|(value, _)| value.clone()).collect::<Vec<_>>();
    assert_eq!(only(&given), only(&defaults));
    for (value, from) in given {
        // What is off by itself, and what a section has the name of.
        let is_left = value == "open = false" || value.starts_with("alerts = ");
        assert!(from.starts_with("line ") || is_left, "{value} is from {from}");
    }
}

/// Kinds of fault, with what is said of each.
pub const FAULTY: [(&str, &str); 14] = [
    ("heartbeat = ", "line 1: "),
    ("heartbeat = '5s'\nheartbeat = '6s'", "line 2: duplicate key"),
    ("hartbeat = '5s'", "line 1: hartbeat: unknown key; did you mean `heartbeat`?"),
    ("heartbeat = '5 parsecs'", "line 1: heartbeat: "),
    ("write_timeout = '1ms'", "line 1: write_timeout: must be from 100ms to 1h"),
    ("log_format = 'jason'", "line 1: log_format: must be one of text, json; did you mean `json`?"),
    ("listen = ['a', 'b']", "line 1: listen: must be one value"),
    ("\n[limit]\ntopics = 5", "line 2: limit: unknown section, expected one of topic, limits, auth"),
    ("[limits]\ntopic = 5", "line 2: limits.topic: unknown key `topic`, expected one of `topics`"),
    ("[limits]\ntopics = 'many'", "line 2: limits.topics: invalid type: string \"many\", expected usize"),
    ("[[topic]]\npattern = 'a b'", "line 2: topic[0].pattern: "),
    ("[[topic]]\ndurability = 'disk'", "line 1: topic[0]: missing key `pattern`"),
    (
        "[auth]\n[[auth.jwt]]\nalgorithm = 'HS256'\nsecret = 'hunter2'",
        "line 2: auth.jwt[0]: a secret has at least 32 bytes",
    ),
    (
        "[auth]\n[[auth.jwt]]\nalgorithm = 'hunter2'",
        "line 3: auth.jwt[0].algorithm: unknown variant `…`, expected one of `HS256`",
    ),
];

#[test]
fn each_kind_of_fault_is_told_with_its_line_and_what_is_allowed() {
    for (text, expected) in FAULTY {
        let (code, said) = check(text);
        assert_eq!(code, Some(1), "{text}: {said}");
        assert!(said.contains(expected) && said.contains("hub.toml (--config)"), "{text}: {said}");
        assert!(!said.contains("hunter2") && !said.contains("faults"), "{said}");
    }
    assert!(check("limits = 5").1.contains("line 1: limits: a section, and not a key"));
    let (code, said) = check("alerts = 'off'");
    assert!(code == Some(0) && said.contains("alerts = \"off\"  # line 1"), "{said}");
    let (code, said) = check("[auth]\n[[auth.jwks]]\nurl = 'https://me:hunter2@example.com'");
    assert!(code == Some(1) && said.contains("no user and password") && !said.contains("hunter2"), "{said}");
}

#[test]
fn all_faults_are_told_at_once() {
    // But for those that are no TOML, of which the rest cannot be told for sure.
    let of = |begins: char| {
        let kinds = FAULTY.iter().skip(2).map(|(text, _)| text.trim_start());
        kinds
            .filter(move |text| text.starts_with('[') == (begins == '['))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let sections =
        of('[').join("\n").replace("[auth]\n", "").replace("[limits]\ntopics = 'many'", "topics = 'many'");
    let (_, said) = check(&format!("{}\n{sections}", of('h').join("\n")));
    assert!(said.contains("12 faults"), "{said}");
    let lines: Vec<usize> = said
        .lines()
        .filter_map(|line| line.trim().strip_prefix("line ")?.split(':').next()?.parse().ok())
        .collect();
    assert!(lines.len() == 12 && lines.is_sorted(), "{said}");
}

#[test]
fn a_flag_of_a_section_is_told_by_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) =
        said(&bare(folder.path()).args(["check", "--limits-topics", "many"]).output().unwrap());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("--limits-topics: limits.topics: invalid type"), "{said}");
}
