//! Where a token may stand, and where it never appears.

use std::fs::File;

use reqwest::Method;

use super::{Guarded, SECRET, everything, token, with_key};
use crate::api::{Api, send};
use crate::harness::{Server, command};

#[tokio::test]
async fn header_cookie_and_url() {
    let guarded = Guarded::start("url_tokens = true |");
    guarded.publish("a", "x").await;
    let (good, other) = (token(&["a"], &[]), token(&["b"], &[]));
    let get = |path: &str| guarded.api.request(Method::GET, path);
    let in_url = format!("/topics/a?access_token={good}");
    for (request, status) in [
        (get("/topics/a").header("Cookie", format!("a=b; sse_token={good}")), 200),
        (get("/topics/a").header("Cookie", format!("sse_token={other}")), 403),
        // What is sent on purpose goes before what a browser sends by itself.
        (get("/topics/a").bearer_auth(&good).header("Cookie", format!("sse_token={other}")), 200),
        (get(&in_url), 200),
        (get(&in_url).bearer_auth(&good), 200),
        (get(&in_url).bearer_auth(&other), 400),
        (get("/topics/a?access_token="), 401),
    ] {
        let answer = send(request).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    let stream = format!("/events?topic=a&last=1&access_token={good}");
    crate::harness::Reader::of(get(&stream)).await.until_raw("data: x").await;
}

#[tokio::test]
async fn a_token_in_the_url_is_refused_unless_it_is_wanted_and_never_repeated() {
    let guarded = Guarded::start("");
    let answer = guarded.api.get(&format!("/topics/a?access_token={}", everything())).await;
    assert_eq!(answer.status, 401);
    let answer = guarded.get("/topics/a?access_token=hunter2", &everything()).await;
    assert_eq!(answer.status, 400);
    assert!(!answer.text.contains("hunter2"), "{answer:?}");
}

#[tokio::test]
async fn no_log_line_shows_a_token_or_is_made_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, log) = (folder.path().join("hub.toml"), folder.path().join("log"));
    std::fs::write(&settings, with_key("url_tokens = true |")).unwrap();
    let mut command = command(folder.path());
    command.args(["--listen", "127.0.0.1:0", "--apps", "none", "--config"]).arg(&settings);
    let api = Api::of(Server::spawn_logging_to(File::create(&log).unwrap(), command.env("SSE_LOG", "trace")));
    let good = everything();
    for (path, token) in [
        (format!("/topics/a?access_token={good}"), &good),
        (format!("/topics/a?access_token={good}&x=%0aERROR"), &good),
        (format!("/poll?timeout=0&access_token={good}"), &good),
        ("/topics/a?access_token=forged%0aERROR%20hunter2".into(), &"forged\tERROR hunter2".to_owned()),
        ("/topics/a%0aERROR".into(), &good),
    ] {
        send(api.request(Method::GET, &path).bearer_auth(token)).await;
    }
    let stream = api.request(Method::GET, &format!("/events?last=1&access_token={good}"));
    crate::harness::Reader::of(stream).await.until_raw("retry:").await;
    drop(api);
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("subscription opened"), "{log}");
    let signature = good.rsplit('.').next().unwrap();
    for hidden in [signature, "hunter2", SECRET, "access_token"] {
        assert!(!log.contains(hidden), "{hidden}: {log}");
    }
    assert!(log.lines().all(|line| !line.starts_with("ERROR")), "{log}");
}
