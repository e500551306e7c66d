//! Who is in a room: who comes and goes, and who is taken for gone.

use super::*;

#[tokio::test]
async fn coming_and_going_is_told_once() {
    let api = start(NO_GRACE);
    let mut room = api.room("").await;
    let answer = api.enter("  ann ", "1").await;
    assert_eq!(answer, json!({ "room": "lobby", "username": "ann", "leaseSeconds": 45, "users": 1 }));
    assert_eq!(seen(&room.event().await), pair("userConnected", "ann"));
    api.enter("ann", "2").await;
    api.enter("ann", "1").await;
    assert_eq!(api.enter("bob", "3").await["users"], 2);
    let connected = room.event().await;
    assert_eq!((event_type_of(&connected), connected.data()), ("userConnected", "{\"username\":\"bob\"}"));
    assert_eq!(api.users("lobby").await, json!(["ann", "bob"]));
    assert_eq!(api.users("other").await, json!([]));
    api.leave("ann", "1").await;
    api.leave("ann", "not-hers").await;
    api.leave("bob", "3").await;
    assert_eq!(seen(&room.event().await), pair("userDisconnected", "bob"));
    assert_eq!(api.users("lobby").await, json!(["ann"]));
    api.leave("ann", "2").await;
    assert_eq!(seen(&room.event().await), pair("userDisconnected", "ann"));
    assert_eq!(api.users("lobby").await, json!([]));
}

#[tokio::test]
async fn who_is_back_within_the_grace_time_was_never_away() {
    let api = start(LONG_GRACE);
    let mut room = api.room("").await;
    api.enter("ann", "1").await;
    assert_eq!(seen(&room.event().await), pair("userConnected", "ann"));
    for load in ["2", "3", "4"] {
        api.leave("ann", &(load.parse::<u8>().unwrap() - 1).to_string()).await;
        assert_eq!(api.users("lobby").await, json!(["ann"]));
        api.enter("ann", load).await;
    }
    api.said(json!({ "username": "ann", "text": "still here" })).await;
    assert_eq!(seen(&room.event().await), pair("newMessage", "still here"));
}

#[tokio::test]
async fn a_client_that_vanishes_goes_with_its_lease() {
    let api = start(NO_GRACE);
    let mut room = api.room("").await;
    let presence = json!({ "username": "ann", "client": "1", "leaseSeconds": 1 });
    assert_eq!(api.presence(presence).await.json()["leaseSeconds"], 1);
    assert_eq!(seen(&room.event().await), pair("userConnected", "ann"));
    assert_eq!(seen(&room.event().await), pair("userDisconnected", "ann"));
    assert_eq!(api.users("lobby").await, json!([]));
}

#[tokio::test]
async fn an_open_stream_keeps_its_reader_in_the_room() {
    let api = start(NO_GRACE);
    let mut watcher = api.room("").await;
    let mut john = api.room("?username=john").await;
    for reader in [&mut john, &mut watcher] {
        assert_eq!(seen(&reader.event().await), pair("userConnected", "john"));
    }
    let second = api.room("?username=john").await;
    drop(second);
    api.enter("ann", "1").await;
    assert_eq!(seen(&watcher.event().await), pair("userConnected", "ann"));
    assert_eq!(api.users("lobby").await, json!(["ann", "john"]));
    drop(john);
    assert_eq!(seen(&watcher.event().await), pair("userDisconnected", "john"));
    assert_eq!(api.users("lobby").await, json!(["ann"]));
}

#[tokio::test]
async fn who_left_before_the_restart_is_not_restored() {
    let data = tempfile::tempdir().unwrap();
    // What a hub without the chat was told is no news of anybody.
    let mut bare = Api::of(Server::start_on(data.path(), &["--apps", "none"]));
    bare.publish("chat/lobby?event=userConnected", r#"{"username":"\u0007"}"#).await;
    bare.publish("chat/lobby?event=userConnected", "not JSON").await;
    bare.server.signal("TERM");
    bare.server.ended().await;
    let mut api = start_on(data.path(), NO_GRACE);
    let mut room = api.room("").await;
    api.enter("ann", "1").await;
    // Who leaves before that was never there.
    assert_eq!(seen(&room.event().await), pair("userConnected", "ann"));
    api.leave("ann", "1").await;
    assert_eq!(seen(&room.event().await), pair("userDisconnected", "ann"));
    api.server.signal("KILL");
    api.server.ended().await;
    let api = start_on(data.path(), NO_GRACE);
    assert_eq!(api.users("lobby").await, json!([]));
}

#[tokio::test]
async fn others_cannot_publish_to_a_rooms_topic() {
    let api = start(NO_GRACE);
    let forged = send(api.post("/topics/chat/lobby?event=userConnected", r#"{"username":"mallory"}"#)).await;
    assert_eq!(forged.status, 403, "{forged:?}");
    assert!(forged.text.contains("topic chat/lobby belongs to the application `chat`"), "{}", forged.text);
    let batch = "{\"topic\":\"a\",\"data\":1}\n{\"topic\":\"chat/room-1\",\"data\":1}";
    let refused = send(api.batch("/topics", batch)).await;
    assert_eq!((refused.status, &refused.json()["line"]), (403, &json!(2)));
    assert_eq!(api.kept("a").await.len(), 0, "nothing of the batch was stored");
    assert_eq!(api.users("lobby").await, json!([]));
}
