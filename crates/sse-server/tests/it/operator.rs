//! Who is an operator: by a token, or without any by being on the hub's own machine.

use std::net::UdpSocket;

use reqwest::{Client, Method};

use crate::api::{Api, send};
use crate::harness::Server;

const PATH: &str = "/metrics";

fn start(args: &[&str]) -> Api {
    Api::of(Server::start(&[&["--apps", "none"], args].concat()))
}

async fn status(api: &Api, headers: &[(&str, &str)]) -> u16 {
    let request = api.request(Method::GET, PATH);
    send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await.status
}

#[tokio::test]
async fn a_program_on_this_machine_is_one_and_nobody_that_it_asks_for() {
    let own = [("Sec-Fetch-Site", "same-origin")];
    let forwarded = [("X-Forwarded-For", "203.0.113.7")];
    let standard = [("Forwarded", "for=203.0.113.7")];
    let named = [("X-Client", "203.0.113.7")];
    for args in [&["--open"][..], &["--open", "--client-address-header", "X-Client"]] {
        let api = start(args);
        assert_eq!([status(&api, &[]).await, status(&api, &own).await], [200, 200], "{args:?}");
        for headers in [forwarded, standard] {
            assert_eq!(status(&api, &headers).await, 403, "{args:?} {headers:?}");
        }
        assert_eq!(status(&api, &named).await, if args.len() > 1 { 403 } else { 200 });
    }
    // Whom it is asked for it does not say.
    assert_eq!(status(&start(&["--open", "--trusted-proxy", "127.0.0.1"]), &[]).await, 403);
    assert_eq!(status(&start(&[]), &[("Host", "evil.example")]).await, 421);
}

#[tokio::test]
async fn a_page_is_one_only_of_an_origin_that_is_listed() {
    let foreign = [("Origin", "https://app.example"), ("Sec-Fetch-Site", "cross-site")];
    let image = [("Sec-Fetch-Site", "cross-site")];
    let [local, any, listed] =
        [&[][..], &["--allow-origin", "*"], &["--allow-origin", "https://app.example"]].map(start);
    assert_eq!([status(&local, &foreign).await, status(&local, &image).await], [403, 403]);
    assert_eq!([status(&any, &foreign).await, status(&any, &image).await], [403, 403]);
    assert_eq!([status(&listed, &foreign).await, status(&listed, &image).await], [200, 403]);
}

/// An address of this machine that others can reach, if it has one. Nothing is sent.
fn own_address() -> Option<std::net::IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket
        .local_addr()
        .ok()
        .map(|address| address.ip())
        .filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

#[tokio::test]
async fn who_comes_from_elsewhere_is_none_though_the_hub_is_open() {
    let Some(address) = own_address() else { return };
    let mut command = crate::harness::command(&std::env::temp_dir());
    let server = Server::spawn(command.args(["--listen", "0.0.0.0:0", "--open", "--apps", "none"]));
    let port = server.base.rsplit(':').next().unwrap();
    let get = async |path: &str| {
        let answer = Client::new().get(format!("http://{address}:{port}{path}")).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(get("/hub").await.0, 200);
    let (status, detail) = get(PATH).await;
    assert!(status == 403 && detail.contains("this is for operators"), "{status} {detail}");
}

#[cfg(unix)]
#[tokio::test]
async fn over_a_unix_socket_nobody_is_one() {
    use std::io::{Read as _, Write as _};
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("hub.sock");
    let api = start(&["--unix-socket", socket.to_str().unwrap()]);
    let mut connection = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    connection.write_all(b"GET /metrics HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert_eq!(status(&api, &[]).await, 200);
}
