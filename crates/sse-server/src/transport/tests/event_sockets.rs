//! Event streams that own their socket: what they write, when they wait, how they end.

use sse_core::Decoder;

use super::*;
use tokio::net::{TcpListener, TcpStream};

/// The data of the events in a body of whole chunks.
fn data(body: &[u8]) -> Vec<String> {
    let (mut decoder, mut rest, mut data) = (Decoder::new(), body, Vec::new());
    while !rest.is_empty() {
        let head = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..head]).unwrap(), 16).unwrap();
        let (chunk, after) = rest[head + 2..].split_at(size);
        data.extend(decoder.feed(chunk).map(|event| event.unwrap().into_data()));
        rest = after.strip_prefix(b"\r\n").expect("a chunk ends with CRLF");
    }
    data
}

#[tokio::test]
async fn writes_in_parts_are_whole_and_in_order() {
    local(LIMITS, async |world| {
        let mut peer = world.open().await;
        let events: Vec<String> = (0..60).map(|n| format!("{n} {}", "x".repeat(n % 7 * 20_000))).collect();
        for event in &events {
            world.publish("a", event).await;
            yield_now().await;
        }
        while data_of_whole_chunks(&peer.read).len() < events.len() {
            assert!(peer.socket.read_buf(&mut peer.read).await.unwrap() > 0);
        }
        assert!(data(&peer.read) == events);
        world.publish("a", "after").await;
        peer.until("data: after\n\n\r\n").await;
        assert!(Counters::get(&world.hub.counters().direct_deliveries) > 1);
    })
    .await;
}

/// Nothing while the last chunk is not whole.
fn data_of_whole_chunks(body: &[u8]) -> Vec<String> {
    if body.ends_with(b"\n\n\r\n") { data(body) } else { Vec::new() }
}

#[tokio::test]
async fn a_direct_write_that_was_cut_short_is_finished_first() {
    local(LIMITS, async |world| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let selectors = Selectors::exactly(Topic::new("a").unwrap());
        let subscription = world.fanout.subscribe(selectors, Start::Now).await.unwrap();
        let (opening, connection) = (Opening { greeting: None, with_id: true }, (Transport::Http1, None));
        let subscriber = Subscriber::new(subscription, opening, connection, Arc::default());
        world.sockets.spawn(Socket::Tcp(accepted), Slot::default(), subscriber);
        let mut read = Vec::new();
        while !read.ends_with(b"\n\n\r\n") {
            peer.read_buf(&mut read).await.unwrap();
        }
        read.clear();
        let direct = || Counters::get(&world.hub.counters().direct_deliveries);
        let mut events = Vec::new();
        // Until the system takes no more.
        for nth in 0.. {
            let before = direct();
            events.push(format!("{nth} {}", "x".repeat(20_000)));
            world.publish("a", events.last().unwrap()).await;
            for _ in 0..20 {
                yield_now().await;
            }
            if direct() == before {
                break;
            }
        }
        assert!(direct() > 0);
        while data_of_whole_chunks(&read).len() < events.len() {
            assert!(peer.read_buf(&mut read).await.unwrap() > 0);
        }
        assert!(data(&read) == events);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_cut_after_the_write_timeout() {
    let with_heartbeat = Limits { heartbeat: Some(Duration::from_secs(10)), ..LIMITS };
    for limits in [LIMITS, with_heartbeat] {
        local(limits, async |world| {
            let _stalled = world.open().await;
            for _ in 0..20 {
                world.publish("a", "x".repeat(100_000)).await;
            }
            let from = Instant::now();
            world.streams.close();
            world.streams.wait().await;
            assert!((60..70).contains(&from.elapsed().as_secs()), "{:?}", from.elapsed());
        })
        .await;
    }
}

#[tokio::test]
async fn at_the_memory_limit_those_that_wait_for_longest_are_cut() {
    local(LIMITS, async |world| {
        let (_first, mut second) = (world.open().await, world.open().await);
        world.publish("a", "x".repeat(1_000_000)).await;
        let budget = world.hub.budget();
        world.until(|| budget.used() >= 2_000_000).await;
        let _others = budget.hold_delivery(budget.limit());
        // It goes on, so the other waits for longer.
        second.until("x\n\n\r\n").await;
        world.until(|| world.streams.len() == 1).await;
        assert!(second.text().contains(&"x".repeat(1_000_000)));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn silence_brings_heartbeats_and_a_delivery_puts_them_off() {
    let limits = Limits { heartbeat: Some(Duration::from_secs(16)), ..LIMITS };
    local(limits, async |world| {
        let mut peer = world.open().await;
        let opened = Instant::now();
        peer.until("\r\n: heartbeat\n\n\r\n").await;
        assert!((15..=16).contains(&opened.elapsed().as_secs()), "{:?}", opened.elapsed());
        tokio::time::sleep(Duration::from_secs(8)).await;
        world.publish("a", "event").await;
        peer.until("data: event\n\n\r\n").await;
        let sent = Instant::now();
        peer.until("\r\n: heartbeat\n\n\r\n").await;
        assert!((15..=16).contains(&sent.elapsed().as_secs()), "{:?}", sent.elapsed());
        world.publish("b", "moves the log on").await;
        peer.until("-2\n\n\r\n").await;
        assert!(peer.text().contains("\r\nid: "), "{}", peer.text());
    })
    .await;
}

#[tokio::test]
async fn last_values_come_before_the_greeting_which_says_where_the_subscriber_stands() {
    local(LIMITS, async |world| {
        world.publish("state", "old").await;
        world.publish("state", "newest").await;
        world.publish("a", "x").await;
        for (query, greeting) in
            [("topic=state", "hub: greeting\ndata: hello\n\n"), ("topic=state&greeting=off", "\n")]
        {
            let (mut peer, _) = world.connect().await;
            peer.write(HEAD.replace("/events", &format!("/events?{query}"))).await;
            let end = format!("id: {}\n{greeting}\r\n", world.hub.id(3));
            peer.until(&end).await;
            let text = peer.text();
            let parts = ["retry: ", "data: newest", &end].map(|part| text.find(part).expect(part));
            assert!(parts.is_sorted() && !text.contains("old"), "{text}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_stream_ends_with_its_last_chunk() {
    local(LIMITS, async |world| {
        let mut peer = world.open().await;
        world.shutdown.cancel();
        peer.finish().await;
        assert_eq!(peer.text(), "0\r\n\r\n");
        world.streams.close();
        world.streams.wait().await;
    })
    .await;
}
