//! Streams over TLS, against certificates made for the test.

use std::sync::Arc;

use sse_client::reqwest::{Certificate, Client};
use sse_client::{Builder, EventSource, Interruption, Signal};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::story::{happen, tell_of};
use super::{millis, next};
use crate::server::{Absent, Script, Server};

/// A server for TLS with a certificate that it signed itself, and that certificate.
fn identity(name: &str) -> (TlsAcceptor, Certificate) {
    let own = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let certificate = Certificate::from_der(own.cert.der()).unwrap();
    (TlsAcceptor::from(Arc::new(config)), certificate)
}

/// A server for TLS.
async fn start(acceptor: TlsAcceptor, scripts: impl IntoIterator<Item = Script>) -> Server {
    let accept = move |socket: TcpStream| {
        let handshake = acceptor.accept(socket);
        // A client that does not like the certificate ends the handshake.
        async { handshake.await.ok() }
    };
    Server::listen(Absent::new().listen(), scripts, accept)
}

fn source(server: &Server, client: Client) -> Builder {
    EventSource::builder(server.url("/events").replace("http:", "https:"))
        .client(client)
        .reconnect_delay(millis(100))
        .max_reconnect_delay(millis(100))
}

fn trusting(certificate: Certificate) -> Client {
    Client::builder().tls_certs_only([certificate]).build().unwrap()
}

#[tokio::test]
async fn reads_and_resumes_over_tls() {
    let (acceptor, certificate) = identity("127.0.0.1");
    let scripts = [Script::stream().send("id: 1\ndata: x\n\n"), Script::stream().send("data: y\n\n")];
    let mut server = start(acceptor, scripts).await;
    let source = source(&server, trusting(certificate));
    tell_of(
        &mut server,
        source,
        "> GET /events
        opened /events
        message [1] x
        again in 100 ms, 1: end of the stream
        > GET /events [1]
        opened /events
        message [1] y
        again in 100 ms, 1: end of the stream
        > GET /events [1]
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn a_connection_without_the_goodbye_of_tls_is_lost() {
    let (acceptor, certificate) = identity("127.0.0.1");
    let scripts = [Script::stream().send("id: 1\ndata: x\n\ndata: y").cut(), Script::stream()];
    let mut server = start(acceptor, scripts).await;
    let source = source(&server, trusting(certificate));
    let story = happen(&mut server, source).await;
    let Some(Signal::Reconnecting(lost)) = story.signals.get(2) else { panic!("{story:?}") };
    assert!(matches!(&lost.reason, Interruption::Network(_)), "{}", lost.reason);
    assert_eq!(story.lines[4], "> GET /events [1]");
}

/// The reason why there is no connection.
async fn refused(server: &Server, client: Client) -> String {
    let mut source = source(server, client).build().unwrap();
    let Signal::Reconnecting(lost) = next(&mut source).await else { panic!() };
    assert!(matches!(&lost.reason, Interruption::Network(error) if error.is_connect()), "{lost:?}");
    assert_eq!(lost.delay, millis(100));
    lost.reason.to_string()
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_is_a_lost_connection() {
    let (acceptor, _) = identity("127.0.0.1");
    let (_, other) = identity("127.0.0.1");
    let mut server = start(acceptor, []).await;
    let reason = refused(&server, trusting(other)).await;
    assert!(reason.contains("certificate"), "{reason}");
    assert!(server.next_request().is_none(), "nothing was sent to it");
}

#[tokio::test]
async fn a_certificate_of_another_name_is_a_lost_connection() {
    let (acceptor, certificate) = identity("example.test");
    let mut server = start(acceptor, []).await;
    let reason = refused(&server, trusting(certificate)).await;
    assert!(reason.contains("not valid for name"), "{reason}");
    assert!(server.next_request().is_none());
}

#[tokio::test]
async fn plain_http_at_a_port_for_tls_is_no_end() {
    let (acceptor, _) = identity("127.0.0.1");
    let server = start(acceptor, []).await;
    let mut source = super::quick(&server).build().unwrap();
    assert!(matches!(next(&mut source).await, Signal::Reconnecting(_)));
}
