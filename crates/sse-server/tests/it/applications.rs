//! `--apps`: what is off is nowhere.

use std::process::Stdio;

use serde_json::json;

use crate::api::Api;
use crate::harness::{Server, command};

/// What belongs to each application: a path that answers to GET only while it is on.
const PATHS: [(&str, &str); 4] = [
    ("dashboard", "/dashboard"),
    ("chat", "/chat/users"),
    ("ticker", "/ticker/symbols"),
    ("notifications", "/notifications"),
];

async fn shows(apps: &str, on: &[&str]) {
    let api = Api::of(Server::start(&["--apps", apps]));
    assert_eq!(api.get("/hub").await.json()["apps"], json!(on), "--apps {apps}");
    let described = api.get("/openapi.json").await.text;
    let help = command(&std::env::temp_dir()).args(["--apps", apps, "--help"]).output().unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    for (app, path) in PATHS {
        let is_on = on.contains(&app);
        let status = api.get(path).await.status;
        assert_eq!(status, if is_on { 200 } else { 404 }, "--apps {apps}: {path}");
        assert_eq!(described.contains(&format!("\"/{app}")), is_on, "--apps {apps}: {app} in /openapi.json");
        assert_eq!(help.contains(&format!("application {app}:")), is_on, "--apps {apps}: {app} in --help");
    }
}

#[tokio::test]
async fn pages_paths_description_and_help_agree() {
    shows("none", &[]).await;
    shows("chat", &["chat"]).await;
    shows("ticker,dashboard", &["dashboard", "ticker"]).await;
}

#[tokio::test]
async fn a_bare_hub_publishes_and_nothing_publishes_to_it() {
    let api = Api::of(Server::start(&["--apps", "none"]));
    let id = api.publish("metrics", "mine").await;
    let topics = api.get("/topics").await.json();
    assert_eq!(topics["topics"][0]["newest"], json!(id));
    assert_eq!(topics["topics"][0]["policy"]["durability"], "disk", "a bare hub has no memory topics");
    assert_eq!(api.get("/hub").await.json()["topics"], 1);
}

#[test]
fn a_flag_of_what_is_off_is_refused_and_its_variable_ignored() {
    let mut refused = command(&std::env::temp_dir());
    let output = refused.args(["--apps", "none", "--chat-grace", "1s"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said.contains("--chat-grace belongs to the application chat, which is off (--apps none)"),
        "{said}"
    );

    let mut ignored = command(&std::env::temp_dir());
    ignored.env("SSE_CHAT_GRACE", "nonsense").env("SSE_APPS", "none").args(["--listen", "127.0.0.1:0"]);
    let mut child = ignored.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut first).unwrap();
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(first.starts_with("listening on"), "{said}");
    assert!(said.contains("SSE_CHAT_GRACE") && said.contains("its application is off"), "{said}");
}
