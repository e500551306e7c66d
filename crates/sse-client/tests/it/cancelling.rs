//! Dropping the source ends everything it does, and a source does nothing that was not asked for.

use std::time::Duration;

use sse_client::{Builder, EventSource, Signal};
use tokio::runtime::Handle;

use super::{DEADLINE, millis, next, quick};
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
    let mut source = quick(&server).idle_timeout(millis(100)).build().unwrap();
    while !matches!(next(&mut source).await, Signal::Reconnecting(_)) {}
    server.client_closed().await;
}

#[tokio::test]
async fn nothing_is_asked_for_before_the_first_poll() {
    let mut server = Server::start([]).await;
    let source = quick(&server).build().unwrap();
    tokio::time::sleep(millis(100)).await;
    assert!(server.next_request().is_none());
    drop(source);
}

#[tokio::test]
async fn dropping_the_future_of_a_signal_loses_nothing() {
    let body = (0..20).fold(Script::stream(), |script, n| script.pause(7).send(format!("data: {n}\n\n")));
    let mut server = Server::start([body]).await;
    let mut source = quick(&server).max_reconnects(0).build().unwrap();
    let mut data = Vec::new();
    loop {
        match tokio::time::timeout(millis(3), source.next()).await {
            Err(_) | Ok(Some(Signal::Opened(_))) => {}
            Ok(Some(Signal::Event(event))) => data.push(event.into_data()),
            Ok(Some(Signal::Closed(_))) => break,
            Ok(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(data, (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
    server.request().await;
    assert!(server.next_request().is_none());
}

/// A server on a runtime of its own, so that all tasks of this one are the client's.
fn elsewhere(script: Script) -> (tokio::runtime::Runtime, Server) {
    std::thread::spawn(|| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let server = runtime.block_on(Server::start([script]));
        (runtime, server)
    })
    .join()
    .unwrap()
}

/// Drops a source after `until` has come, and waits until its tasks are gone.
async fn leaves_no_task(
    script: Script,
    options: impl FnOnce(Builder) -> Builder,
    until: impl Fn(&Signal) -> bool,
) {
    let (runtime, server) = elsewhere(script);
    let before = Handle::current().metrics().num_alive_tasks();
    let mut source = options(quick(&server)).build().unwrap();
    while !until(&next(&mut source).await) {}
    drop(source);
    let gone = async {
        while Handle::current().metrics().num_alive_tasks() > before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(DEADLINE, gone).await.expect("a task is left");
    drop(server);
    runtime.shutdown_background();
}

#[tokio::test]
async fn no_task_is_left_of_an_open_stream() {
    let script = Script::stream().send("data: x\n\n").hold();
    leaves_no_task(script, |source| source, |signal| matches!(signal, Signal::Event(_))).await;
}

#[tokio::test]
async fn no_task_is_left_of_a_wait() {
    let script = Script::stream().send("retry: 100000\n\n");
    leaves_no_task(script, |source| source, |signal| matches!(signal, Signal::Reconnecting(_))).await;
}

#[tokio::test]
async fn no_task_is_left_of_a_stream_that_nobody_reads() {
    let script = Script::stream().repeat("data: x\n\n".repeat(1_000), 100_000);
    leaves_no_task(script, |source| source, |signal| matches!(signal, Signal::Opened(_))).await;
}

#[tokio::test]
async fn no_task_is_left_after_silence() {
    let script = Script::default().hold();
    let idle = |source: Builder| source.idle_timeout(millis(100));
    leaves_no_task(script, idle, |signal| matches!(signal, Signal::Reconnecting(_))).await;
}

#[test]
fn a_source_can_move_between_threads() {
    fn check<T: Send + Unpin + 'static>() {}
    check::<EventSource>();
}
