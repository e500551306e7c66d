//! Requests one after the other on a connection: what is held back, how large they may be, and how long they may take.

use super::*;

#[tokio::test]
async fn requests_that_come_together_are_answered_one_by_one() {
    local(LIMITS, async |world| {
        let (mut peer, _) = world.connect().await;
        let chunked =
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
        let mut requests = String::new();
        for n in 0..40 {
            let body = n.to_string().repeat(n * 40);
            let length = body.len();
            requests += &format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}");
            requests += "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n\r\n";
        }
        requests += &chunked.repeat(3);
        let writing = async {
            let (mut reader, mut writer) = peer.socket.split();
            tokio::join!(writer.write_all(requests.as_bytes()), async {
                let mut answers = Vec::new();
                while !String::from_utf8_lossy(&answers).matches("200 OK").count().eq(&83)
                    || !answers.ends_with(b"hi")
                {
                    assert!(reader.read_buf(&mut answers).await.unwrap() > 0);
                }
                String::from_utf8(answers).unwrap()
            })
        };
        let (_, answers) = timeout(DEADLINE, writing).await.unwrap();
        let mut rest = answers.as_str();
        for n in 0..40 {
            let body = n.to_string().repeat(n * 40);
            let at = rest.find(&format!("\r\n\r\n{body}HTTP/1.1 200 OK")).expect("in order");
            rest = &rest[at + 4 + body.len()..];
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_is_asked_for_and_comes_in_parts() {
    local(LIMITS, async |world| {
        let (mut peer, _) = world.connect().await;
        for _ in 0..2 {
            peer.write("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n")
                .await;
            peer.until("HTTP/1.1 100 Continue\r\n\r\n").await;
            peer.write("abc").await;
            yield_now().await;
            peer.write("def").await;
            peer.until("abcdef").await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_sent_during_a_request_is_held_back_and_bounded() {
    local(LIMITS, async |world| {
        let (mut peer, handle) = world.connect().await;
        peer.write("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let flood = HEAD.repeat(100_000);
        let _ = timeout(Duration::from_millis(50), peer.socket.write_all(flood.as_bytes())).await;
        world.until(|| handle.early_bytes() == 4 << 10).await;
        drop(peer);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_head_has_its_time_on_a_kept_connection_too() {
    local(LIMITS, async |world| {
        let (mut peer, _) = world.connect().await;
        peer.write("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n").await;
        peer.until("\r\n\r\n").await;
        let from = Instant::now();
        peer.write("GET /echo HT").await;
        peer.finish().await;
        assert!((5..6).contains(&from.elapsed().as_secs()), "{:?}", from.elapsed());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_drop_by_drop_between_heads_and_after_an_answer_has_its_time() {
    let echo = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
    let refused = "POST /big HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
    for (request, answer, drop) in [(echo, "x", "\r\n"), (refused, "", "y")] {
        local(LIMITS, async |world| {
            let (mut peer, handle) = world.connect().await;
            peer.write(request).await;
            peer.until(answer).await;
            let from = Instant::now();
            while handle.is_shared() {
                let _ = peer.socket.write_all(drop.as_bytes()).await;
                let _ = timeout(Duration::from_secs(1), peer.socket.read_buf(&mut peer.read)).await;
                assert!(from.elapsed() < Duration::from_secs(30), "{request}");
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_connection_ends_with_the_answer_to_a_body_in_chunks() {
    local(LIMITS, async |world| {
        let (mut peer, _) = world.connect().await;
        peer.write("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n")
            .await;
        peer.finish().await;
        assert!(peer.text().contains("connection: close") && peer.text().ends_with('x'), "{}", peer.text());
    })
    .await;
}

#[tokio::test]
async fn large_heads_count_towards_the_memory_limit_and_have_an_end() {
    local(LIMITS, async |world| {
        let head = |bytes| format!("GET /wait HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(bytes));
        let (mut first, _) = world.connect().await;
        first.write(head(40_000)).await;
        world.until(|| world.hub.budget().used() > 30_000).await;
        drop(first);
        world.until(|| world.hub.budget().used() == 0).await;
        let (mut second, _) = world.connect().await;
        let _ = second.socket.write_all(head(70_000).as_bytes()).await;
        second.finish().await;
        assert!(second.text().starts_with("HTTP/1.1 431 "), "{}", second.text());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_an_answer_is_cut_after_the_write_timeout_too() {
    local(LIMITS, async |world| {
        let (mut peer, handle) = world.connect().await;
        peer.write("GET /big HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let from = Instant::now();
        // Only the test has it when the connection is gone.
        while handle.is_shared() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!((60..62).contains(&from.elapsed().as_secs()), "{:?}", from.elapsed());
    })
    .await;
}
