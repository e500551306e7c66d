//! What is for operators is at their own address alone, once there is one.

use reqwest::Method;

use super::{Guarded, everything};
use crate::api::send;

const REVOKE: &str = r#"{"subject":"u-17"}"#;

#[tokio::test]
async fn it_needs_no_token_there_and_is_nowhere_else() {
    let guarded = Guarded::start_with("", &["--apps", "none", "--admin-listen", "127.0.0.1:0"]);
    let admin = guarded.api.server.said("  admin   ");
    let client = reqwest::Client::new();
    let at_admin = |method, path: &str| client.request(method, format!("{admin}{path}"));
    let revoked = send(at_admin(Method::POST, "/admin/revoke").body(REVOKE)).await;
    assert_eq!(revoked.status, 200, "{revoked:?}");
    assert_eq!(send(at_admin(Method::GET, "/readyz?verbose")).await.json()["ready"], true);
    assert_eq!(send(at_admin(Method::GET, "/metrics")).await.status, 200);
    // At the public address not even with a token for it.
    let at_public = |method, path: &str| guarded.request(method, path, &everything());
    assert_eq!(send(at_public(Method::POST, "/admin/revoke").body(REVOKE)).await.status, 404);
    assert_eq!(send(at_public(Method::GET, "/metrics")).await.status, 404);
    assert_eq!(send(at_public(Method::GET, "/readyz?verbose")).await.status, 403);
    assert_eq!(send(guarded.api.request(Method::GET, "/readyz")).await.text, "ready\n");
    for path in ["/hub", "/events", "/topics", "/"] {
        assert_eq!(send(at_admin(Method::GET, path)).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_browser_that_is_led_there_gets_and_does_nothing() {
    let args = ["--apps", "none", "--admin-listen", "127.0.0.1:0", "--allow-origin", "*"];
    let guarded = Guarded::start_with("", &args);
    let admin = guarded.api.server.said("  admin   ");
    let client = reqwest::Client::new();
    let rebound = client.get(format!("{admin}/readyz?verbose")).header("Host", "evil.example");
    assert_eq!(send(rebound).await.status, 421);
    for page in ["https://evil.example", "http://localhost:5173"] {
        let forged = client.post(format!("{admin}/admin/revoke")).header("Origin", page).body(REVOKE);
        assert_eq!(send(forged).await.status, 403, "{page}");
        let read = send(client.get(format!("{admin}/readyz?verbose")).header("Origin", page)).await;
        assert_eq!(read.header("access-control-allow-origin"), "", "{page}");
    }
}
