//! A subject that is kept out.

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};

use super::{Guarded, everything, now, token, token_with, with_key};
use crate::api::{Answer, Api, send};
use crate::harness::Server;

fn of(subject: &str) -> String {
    token_with(&json!({ "exp": now() + 600, "sub": subject, "sse": { "subscribe": ["a"] } }))
}

async fn revoke(guarded: &Guarded, subject: &str) -> Answer {
    guarded.post("/admin/revoke", &everything(), &json!({ "subject": subject }).to_string()).await
}

#[tokio::test]
async fn streams_end_and_no_token_is_good_any_more() {
    let guarded = Guarded::start("");
    let mut stream = guarded.open("/events?topic=a", &of("ann")).await;
    let mut others = guarded.open("/events?topic=a", &of("bob")).await;
    let revoked = revoke(&guarded, "ann").await;
    assert_eq!(revoked.json(), json!({ "subject": "ann", "until": null }));
    stream.read_to_end().await;
    assert!(String::from_utf8_lossy(&stream.raw).ends_with(": signed out\n\n"));
    let (status, detail) = guarded.get("/topics/a", &of("ann")).await.problem();
    assert_eq!((status, detail.as_str()), (401, "the token is refused: its subject was revoked"));
    assert_eq!(send(guarded.api.post("/session", of("ann"))).await.status, 401);
    guarded.publish("a", "x").await;
    others.until_raw("data: x").await;
}

#[tokio::test]
async fn it_outlasts_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("hub.toml");
    std::fs::write(&settings, with_key("max_token_age = '1h' |")).unwrap();
    let data = folder.path().join("data");
    let start =
        || Api::of(Server::start_on(&data, &["--apps", "none", "--config", settings.to_str().unwrap()]));
    let with_iat = |subject: &str, iat: u64, exp: u64| {
        token_with(
            &json!({ "iat": iat, "exp": exp, "sub": subject, "sse": { "subscribe": ["a"], "admin": true } }),
        )
    };
    let good = |subject: &str| with_iat(subject, now(), now() + 600);
    let api = start();
    let answer = send(api.post("/admin/revoke", r#"{"subject":"ann"}"#).bearer_auth(good("op"))).await;
    assert!(answer.json()["until"].as_str().unwrap().ends_with('Z'), "{answer:?}");
    drop(api);
    let api = start();
    let get = |token: String| send(api.request(reqwest::Method::GET, "/topics/a").bearer_auth(token));
    assert_eq!(get(good("ann")).await.problem().0, 401);
    assert_eq!(get(good("bob")).await.status, 200);
    // What would be good when the revocation is over is not taken at all.
    for (token, said) in [
        (with_iat("bob", now(), now() + 3700), "longer than this server allows"),
        (with_iat("bob", now() + 3600, now() + 7200), "not valid yet"),
        (of("bob"), "no claim `iat`"),
    ] {
        assert!(get(token).await.problem().1.contains(said), "{said}");
    }
}

#[tokio::test]
async fn only_operators_revoke() {
    let guarded = Guarded::start("");
    let body = json!({ "subject": "ann" }).to_string();
    assert_eq!(guarded.post("/admin/revoke", &token(&["*"], &["*"]), &body).await.problem().0, 403);
    assert_eq!(guarded.get("/topics/a", &of("ann")).await.status, 200);
    for (body, field) in
        [("{}", Value::from("subject")), (r#"{"subject":""}"#, "subject".into()), ("x", Value::Null)]
    {
        let answer = guarded.post("/admin/revoke", &everything(), body).await;
        assert_eq!((answer.status, answer.json()["field"].clone()), (400, field), "{answer:?}");
    }
    assert_eq!(send(Api::start().post("/admin/revoke", body)).await.problem().0, 409);
}

#[tokio::test]
async fn a_long_poll_that_waits_is_not_answered_any_more() {
    let guarded = Guarded::start("");
    guarded.publish("a", "before").await;
    let ann = of("ann");
    let poll = guarded.get("/poll?topic=a&timeout=20", &ann);
    let meanwhile = async {
        // Refused before it waits or after it: both are right.
        assert_eq!(revoke(&guarded, "ann").await.status, 200);
        guarded.publish("a", "after").await;
    };
    let (answer, ()) = tokio::join!(poll, meanwhile);
    assert_eq!(answer.problem(), (401, "the token is refused: its subject was revoked".to_owned()));
}

#[tokio::test]
async fn what_is_still_being_sent_is_not_taken_any_more() {
    let guarded = Guarded::start("");
    let grants = json!({ "subscribe": ["*"], "publish": ["*"] });
    let ann = token_with(&json!({ "exp": now() + 600, "sub": "ann", "sse": grants }));
    let mut requests = Vec::new();
    for (path, body) in [
        ("/topics/a", "x"),
        ("/chat/messages", r#"{"text":"hello"}"#),
        ("/chat/presence", r#"{"client":"1"}"#),
        ("/notifications", r#"{"category":"a","severity":"info","title":"t"}"#),
        ("/ticker/quotes", r#"{"symbol":"A","price":1.5}"#),
    ] {
        let mut connection = guarded.api.server.connect();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ann}\r\nExpect: 100-continue\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        connection.write_all(head.as_bytes()).unwrap();
        connection.read_exact(&mut [0; "HTTP/1.1 100 Continue\r\n\r\n".len()]).unwrap();
        requests.push((path, body, connection));
    }
    assert_eq!(revoke(&guarded, "ann").await.status, 200);
    for (path, body, mut connection) in requests {
        connection.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("was revoked"), "{path}: {answer}");
    }
}
