//! With a token, somebody in the chat is who the token says.

use serde_json::{Value, json};

use super::{Guarded, everything, now, token_with};

fn of(changes: &[(&str, Value)], rooms: &str) -> String {
    let grants = json!({ "subscribe": [rooms], "publish": [rooms] });
    let mut claims = json!({ "exp": now() + 600, "sub": "u-17", "sse": grants });
    for (name, value) in changes {
        claims[*name] = value.clone();
    }
    token_with(&claims)
}

#[tokio::test]
async fn a_name_is_the_token_s() {
    let guarded = Guarded::start("");
    let (ann, nameless) = (of(&[("name", json!("Ann"))], "chat/*"), of(&[], "chat/*"));
    for (token, body, expected) in [
        (&ann, json!({ "text": "hello" }), Ok("Ann")),
        (&ann, json!({ "text": "hello", "username": "Ann" }), Ok("Ann")),
        (&ann, json!({ "text": "hello", "username": "bob" }), Err("the token is that of \"Ann\"")),
        (&nameless, json!({ "text": "hello" }), Ok("u-17")),
        (
            &of(&[("name", json!("x".repeat(99)))], "chat/*"),
            json!({ "text": "a" }),
            Err("the token's name: "),
        ),
        (&everything(), json!({ "text": "hello" }), Err("username is missing")),
    ] {
        let answer = guarded.post("/chat/messages", token, &body.to_string()).await;
        match expected {
            Ok(name) => {
                let kept = guarded.get("/topics/chat/lobby?last=1", &everything()).await.data();
                let said: Value = serde_json::from_str(&kept[0]).unwrap();
                assert_eq!(said["username"], name, "{answer:?}");
            }
            Err(detail) => assert!(answer.problem().1.contains(detail), "{answer:?}"),
        }
    }
}

#[tokio::test]
async fn rooms_are_topics_to_be_granted() {
    let guarded = Guarded::start("");
    let ann = of(&[], "chat/garden");
    let presence = |room: &str| json!({ "client": "1", "room": room }).to_string();
    let message = |room: &str| json!({ "text": "hello", "room": room }).to_string();
    for (room, status) in [("garden", 200), ("lobby", 403)] {
        assert_eq!(guarded.post("/chat/messages", &ann, &message(room)).await.status, status, "{room}");
        assert_eq!(guarded.post("/chat/presence", &ann, &presence(room)).await.status, status, "{room}");
        assert_eq!(guarded.get(&format!("/chat/users?room={room}"), &ann).await.status, status, "{room}");
    }
    for path in ["/chat/events", "/chat/events?room=garden&username=bob"] {
        assert_eq!(guarded.get(path, &ann).await.problem().0, 403, "{path}");
    }
    let reader =
        token_with(&json!({ "exp": now() + 600, "sub": "u-17", "sse": { "subscribe": ["chat/*"] } }));
    assert_eq!(guarded.get("/chat/events?username=u-17", &reader).await.problem().0, 403);
    guarded
        .open("/chat/events?room=garden&username=u-17&last=9", &ann)
        .await
        .until_raw("userConnected")
        .await;
}
