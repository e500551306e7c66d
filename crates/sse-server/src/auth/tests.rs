//! Tokens: what is taken, and every attack apart.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parking_lot::Mutex;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use sse_core::Topic;

use super::access::Access;
use super::token_error::TokenError;
use super::{AuthSection, Grants, TokenOrder, TokenVerifier};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "another secret of at least 32 bytes";
const HS256: &str = "[[jwt]]\nalgorithm = 'HS256'\nsecret = '0123456789abcdef0123456789abcdef'\n";
/// `{"alg":"none","typ":"JWT"}`
const NONE: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";

fn open(section: &str, folder: &Path) -> anyhow::Result<TokenVerifier> {
    TokenVerifier::open(toml::from_str::<AuthSection>(section)?, folder).map_err(|wrong| {
        let said: Vec<String> = wrong.iter().map(|(key, said)| format!("{key} {said}")).collect();
        anyhow::anyhow!(said.join("; "))
    })
}

fn verifier(section: &str) -> TokenVerifier {
    open(section, Path::new("")).unwrap()
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// Claims that are good, with these instead of some; `null` leaves one out.
fn claims(changes: &Value) -> Value {
    let mut claims = json!({ "exp": now() + 600, "sub": "ann", "sse": { "subscribe": ["a/*"] } });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

fn signed_as(header: Header, key: &EncodingKey, changes: &Value) -> String {
    jsonwebtoken::encode(&header, &claims(changes), key).unwrap()
}

fn signed(secret: &str, changes: &Value) -> String {
    signed_as(Header::new(Algorithm::HS256), &EncodingKey::from_secret(secret.as_bytes()), changes)
}

fn refusal(verifier: &TokenVerifier, token: &str) -> TokenError {
    verifier.access(token).map(|access| format!("{access:?}")).unwrap_err()
}

fn reads(access: &Access, topic: &str) -> bool {
    access.may_subscribe(&Topic::new(topic).unwrap())
}

#[test]
fn a_good_token_says_who_it_is_and_what_it_grants() {
    let access = verifier(HS256).access(&signed(SECRET, &json!({ "name": "Ann B." }))).unwrap();
    assert_eq!((access.subject(), access.name()), (Some("ann"), Some("Ann B.")));
    assert!(reads(&access, "a/1") && !reads(&access, "a") && !access.is_admin());
    let left = access.time_left().unwrap().as_secs();
    assert!((500..=600).contains(&left), "{left}");
    assert!(access.check_publish(&Topic::new("a/1").unwrap()).is_err());
}

#[test]
fn attacks_are_refused_and_told_apart() {
    let verifier = verifier(HS256);
    let good = signed(SECRET, &json!({}));
    let [header, payload, signature]: [&str; 3] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let other = signed(SECRET, &json!({ "sse": { "subscribe": ["*"] } }));
    let other_payload = other.split('.').nth(1).unwrap();
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let with = |header: Header| signed_as(header, &key, &json!({}));
    let claim = |what: &str| TokenError::Claim(what.into());
    for (token, error) in [
        (String::new(), TokenError::Malformed),
        ("hello".into(), TokenError::Malformed),
        ("a.b.c".into(), TokenError::Malformed),
        (format!("{header}.{other_payload}.{signature}"), TokenError::Signature),
        (format!("{header}.{payload}."), TokenError::Signature),
        (signed(OTHER, &json!({})), TokenError::Signature),
        (format!("{NONE}.{payload}."), TokenError::Algorithm),
        (format!("{NONE}.{payload}.{signature}"), TokenError::Algorithm),
        (with(Header::new(Algorithm::HS512)), TokenError::Algorithm),
        (
            with(Header { crit: Some(vec!["b64".into()]), ..Header::new(Algorithm::HS256) }),
            TokenError::Algorithm,
        ),
        (signed(SECRET, &json!({ "exp": now() - 60 })), TokenError::Expired),
        (signed(SECRET, &json!({ "exp": 0 })), TokenError::Expired),
        (signed(SECRET, &json!({ "exp": null })), TokenError::MissingClaim("exp".into())),
        (signed(SECRET, &json!({ "nbf": now() + 60 })), TokenError::NotYet),
        (signed(SECRET, &json!({ "nbf": "soon" })), claim("nbf")),
        (signed(SECRET, &json!({ "aud": "elsewhere" })), TokenError::Audience),
        (signed(SECRET, &json!({ "aud": 7 })), TokenError::Audience),
        (signed(SECRET, &json!({ "aud": [7] })), TokenError::Audience),
        (
            signed(SECRET, &json!({ "sub": "a\nlevel=ERROR" })),
            claim("sub has 1 to 255 bytes without control characters"),
        ),
        (format!("ssehub_{}", "0".repeat(64)), TokenError::UnknownKey),
        ("x".repeat(8193), TokenError::TooLarge(8193)),
    ] {
        assert_eq!(refusal(&verifier, &token), error, "{token}");
    }
    for (sse, said) in [
        (json!({ "subscribe": ["a b"] }), "cannot contain ' '"),
        (json!({ "subscibe": ["a"] }), "unknown field `subscibe`"),
        (json!({ "subscribe": "a" }), "expected a sequence"),
    ] {
        let TokenError::Claim(text) = refusal(&verifier, &signed(SECRET, &json!({ "sse": sse }))) else {
            panic!()
        };
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn clocks_may_differ_by_the_leeway_and_no_more() {
    let times = [json!({ "exp": now() - 20 }), json!({ "nbf": now() + 20 })];
    for (leeway, good) in [("", true), ("leeway = '0s'\n", false)] {
        let verifier = verifier(&format!("{leeway}{HS256}"));
        for times in &times {
            assert_eq!(verifier.access(&signed(SECRET, times)).is_ok(), good, "{leeway} {times}");
        }
    }
    assert!(open("leeway = '6m'", Path::new("")).is_err());
}

#[test]
fn issuer_and_audience_have_to_be_there_and_right() {
    let verifier = verifier(&format!("issuer = 'https://a.example'\naudience = 'hub'\n{HS256}"));
    let (iss, aud) = ("https://a.example", "hub");
    for (changes, error) in [
        (json!({ "iss": iss, "aud": aud }), None),
        (json!({ "iss": iss, "aud": ["x", aud] }), None),
        (json!({ "iss": iss }), Some(TokenError::MissingClaim("aud".into()))),
        (json!({ "iss": iss, "aud": "other" }), Some(TokenError::Audience)),
        (json!({ "aud": aud }), Some(TokenError::MissingClaim("iss".into()))),
        (json!({ "iss": "https://b.example", "aud": aud }), Some(TokenError::Issuer)),
    ] {
        assert_eq!(verifier.access(&signed(SECRET, &changes)).err(), error, "{changes}");
    }
}

#[test]
fn a_key_is_for_its_algorithm_alone() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = [
        ("ES256", Algorithm::ES256, KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()),
        ("EdDSA", Algorithm::EdDSA, KeyPair::generate_for(&PKCS_ED25519).unwrap()),
        ("RS256", Algorithm::RS256, KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap()),
    ];
    for (name, algorithm, pair) in &pairs {
        let (public, private) = (pair.public_key_pem(), pair.serialize_pem());
        std::fs::write(folder.path().join("public.pem"), &public).unwrap();
        std::fs::write(folder.path().join("private.pem"), &private).unwrap();
        let section = |file: &str| format!("[[jwt]]\nalgorithm = '{name}'\npublic_key_file = '{file}.pem'\n");
        let verifier = open(&section("public"), folder.path()).unwrap();
        let key = match algorithm {
            Algorithm::ES256 => EncodingKey::from_ec_pem(private.as_bytes()),
            Algorithm::EdDSA => EncodingKey::from_ed_pem(private.as_bytes()),
            _ => EncodingKey::from_rsa_pem(private.as_bytes()),
        };
        let token = signed_as(Header::new(*algorithm), &key.unwrap(), &json!({}));
        assert!(reads(&verifier.access(&token).unwrap(), "a/1"), "{name}");
        // The public key is known to all: as a secret it would make everybody an issuer.
        let confused = signed(&public, &json!({}));
        assert_eq!(refusal(&verifier, &confused), TokenError::Algorithm, "{name}");
        let both = open(&format!("{}{HS256}", section("public")), folder.path()).unwrap();
        assert_eq!(refusal(&both, &confused), TokenError::Signature, "{name}");
        assert!(both.access(&token).is_ok() && both.access(&signed(SECRET, &json!({}))).is_ok());
        let error = open(&section("private"), folder.path()).unwrap_err();
        assert!(format!("{error:#}").contains("private"), "{error:#}");
        let other = ["ES256", "EdDSA", "RS256"].into_iter().find(|other| other != name).unwrap();
        assert!(open(&section("public").replace(name, other), folder.path()).is_err(), "{name} {other}");
    }
}

#[test]
fn a_token_that_names_its_key_is_held_against_that_one() {
    let key =
        |id: &str, secret: &str| format!("[[jwt]]\nid = '{id}'\nalgorithm = 'HS256'\nsecret = '{secret}'\n");
    let verifier = verifier(&format!("{}{}", key("old", OTHER), key("new", SECRET)));
    let token = |kid: Option<&str>, secret: &str| {
        let header = Header { kid: kid.map(String::from), ..Header::new(Algorithm::HS256) };
        signed_as(header, &EncodingKey::from_secret(secret.as_bytes()), &json!({}))
    };
    for (kid, secret, error) in [
        (None, SECRET, None),
        (None, OTHER, None),
        (Some("new"), SECRET, None),
        (Some("old"), SECRET, Some(TokenError::Signature)),
        (Some("none"), SECRET, Some(TokenError::UnknownKey)),
    ] {
        assert_eq!(verifier.access(&token(kid, secret)).err(), error, "{kid:?}");
    }
}

#[test]
fn keys_that_cannot_be_used_are_refused_at_the_start() {
    for (section, said) in [
        ("[[jwt]]\nalgorithm = 'none'", "unknown variant `none`"),
        ("[[jwt]]\nalgorithm = 'HS512'", "unknown variant `HS512`"),
        ("[[jwt]]\nalgorithm = 'HS256'", "either `secret` or `secret_file`"),
        ("[[jwt]]\nalgorithm = 'HS256'\nsecret = 'short'", "at least 32 bytes, this one has 5"),
        ("[[jwt]]\nalgorithm = 'ES256'\nsecret = 'short'", "has `public_key_file` and no secret"),
        ("[[jwt]]\nalgorithm = 'ES256'\npublic_key_file = 'no-such'", "cannot read no-such"),
        ("[[key]]\nname = 'a'\nsha256 = 'ABC'", "64 lower-case hexadecimal digits"),
        ("[[key]]\nname = 'a'\nkey = 'ABC'", "unknown field `key`"),
        ("[[jwks]]\nurl = 'http://id.example/keys'", "has to begin with https://"),
        ("[[jwks]]\nurl = 'keys'", "is no URL"),
        ("max_token_age = '99years'", "max_token_age is at most"),
        ("[anonymous]\nsubscribe = ['a b']", "cannot contain ' '"),
    ] {
        let error = format!("{:#}", open(section, Path::new("")).unwrap_err());
        assert!(error.contains(said) && !error.contains("short"), "{error}");
    }
    assert_eq!(format!("{:?}", toml::from_str::<AuthSection>(HS256).unwrap()).matches(SECRET).count(), 0);
}

#[test]
fn a_static_key_is_known_by_its_hash() {
    let (key, sha256) = TokenVerifier::new_key().unwrap();
    let section =
        format!("[[key]]\nname = 'prometheus'\nsha256 = '{sha256}'\nsubscribe = ['a/*']\nadmin = true\n");
    let verifier = verifier(&section);
    let access = verifier.access(&key).unwrap();
    assert_eq!((access.subject(), access.time_left(), access.is_admin()), (Some("prometheus"), None, true));
    assert!(reads(&access, "a/1") && !reads(&access, "b"));
    // It has no end, and so has its revocation.
    let dated = self::verifier(&format!("max_token_age = '1h'\n{section}"));
    assert_eq!(dated.latest_expiry("prometheus"), None);
    assert!(dated.latest_expiry("ann").is_some());
    for wrong in [TokenVerifier::new_key().unwrap().0, sha256, key.to_uppercase()] {
        verifier.access(&wrong).unwrap_err();
    }
}

#[test]
fn a_token_that_is_made_here_is_taken_here() {
    let section = format!("issuer = 'me'\naudience = 'hub'\n{HS256}").replace("[[jwt]]", "[[jwt]]\nid = '1'");
    let verifier = verifier(&section);
    let grants: Grants = serde_json::from_str(r#"{"publish":["orders/42"],"admin":true}"#).unwrap();
    let order =
        TokenOrder { subject: Some("ann".into()), name: None, grants, expires: Duration::from_secs(60) };
    let access = verifier.access(&verifier.mint(&order).unwrap()).unwrap();
    assert_eq!((access.subject(), access.is_admin()), (Some("ann"), true));
    access.check_publish(&Topic::new("orders/42").unwrap()).unwrap();
    for (section, name, said) in [
        (String::new(), None, "no key can sign"),
        (format!("max_token_age = '59s'\n{HS256}"), None, "longer than this server allows"),
        (HS256.to_owned(), Some("x".repeat(256)), "name has 1 to 255 bytes"),
        (HS256.to_owned(), Some("x".repeat(8192)), "a token has at most 8192"),
    ] {
        let error = self::verifier(&section).mint(&TokenOrder { name, ..order.clone() }).unwrap_err();
        assert!(format!("{error:#}").contains(said), "{error:#}");
    }
}

#[tokio::test]
async fn requests_that_are_given_up_fetch_no_more_than_others() {
    let (listener, asked) = (TcpListener::bind("127.0.0.1:0").unwrap(), Arc::new(AtomicUsize::new(0)));
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let counted = Arc::clone(&asked);
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for connection in listener.incoming() {
            // The first one gets no answer, and the others wait for theirs.
            if counted.fetch_add(1, Ordering::SeqCst) > 0 {
                open.push(connection);
            }
        }
    });
    let verifier = Arc::new(verifier(&format!("[[jwks]]\nurl = '{url}'")));
    keep_keys(&verifier);
    tokio::task::yield_now().await;
    verifier.refresh_keys().await;
    let_pass(Duration::from_secs(61)).await;
    for _ in 0..5 {
        let given_up = tokio::time::timeout(Duration::from_millis(100), verifier.refresh_keys());
        assert!(given_up.await.is_err());
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

/// As long as the test lasts.
fn keep_keys(verifier: &Arc<TokenVerifier>) {
    let verifier = Arc::clone(verifier);
    tokio::spawn(async move { verifier.keep_keys().await });
}

async fn let_pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Publishes what stands there.
fn publish(text: Arc<Mutex<String>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let _ = connection.read(&mut [0; 4096]);
            let body = text.lock().clone();
            let head =
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = connection.write_all((head + &body).as_bytes());
        }
    });
    url
}

#[tokio::test]
async fn a_new_key_of_an_issuer_is_fetched_and_an_old_one_kept_while_it_is_away() {
    let private = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
    let key = EncodingKey::from_ec_pem(private.as_bytes()).unwrap();
    let keys = json!({ "keys": [Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap()] }).to_string();
    let text = Arc::new(Mutex::new(String::new()));
    let verifier = Arc::new(verifier(&format!("[[jwks]]\nurl = '{}'", publish(Arc::clone(&text)))));
    keep_keys(&verifier);
    let token = signed_as(Header::new(Algorithm::ES256), &key, &json!({}));
    // What is published, how much later it is looked at, and whether the token is good then.
    for (published, after, good) in [("", 0, false), (&keys, 10, false), (&keys, 60, true), ("", 60, true)] {
        published.clone_into(&mut text.lock());
        let_pass(Duration::from_secs(after)).await;
        verifier.refresh_keys().await;
        assert_eq!(
            verifier.access(&token).map(drop),
            if good { Ok(()) } else { Err(TokenError::UnknownKey) }
        );
    }
}
