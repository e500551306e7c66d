//! Connections of HTTP/2, with the h2 crate at the other end: what they hold, and when they are cut.

use futures_util::FutureExt as _;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Reason, RecvStream};
use http::Request;

use super::super::http2::PeerSocket;
use super::*;
use crate::client_limits::{AddressLimits, ClientLimits};

/// A connection that is driven as long as the test wants, and then held open.
struct Client {
    requests: SendRequest<Bytes>,
    stop_reading: CancellationToken,
}

impl Client {
    async fn connect(world: &World, builder: &Builder) -> Self {
        Self::with(builder, accepted(world, Slot::default()).await).await
    }

    async fn with(builder: &Builder, peer: UnixStream) -> Self {
        let (requests, mut connection) = builder.handshake(peer).await.unwrap();
        let stop_reading = CancellationToken::new();
        let stopped = stop_reading.clone();
        spawn_local(async move {
            stopped.run_until_cancelled(&mut connection).await;
            std::future::pending::<()>().await;
        });
        Self { requests, stop_reading }
    }

    async fn get(&self, path: &str) -> ResponseFuture {
        self.send(Request::get(format!("http://hub{path}"))).await
    }

    async fn send(&self, request: http::request::Builder) -> ResponseFuture {
        let mut requests = self.requests.clone().ready().await.unwrap();
        requests.send_request(request.body(()).unwrap(), true).unwrap().0
    }
}

/// The peer of a connection.
async fn accepted(world: &World, slot: Slot) -> UnixStream {
    let (peer, accepted) = UnixStream::pair().unwrap();
    let socket = (Socket::Unix(accepted), slot);
    let connection = PeerSocket::new(socket, Vec::new(), Rc::clone(&world.sockets));
    world.serve(Accepted::Http2(Box::new(connection))).await;
    peer
}

async fn whole(body: &mut RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut read = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        read.extend_from_slice(&piece);
    }
    Ok(read)
}

#[tokio::test]
async fn cookies_that_come_one_by_one_are_one_header() {
    local(LIMITS, async |world| {
        let client = Client::connect(&world, &Builder::new()).await;
        let request = Request::get("http://hub/cookies").header("cookie", "a=1").header("cookie", "b=2; c=3");
        let mut body = client.send(request).await.await.unwrap().into_body();
        assert_eq!(whole(&mut body).await.unwrap(), b"[a=1; b=2; c=3]");
    })
    .await;
}

#[tokio::test]
async fn a_body_that_nobody_reads_stops_at_its_window() {
    local(LIMITS, async |world| {
        let client = Client::connect(&world, &Builder::new()).await;
        let mut requests = client.requests.clone().ready().await.unwrap();
        let request = Request::post("http://hub/wait").body(()).unwrap();
        let (_answer, mut body) = requests.send_request(request, false).unwrap();
        body.reserve_capacity(1 << 20);
        let mut sent = 0;
        // Meanwhile others are answered on the connection.
        while client.get("/echo").await.await.unwrap().status() == 200 && sent < 64 << 10 {
            let room = body.capacity();
            body.send_data(vec![0; room].into(), false).unwrap();
            body.reserve_capacity(1 << 20);
            sent += room;
        }
        for _ in 0..10 {
            assert_eq!(client.get("/echo").await.await.unwrap().status(), 200);
        }
        assert_eq!((sent, body.capacity()), (64 << 10, 0));
    })
    .await;
}

#[tokio::test]
async fn large_heads_count_towards_the_memory_limit_as_long_as_they_are_answered() {
    local(LIMITS, async |world| {
        let client = Client::connect(&world, &Builder::new()).await;
        let waits = || client.send(Request::get("http://hub/wait").header("x", "y".repeat(40_000)));
        let answers = [waits().await, waits().await];
        world.until(|| (70_000..80_000).contains(&world.hub.budget().used())).await;
        drop(answers);
        world.until(|| world.hub.budget().used() == 0).await;
        let _all = world.hub.budget().try_hold_small(sse_hub::Budget::DEFAULT / 4 * 3 - 10_000).unwrap();
        assert_eq!(waits().await.await.unwrap_err().reason(), Some(Reason::REFUSED_STREAM));
        assert_eq!(client.get("/echo").await.await.unwrap().status(), 200);
    })
    .await;
}

#[tokio::test]
async fn streams_have_places_as_connections_have() {
    local(LIMITS, async |world| {
        let connections = std::num::NonZeroU32::new(3);
        let limits = AddressLimits { connections, ..AddressLimits::default() };
        let clients = ClientLimits::behind(Vec::new(), limits);
        let connect = || clients.connect("192.0.2.1".parse().unwrap());
        let client = Client::with(&Builder::new(), accepted(&world, connect().unwrap()).await).await;
        let waits = client.get("/wait").await;
        assert_eq!(client.get("/echo").await.await.unwrap().status(), 200);
        world.until(|| connect().is_some()).await;
        let _neighbour = connect().unwrap();
        let refused = client.get("/echo").await.await.unwrap_err();
        assert_eq!(refused.reason(), Some(Reason::REFUSED_STREAM));
        drop(waits);
        world.until(|| connect().is_some()).await;
        assert_eq!(client.get("/echo").await.await.unwrap().status(), 200);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_window_is_closed_is_counted_and_cut_after_the_write_timeout() {
    local(LIMITS, async |world| {
        let client = Client::connect(&world, Builder::new().initial_window_size(1000)).await;
        let mut stalled = client.get("/big").await.await.unwrap().into_body();
        let from = Instant::now();
        world.until(|| world.hub.budget().used() == (4 << 20) - 1000).await;
        let reason = whole(&mut stalled).now_or_never();
        assert!(reason.is_none(), "it waits for its window");
        while world.hub.budget().used() > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!((60..62).contains(&from.elapsed().as_secs()), "{:?}", from.elapsed());
        assert_eq!(client.get("/echo").await.await.unwrap().status(), 200);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_its_socket_is_counted_and_cut_after_the_write_timeout() {
    local(LIMITS, async |world| {
        let mut builder = Builder::new();
        builder.initial_window_size(1 << 30).initial_connection_window_size(1 << 30);
        let client = Client::connect(&world, &builder).await;
        let mut answers = Vec::new();
        for _ in 0..100 {
            // Each has room at the server, and all have none in the socket.
            answers.push(client.get("/page").await);
        }
        yield_now().await;
        client.stop_reading.cancel();
        world.until(|| world.hub.budget().used() > 100_000).await;
        assert!(world.hub.budget().used() <= 100 * PAGE_BYTES);
        let from = Instant::now();
        while world.hub.budget().used() > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!((60..62).contains(&from.elapsed().as_secs()), "{:?}", from.elapsed());
    })
    .await;
}

#[tokio::test]
async fn a_closed_window_is_cut_at_once_when_others_need_the_memory() {
    local(LIMITS, async |world| {
        let mut builder = Builder::new();
        let client = Client::connect(&world, builder.initial_window_size(0)).await;
        let _all = world.hub.budget().try_hold_small(sse_hub::Budget::DEFAULT / 4 * 3 - 10_000).unwrap();
        let answered = async {
            let mut answer = client.get("/page").await.await?;
            whole(answer.body_mut()).await
        };
        assert_eq!(answered.await.unwrap_err().reason(), Some(Reason::CANCEL));
    })
    .await;
}

fn frame(of: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([of, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

fn initial_window(bytes: u32) -> Vec<u8> {
    frame(4, 0, 0, &[&[0, 4][..], &bytes.to_be_bytes()].concat())
}

#[tokio::test(start_paused = true)]
async fn windows_that_are_taken_back_hold_nothing_for_longer_than_the_write_timeout() {
    const STREAMS: u32 = 60;
    local(LIMITS, async |world| {
        let mut peer = accepted(&world, Slot::default()).await;
        peer.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let window = [initial_window(1 << 30), frame(8, 0, 0, &(1_u32 << 30).to_be_bytes())].concat();
        peer.write_all(&window).await.unwrap();
        for nth in 0..STREAMS {
            let head = [&[0x82, 0x86, 0x04, 5][..], b"/page"].concat();
            peer.write_all(&frame(1, 5, 2 * nth + 1, &head)).await.unwrap();
        }
        world.until(|| world.hub.budget().used() > 0).await;
        peer.write_all(&initial_window(0)).await.unwrap();
        let (from, mut ended, mut reset) = (Instant::now(), 0, 0);
        while ended + reset < STREAMS {
            let mut head = [0; 9];
            peer.read_exact(&mut head).await.unwrap();
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            peer.read_exact(&mut payload).await.unwrap();
            match head[3..5] {
                [0, 1] => ended += 1,
                [3, _] => reset += 1,
                _ => {}
            }
        }
        assert!(reset > 0 && (60..122).contains(&from.elapsed().as_secs()), "{reset} {:?}", from.elapsed());
    })
    .await;
}
