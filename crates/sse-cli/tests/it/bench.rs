//! `bench` against a server that loses, doubles and swaps events as it is told.

mod hub;

use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use super::{DEADLINE, command, finish, run, stderr, stdout};
use crate::server::{Script, Server};
pub(crate) use hub::{Fate, Fates, Hub};

/// The report of a run that publishes 20 events on one connection to 3 streams.
async fn report(fates: Fates, args: &[&str]) -> Value {
    let address = Hub::start(fates).await.to_string();
    let (stream, publish) = (format!("http://{address}/sub"), format!("http://{address}/pub"));
    let common =
        ["bench", &stream, "--publish", &publish, "--rate", "100", "-d", "200ms", "-n", "3", "--json"];
    let output = run(&[&common, args].concat()).await;
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    serde_json::from_str(stdout(&output)).unwrap()
}

/// Lost, doubled and out of order.
pub(crate) fn counts(report: &Value) -> [u64; 3] {
    ["lost", "doubled", "out_of_order"].map(|name| report["deliveries"]["checked"][name].as_u64().unwrap())
}

#[tokio::test]
async fn a_good_server_loses_nothing() {
    let report = report(|_| Fate::Pass, &[]).await;
    assert_eq!(counts(&report), [0, 0, 0]);
    assert_eq!(report["published"]["acknowledged"], 20);
    assert_eq!(report["deliveries"]["count"], 60);
    assert_eq!(report["latency_seconds"]["count"], 60);
    assert_eq!(report["last_reader_seconds"]["count"], 20);
}

#[tokio::test]
async fn counts_what_is_lost() {
    // One in the middle, and the last two, which no later event gives away.
    let report = report(|nth| if matches!(nth, 7 | 18 | 19) { Fate::Lose } else { Fate::Pass }, &[]).await;
    assert_eq!(counts(&report), [9, 0, 0]);
}

#[tokio::test]
async fn counts_what_is_doubled() {
    let report = report(|nth| if nth % 10 == 3 { Fate::Double } else { Fate::Pass }, &[]).await;
    assert_eq!(counts(&report), [0, 6, 0]);
    assert_eq!(report["latency_seconds"]["count"], 60, "a repeat has no latency of its own");
}

#[tokio::test]
async fn counts_what_is_out_of_order() {
    let report = report(|nth| if nth == 5 { Fate::Swap } else { Fate::Pass }, &["--threads", "2"]).await;
    assert_eq!(counts(&report), [0, 0, 3]);
}

#[tokio::test]
async fn what_was_not_acknowledged_is_not_lost() {
    let report = report(|nth| if nth == 4 { Fate::Refuse } else { Fate::Pass }, &[]).await;
    assert_eq!(counts(&report), [0, 0, 0]);
    assert_eq!(report["published"]["unacknowledged"], 1);
    assert!(report["published"]["failure"].as_str().unwrap().ends_with("answered 500 Internal Server Error"));
}

#[tokio::test]
async fn several_connections_have_an_order_each() {
    let report = report(|nth| if nth == 9 { Fate::Lose } else { Fate::Pass }, &["--publishers", "4"]).await;
    assert_eq!(counts(&report), [3, 0, 0]);
}

/// The names of a JSON object, those of objects in it with a dot.
fn names(value: &Value, prefix: &str) -> Vec<String> {
    let Some(object) = value.as_object() else { return vec![prefix.to_owned()] };
    let below = |(name, value): (&String, &Value)| {
        names(value, &[prefix, name].join(if prefix.is_empty() { "" } else { "." }))
    };
    object.iter().flat_map(below).collect()
}

#[tokio::test]
async fn the_json_report_keeps_its_shape() {
    let own = std::process::id().to_string();
    let report = report(|_| Fate::Pass, &["--pid", &own, "--source", "127.0.0.9"]).await;
    let mut found = names(&report, "");
    found.retain(|name| !name.contains("_seconds.") || name.starts_with("latency_seconds."));
    assert_eq!(
        found,
        [
            "deliveries.bytes",
            "deliveries.bytes_per_second",
            "deliveries.checked.delivered",
            "deliveries.checked.doubled",
            "deliveries.checked.lost",
            "deliveries.checked.out_of_order",
            "deliveries.count",
            "deliveries.oversize",
            "deliveries.per_second",
            "latency_seconds.count",
            "latency_seconds.max",
            "latency_seconds.mean",
            "latency_seconds.p50",
            "latency_seconds.p90",
            "latency_seconds.p99",
            "latency_seconds.p999",
            "measured_seconds",
            "open_files.limit",
            "open_files.streams_that_fit",
            "published.acknowledged",
            "published.connections",
            "published.failure",
            "published.planned",
            "published.rate",
            "published.size_bytes",
            "published.unacknowledged",
            "published.unsent",
            "published.url",
            "reader_cores",
            "server.cores",
            "server.cpu_seconds",
            "server.cpu_seconds_per_delivery",
            "server.memory_before_bytes",
            "server.memory_max_bytes",
            "server.memory_per_stream_bytes",
            "server.pids",
            "streams.asked",
            "streams.cut",
            "streams.failed",
            "streams.opened",
            "streams.opening_seconds",
            "streams.sources",
            "streams.threads",
            "unix_socket",
            "url",
        ]
    );
    assert_eq!(report["streams"]["sources"], serde_json::json!(["127.0.0.9"]));
}

#[tokio::test]
async fn counts_a_stream_that_it_does_not_publish_to() {
    let busy =
        Script::stream().send("data: x\n\n".repeat(50)).pause(1500).send("data: y\n\ndata: z\n\n").hold();
    let server = Server::start([Script::stream().hold(), busy]).await;
    let output = run(&["bench", &server.url("/x"), "-n", "1", "-d", "3s"]).await;
    assert_eq!(output.status.code(), Some(0));
    let text = stdout(&output);
    assert!(text.contains("deliveries    2 in "), "those after the opening: {text}");
    assert!(!text.contains("lost") && !text.contains("latency"), "{text}");
}

#[tokio::test]
async fn a_cut_stream_is_told() {
    let scripts = [Script::stream(), Script::stream(), Script::stream().hold()];
    let server = Server::start(scripts).await;
    let output = run(&["bench", &server.url("/x"), "-n", "2", "-d", "300ms"]).await;
    assert!(stdout(&output).contains("2 opened in"), "{}", stdout(&output));
    assert!(stdout(&output).contains("1 cut before the end"), "{}", stdout(&output));
}

#[tokio::test]
async fn streams_that_fail_are_told_by_reason() {
    let refused = || Script::answer("503 Busy\r\nContent-Length: 0");
    let server = Server::start([Script::stream(), Script::stream().hold(), refused(), refused()]).await;
    let output = run(&["bench", &server.url("/x"), "-n", "3", "-d", "100ms"]).await;
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("2 failed: the server answered 503"), "{}", stdout(&output));
}

#[tokio::test]
async fn a_refusal_is_told_in_the_servers_words() {
    let body = r#"{"title":"No such topic","detail":"There is no topic x"}"#;
    let head =
        format!("404 Not Found\r\nContent-Type: application/problem+json\r\nContent-Length: {}", body.len());
    let server = Server::start([Script::answer(&head).send(body)]).await;
    let url = server.url("/x");
    let output = run(&["bench", &url]).await;
    assert_eq!((output.status.code(), stdout(&output)), (Some(4), ""));
    assert_eq!(
        stderr(&output),
        format!("error: {url}: the server answered 404 Not Found: There is no topic x\n")
    );
}

#[tokio::test]
async fn a_publisher_that_is_refused_ends_the_run() {
    let address = Hub::start(|_| Fate::Refuse).await;
    let output =
        run(&["bench", &format!("http://{address}/x"), "--publish", "/pub", "--rate", "100", "-d", "1h"])
            .await;
    assert_eq!((output.status.code(), stdout(&output)), (Some(5), ""));
    assert_eq!(stderr(&output), format!("error: http://{address}/pub answered 500 Internal Server Error\n"));
}

#[tokio::test]
async fn a_dead_server_is_told() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let output = run(&["bench", &format!("http://{address}/x")]).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        format!("error: http://{address}/x: cannot open the stream (Connection refused)\n")
    );
}

#[cfg(unix)]
#[tokio::test]
async fn the_open_file_limit_is_named() {
    let program = env!("CARGO_BIN_EXE_sse-cli");
    let script = format!("ulimit -n 100; exec '{program}' bench :1/x --streams 500");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let output = finish(shell.spawn().unwrap()).await;
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.starts_with(
            "error: 500 streams do not fit: this process may open 100 files, enough for 68 streams."
        ),
        "{text}"
    );
    assert!(text.contains("`--streams 68`"), "{text}");
}

#[tokio::test]
async fn draws_the_latencies() {
    let file = std::env::temp_dir().join(format!("sse-cli-bench-{}.svg", std::process::id()));
    report(|_| Fate::Pass, &["--svg", file.to_str().unwrap()]).await;
    let image = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(image.starts_with("<svg ") && image.contains("60 deliveries"));
}

#[tokio::test]
async fn redirects_are_followed_before_the_streams_open() {
    let address = Hub::start(|_| Fate::Pass).await;
    let moved = Script::answer(&format!(
        "307 Temporary Redirect\r\nLocation: http://{address}/x\r\nContent-Length: 0"
    ));
    let server = Server::start([moved]).await;
    let output =
        command(&["bench", &server.url("/x"), "-n", "5", "-d", "50ms", "--json"]).output().await.unwrap();
    let report: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(report["streams"]["opened"], 5);
    assert_eq!(report["url"], format!("http://{address}/x"));
}

#[tokio::test]
async fn the_user_in_the_url_is_sent_with_every_stream() {
    let mut server = Server::start([Script::stream().hold(), Script::stream().hold()]).await;
    let url = server.url("/x").replace("http://", "http://me:secret@");
    let output = run(&["bench", &url, "-n", "1", "-d", "50ms"]).await;
    assert!(stdout(&output).contains("1 opened in"), "{}", stderr(&output));
    assert!(!stdout(&output).contains("secret"));
    for _ in ["the probe", "the stream"] {
        assert_eq!(server.request().await.header("authorization").unwrap(), "Basic bWU6c2VjcmV0");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_ends_with_a_report_of_what_was_measured() {
    let (address, hub) = Hub::start_shared(|_| Fate::Pass).await;
    let url = format!("http://{address}/x");
    let args = ["bench", &url, "--publish", "/pub", "--rate", "20", "-d", "1h", "-n", "2", "--json"];
    let child = command(&args).spawn().unwrap();
    let some = async {
        while hub.lock().await.published < 10 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, some).await.expect("events in time");
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
    let output = finish(child).await;
    assert_eq!((output.status.code(), stderr(&output)), (Some(130), ""));
    let report: Value = serde_json::from_str(stdout(&output)).unwrap();
    let acknowledged = report["published"]["acknowledged"].as_u64().unwrap();
    assert!(acknowledged > 0, "{report}");
    assert_eq!(report["deliveries"]["checked"]["delivered"], 2 * acknowledged);
    assert_eq!(counts(&report), [0, 0, 0]);
}

#[tokio::test]
async fn the_token_goes_to_the_stream_and_to_the_publisher() {
    let mut server = Server::start([
        Script::stream().hold(),
        Script::stream().hold(),
        Script::answer("403 Forbidden\r\nContent-Length: 0"),
    ])
    .await;
    let url = server.url("/x");
    let output = run(&["bench", &url, "-n", "1", "-d", "50ms", "--publish", "/pub", "--token", "abc"]).await;
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    for line in ["GET /x HTTP/1.1", "GET /x HTTP/1.1", "POST /pub HTTP/1.1"] {
        let request = server.request().await;
        assert_eq!(
            (request.line().as_str(), request.header("authorization").unwrap()),
            (line, "Bearer abc".into())
        );
    }
}
