//! The plain address beside HTTPS, and what keeps browsers from coming by it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use reqwest::redirect::Policy;

use crate::harness::{DEADLINE, Reader, Server};
use crate::process::refuses;
use crate::tls::Secure;

struct Redirecting {
    secure: Secure,
    /// `127.0.0.1:PORT`
    plain: String,
}

impl Redirecting {
    fn start(args: &[&str]) -> Self {
        let secure = Secure::start(&[&["--redirect-listen", "127.0.0.1:0"], args].concat());
        let plain = secure.server.said("  308     http://");
        Self { secure, plain }
    }

    fn port(&self) -> &str {
        self.secure.server.base.rsplit(':').next().unwrap()
    }

    /// The answer to a request as it is on the wire.
    fn ask(&self, request: &str) -> String {
        let mut connection = TcpStream::connect(&self.plain).unwrap();
        connection.set_read_timeout(Some(DEADLINE)).unwrap();
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        // To its end: the client is to go elsewhere.
        connection.read_to_string(&mut answer).unwrap();
        answer.to_lowercase()
    }
}

#[tokio::test]
async fn every_request_is_sent_on_to_the_same_url_by_https() {
    let redirecting = Redirecting::start(&["--allowed-host", "hub.example"]);
    let port = redirecting.port();
    for (request, location) in [
        (
            "GET /events?topic=a HTTP/1.1\r\nHost: hub.example",
            format!("https://hub.example:{port}/events?topic=a"),
        ),
        ("GET / HTTP/1.1\r\nHost: LOCALHOST:80", format!("https://localhost:{port}/")),
        (
            "POST /topics/a HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 0",
            format!("https://[::1]:{port}/topics/a"),
        ),
        (
            "DELETE //evil.example/%0d%0a HTTP/1.1\r\nHost: localhost",
            format!("https://localhost:{port}//evil.example/%0d%0a"),
        ),
        ("OPTIONS * HTTP/1.1\r\nHost: localhost", format!("https://localhost:{port}/")),
        ("GET http://localhost/x HTTP/1.1\r\nHost: evil.example", format!("https://localhost:{port}/x")),
    ] {
        let answer = redirecting.ask(&format!("{request}\r\n\r\n"));
        assert!(answer.starts_with("http/1.1 308 ") && answer.contains("nosniff"), "{request}: {answer}");
        assert!(answer.contains(&format!("\r\nlocation: {location}\r\n")), "{request}: {answer}");
        assert!(!answer.contains("strict-transport-security"));
    }
    let client = redirecting.secure.client().build().unwrap();
    Reader::of(client.get(format!("http://{}/events", redirecting.plain)))
        .await
        .until_raw("hub: greeting")
        .await;
    let h2 = reqwest::Client::builder().http2_prior_knowledge().redirect(Policy::none()).build().unwrap();
    let answer = h2.get(format!("http://{}/x", redirecting.plain)).send().await.unwrap();
    assert_eq!(answer.headers()["location"], format!("https://127.0.0.1:{port}/x"));
}

#[test]
fn it_leads_to_no_host_of_somebody_else() {
    // By tokens alone the hub itself answers to any name.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hub.toml");
    std::fs::write(&file, "[auth]").unwrap();
    for args in [&[][..], &["--open"], &["--config", file.to_str().unwrap()]] {
        let redirecting = Redirecting::start(args);
        for host in ["evil.example", "localhost.evil.example", "evil.example:80"] {
            let answer =
                redirecting.ask(&format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
            assert!(answer.starts_with("http/1.1 421 ") && !answer.contains("\r\nlocation"), "{answer}");
        }
        for headers in ["Host: localhost@evil.example", "Host: a/b", "X: y"] {
            let answer = redirecting.ask(&format!("GET / HTTP/1.0\r\n{headers}\r\n\r\n"));
            assert!(answer.starts_with("http/1.0 400 ") && !answer.contains("\r\nlocation"), "{answer}");
        }
    }
}

#[tokio::test]
async fn browsers_are_told_to_come_by_https_alone_if_that_is_wanted() {
    for (args, expected) in [
        (&[][..], None),
        (&["--hsts", "180d"], Some("max-age=15552000")),
        (&["--hsts", "0s"], Some("max-age=0")),
    ] {
        let secure = Secure::start(args);
        let client = secure.client().build().unwrap();
        for path in ["/hub", "/no/such", "/sse.js"] {
            let answer = client.get(secure.server.url(path)).send().await.unwrap();
            let found =
                answer.headers().get("strict-transport-security").map(|value| value.to_str().unwrap());
            assert_eq!(found, expected, "{path}");
        }
    }
    let plain = Server::start(&["--open", "--hsts", "180d"]);
    let get = |proto: &'static str| {
        reqwest::Client::new().get(plain.url("/hub")).header("X-Forwarded-Proto", proto).send()
    };
    assert!(!get("http").await.unwrap().headers().contains_key("strict-transport-security"));
    assert!(get("https").await.unwrap().headers().contains_key("strict-transport-security"));
}

#[test]
fn settings_that_cannot_be_meant_are_refused() {
    assert!(refuses(&["--redirect-listen", "127.0.0.1:0"]).contains("--tls-cert"));
    assert!(refuses(&["--hsts", "20y"]).contains("must be from 0s to"));
}
