//! `sse-cli doctor` against scripted servers, one for each thing that can be wrong.
//!
//! It asks in this order: the stream; the stream with gzip allowed; with the id of an event, if one came; with
//! `Origin` and then the preflight, if `--origin` is given.

mod body;
mod head;
mod report;
mod tls;

use serde_json::Value;
use tokio::task::JoinSet;

use super::{command, finish, stdout};
use crate::server::{Script, Server};

const HEAD: &str = "200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache";
const EVENTS: &str = "retry: 2000\n\nid: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: c\n\n";

/// A stream with a head as it should be.
fn stream() -> Script {
    Script::answer(HEAD)
}

/// A stream that has nothing wrong.
fn healthy() -> Script {
    stream().send(EVENTS).hold()
}

/// What it answers to a reader that has seen event 1.
fn resumed() -> Script {
    stream().send("id: 2\ndata: b\n\nid: 3\ndata: c\n\n").hold()
}

/// The diagnosis and the exit code.
struct Diagnosis {
    json: Value,
    code: Option<i32>,
}

impl Diagnosis {
    /// `check: severity: title` of each finding.
    fn findings(&self) -> Vec<String> {
        let findings = self.json["findings"].as_array().unwrap().iter();
        let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
        findings
            .map(|one| format!("{}: {}: {}", text(one, "check"), text(one, "severity"), text(one, "title")))
            .collect()
    }

    /// The evidence of the first finding.
    fn seen(&self) -> &str {
        self.json["findings"][0]["seen"].as_str().unwrap()
    }

    fn good(&self, check: &str) -> bool {
        self.json["good"].as_array().unwrap().iter().any(|one| one["check"] == check)
    }
}

async fn diagnose_url(url: &str, args: &[&str]) -> Diagnosis {
    let args = [&["doctor", url, "--json", "--quiet"], args].concat();
    let output = finish(command(&args).spawn().unwrap()).await;
    let json = serde_json::from_str(stdout(&output)).unwrap_or_else(|_| panic!("{output:?}"));
    Diagnosis { json, code: output.status.code() }
}

async fn diagnose_with(scripts: impl IntoIterator<Item = Script>, args: &[&str]) -> Diagnosis {
    let server = Server::start(scripts).await;
    diagnose_url(&server.url("/x"), args).await
}

/// Watches for the shortest time there is.
async fn diagnose(scripts: impl IntoIterator<Item = Script>) -> Diagnosis {
    diagnose_with(scripts, &["--watch", "1s"]).await
}

/// Only this is found, and it ends so.
async fn expect(scripts: impl IntoIterator<Item = Script>, finding: impl Into<String>, code: i32) {
    let diagnosis = diagnose(scripts).await;
    assert_eq!((diagnosis.findings(), diagnosis.code), (vec![finding.into()], Some(code)));
}

/// Runs cases side by side, because each watches for a second.
async fn all<F: Future<Output = ()> + Send + 'static>(cases: impl IntoIterator<Item = F>) {
    let mut running: JoinSet<()> = cases.into_iter().collect();
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

/// Two ticks of a hub, after the position at the end of its opening.
const LIVE: &str =
    "id: 6ce0ea04547f-9\ntopic: ticker/a\ndata: 9\n\nid: 6ce0ea04547f-10\ntopic: ticker/b\ndata: 10\n\n";

#[tokio::test]
async fn nothing_is_found_at_a_hub_that_opens_with_last_values() {
    let connected = "retry: 2000\nevent: connected\nhub: greeting\ndata: hello\n\n";
    let with_id = connected.replace("hub:", "id: 6ce0ea04547f-8\nhub:");
    let last_values =
        "id: 6ce0ea04547f-7\ntopic: ticker/a\ndata: 7\n\nid: 6ce0ea04547f-3\ntopic: ticker/b\ndata: 3\n\n";
    let position = "id: 6ce0ea04547f-8\n\n";
    for (greeting, opening) in [
        (connected, [last_values, position]),
        (connected, [position, last_values]),
        (&with_id, [last_values, position]),
    ] {
        let new = stream().send(format!("{greeting}{}{LIVE}", opening.concat())).hold();
        let resumed = stream().send(format!("{greeting}{LIVE}")).hold();
        let mut server = Server::start([new.clone(), new, resumed]).await;
        let diagnosis = diagnose_url(&server.url("/x"), &["--watch", "1s"]).await;
        assert_eq!((diagnosis.findings(), diagnosis.code), (vec![], Some(0)), "{}", diagnosis.json);
        assert!(diagnosis.good("resume") && diagnosis.good("ids"), "{}", diagnosis.json);
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(server.request().await.header("last-event-id"));
        }
        assert_eq!(ids, [None, None, Some("6ce0ea04547f-8".into())]);
    }
}

#[tokio::test]
async fn nothing_is_found_where_nothing_is_wrong() {
    let diagnosis = diagnose([healthy(), healthy(), resumed()]).await;
    assert_eq!((diagnosis.findings(), diagnosis.code), (vec![], Some(0)));
    for check in
        ["status", "content-type", "cache-control", "compression", "buffering", "cut", "ids", "resume"]
    {
        assert!(diagnosis.good(check), "{check}: {}", diagnosis.json);
    }
}
