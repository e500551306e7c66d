//! Keys that an issuer publishes: fetched, rotated, and done without.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Value, json};

use super::{Guarded, now, token};
use crate::api::{Answer, send};
use crate::harness::eventually;

/// An issuer that publishes what it is told to.
struct Issuer {
    url: String,
    answer: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

/// A key pair of an issuer.
struct Pair {
    id: &'static str,
    private: EncodingKey,
}

impl Issuer {
    fn start(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let issuer = Self { url, answer: Arc::new(Mutex::new(answer)), asked: Arc::default() };
        let (answer, asked) = (Arc::clone(&issuer.answer), Arc::clone(&issuer.asked));
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let _ = connection.read(&mut [0; 4096]);
                let body = answer.lock().unwrap().clone();
                let head =
                    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
                let _ = connection.write_all((head + &body).as_bytes());
                asked.fetch_add(1, Ordering::SeqCst);
            }
        });
        issuer
    }

    fn hub(&self) -> Guarded {
        Guarded::start(&format!("[[auth.jwks]]\nurl = '{}'\n", self.url))
    }

    async fn is_asked(&self, times: usize) {
        eventually("the keys are fetched", || self.asked.load(Ordering::SeqCst) >= times).await;
    }
}

impl Pair {
    fn new(id: &'static str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        Self { id, private: EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap() }
    }

    fn public(&self) -> Value {
        let mut key = Jwk::from_encoding_key(&self.private, Algorithm::ES256).unwrap();
        key.common.key_id = Some(self.id.into());
        serde_json::to_value(key).unwrap()
    }

    fn token(&self) -> String {
        let header = Header { kid: Some(self.id.into()), ..Header::new(Algorithm::ES256) };
        let claims = json!({ "exp": now() + 600, "sse": { "subscribe": ["a"] } });
        jsonwebtoken::encode(&header, &claims, &self.private).unwrap()
    }
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

async fn read(hub: &Guarded, token: &str) -> Answer {
    send(hub.request(reqwest::Method::GET, "/topics/a", token)).await
}

#[tokio::test]
async fn a_key_that_is_published_is_good_and_strange_ones_are_left_out() {
    let (pair, other) = (Pair::new("1"), Pair::new("2"));
    let mut encrypts = other.public();
    encrypts["use"] = "enc".into();
    let secret = json!({ "kty": "oct", "kid": "3", "k": "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE" });
    let issuer = Issuer::start(set(&[json!({ "kty": "new" }), encrypts, secret, pair.public()]));
    let hub = issuer.hub();
    issuer.is_asked(1).await;
    assert_eq!(read(&hub, &pair.token()).await.status, 200);
    // The keys of the settings file are good beside them.
    assert_eq!(read(&hub, &token(&["a"], &[])).await.status, 200);
    let refused = read(&hub, &other.token()).await;
    assert_eq!(refused.problem().0, 401, "{refused:?}");
    let key = EncodingKey::from_secret(b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    let header = Header { kid: Some("3".into()), ..Header::new(Algorithm::HS256) };
    let forged = jsonwebtoken::encode(&header, &json!({ "exp": now() + 60 }), &key).unwrap();
    assert_eq!(read(&hub, &forged).await.problem().0, 401);
}

#[tokio::test]
async fn unknown_keys_fetch_no_more_than_once_a_minute() {
    let (old, new) = (Pair::new("old"), Pair::new("new"));
    let issuer = Issuer::start(set(&[old.public()]));
    let hub = issuer.hub();
    issuer.is_asked(1).await;
    assert_eq!(read(&hub, &old.token()).await.status, 200);
    *issuer.answer.lock().unwrap() = set(&[new.public()]);
    for _ in 0..20 {
        assert_eq!(read(&hub, &new.token()).await.problem().0, 401);
    }
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 1);
    assert_eq!(read(&hub, &old.token()).await.status, 200);
}

#[tokio::test]
async fn a_server_starts_without_its_issuer() {
    for answer in ["", "{", r#"{"keys":[]}"#, &format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(70_000))] {
        let issuer = Issuer::start(answer.into());
        let hub = issuer.hub();
        issuer.is_asked(1).await;
        assert_eq!(read(&hub, &Pair::new("1").token()).await.problem().0, 401);
        assert_eq!(read(&hub, &token(&["a"], &[])).await.status, 200);
    }
}
