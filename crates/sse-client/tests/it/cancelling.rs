//! Dropping the source ends everything it does.

use sse_client::{EventSource, Signal};

use super::{next, quick};
use crate::server::{Script, Server};

#[tokio::test]
async fn dropping_the_source_closes_its_connection() {
    let mut server = Server::start([Script::stream().send("data: x\n\n").hold()]).await;
    let mut source = quick(&server).build().unwrap();
    assert!(matches!(next(&mut source).await, Signal::Opened(_)));
    drop(source);
    server.client_closed().await;
}

#[tokio::test]
async fn dropping_the_source_ends_an_attempt() {
    let mut server = Server::start([Script::default().hold()]).await;
    let mut source = quick(&server).build().unwrap();
    tokio::select! {
        _ = server.request() => {}
        signal = source.next() => panic!("{signal:?}"),
    }
    drop(source);
    server.client_closed().await;
}

#[tokio::test]
async fn an_idle_source_holds_no_connection_while_it_waits() {
    let mut server =
        Server::start([Script::stream().send("data: x\n\n").hold(), Script::stream().send("data: y\n\n")])
            .await;
    let mut source = quick(&server).idle_timeout(std::time::Duration::from_millis(100)).build().unwrap();
    while !matches!(next(&mut source).await, Signal::Reconnecting(_)) {}
    server.client_closed().await;
}

#[test]
fn a_source_can_move_between_threads() {
    fn check<T: Send + Unpin + 'static>() {}
    check::<EventSource>();
}
