//! Bytes that no server should send: none of them panics, hangs or ends more than it must.

use sse_client::Signal;
use sse_client::reqwest::Client;

use super::story::happen;
use super::{next, quick};
use crate::server::{Script, Server};

#[tokio::test]
async fn noise_in_a_body_neither_panics_nor_ends_the_stream() {
    for seed in 0..8 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(50_000).collect();
        noise.extend_from_slice(b"\n\ndata: after\n\n");
        let mut server = Server::start([Script::stream().send(noise)]).await;
        let source = quick(&server).max_reconnects(0);
        let story = happen(&mut server, source).await;
        let [.., last, _] = story.lines.as_slice() else { panic!() };
        assert!(last.ends_with("] after"), "seed {seed}: {last:?}");
        assert_eq!(story.requests.len(), 1);
    }
}

/// A body of the standard's own characters, which reaches deeper than noise does.
#[tokio::test]
async fn any_mix_of_fields_and_line_ends_goes_on() {
    const WORDS: [&str; 14] = [
        "data",
        "id",
        "event",
        "retry",
        "topic",
        ":",
        " ",
        "\r",
        "\n",
        "\r\n",
        "\u{feff}",
        "\0",
        "9",
        "\u{1f600}",
    ];
    for seed in 0..8 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut body: String = (0..5_000).map(|_| WORDS[random.usize(..WORDS.len())]).collect();
        body.push_str("\n\nid: 1\ndata: after\n\n");
        let mut server = Server::start([Script::stream().send(body)]).await;
        let source = quick(&server).max_reconnects(0);
        let story = happen(&mut server, source).await;
        let [.., last, _] = story.lines.as_slice() else { panic!() };
        assert_eq!(last, "message [1] after", "seed {seed}");
    }
}

/// The head of a good answer with some bytes changed, doubled or gone.
fn spoilt(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nRetry-After: 1\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 9\r\n\r\ndata: x\n\n".to_vec();
    for _ in 0..random.usize(1..5) {
        // The first byte stays, so that there is something to spoil.
        let at = random.usize(1..head.len().max(2)).min(head.len() - 1);
        match random.u8(..4) {
            0 => head[at] = random.u8(..),
            1 => head[at] = b"0123456789 :\r\n/,;\""[random.usize(..18)],
            2 if at > 0 => drop(head.remove(at)),
            _ => head.truncate(at + 1),
        }
    }
    head
}

#[tokio::test]
async fn a_spoilt_head_gives_a_signal_and_never_panics() {
    const CASES: usize = 400;
    let mut random = fastrand::Rng::with_seed(11);
    let server = Server::start((0..CASES).map(|_| Script::default().send(spoilt(&mut random)))).await;
    let client = Client::builder().pool_max_idle_per_host(0).build().unwrap();
    let mut opened = 0;
    for _ in 0..CASES {
        let mut source = quick(&server).client(client.clone()).max_reconnects(0).build().unwrap();
        loop {
            match next(&mut source).await {
                Signal::Opened(_) => opened += 1,
                Signal::Closed(_) => break,
                _ => {}
            }
        }
    }
    assert!(
        (10..CASES - 10).contains(&opened),
        "{opened} of {CASES} opened: too few or too many to say much"
    );
}

#[tokio::test]
async fn a_head_without_end_is_a_lost_connection() {
    let script =
        Script::default().send("HTTP/1.1 200 OK\r\n").repeat(format!("X: {}\r\n", "y".repeat(8_000)), 10_000);
    let mut server = Server::start([script]).await;
    let source = quick(&server);
    let story = happen(&mut server, source).await;
    assert_eq!(story.lines.len(), 4, "{:?}", story.lines);
    assert!(story.lines[1].starts_with("again in 100 ms, 1: "), "{}", story.lines[1]);
    assert!(server.sent() < 8 << 20, "it was not read to its end");
}
