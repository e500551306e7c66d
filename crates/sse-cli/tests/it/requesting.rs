//! What `tail` sends: headers, token, body; and that secrets stay secret.

use tokio::io::AsyncWriteExt;

use super::{command, finish, run, stderr, stdout};
use crate::server::{Script, Server};

#[tokio::test]
async fn headers_and_token_are_sent_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "hunter2\n").unwrap();
    let from_file = format!("@{}", file.display());
    let mut server = Server::start([]).await;
    let url = server.url("/x");
    let output =
        run(&["tail", &url, "-H", "X-Key: hunter2", "-H", "accept: a/b", "--token", "hunter2"]).await;
    let request = server.request().await;
    assert_eq!(request.header("x-key").as_deref(), Some("hunter2"));
    assert_eq!(request.header("accept").as_deref(), Some("a/b"));
    assert_eq!(request.header("authorization").as_deref(), Some("Bearer hunter2"));
    assert!(!stderr(&output).contains("hunter2"));
    run(&["tail", &url, "--token", &from_file]).await;
    assert_eq!(server.request().await.header("authorization").as_deref(), Some("Bearer hunter2"));
    let mut by_environment = command(&["tail", &url]);
    by_environment.env("SSE_TOKEN", "hunter2");
    finish(by_environment.spawn().unwrap()).await;
    assert_eq!(server.request().await.header("authorization").as_deref(), Some("Bearer hunter2"));
}

#[tokio::test]
async fn every_command_takes_the_server_from_the_environment_unless_one_is_given() {
    let scripts = (0..20).map(|_| Script::stream().send("id: 1\ndata: x\n\n").hold());
    let server = Server::start(scripts).await;
    let (address, url) = (server.address.to_string(), server.url("/events"));
    for (args, output_is) in [
        (&["-n1", "-o", "raw"][..], "x\n".to_owned()),
        (&["tail", "-n1", "-o", "raw"], "x\n".to_owned()),
        (&["doctor", "--watch", "1s", "--json"], format!("{{\"url\":\"{url}\",")),
        (&["bench", "-n1", "-d", "100ms", "--json"], format!("{{\"url\":\"{url}\",")),
    ] {
        let mut from_environment = command(args);
        from_environment.env("SSE_SERVER", &address);
        let output = finish(from_environment.spawn().unwrap()).await;
        assert!(stdout(&output).starts_with(&output_is), "{args:?}: {output:?}");
        let mut given = command(&[args, &[&address]].concat());
        given.env("SSE_SERVER", "http://127.0.0.1:1");
        let output = finish(given.spawn().unwrap()).await;
        assert!(stdout(&output).starts_with(&output_is), "{args:?}: {output:?}");
    }
    let mut helps = Vec::new();
    for args in [["tail", "--help"], ["publish", "--help"], ["bench", "--help"], ["doctor", "--help"]] {
        let help = stdout(&run(&args).await).split_whitespace().collect::<Vec<_>>().join(" ");
        let from = help.find("The server: a URL").expect("it takes a server");
        helps.push(help[from..].split_once(']').unwrap().0.to_owned());
    }
    assert!(helps.iter().all(|help| *help == helps[0]), "{helps:?}");
}

#[tokio::test]
async fn a_mistake_does_not_show_the_secret() {
    for args in [
        &["tail", "--token", "hunter2 x"][..],
        &["tail", "-H", "hunter2"],
        &["tail", "-H", "a b: hunter2"],
        &["tail", "ftp://me:hunter2@x/y"],
        &["tail", "http://me:hunter2@:x"],
        &["doctor", "http://me:hunter2@:x"],
        &["bench", "http://me:hunter2@:x"],
        &["bench", "--publish", "http://me:hunter2@:x"],
        &["tail", "--cacert", "/nonexistent", "http://me:hunter2@127.0.0.1:1/?token=hunter2"],
        &["tail", "--wait", "0s", "http://me:hunter2@127.0.0.1:1/?access_token=hunter2"],
    ] {
        let output = run(args).await;
        assert_ne!(output.status.code(), Some(0), "{args:?}");
        assert!(!stderr(&output).is_empty() && !stderr(&output).contains("hunter2"), "{}", stderr(&output));
    }
    let mut help = command(&["tail", "--help"]);
    help.env("SSE_TOKEN", "hunter2");
    assert!(!stdout(&finish(help.spawn().unwrap()).await).contains("hunter2"));
}

/// The answer of a language model: pieces of JSON, then a word that is none, then the end.
const ANSWER: &str = include_str!("replay/chat-completion.sse");

#[tokio::test]
async fn a_post_is_made_once_and_ends_with_its_stream() {
    let mut server = Server::start([Script::stream().send(ANSWER)]).await;
    let url = server.url("/v1/chat");
    let prompt = r#"{"stream":true}"#;
    let jq = ".choices[0].delta.content // empty";
    let output = run(&["tail", &url, "--data", prompt, "-o", "raw", "--jq", jq]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(
        stdout(&output).lines().collect::<Vec<_>>(),
        ["A", " stream", " is", " a", " list", " of", " lines", "."]
    );
    assert!(stderr(&output).contains("not JSON") && stderr(&output).ends_with("end of the stream\n"));
    let request = server.request().await;
    assert_eq!(request.in_words(), "> POST /v1/chat: {\"stream\":true}");
    assert_eq!(request.header("content-type").as_deref(), Some("application/json"));
}

#[tokio::test]
async fn a_post_that_breaks_is_not_made_again() {
    let head = "200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 1000";
    let server = Server::start([Script::answer(head).send("data: x\n\n"), Script::stream()]).await;
    let output = run(&["tail", &server.url("/x"), "--data", "hello", "-o", "raw"]).await;
    assert_eq!((stdout(&output), output.status.code()), ("x\n", Some(1)));
    assert!(stderr(&output).contains("the request is not repeated"), "{}", stderr(&output));
}

#[tokio::test]
async fn the_body_comes_from_a_file_or_stdin_and_the_method_can_be_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body");
    std::fs::write(&file, "from a file").unwrap();
    let mut server = Server::start([]).await;
    let url = server.url("/x");
    run(&["tail", &url, "--data", &format!("@{}", file.display()), "--method", "put"]).await;
    let request = server.request().await;
    assert_eq!(request.in_words(), "> PUT /x: from a file");
    assert_eq!(request.header("content-type").as_deref(), Some("text/plain; charset=utf-8"));
    let mut typed = command(&["tail", &url, "--data", "@-", "-H", "Content-Type: a/b"]);
    typed.stdin(std::fs::File::open(&file).unwrap());
    finish(typed.spawn().unwrap()).await;
    let request = server.request().await;
    assert_eq!(request.in_words(), "> POST /x: from a file");
    assert_eq!(request.header("content-type").as_deref(), Some("a/b"));
}

#[tokio::test]
async fn a_server_that_does_not_speak_http2_is_named() {
    let server = Server::start([]).await;
    let url = server.url("");
    let hint = "the server may not speak HTTP/2 over http; try without --http2";
    for args in [&["tail", &url][..], &["publish", "t", "x", "--server", &url]] {
        let output = run(&[args, &["--http2", "--wait", "300ms"]].concat()).await;
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(hint), "{}", stderr(&output));
    }
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/x", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let output = run(&["tail", &url, "--insecure", "--wait", "0s"]).await;
    assert_eq!(output.status.code(), Some(1));
    let reason = "(the server does not speak TLS there; write http:// instead of https://)";
    assert!(stderr(&output).contains(reason), "{}", stderr(&output));
}

#[tokio::test]
async fn twenty_redirects_are_followed() {
    let redirects = (0..20).map(|_| Script::redirect("307 Temporary Redirect", "/x"));
    let server = Server::start(redirects.chain([Script::stream().send("data: x\n\n")])).await;
    let output = run(&["tail", &server.url("/x"), "-n1", "-o", "raw", "--wait", "0s"]).await;
    assert_eq!(stdout(&output), "x\n", "{}", stderr(&output));
}
