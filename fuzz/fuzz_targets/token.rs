//! Fuzz target: a token is taken only if it is one that was made, whole, wherever it stands; and what is signed well is taken only
//! within its times and by the algorithm of its key. Not a test of what tokens grant.
//!
//! Input: a letter for where the token stands (`h` header, `c` cookie, `u` URL), then its text; or `s`, then the header of a JWT, a
//! line end and its claims, which are signed.

#![no_main]

use std::path::Path;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use sse_server::fuzzing::{Tokens, Whose};

const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz_targets/token_keys");
const SECRET: &[u8] = b"a secret for the fuzz target, and nothing else";
/// Subjects, and the one token that each has. They are good until the year 3000.
const MADE: [(&str, &str); 3] = [
    (
        "hs",
        "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjMyNTAzNjgwMDAwLCJzdWIiOiJocyJ9.viXOCP9n75h9dtmiKAHVS6-DofsYaViOcA8z1NIJ7rE",
    ),
    (
        "ed",
        "eyJhbGciOiJFZERTQSIsImtpZCI6ImVkIn0.eyJleHAiOjMyNTAzNjgwMDAwLCJzdWIiOiJlZCIsInNzZSI6eyJzdWJzY3JpYmUiOlsiKiJdfX0.\
         XBP0uZIBgFRINydtkXca1q8GvFoZhTn-wGgGZ5_0KmnmUjBFO4c1FpI-98o8Ep4FnHyXUzM1jvLM-t2FvwX4DQ",
    ),
    ("key", "ssehub_93850b707585e404e4951a3ddc1f05a34b3d4f5fc081d616f46d8a2e8f1c8e68"),
];
/// How far clocks may differ, and a second in which the test runs.
const LEEWAY: f64 = 31.0;
/// What no system's clock reaches is never.
const LATEST: f64 = 9e18;

static TOKENS: LazyLock<Tokens> = LazyLock::new(|| {
    Tokens::open(include_str!("token_keys/auth.toml"), Path::new(KEYS)).expect("the keys can be used")
});

fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((b'h', text)) => {
            let found = TOKENS.whose(Some(("authorization", &[b"Bearer ", text].concat())), "");
            is_one_of(found, |token| text.trim_ascii() == token.as_bytes());
        }
        Some((b'c', text)) => {
            let cookies = [b"sse_token=", text].concat();
            let found = TOKENS.whose(Some(("cookie", &cookies)), "");
            let pair =
                |pair: &[u8], token: &str| pair.trim_ascii() == format!("sse_token={token}").as_bytes();
            is_one_of(found, |token| cookies.split(|byte| *byte == b';').any(|text| pair(text, token)));
        }
        Some((b'u', text)) => {
            let query = format!("access_token={}", String::from_utf8_lossy(text));
            let found = TOKENS.whose(None, &query);
            let mut values =
                form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "access_token");
            is_one_of(found, |token| values.any(|(_, value)| value == token));
        }
        Some((b's', text)) => {
            if let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                is_within_its_times(&text[..end], &text[end + 1..]);
            }
        }
        _ => {}
    }
});

/// `stands` says whether a token is in the request, as a whole.
fn is_one_of(found: Option<Whose>, mut stands: impl FnMut(&str) -> bool) {
    if let Some(Whose { subject, .. }) = found {
        let made = MADE.iter().find(|(whose, _)| subject.as_deref() == Some(*whose));
        assert!(made.is_some_and(|(_, token)| stands(token)), "taken for {subject:?}");
    }
}

fn is_within_its_times(header: &[u8], claims: &[u8]) {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = crypto::sign(signed.as_bytes(), &EncodingKey::from_secret(SECRET), Algorithm::HS256);
    let bearer = format!("Bearer {signed}.{}", signature.expect("a signature"));
    let Some(found) = TOKENS.whose(Some(("authorization", bearer.as_bytes())), "") else { return };
    // Of claims that nobody reads, the server takes what this parser does not.
    let (Some(header), Some(claims)) = (json(header), json(claims)) else { return };
    assert!(header["alg"] == "HS256" && header["crit"].is_null(), "{header}");
    assert!(claims["aud"].is_null(), "{claims}");
    assert_eq!(found.subject.as_deref(), claims["sub"].as_str(), "{claims}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970").as_secs_f64();
    let expires = claims["exp"].as_f64().expect("there is an end");
    assert!(expires > now - LEEWAY, "{claims}");
    match found.time_left {
        Some(left) => {
            assert!(left.as_secs_f64() <= (expires - now + LEEWAY).max(0.0), "{claims}: {left:?} are left")
        }
        None => assert!(expires > LATEST, "{claims}"),
    }
    assert!(claims["nbf"].as_f64().is_none_or(|begins| begins < now + LEEWAY), "{claims}");
}

fn json(text: &[u8]) -> Option<Value> {
    serde_json::from_str(&String::from_utf8_lossy(text)).ok()
}
