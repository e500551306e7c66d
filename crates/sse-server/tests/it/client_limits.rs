//! How much one address may have, and that it takes nothing from others. Every address of 127.0.0.0/8 is this machine's, so
//! clients of other addresses come through a proxy that is trusted.

use std::time::Duration;

use reqwest::StatusCode;

use crate::harness::{Reader, Server, command, eventually};

/// Behind a proxy, with these limits.
fn start(limits: &str) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.toml");
    std::fs::write(&file, format!("[limits]\n{limits}")).unwrap();
    let mut command = command(folder.path());
    command.args(["--listen", "127.0.0.1:0", "--open", "--trusted-proxy", "127.0.0.1"]);
    (folder, Server::spawn(command.arg("--config").arg(file)))
}

fn from(address: &str, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
    request.header("X-Forwarded-For", address)
}

#[tokio::test]
async fn who_publishes_too_fast_is_told_when_to_come_back_and_others_go_on() {
    let (_folder, server) = start("requests_per_second = 1");
    let client = reqwest::Client::new();
    let publish = async |address: &str| {
        let request = client.post(server.url("/topics/a")).body("x");
        from(address, request).send().await.unwrap()
    };
    let mut refused = publish("192.0.2.1").await;
    while refused.status() == StatusCode::OK {
        refused = publish("192.0.2.1").await;
    }
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert!(refused.text().await.unwrap().contains("rate limit exceeded"));
    assert_eq!(publish("192.0.2.2").await.status(), StatusCode::OK);
    for _ in 0..20 {
        let local = client.post(server.url("/topics/a")).body("x").send().await.unwrap();
        assert_eq!(local.status(), StatusCode::OK, "a program on this machine");
    }
}

#[tokio::test]
async fn an_event_stream_over_its_limit_is_sent_away_and_not_refused() {
    let (_folder, server) = start("subscribes_per_second = 1\nrequests_per_second = 1");
    let client = reqwest::Client::new();
    let subscribe =
        async |address: &str| Reader::of(from(address, client.get(server.url("/events?topic=a")))).await;
    loop {
        // A status but 200 would be an error here, and end an `EventSource`.
        let mut reader = subscribe("192.0.2.1").await;
        reader.until_raw("\n\n").await;
        let raw = String::from_utf8_lossy(&reader.raw).into_owned();
        if raw.contains(": rate limit exceeded") {
            reader.read_to_end().await;
            break;
        }
    }
    let strict = async |query: &str| {
        from("192.0.2.1", client.get(server.url(&format!("/events?topic=a&{query}")))).send().await.unwrap()
    };
    let mut refused = strict("strict=1").await;
    while refused.status() == StatusCode::OK {
        refused = strict("strict=1").await;
    }
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert!(refused.text().await.unwrap().contains("rate limit exceeded"));
    subscribe("192.0.2.2").await.until_raw("hub: greeting").await;
}

#[tokio::test]
async fn who_comes_into_the_chat_too_fast_is_sent_away_too() {
    let (_folder, server) = start("subscribes_per_second = 'off'\n[chat]\naddress_messages_per_second = 1");
    let client = reqwest::Client::new();
    let arrive =
        |name: String| from("192.0.2.1", client.get(server.url(&format!("/chat/events?username={name}"))));
    let mut here = Vec::new();
    loop {
        let mut reader = Reader::of(arrive(format!("n{}", here.len()))).await;
        reader.until_raw("\n\n").await;
        if String::from_utf8_lossy(&reader.raw).contains(": rate limit exceeded") {
            reader.read_to_end().await;
            break;
        }
        here.push(reader);
    }
    loop {
        let answer = arrive(format!("m{}&strict=1", here.len())).send().await.unwrap();
        if answer.status() != StatusCode::OK {
            assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
            break;
        }
        here.push(Reader::of(arrive(format!("m{}", here.len()))).await);
    }
}

#[tokio::test]
async fn what_is_refused_counts_too() {
    let (_folder, server) = start("subscribes_per_second = 1");
    let client = reqwest::Client::new();
    loop {
        let request = client.get(server.url("/%65vents?topic=a b"));
        let answer = from("192.0.2.1", request).send().await.unwrap();
        if answer.status() == StatusCode::OK {
            assert!(answer.text().await.unwrap().contains(": rate limit exceeded"));
            break;
        }
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn an_address_that_does_not_read_its_answers_gets_no_further_ones() {
    let (_folder, server) = start("connections_per_address = 2");
    let client = reqwest::Client::new();
    for _ in 0..3 {
        let event = client.post(server.url("/topics/a")).body("x".repeat(1_000_000));
        assert_eq!(event.send().await.unwrap().status(), StatusCode::OK);
    }
    let address: std::net::SocketAddr = server.base.strip_prefix("http://").unwrap().parse().unwrap();
    let ask = || {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        // Or the system reads for it.
        socket.set_recv_buffer_size(2048).unwrap();
        socket.connect(&address.into()).unwrap();
        let request = "GET /topics/a HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n";
        // The system takes the first answers, as many as it has room for.
        socket.send(request.repeat(8).as_bytes()).unwrap();
        socket
    };
    let _unread = [ask(), ask()];
    let page = async |address| from(address, client.get(server.url("/topics/a"))).send().await.unwrap();
    let end = tokio::time::Instant::now() + crate::harness::DEADLINE;
    while page("192.0.2.1").await.status() != StatusCode::TOO_MANY_REQUESTS {
        assert!(tokio::time::Instant::now() < end, "it goes on being answered");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(page("192.0.2.2").await.text().await.unwrap().len() / 1_000_000, 1);
}

#[tokio::test]
async fn people_behind_a_trusted_proxy_have_the_chat_each_for_themselves() {
    let (_folder, server) = start("");
    let client = reqwest::Client::new();
    for nth in 0..80 {
        let message = format!("{{\"username\":\"n{nth}\",\"text\":\"hello\"}}");
        let request = client.post(server.url("/chat/messages")).header("Content-Type", "application/json");
        let request = request.body(message);
        let answer = from(&format!("192.0.2.{nth}"), request).send().await.unwrap();
        assert!(answer.status().is_success(), "{nth}: {}", answer.text().await.unwrap());
    }
}

#[tokio::test]
async fn a_connection_that_is_idle_is_kept_as_long_as_balancers_keep_it() {
    let server = Server::start(&["--keep-alive", "200ms"]);
    let mut connection = server.connect();
    use std::io::{Read as _, Write as _};
    connection.write_all(b"GET /hub HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut all = Vec::new();
    // Ends only because the server closes it.
    connection.read_to_end(&mut all).unwrap();
    assert!(all.starts_with(b"HTTP/1.1 200"));
    let kept = Server::start(&[]);
    let mut connection = kept.connect();
    connection.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    connection.write_all(b"HEAD /hub HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut head = Vec::new();
    eventually("the answer", || {
        let mut part = [0; 1024];
        if let Ok(bytes) = connection.read(&mut part) {
            assert!(bytes > 0, "closed");
            head.extend_from_slice(&part[..bytes]);
        }
        head.ends_with(b"\r\n\r\n")
    })
    .await;
}

#[test]
fn settings_that_cannot_be_meant_are_refused() {
    for (args, expected) in [
        (["--trusted-proxy", "proxy.example"], "10.0.0.0/8"),
        (["--keep-alive", "1d"], "1h"),
        (["--client-address-header", "X Y"], "--client-address-header"),
    ] {
        let said = crate::process::refuses(&args);
        assert!(said.contains(expected), "{said}");
    }
}
