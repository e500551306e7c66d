//! The hub over TLS: the same promises, certificates that are replaced, peers that do not keep to the protocol.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use reqwest::tls::Version;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;
use tokio_rustls::rustls;

use crate::harness::{DEADLINE, Reader, Server, eventually};
use crate::hostile::expect_cut;
use crate::process::refuses;

/// A folder with a certificate, and a server that shows it.
pub struct Secure {
    folder: TempDir,
    pub server: Server,
}

impl Secure {
    pub fn start(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_certificate(folder.path());
        let files = files(folder.path());
        let given = ["--apps", "none", "--tls-cert", &files[0], "--tls-key", &files[1]];
        let server = Server::start(&[&given, args].concat());
        assert!(server.base.starts_with("https://"), "{}", server.base);
        Self { folder, server }
    }

    /// Trusts the certificate that is in the folder now.
    pub fn client(&self) -> reqwest::ClientBuilder {
        let certificate = fs::read(self.folder.path().join("cert.pem")).unwrap();
        let root = reqwest::Certificate::from_pem(&certificate).unwrap();
        reqwest::Client::builder().tls_certs_only([root])
    }

    fn tcp(&self) -> TcpStream {
        let tcp = TcpStream::connect(self.server.base.strip_prefix("https://").unwrap()).unwrap();
        tcp.set_read_timeout(Some(DEADLINE)).unwrap();
        tcp
    }

    /// A connection on which every byte is the test's, for one of these protocols.
    pub fn connect(&self, protocols: &[&str]) -> StreamOwned<ClientConnection, TcpStream> {
        use rustls::pki_types::pem::PemObject as _;
        let certificate = self.folder.path().join("cert.pem");
        let mut roots = RootCertStore::empty();
        roots.add(rustls::pki_types::CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.enable_secret_extraction = true;
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), self.tcp())
    }
}

fn files(folder: &Path) -> [String; 2] {
    ["cert.pem", "key.pem"].map(|name| folder.join(name).to_str().unwrap().to_owned())
}

fn write_certificate(folder: &Path) {
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(folder.join("cert.pem"), own.cert.pem()).unwrap();
    fs::write(folder.join("key.pem"), own.signing_key.serialize_pem()).unwrap();
}

async fn publish(client: &reqwest::Client, server: &Server, data: String) {
    let answer = client.post(server.url("/topics/a")).body(data).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

/// Small ones, ones of more than a record, and one of line ends, which grows on its way.
pub fn texts() -> Vec<String> {
    let sizes = [1, 100, 16 << 10, 40 << 10, 700 << 10];
    sizes.map(|size| "x".repeat(size)).into_iter().chain(["\n".repeat(200_000), "end".into()]).collect()
}

#[tokio::test]
async fn events_arrive_whole_and_in_order_over_both_versions_and_both_paths() {
    for direct in ["on", "off"] {
        let secure = Secure::start(&["--direct", direct]);
        let publisher = secure.client().build().unwrap();
        for version in [Version::TLS_1_2, Version::TLS_1_3] {
            let client = secure.client().http1_only().tls_version_min(version).tls_version_max(version);
            let client = client.build().unwrap();
            let mut reader = Reader::of(client.get(secure.server.url("/events?topic=a"))).await;
            reader.event().await;
            for text in texts() {
                publish(&publisher, &secure.server, text.clone()).await;
                assert_eq!(reader.event().await.data(), text, "--direct {direct}, {version:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_reader_that_reads_late_gets_everything_and_a_clean_end() {
    let mut secure = Secure::start(&["--heartbeat", "100ms"]);
    let publisher = secure.client().build().unwrap();
    let client = secure.client().http1_only().build().unwrap();
    let mut reader = Reader::of(client.get(secure.server.url("/events?topic=a"))).await;
    reader.event().await;
    // More than the sockets between the two take.
    let text = "y".repeat(500 << 10);
    for nth in 0..40 {
        publish(&publisher, &secure.server, format!("{nth} {text}")).await;
    }
    for nth in 0..40 {
        assert_eq!(reader.event().await.data(), format!("{nth} {text}"));
    }
    secure.server.signal("TERM");
    reader.read_to_end().await;
    assert!(secure.server.ended().await.0.success());
}

#[tokio::test]
async fn a_subscriber_that_sends_more_is_cut() {
    let secure = Secure::start(&[]);
    for more in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "x"] {
        let mut connection = secure.connect(&[]);
        let head = "GET /events?topic=a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
        connection.write_all(head.as_bytes()).unwrap();
        let mut read = [0; 4096];
        assert!(connection.read(&mut read).unwrap() > 0);
        connection.write_all(more.as_bytes()).unwrap();
        expect_cut(&connection.sock);
        // And with the head, in one record.
        let mut connection = secure.connect(&[]);
        connection.write_all(format!("{head}{more}").as_bytes()).unwrap();
        expect_cut(&connection.sock);
    }
}

#[tokio::test]
async fn a_subscriber_that_sends_a_record_without_its_end_is_cut() {
    let secure = Secure::start(&["--heartbeat", "off", "--direct", "on"]);
    for is_late in [true, false] {
        let mut connection = secure.connect(&[]);
        connection.write_all(b"GET /events?topic=a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
        if is_late {
            assert!(connection.read(&mut [0; 4096]).unwrap() > 0);
        }
        connection.conn.writer().write_all(&[b'x'; 16 << 10]).unwrap();
        let mut record = Vec::new();
        connection.conn.write_tls(&mut record).unwrap();
        connection.sock.write_all(&record[..record.len() - 1]).unwrap();
        expect_cut(&connection.sock);
    }
}

#[test]
fn a_message_of_the_protocol_without_its_end_is_cut_on_a_kept_connection_too() {
    use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384;
    use rustls::crypto::cipher::{OutboundChunks, OutboundPlainMessage};
    use rustls::{ConnectionTrafficSecrets, ContentType, ProtocolVersion, SupportedCipherSuite};
    let secure = Secure::start(&[]);
    let mut connection = secure.connect(&[]);
    connection.write_all(b"GET /hub HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    assert!(connection.read(&mut [0; 4096]).unwrap() > 0);
    let (sent, secrets) = connection.conn.dangerous_extract_secrets().unwrap().tx;
    let (ConnectionTrafficSecrets::Aes256Gcm { key, iv }, SupportedCipherSuite::Tls13(suite)) =
        (secrets, TLS13_AES_256_GCM_SHA384)
    else {
        panic!("another cipher suite");
    };
    let mut encrypter = suite.aead_alg.encrypter(key, iv);
    let mut record = |number, part| {
        let (typ, version, payload) =
            (ContentType::Handshake, ProtocolVersion::TLSv1_2, OutboundChunks::Single(part));
        encrypter.encrypt(OutboundPlainMessage { typ, version, payload }, number).unwrap().encode()
    };
    // It counts from zero.
    (0..sent).for_each(|number| drop(record(number, b"")));
    // The head of a message of 64 KiB, and most of it.
    let message = [&[24, 0, 0xff, 0xff][..], &[0; 60_000]].concat();
    for (number, part) in (sent..).zip(message.chunks(4000)) {
        // It may be cut meanwhile.
        let _ = connection.sock.write_all(&record(number, part));
    }
    expect_cut(&connection.sock);
}

#[tokio::test]
async fn an_event_stream_that_ends_says_so_in_tls_too() {
    let mut secure = Secure::start(&[]);
    let mut connection = secure.connect(&[]);
    connection.write_all(b"GET /events?topic=a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    assert!(connection.read(&mut [0; 4096]).unwrap() > 0);
    secure.server.signal("TERM");
    let mut rest = Vec::new();
    connection.read_to_end(&mut rest).expect("an end that is no cut");
    assert!(rest.ends_with(b"0\r\n\r\n"));
    assert!(secure.server.ended().await.0.success());
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_certificate_is_shown_and_a_thousand_open_streams_go_on() {
    rlimit::increase_nofile_limit(4096).unwrap();
    let secure = Secure::start(&[]);
    // One connection for each stream.
    let before = secure.client().http1_only().pool_max_idle_per_host(0).build().unwrap();
    let open = async |_| {
        let mut reader = Reader::of(before.get(secure.server.url("/events?topic=a"))).await;
        reader.event().await;
        reader
    };
    let mut readers: Vec<Reader> = stream::iter(0..1000).map(open).buffer_unordered(20).collect().await;
    write_certificate(secure.folder.path());
    secure.server.signal("HUP");
    let url = secure.server.url("/topics");
    let accepted = async {
        loop {
            // A client of its own for each attempt: none of its connections is from before.
            let client = secure.client().build().unwrap();
            if client.get(&url).send().await.is_ok() {
                return client;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let after = tokio::time::timeout(DEADLINE, accepted).await.expect("the new certificate is shown");
    assert!(before.get(&url).send().await.unwrap_err().is_connect(), "the old one is not");
    publish(&after, &secure.server, "goes on".into()).await;
    for reader in &mut readers {
        assert_eq!(reader.event().await.data(), "goes on");
    }
}

#[tokio::test]
async fn files_that_cannot_be_used_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    write_certificate(folder.path());
    let [certificate, key] = files(folder.path());
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = crate::harness::command(folder.path());
    command.args(["--listen", "127.0.0.1:0", "--tls-cert", &certificate, "--tls-key", &key]);
    let server = Server::spawn_logging_to(log.reopen().unwrap(), &mut command);
    let secure = Secure { folder, server };
    let client = secure.client().build().unwrap();
    fs::write(&certificate, "nonsense").unwrap();
    secure.server.signal("HUP");
    let is_told = || fs::read_to_string(log.path()).unwrap().contains("not reloaded");
    eventually("the log tells of the file", is_told).await;
    assert_eq!(client.get(secure.server.url("/topics")).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn plain_http_is_told_where_to_go_and_silence_is_cut() {
    let secure = Secure::start(&[]);
    let mut plain = secure.tcp();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    plain.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
    let mut silent = secure.tcp();
    assert_eq!(silent.read(&mut [0]).unwrap(), 0, "cut before the deadline of this read");
}

#[test]
fn what_cannot_be_used_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    write_certificate(folder.path());
    write_certificate(other.path());
    let ([certificate, key], [_, other_key]) = (files(folder.path()), files(other.path()));
    let empty = folder.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    let cases = [
        (vec!["--tls-cert", &certificate], vec!["--tls-key"]),
        (vec!["--tls-cert", "missing.pem", "--tls-key", &key], vec!["missing.pem", "--tls-cert"]),
        (vec!["--tls-cert", empty.to_str().unwrap(), "--tls-key", &key], vec!["no certificate in it"]),
        (vec!["--tls-cert", &certificate, "--tls-key", &certificate], vec!["cert.pem (--tls-key)"]),
        (vec!["--tls-cert", &certificate, "--tls-key", &other_key], vec!["--tls-key", "KeyMismatch"]),
    ];
    for (args, expected) in cases {
        let said = refuses(&[&["--listen", "127.0.0.1:0"], &args[..]].concat());
        assert!(expected.iter().all(|part| said.contains(part)), "{said}");
    }
}

#[tokio::test]
async fn certificate_and_key_are_not_served() {
    let secure = Secure::start(&[]);
    let folder = secure.folder.path().to_str().unwrap();
    fs::write(secure.folder.path().join("page.html"), "served").unwrap();
    let files = files(secure.folder.path());
    let server = Server::start(&["--tls-cert", &files[0], "--tls-key", &files[1], "--web-dir", folder]);
    let client = secure.client().build().unwrap();
    for (path, status) in [("/page.html", 200), ("/cert.pem", 404), ("/key.pem", 404)] {
        assert_eq!(client.get(server.url(path)).send().await.unwrap().status(), status, "{path}");
    }
}
