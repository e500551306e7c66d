//! What the bytes of the stream and their times tell.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{EVENTS, HEAD, all, diagnose, diagnose_with, expect, healthy, resumed, stream};
use crate::server::Script;

fn gzip() -> Script {
    Script::answer(&format!("{HEAD}\r\nContent-Encoding: gzip"))
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.flush().unwrap();
    encoder.get_ref().clone()
}

#[tokio::test]
async fn compression_that_holds_events_back() {
    let finding = "compression: fault: compression delays events";
    // The first bytes of gzip, and no event in them.
    let waiting = gzip().send(&packed("")[..10]).hold();
    let silent = Script::default().hold();
    let late = gzip().send(&packed("")[..10]).pause(1500).send(&packed(EVENTS)[10..]).hold();
    let case = |gzip| async {
        let diagnosis = diagnose_with([healthy(), gzip, resumed()], &["--watch", "2s"]).await;
        assert_eq!((diagnosis.findings(), diagnosis.code), (vec![finding.to_owned()], Some(1)));
    };
    tokio::join!(case(waiting), case(silent), case(late));
}

#[tokio::test]
async fn compression_that_does_not() {
    let prompt = gzip().send(packed(EVENTS)).hold();
    expect([healthy(), prompt, resumed()], "compression: note: the stream is compressed", 0).await;
}

#[tokio::test]
async fn compression_that_nobody_asked_for() {
    let finding = "compression: fault: the stream is compressed without being asked to";
    let prompt = gzip().send(packed(EVENTS)).hold();
    expect([prompt.clone(), prompt, resumed()], finding, 1).await;
    let brotli = Script::answer(&format!("{HEAD}\r\nContent-Encoding: br")).send("?").hold();
    expect([brotli], finding, 1).await;
}

#[tokio::test]
async fn what_is_not_gzip_though_it_says_so_breaks_off() {
    let scripts = [gzip().send(EVENTS).hold(), healthy()];
    let diagnosis = diagnose(scripts).await;
    assert!(diagnosis.findings().contains(&"cut: fault: the stream breaks off".to_owned()));
}

#[tokio::test]
async fn late_first_bytes() {
    let body = stream().pause(1500).send(EVENTS).hold();
    let head = Script::default().pause(1500).send(format!("HTTP/1.1 {HEAD}\r\n\r\n{EVENTS}")).hold();
    let (silent, body, head) = tokio::join!(
        diagnose([stream().hold(), stream().hold()]),
        diagnose_with([body, healthy(), resumed()], &["--watch", "2s"]),
        diagnose_with([head, healthy(), resumed()], &["--watch", "2s"]),
    );
    assert_eq!(silent.findings()[0], "first-byte: warning: the stream is silent from the start");
    assert_eq!(body.findings(), ["first-byte: warning: the first byte is late"]);
    assert_eq!(head.findings(), ["first-byte: warning: the response starts late"]);
}

#[tokio::test]
async fn a_proxy_that_cuts_lines_in_pieces_holds_events_back() {
    let torn = stream()
        .send("retry: 2000\n\nid: 1\ndata: a\n\nid: 2\nda")
        .pause(700)
        .send("ta: b\n\nid: 3\ndat")
        .pause(700)
        .send("a: c\n\n");
    let diagnosis = diagnose_with([torn.hold(), healthy(), resumed()], &["--watch", "2s"]).await;
    assert_eq!(diagnosis.findings(), ["buffering: fault: a proxy buffers events"]);
    assert_eq!(diagnosis.code, Some(1));
}

#[tokio::test]
async fn an_idle_stream_is_cut() {
    let cut = stream().send(EVENTS).pause(2500);
    let finding = "cut: fault: the stream is cut when it is idle";
    let scripts = || [cut.clone(), healthy(), resumed()];
    let (long, short, patient) = tokio::join!(
        diagnose_with(scripts(), &["--watch", "5s"]),
        diagnose(scripts()),
        diagnose_with(scripts(), &["--watch", "1s", "--idle", "5s"]),
    );
    assert_eq!((long.findings(), long.code), (vec![finding.to_owned()], Some(1)));
    assert_eq!(short.findings(), [""; 0]);
    assert_eq!(patient.findings(), [finding]);
}

#[tokio::test]
async fn an_idle_stream_that_is_not_cut_is_left_as_soon_as_that_is_known() {
    let args = ["--watch", "1s", "--idle", "2s"];
    let diagnosis = diagnose_with([healthy(), healthy(), resumed()], &args).await;
    assert_eq!(diagnosis.findings(), [""; 0]);
    assert!(diagnosis.good("cut"));
    let watched = diagnosis.json["watched_seconds"].as_f64().unwrap();
    assert!((2.0..3.0).contains(&watched), "{watched}");
}

#[tokio::test]
async fn a_stream_that_ends() {
    let ends = stream().send(EVENTS);
    expect([ends, healthy(), resumed()], "cut: warning: the server ends the stream", 3).await;
    let head = format!("{HEAD}\r\nContent-Length: 10000");
    let breaks = Script::answer(&head).send(EVENTS);
    expect([breaks, healthy(), resumed()], "cut: fault: the stream breaks off", 1).await;
}

/// A stream of this body, which is found to be so.
async fn expect_body(body: impl AsRef<[u8]>, finding: &str, code: i32) {
    let script = stream().send("retry: 2000\nid: 1\n").send(body).hold();
    expect([script, healthy(), resumed()], finding, code).await;
}

#[tokio::test]
async fn events_without_an_end_and_lines_without_a_meaning() {
    let unended = "framing: fault: events are not ended by an empty line";
    expect_body("data: a\ndata: b\n", unended, 1).await;
    let ignored = "framing: warning: there are lines that readers ignore";
    expect_body("Data: a\n data: b\ndata: c\n\n", ignored, 3).await;
    let nothing = "framing: fault: there are lines that readers ignore";
    expect_body("{\"a\":1}\n{\"a\":2}\n", nothing, 1).await;
}

#[tokio::test]
async fn byte_order_marks() {
    let script = stream().send("\u{feff}").send(EVENTS).hold();
    let leading = "byte-order-mark: warning: the stream starts with a byte order mark";
    expect([script, healthy(), resumed()], leading, 3).await;
    let inner = "byte-order-mark: fault: there are byte order marks inside the stream";
    expect_body("data: a\n\n\u{feff}data: b\n\n", inner, 1).await;
}

#[tokio::test]
async fn bytes_that_are_no_utf8() {
    expect_body(b"data: gr\xfcn\n\n", "utf-8: fault: the stream is not UTF-8", 1).await;
}

#[tokio::test]
async fn long_lines() {
    let long = |bytes| format!("data: {}\n\n", "x".repeat(bytes));
    expect_body(long(70_000), "line-length: warning: there are very long lines", 3).await;
    expect_body(long(5 << 20), "line-length: fault: there are very long lines", 1).await;
}

#[tokio::test]
async fn ids_that_are_missing_or_given_twice() {
    let none = stream().send("retry: 2000\ndata: a\n\n").hold();
    expect([none.clone(), none], "ids: warning: the events have no ids", 3).await;
    let twice = stream().send("retry: 2000\nid: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 2\ndata: c\n\n").hold();
    let after = stream().send("id: 2\ndata: b\n\nid: 2\ndata: c\n\n").hold();
    let diagnosis = diagnose([twice, healthy(), after]).await;
    assert!(diagnosis.findings().contains(&"ids: warning: an id is used twice".to_owned()));
}

#[tokio::test]
async fn resuming_that_does_not() {
    let refused = "resume: fault: a reader that resumes is refused";
    expect([healthy(), healthy(), Script::answer("412 Precondition Failed")], refused, 1).await;
    let again = "resume: warning: a reader that resumes gets events again";
    expect([healthy(), healthy(), healthy()], again, 3).await;
    let misses = "resume: warning: a reader that resumes misses events";
    expect([healthy(), healthy(), stream().hold()], misses, 3).await;
    let later = stream().send("id: 9\ndata: i\n\n").hold();
    let diagnosis = diagnose([healthy(), healthy(), later]).await;
    assert_eq!(diagnosis.findings(), [misses]);
    assert_eq!(diagnosis.seen(), "after Last-Event-ID: 1 came 9, not 2");
}

#[tokio::test]
async fn retry_hints() {
    let cases = [
        ("data: 0", "note: there is no retry hint", 0),
        ("retry: 5s", "warning: a retry hint is not a number", 3),
        ("retry: 10", "warning: the retry hint is very short", 3),
        ("retry: 3600000", "warning: the retry hint is very long", 3),
    ];
    let case = |(retry, finding, code)| {
        let script = stream().send(EVENTS.replace("retry: 2000", retry)).hold();
        expect([script, healthy(), resumed()], format!("retry: {finding}"), code)
    };
    all(cases.map(case)).await;
}
