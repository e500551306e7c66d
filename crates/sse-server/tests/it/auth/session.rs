//! Signing in: the token in a cookie.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Guarded, everything, now, token, token_with, with_key};
use crate::api::{Answer, Api, send};
use crate::harness::Reader;
use crate::process::refuses;

impl Guarded {
    async fn sign_in(&self, token: &str) -> Answer {
        send(self.api.post("/session", token.to_owned())).await
    }

    async fn with_cookie(&self, method: Method, path: &str, cookie: &str) -> Answer {
        send(self.api.request(method, path).header("Cookie", cookie)).await
    }
}

/// The cookie as a browser sends it back.
fn cookie_of(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_cookie_holds_the_token_until_it_expires() {
    let guarded = Guarded::start("");
    guarded.publish("a", "x").await;
    let grants = json!({ "subscribe": ["a"] });
    let ann = token_with(&json!({ "exp": now() + 600, "sub": "u-1", "name": "Ann", "sse": grants }));
    let begun = guarded.sign_in(&ann).await;
    let set = begun.header("set-cookie");
    assert!(set.contains("; HttpOnly; SameSite=Lax; Max-Age=") && !set.contains("Secure"), "{set}");
    let seconds: u64 = set.rsplit('=').next().unwrap().parse().unwrap();
    assert!((500..=600).contains(&seconds), "{set}");
    let cookie = cookie_of(&begun);
    let shown = guarded.with_cookie(Method::GET, "/session", &cookie).await;
    let session = shown.json();
    assert_eq!(session, begun.json());
    assert_eq!(
        (&session["subject"], &session["name"], &session["required"]),
        (&json!("u-1"), &json!("Ann"), &json!(true))
    );
    assert_eq!(session["grants"], json!({ "subscribe": ["a"], "publish": [], "admin": false }));
    assert!(session["expires"].as_str().unwrap().ends_with('Z'));
    assert_eq!(guarded.with_cookie(Method::GET, "/topics/a", &cookie).await.data(), ["x"]);
    assert_eq!(guarded.with_cookie(Method::GET, "/topics/b", &cookie).await.status, 403);
}

#[tokio::test]
async fn signing_out_ends_the_streams_of_the_token() {
    let guarded = Guarded::start("");
    let (one, other) = (token(&["a", "b"], &[]), token(&["a"], &[]));
    let cookie = cookie_of(&guarded.sign_in(&one).await);
    let mut stream =
        Reader::of(guarded.api.request(Method::GET, "/events?topic=a").header("Cookie", &cookie)).await;
    let mut others = guarded.open("/events?topic=a", &other).await;
    stream.until_raw("id: ").await;
    let ended = guarded.with_cookie(Method::DELETE, "/session", &cookie).await;
    assert_eq!(ended.status, 204);
    assert!(
        ended.header("set-cookie").starts_with("sse_token=; ")
            && ended.header("set-cookie").ends_with("Max-Age=0")
    );
    stream.read_to_end().await;
    assert!(String::from_utf8_lossy(&stream.raw).ends_with(": signed out\n\n"));
    guarded.publish("a", "x").await;
    others.until_raw("data: x").await;
    assert_eq!(guarded.with_cookie(Method::DELETE, "/session", "").await.status, 204);
}

#[tokio::test]
async fn a_new_token_takes_the_place_of_an_old_or_broken_one() {
    let guarded = Guarded::start("");
    let good = token(&["a"], &[]);
    for cookie in ["sse_token=forged".to_owned(), format!("sse_token={}", everything())] {
        let begun = send(guarded.api.post("/session", good.clone()).header("Cookie", &cookie)).await;
        assert_eq!(cookie_of(&begun), format!("sse_token={good}"));
    }
    let by_header = send(guarded.api.post("/session", "").bearer_auth(&good)).await;
    assert_eq!(cookie_of(&by_header), format!("sse_token={good}"));
    let both = send(guarded.api.post("/session", everything()).bearer_auth(&good)).await;
    assert_eq!(both.problem().0, 400);
    assert_eq!(guarded.with_cookie(Method::GET, "/session", "sse_token=forged").await.status, 401);
    assert_eq!(guarded.with_cookie(Method::DELETE, "/session", "sse_token=forged").await.status, 204);
}

#[tokio::test]
async fn what_cannot_be_a_safe_cookie_is_refused_with_the_reason() {
    let guarded = Guarded::start("");
    let good = token(&["a"], &[]);
    for (headers, secure) in [
        (&[("Host", "hub.example")][..], None),
        (&[("Host", "hub.example"), ("Origin", "http://hub.example")], None),
        (&[("Host", "hub.example"), ("Origin", "https://hub.example")], Some(true)),
        (&[("Host", "hub.example"), ("X-Forwarded-Proto", "https")], Some(true)),
        (&[("Host", "localhost:3000")], Some(false)),
    ] {
        let request =
            headers.iter().fold(guarded.api.post("/session", good.clone()), |request, (name, value)| {
                request.header(*name, *value)
            });
        let answer = send(request).await;
        match secure {
            None => {
                assert!(answer.problem().1.contains("plain HTTP") && answer.header("set-cookie").is_empty())
            }
            Some(secure) => {
                assert_eq!(answer.header("set-cookie").contains("; Secure"), secure, "{answer:?}")
            }
        }
    }
    // There the host is no header.
    let http2 = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let begun = send(http2.post(guarded.api.server.url("/session")).body(good)).await;
    assert_eq!(begun.status, 200, "{begun:?}");
    let long = token_with(&json!({ "exp": now() + 60, "sse": {}, "x": "x".repeat(3000) }));
    assert_eq!(guarded.sign_in(&long).await.problem().0, 413);
    assert_eq!(guarded.sign_in("forged").await.problem().0, 401);
    assert_eq!(guarded.sign_in("").await.problem().0, 401);
}

#[tokio::test]
async fn without_auth_there_is_nothing_to_sign_in_to() {
    let api = Api::start();
    let session: Value = api.get("/session").await.json();
    assert_eq!((&session["required"], &session["grants"]["admin"]), (&json!(false), &json!(true)));
    assert_eq!(send(api.post("/session", "x")).await.problem().0, 409);
}

#[tokio::test]
async fn a_cookie_does_not_act_for_pages_of_all_origins() {
    for settings in ["", "cookie_same_site = 'none' |"] {
        cookie_acts_for_listed_origins_alone(settings).await;
    }
}

async fn cookie_acts_for_listed_origins_alone(settings: &str) {
    let guarded =
        Guarded::start_with(settings, &["--apps", "none", "--allow-origin", "*,https://app.example"]);
    let cookie = cookie_of(&guarded.sign_in(&everything()).await);
    let own = guarded.api.server.base.clone();
    // Of the hub itself, of a listed origin, of one that `*` lets in.
    for (origin, status) in [(&*own, 200), ("https://app.example", 200), ("https://evil.example", 401)] {
        let request = guarded.api.post("/topics/a", "x").header("Cookie", &cookie).header("Origin", origin);
        assert_eq!(send(request).await.status, status, "{origin}");
        let read = guarded.api.request(Method::GET, "/topics/a").header("Cookie", &cookie);
        assert_eq!(send(read.header("Origin", origin)).await.status, status, "{origin}");
        let begin = guarded.api.post("/session", everything()).header("Origin", origin);
        let expected = if status == 200 { 200 } else { 403 };
        assert_eq!(send(begin).await.status, expected, "{origin}");
    }
    let end = guarded.api.request(Method::DELETE, "/session").header("Cookie", &cookie);
    assert_eq!(send(end.header("Origin", "https://evil.example")).await.status, 403);
}

#[tokio::test]
async fn a_cookie_for_pages_of_other_sites_is_secure_and_needs_a_listed_origin() {
    let with_none = "cookie_same_site = 'none' |";
    let guarded =
        Guarded::start_with(with_none, &["--apps", "none", "--allow-origin", "https://app.example"]);
    let begin = guarded.api.post("/session", token(&["a"], &[])).header("Origin", "https://app.example");
    let begun = send(begin).await;
    assert!(begun.header("set-cookie").contains("; HttpOnly; SameSite=None; Secure; Max-Age="), "{begun:?}");
    assert_eq!(begun.header("access-control-allow-credentials"), "true");
    // A browser removes the cookie of another site for one with the same attributes alone.
    let end = guarded.with_cookie(Method::DELETE, "/session", &cookie_of(&begun)).await;
    assert!(end.header("set-cookie").ends_with("; SameSite=None; Secure; Max-Age=0"), "{end:?}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hub.toml");
    for (value, args, expected) in [
        ("none", &[][..], "--allow-origin ORIGIN"),
        ("none", &["--allow-origin", "*"], "--allow-origin ORIGIN"),
        ("Strict", &[], "expected `lax` or `none`"),
    ] {
        std::fs::write(&file, with_key(&format!("cookie_same_site = '{value}' |"))).unwrap();
        let said = refuses(&[&["--config", file.to_str().unwrap()], args].concat());
        assert!(said.contains(expected), "{said}");
    }
}

#[tokio::test]
async fn a_new_session_of_the_same_subject_extends_its_streams() {
    let guarded = Guarded::start_with("", &["--apps", "none"]);
    let of = |seconds: u64, subject: &str, subscribe: &[&str]| {
        let grants = json!({ "subscribe": subscribe });
        token_with(&json!({ "exp": now() + seconds, "sub": subject, "sse": grants }))
    };
    let open = async |cookie: &str| {
        let request = guarded.api.request(Method::GET, "/events?topic=a").header("Cookie", cookie);
        let mut stream = Reader::of(request).await;
        stream.until_raw("id: ").await;
        stream
    };
    let renew = async |old: &str, new: &str| {
        cookie_of(&send(guarded.api.post("/session", new.to_owned()).header("Cookie", old)).await)
    };
    let short = of(5, "ann", &["a"]);
    let cookie = cookie_of(&guarded.sign_in(&short).await);
    let mut extended = open(&cookie).await;
    let renewed = renew(&cookie, &of(600, "ann", &["a", "b"])).await;
    // Opened with the same token as the first, and not extended any more.
    let mut others = vec![open(&cookie).await];
    for other in [of(600, "bob", &["a"]), of(600, "ann", &["b"])] {
        let cookie = cookie_of(&guarded.sign_in(&short).await);
        renew(&cookie, &other).await;
    }
    for other in &mut others {
        other.read_to_end().await;
        assert!(String::from_utf8_lossy(&other.raw).contains(": the token has expired"));
    }
    guarded.publish("a", "after").await;
    extended.until_raw("data: after").await;
    assert_eq!(guarded.with_cookie(Method::DELETE, "/session", &renewed).await.status, 204);
    extended.read_to_end().await;
    assert!(String::from_utf8_lossy(&extended.raw).ends_with(": signed out\n\n"));
}

#[tokio::test]
async fn answers_name_their_reader() {
    let guarded = Guarded::start_with("[auth.anonymous]\nsubscribe = ['a']\n", &["--apps", "none"]);
    let of = |subject: &str, subscribe: &[&str]| {
        let grants = json!({ "subscribe": subscribe });
        token_with(
            &json!({ "exp": now() + 600, "sub": subject, "jti": fastrand::u64(..).to_string(), "sse": grants }),
        )
    };
    let mut readers = Vec::new();
    for token in
        [of("ann", &["a"]), of("ann", &["a"]), of("bob", &["a"]), of("ann", &["a", "b"]), String::new()]
    {
        let get = |path| match &*token {
            "" => guarded.api.request(Method::GET, path),
            token => guarded.request(Method::GET, path, token),
        };
        let polled = send(get("/poll?topic=a&timeout=0")).await.header("sse-reader").to_owned();
        assert_eq!(Reader::of(get("/events?topic=a")).await.header("sse-reader"), polled);
        assert_eq!(polled.len(), 32);
        readers.push(polled);
    }
    assert_eq!(readers[0], readers[1], "two tokens of one subject");
    assert_eq!(readers.iter().collect::<std::collections::BTreeSet<_>>().len(), 4, "{readers:?}");
    assert_eq!(Api::start().get("/poll?timeout=0").await.header("sse-reader"), "");
}
