//! What the server says to requests it cannot serve.

use reqwest::{Client, Method, StatusCode};

use crate::harness::Server;

#[tokio::test]
async fn each_refusal_says_what_to_change() {
    let server = Server::start(&[]);
    let many = format!("/events?{}", "topic=a&".repeat(101));
    let cases = [
        (
            Method::GET,
            "/events?topics=a",
            400,
            "unknown parameter \"topics\"; this path knows `topic`, `last_event_id`, `last`, `since`",
        ),
        (Method::GET, "/events?topic=a%20b", 400, "cannot contain ' ' (byte 1)"),
        (Method::GET, "/events?topic=", 400, "cannot be empty"),
        (Method::GET, &many, 400, "at most 100 selectors"),
        (Method::GET, "/dashboard-events?topic=a", 400, "this path knows `last_event_id`"),
        (Method::POST, "/events", 405, "use GET"),
        (
            Method::GET,
            "/events?topic=a&last_event_id=1&last_event_id=2",
            400,
            "`last_event_id` is there twice",
        ),
        (Method::GET, "/events?last=0", 400, "last is a number from 1 to 10000, not \"0\""),
        (Method::GET, "/events?greeting=no", 400, "greeting is on or off, not \"no\""),
        (Method::GET, "/topics/a?since=yesterday", 400, "since is a time with its zone"),
        (
            Method::GET,
            "/poll?after=earliest&last=3",
            400,
            "`after` and `last` both say where to start; give one of them",
        ),
        (Method::GET, "/nothing-here", 404, "there is nothing at this path"),
        (Method::POST, "/nothing-here", 404, "/openapi.json describes the API"),
    ];
    for (method, path, status, detail) in cases {
        let response = Client::new().request(method, server.url(path)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::from_u16(status).unwrap(), "{path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
        let problem: serde_json::Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(problem["status"], status, "{path}");
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{path}: {problem}");
    }
}

#[tokio::test]
async fn a_refusal_repeats_only_the_beginning_of_what_was_sent() {
    let server = Server::start(&[]);
    let long = "\u{7f}".repeat(30_000);
    for (path, body) in [
        ("/chat/messages", format!(r#"{{"{long}":1}}"#)),
        ("/chat/presence", format!(r#"{{"leaving":"{long}"}}"#)),
        ("/notifications", format!(r#"{{"severity":"{long}"}}"#)),
        ("/ticker/quotes", format!(r#"{{"{long}":1}}"#)),
        ("/topics", format!(r#"{{"data":1,"retry":"{long}"}}"#)),
        ("/topics", format!(r#"{{"{long}":1}}"#)),
    ] {
        let request =
            Client::new().post(server.url(path)).header("Content-Type", "application/x-ndjson").body(body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{path}");
        let bytes = answer.text().await.unwrap().len();
        assert!(bytes < 3_000, "{path}: {bytes}");
    }
}

#[tokio::test]
async fn an_array_is_no_object_whatever_its_order() {
    let server = Server::start(&[]);
    for (path, body) in [
        ("/chat/messages", r#"["ann","hello"]"#),
        ("/notifications", r#"["deploy","info","title","text"]"#),
        ("/chat/presence", r#"["ann","client","lobby",60,false]"#),
        ("/ticker/quotes", r#"[["ACME",5,null]]"#),
    ] {
        let answer = Client::new().post(server.url(path)).body(body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{path}");
    }
}
