//! `sse-server token`, and what a settings file with secrets shows.

use std::path::Path;
use std::process::Output;

use super::{Guarded, SECRET, with_key};
use crate::harness::command;

fn run(folder: &Path, settings: &str, args: &[&str]) -> Output {
    std::fs::write(folder.join("hub.toml"), settings).unwrap();
    command(folder).args(args).env("SSE_CONFIG", "hub.toml").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_token_grants_what_the_command_names() {
    let folder = tempfile::tempdir().unwrap();
    let args =
        ["token", "--subscribe", "chat/*", "--publish", "orders/42", "--subject", "ann", "--expires", "1m"];
    let made = run(folder.path(), &with_key(""), &args);
    let token = text(&made.stdout);
    let guarded = Guarded::start("");
    let token = token.trim_end();
    assert_eq!(guarded.post("/topics/orders/42", token, "x").await.status, 200);
    assert_eq!(guarded.post("/topics/orders/43", token, "x").await.problem().0, 403);
    assert_eq!(guarded.get("/topics/chat/lobby", token).await.status, 200);
    assert_eq!(guarded.get("/topics/orders/42", token).await.problem().0, 403);
}

#[tokio::test]
async fn a_new_key_works_once_it_is_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["token", "--new-key", "--subject", "prometheus", "--subscribe", "orders/*"];
    let made = text(&run(folder.path(), "", &args).stdout);
    let (key, settings) = made.split_once('\n').unwrap();
    let guarded = Guarded::start(settings);
    guarded.publish("orders/1", "x").await;
    assert_eq!(guarded.get("/topics/orders/1", key).await.data(), ["x"]);
    assert_eq!(guarded.get("/topics/a", key).await.problem().0, 403);
    assert!(!settings.contains(key));
}

#[test]
fn what_cannot_be_made_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let grants = ["token", "--subscribe", "a"];
    for (settings, args, said) in [
        ("", &grants[..], "it has no section `[auth]`"),
        ("[auth]\n", &grants, "no key can sign"),
        (&with_key(""), &["token"], "a token that grants nothing"),
        (&with_key(""), &["token", "--subscribe", "a b"], "cannot contain ' '"),
        (&with_key(""), &["token", "--subscribe", "a", "--expires", "2years"], "from 1s to 1year"),
    ] {
        let made = run(folder.path(), settings, args);
        let error = text(&made.stderr);
        assert!(!made.status.success() && error.contains(said), "{error}");
        assert!(made.stdout.is_empty() && !error.contains(SECRET));
    }
}

#[test]
fn a_mistake_in_the_settings_shows_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let secret = format!("secret = '{SECRET}'");
    for wrong in
        [format!("secrte = '{SECRET}'"), format!("secret = '{SECRET}"), format!("secret = ['{SECRET}']")]
    {
        let settings = with_key("").replace(&secret, &wrong);
        let made = run(folder.path(), &settings, &["token", "--subscribe", "a"]);
        let error = text(&made.stderr);
        assert!(!made.status.success() && error.contains("line ") && !error.contains(SECRET), "{error}");
    }
}
