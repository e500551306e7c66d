//! Streams over HTTP/2, where many share one connection.

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use sse_client::reqwest::Client;
use sse_client::{EventSource, Interruption, Signal};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::story::line;
use super::{millis, next};

/// What became of one request.
enum End {
    Body,
    Reset,
}

fn open(mut answer: SendResponse<Bytes>) -> SendStream<Bytes> {
    let head = http::Response::builder().header("content-type", "text/event-stream").body(()).unwrap();
    answer.send_response(head, false).unwrap()
}

/// Answers these bodies over as few connections as the client makes. Tells number of connection and `Last-Event-ID` of
/// each request.
async fn serve(
    listener: TcpListener,
    answers: Vec<(&'static str, End)>,
    seen: mpsc::UnboundedSender<(usize, String)>,
) {
    let mut answers = answers.into_iter();
    for number in 1.. {
        let (socket, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(socket).await.unwrap();
        while let Some(Ok((request, mut answer))) = connection.accept().await {
            let id = request.headers().get("last-event-id").map_or("", |id| id.to_str().unwrap());
            seen.send((number, id.to_owned())).unwrap();
            match answers.next() {
                None => {
                    drop(answer.send_response(http::Response::builder().status(204).body(()).unwrap(), true))
                }
                Some((body, end)) => {
                    let mut stream = open(answer);
                    stream.send_data(body.into(), matches!(end, End::Body)).unwrap();
                    if matches!(end, End::Reset) {
                        tokio::spawn(async move {
                            tokio::time::sleep(millis(100)).await;
                            stream.send_reset(Reason::INTERNAL_ERROR);
                        });
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_stream_is_resumed_on_the_same_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    let (sender, mut seen) = mpsc::unbounded_channel();
    let answers = vec![("id: 1\ndata: x\n\n", End::Body), ("id: 2\ndata: y\n\ndata: half", End::Reset)];
    let server = tokio::spawn(serve(listener, answers, sender));
    let client = Client::builder().http2_prior_knowledge().build().unwrap();
    let mut source = EventSource::builder(url).client(client).reconnect_delay(millis(100)).build().unwrap();
    for expected in [
        "opened /events",
        "message [1] x",
        "again in 100 ms, 1: end of the stream",
        "opened /events",
        "message [2] y",
    ] {
        assert_eq!(line(&next(&mut source).await), expected);
    }
    let Signal::Reconnecting(lost) = next(&mut source).await else { panic!() };
    assert!(matches!(lost.reason, Interruption::Network(_)), "{}", lost.reason);
    assert_eq!(line(&next(&mut source).await), "closed by 204");
    for id in ["", "1", "2"] {
        assert_eq!(seen.recv().await.unwrap(), (1, id.to_owned()));
    }
    server.abort();
}
