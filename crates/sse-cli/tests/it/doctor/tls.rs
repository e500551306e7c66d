//! What a certificate tells. A server of its own, because the scripted one has no TLS.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{Diagnosis, EVENTS, HEAD, diagnose_url};

/// Years in which a certificate is valid.
type Years = (i32, i32);
const NOW: Years = (2020, 2100);
const NO_HTTP2: &str = "http-version: warning: there is no HTTP/2";

/// A certificate authority that nobody knows.
struct Authority(CertifiedIssuer<'static, KeyPair>);

fn params(names: &[&str], (from, until): Years) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = rcgen::date_time_ymd(from, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    params
}

impl Authority {
    fn new() -> Self {
        let mut params = params(&[], NOW);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Our authority");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self, mut params: CertificateParams) -> ServerConfig {
        params.distinguished_name.push(DnType::CommonName, "a server");
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        config(certificate.der().to_vec(), &key)
    }

    fn file(&self) -> NamedTempFile {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), self.0.pem()).unwrap();
        file
    }
}

fn config(certificate: Vec<u8>, key: &KeyPair) -> ServerConfig {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate.into()], key).unwrap()
}

/// Answers each connection alike and holds it. Gives the URL.
async fn serve(config: ServerConfig, answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (acceptor, answer) = (acceptor.clone(), answer.clone());
            tokio::spawn(async move {
                let Ok(mut socket) = acceptor.accept(socket).await else { return };
                let _ = socket.write_all(answer.as_bytes()).await;
                while socket.read(&mut [0; 1024]).await.is_ok_and(|count| count > 0) {}
            });
        }
    });
    format!("https://127.0.0.1:{port}/x")
}

async fn diagnose(config: ServerConfig, args: &[&str]) -> Diagnosis {
    // Without ids there is nothing to resume from.
    let events = EVENTS.replace("id: ", "x: ");
    let url = serve(config, format!("HTTP/1.1 {HEAD}\r\n\r\n{events}")).await;
    diagnose_url(&url, &[&["--watch", "1s"], args].concat()).await
}

fn about_the_connection(diagnosis: &Diagnosis) -> Vec<String> {
    let mut findings = diagnosis.findings();
    findings.retain(|finding| finding.starts_with("certificate") || finding.starts_with("http-version"));
    findings
}

#[tokio::test]
async fn a_certificate_that_is_accepted() {
    let authority = Authority::new();
    let file = authority.file();
    let config = authority.issue(params(&["127.0.0.1"], NOW));
    let diagnosis = diagnose(config, &["--cacert", file.path().to_str().unwrap()]).await;
    assert_eq!(about_the_connection(&diagnosis), [NO_HTTP2]);
    assert!(diagnosis.good("certificate"));
}

#[tokio::test]
async fn an_authority_that_nobody_knows() {
    let diagnosis = diagnose(Authority::new().issue(params(&["127.0.0.1"], NOW)), &[]).await;
    assert_eq!(
        about_the_connection(&diagnosis),
        ["certificate: fault: the certificate is not trusted", NO_HTTP2]
    );
    assert_eq!(diagnosis.code, Some(1));
    assert!(diagnosis.json["events"].as_u64().unwrap() > 0, "the rest is looked at all the same");
}

#[tokio::test]
async fn a_certificate_signed_by_itself() {
    let key = KeyPair::generate().unwrap();
    let certificate = params(&["127.0.0.1"], NOW).self_signed(&key).unwrap();
    let diagnosis = diagnose(config(certificate.der().to_vec(), &key), &[]).await;
    let expected = ["certificate: fault: the certificate is self-signed", NO_HTTP2];
    assert_eq!(about_the_connection(&diagnosis), expected);
}

#[tokio::test]
async fn a_certificate_out_of_its_time_or_for_another_host() {
    let authority = Authority::new();
    let file = authority.file();
    for (names, years, title) in [
        (&["127.0.0.1"], (2020, 2021), "the certificate has expired"),
        (&["127.0.0.1"], (2099, 2100), "the certificate is not valid yet"),
        (&["example.com"], NOW, "the certificate is for another host"),
    ] {
        let config = authority.issue(params(names, years));
        let diagnosis = diagnose(config, &["--cacert", file.path().to_str().unwrap()]).await;
        let expected = [format!("certificate: fault: {title}"), NO_HTTP2.to_owned()];
        assert_eq!(about_the_connection(&diagnosis), expected);
    }
}

#[tokio::test]
async fn a_redirect_to_http() {
    let authority = Authority::new();
    let file = authority.file();
    let config = authority.issue(params(&["127.0.0.1"], NOW));
    let url = serve(config, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\n\r\n".to_owned()).await;
    let diagnosis = diagnose_url(&url, &["--watch", "1s", "--cacert", file.path().to_str().unwrap()]).await;
    assert!(
        diagnosis.findings().contains(&"redirects: fault: a redirect leads from https to http".to_owned())
    );
}

#[tokio::test]
async fn secrets_are_not_sent_to_whoever_has_a_bad_certificate() {
    let (sender, mut requests) = tokio::sync::mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(Authority::new().issue(params(&["127.0.0.1"], NOW))));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(mut socket) = acceptor.accept(socket).await else { continue };
            let mut head = vec![0; 4096];
            let Ok(count) = socket.read(&mut head).await else { continue };
            let _ = sender.send(String::from_utf8_lossy(&head[..count]).into_owned());
            let _ = socket.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    let args = ["--watch", "1s", "-H", "X-Key: secret"];
    let diagnosis = diagnose_url(&format!("https://127.0.0.1:{port}/x"), &args).await;
    assert_eq!(diagnosis.code, Some(4));
    let request = requests.recv().await.unwrap();
    assert!(request.starts_with("GET /x") && !request.contains("secret"), "{request}");
}
