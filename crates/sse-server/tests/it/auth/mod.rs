//! Tokens and grants on the real server.

mod admin_listener;
mod chat;
mod command;
mod expiry;
mod filter;
mod jwks;
mod limits;
mod private;
mod revoking;
mod session;
mod sources;

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::{Answer, Api, send};
use crate::harness::{Reader, Server};

const SECRET: &str = "a secret of the tests, of 32 bytes and more";

/// A server that asks for tokens.
struct Guarded {
    api: Api,
    _folder: TempDir,
}

impl Guarded {
    /// `settings` stand behind the key.
    fn start(settings: &str) -> Self {
        Self::start_with(settings, &["--apps", "chat,ticker,notifications"])
    }

    fn start_with(settings: &str, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hub.toml");
        std::fs::write(&file, with_key(settings)).unwrap();
        let args = [&["--config", file.to_str().unwrap()], args].concat();
        Self { api: Api::of(Server::start(&args)), _folder: folder }
    }

    fn request(&self, method: Method, path: &str, token: &str) -> RequestBuilder {
        self.api.request(method, path).bearer_auth(token)
    }

    async fn get(&self, path: &str, token: &str) -> Answer {
        send(self.request(Method::GET, path, token)).await
    }

    async fn post(&self, path: &str, token: &str, body: &str) -> Answer {
        send(self.request(Method::POST, path, token).body(body.to_owned())).await
    }

    /// Publishes as one who may, and gives the id.
    async fn publish(&self, topic: &str, data: &str) -> String {
        let answer = self.post(&format!("/topics/{topic}"), &everything(), data).await;
        answer.json()["id"].as_str().expect(&answer.text).to_owned()
    }

    async fn open(&self, path: &str, token: &str) -> Reader {
        Reader::of(self.request(Method::GET, path, token)).await
    }
}

/// Settings with the key of the tests.
fn with_key(settings: &str) -> String {
    let (top, sections) = settings.split_once('|').unwrap_or(("", settings));
    format!("[auth]\n{top}\n[[auth.jwt]]\nalgorithm = 'HS256'\nsecret = '{SECRET}'\n{sections}")
}

fn token_with(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::default(), claims, &key).unwrap()
}

/// In seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn token(subscribe: &[&str], publish: &[&str]) -> String {
    let grants = json!({ "subscribe": subscribe, "publish": publish });
    token_with(&json!({ "exp": now() + 600, "sse": grants }))
}

fn everything() -> String {
    let grants = json!({ "subscribe": ["*"], "publish": ["*"], "admin": true });
    token_with(&json!({ "exp": now() + 600, "sse": grants }))
}

#[tokio::test]
async fn every_path_asks() {
    let guarded = Guarded::start("");
    let document = guarded.api.get("/openapi.json").await.json();
    let nothing = token(&[], &[]);
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        if ["/openapi.json", "/hub", "/session", "/livez", "/readyz"].contains(&path.as_str()) {
            continue;
        }
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            let (method, url) = (method.to_uppercase(), path.replace("{topic}", "a/b"));
            let method: Method = method.parse().unwrap();
            let refused = send(guarded.api.request(method.clone(), &url)).await;
            assert_eq!(refused.problem().0, 401, "{method} {url}");
            assert_eq!(refused.header("www-authenticate"), "Bearer realm=\"sse-hub\"");
            let refused = send(guarded.request(method.clone(), &url, &nothing)).await;
            assert_eq!(refused.problem().0, 403, "{method} {url}");
            let challenge = refused.header("www-authenticate");
            assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
            let refused = send(guarded.request(method.clone(), &url, "forged")).await;
            assert_eq!(refused.problem().0, 401, "{method} {url}");
            assert!(refused.header("www-authenticate").contains("error=\"invalid_token\""));
            asked += 1;
        }
    }
    assert!(asked >= 15, "{asked}");
}

#[tokio::test]
async fn without_auth_nobody_is_asked() {
    let api = Api::start();
    let id = api.publish("a", "x").await;
    let answer = send(api.request(Method::GET, "/topics/a").bearer_auth("anything")).await;
    assert_eq!(answer.next(), id);
}

#[tokio::test]
async fn anonymous_readers_have_their_own_grants() {
    let guarded = Guarded::start("[auth.anonymous]\nsubscribe = ['news/*']\n");
    guarded.publish("news/1", "x").await;
    guarded.publish("secret", "y").await;
    let page = guarded.api.get("/poll?after=earliest").await;
    assert_eq!(page.data(), ["x"]);
    assert_eq!(guarded.api.get("/topics/news/1").await.data(), ["x"]);
    for path in ["/topics/secret", "/poll?topic=secret"] {
        assert_eq!(guarded.api.get(path).await.problem().0, 401, "{path}");
    }
    assert_eq!(send(guarded.api.post("/topics/news/1", "z")).await.problem().0, 401);
    // A token stands for itself, and a bad one is not the same as none.
    assert_eq!(guarded.get("/topics/news/1", &token(&["other"], &[])).await.problem().0, 403);
    assert_eq!(guarded.get("/topics/news/1", "forged").await.problem().0, 401);
}
