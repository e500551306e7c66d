//! How the program ends: exit codes, Ctrl-C, closed pipes, refusals in words.

use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

use super::{command, finish, run, stderr, stdout};
use crate::server::{Script, Server};

/// The exit code and the last status message after one response.
async fn refused(script: Script) -> (Option<i32>, String) {
    let server = Server::start([script]).await;
    let url = server.url("/x");
    let output = run(&["tail", &url, "--json"]).await;
    assert_eq!(stdout(&output), "");
    let last = stderr(&output).lines().last().unwrap_or_default();
    (output.status.code(), last.replace(&url, "URL"))
}

fn problem(status: &str, body: &str) -> Script {
    let head =
        format!("{status}\r\nContent-Type: application/problem+json\r\nContent-Length: {}", body.len());
    Script::answer(&head).send(body)
}

#[tokio::test]
async fn a_4xx_ends_with_4_and_shows_the_problem() {
    let body = r#"{"title":"No such topic","detail":"There is no \u001b[2Jtopic `x`; see GET /topics","status":404}"#;
    let (code, last) = refused(problem("404 Not Found", body)).await;
    assert_eq!(code, Some(4));
    assert_eq!(
        last,
        "error: URL: the server answered 404 Not Found: There is no \\u{1b}[2Jtopic `x`; see GET /topics"
    );
}

#[tokio::test]
async fn a_5xx_ends_with_5() {
    let (code, last) = refused(problem("503 Service Unavailable", r#"{"title":"Full"}"#)).await;
    assert_eq!(
        (code, last.as_str()),
        (Some(5), "error: URL: the server answered 503 Service Unavailable: Full")
    );
}

#[tokio::test]
async fn an_endless_refusal_is_read_only_so_far() {
    let head = "403 Forbidden\r\nContent-Type: text/plain";
    let (code, last) = refused(Script::answer(head).send("x".repeat(1 << 20)).hold()).await;
    assert_eq!(code, Some(4));
    assert_eq!(last, format!("error: URL: the server answered 403 Forbidden: {}", "x".repeat(500)));
}

#[tokio::test]
async fn another_content_type_ends_with_1() {
    let (code, last) = refused(Script::answer("200 OK\r\nContent-Type: text/html")).await;
    assert_eq!(code, Some(1));
    let reason = "the server answered with content type `text/html`, not with `text/event-stream`";
    assert_eq!(last, format!("error: URL: {reason}"));
}

#[tokio::test]
async fn a_204_ends_with_0() {
    let (code, last) = refused(Script::answer("204 No Content")).await;
    assert_eq!((code, last.as_str()), (Some(0), "the server ended the stream (204)"));
}

#[tokio::test]
async fn quiet_leaves_only_what_failed() {
    let server = Server::start([Script::stream().send("retry: 100\n\n"), Script::answer("410 Gone")]).await;
    let output = run(&["tail", &server.url("/x"), "--quiet"]).await;
    assert_eq!(stderr(&output), format!("error: {}: the server answered 410 Gone\n", server.url("/x")));
}

#[tokio::test]
async fn wrong_usage_ends_with_2() {
    for (args, message) in [
        (&["tial"][..], "\"tial\" is not a URL; did you mean the command `tail`?"),
        (&["stage"], "\"stage\" is neither a command nor a URL; a host alone is written `stage:80`"),
        (&["tail", "ftp://x/y"], "expected http or https, not ftp"),
        (&["tail", "--count", "0"], "expected a whole number, 1 or more"),
        (&["tail", "--last", "x"], "expected a whole number, 1 or more"),
        (&["tail", "--since", "yesterday"], "--last-event-id accepts any id"),
        (&["tail", "--wait", "5"], "expected a number with a unit, such as 200ms"),
        (&["tail", "--exec", "x", "--exec-retries", "many"], "expected a whole number from 0 to"),
        (&["publish", "t", "x", "--wait", "soon"], "expected a number with a unit, such as 200ms"),
        (&["bench", "--streams", "0"], "expected a whole number, 1 or more"),
        (&["bench", "--publish", "t", "--rate", "0"], "expected a number from 0.001 to 1000000"),
        (&["bench", "--publish", "t", "--publishers", "257"], "expected a whole number from 1 to 256"),
        (&["bench", "--source", "x"], "expected an IP address"),
        (&["bench", "--pid", "x"], "expected a whole number, 1 or more"),
        (&["doctor", "--watch", "2h"], "expected a duration from 1s to 1h"),
        (&["--unknown"], "unexpected argument"),
    ] {
        let output = run(args).await;
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(message), "{}", stderr(&output));
    }
}

#[tokio::test]
async fn help_lists_the_exit_codes() {
    for args in [&["--help"][..], &["tail", "--help"]] {
        let output = run(args).await;
        assert_eq!(output.status.code(), Some(0));
        assert!(stdout(&output).contains("130  stopped by Ctrl-C"));
    }
    assert_eq!(stdout(&run(&["--version"]).await), format!("sse-cli {}\n", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn a_closed_pipe_is_success() {
    for json in [&["--json"][..], &[]] {
        let busy =
            (0..200).fold(Script::stream(), |script, n| script.send(format!("data: {n}\n\n")).pause(10));
        let server = Server::start([busy]).await;
        let mut child = command(&[&["tail", &server.url("/x"), "-q"], json].concat()).spawn().unwrap();
        let mut pipe = child.stdout.take().unwrap();
        pipe.read_u8().await.unwrap();
        drop(pipe);
        let output = finish(child).await;
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    }
}

async fn interrupt(child: &Child) {
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
}

#[tokio::test]
async fn ctrl_c_ends_with_130() {
    let mut server = Server::start([Script::stream().send("data: x\n\n").hold()]).await;
    let mut child = command(&["tail", &server.url("/x")]).spawn().unwrap();
    child.stdout.as_mut().unwrap().read_u8().await.unwrap();
    interrupt(&child).await;
    assert_eq!(finish(child).await.status.code(), Some(130));
    server.client_closed().await;
}

#[tokio::test]
async fn ctrl_c_ends_a_write_that_nobody_reads() {
    let flood = Script::stream().send("data: x\n\n".repeat(100_000)).hold();
    let server = Server::start([flood]).await;
    let mut child = command(&["tail", &server.url("/x")]).spawn().unwrap();
    let mut pipe = child.stdout.take().unwrap();
    pipe.read_u8().await.unwrap();
    // Time for the pipe to fill up, which cannot be seen from here.
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    interrupt(&child).await;
    assert_eq!(finish(child).await.status.code(), Some(130));
    drop(pipe);
}
