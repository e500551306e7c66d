//! What people see: columns, colours, and nothing that acts on their terminal.

use super::{command, finish, run, stderr, stdout};
use crate::server::{Script, Server};

/// The output for a body, without the time of arrival at the start of each first line.
async fn lines(body: &str, colored: bool) -> (Vec<String>, String) {
    let server = Server::start([Script::stream().send(body)]).await;
    let mut command = command(&["tail", &server.url("/x")]);
    if colored {
        command.env("CLICOLOR_FORCE", "1");
    }
    let output = finish(command.spawn().unwrap()).await;
    (stdout(&output).lines().map(without_time).collect(), stderr(&output).to_owned())
}

/// Puts `TIME` for a time such as `12:34:56.789`.
fn without_time(line: &str) -> String {
    let is_time = |text: &str| {
        text.bytes().zip(b"00:00:00.000").all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            _ => byte == *shape,
        })
    };
    let start = if line.starts_with("\x1b[2m") { 4 } else { 0 };
    match line.get(start..start + 12) {
        Some(time) if is_time(time) => line.replacen(time, "TIME", 1),
        _ => line.to_owned(),
    }
}

#[tokio::test]
async fn columns_line_up_and_further_lines_stand_below_the_first() {
    let body = "retry: 100\ndata: first\n\nevent: metrics\nid: e-1\ndata: a\ndata: b\n\nevent: stockPriceOfAcme\ndata: c\n\nevent: x\ndata: d\n\n";
    assert_eq!(
        lines(body, false).await.0,
        [
            "TIME  message       first",
            "TIME  metrics       e-1  a",
            "                                 b",
            "TIME  stockPriceOfAcme       c",
            "TIME  x                      d",
        ]
    );
}

#[tokio::test]
async fn a_pipe_gets_no_colour_unless_it_is_forced() {
    let body = "id: 1\ndata: x\n\nevent: gap\nhub: gap\ndata: y\n\n";
    let (plain, _) = lines(body, false).await;
    assert_eq!(plain, ["TIME  message       1  x", "TIME  gap              y"]);
    let (colored, messages) = lines(body, true).await;
    assert!(
        colored[0].starts_with("\x1b[2mTIME\x1b[0m  \x1b[9") || colored[0].contains("\x1b[3"),
        "{colored:?}"
    );
    assert!(colored[1].contains("\x1b[1m\x1b[31mgap\x1b[0m"), "{colored:?}");
    assert!(messages.starts_with("\x1b[32mconnected"), "{messages}");
}

#[tokio::test]
async fn no_color_wins() {
    let server = Server::start([Script::stream().send("data: x\n\n")]).await;
    let mut command = command(&["tail", &server.url("/x")]);
    command.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");
    let output = finish(command.spawn().unwrap()).await;
    assert!(!stdout(&output).contains('\x1b'));
    assert!(!stderr(&output).contains('\x1b'));
}

#[tokio::test]
async fn escapes_in_the_stream_do_not_reach_the_terminal() {
    let body = "event: a\x1b[31m\nid: \x1b]0;t\x07\ndata: \x1b[2J\u{9b}1m\u{202e}\ttab\n\n";
    let (plain, _) = lines(body, false).await;
    assert_eq!(plain, ["TIME  a\\u{1b}[31m   \\u{1b}]0;t\\u{7}  \\u{1b}[2J\\u{9b}1m\\u{202e}\ttab"]);
    let (colored, _) = lines(body, true).await;
    assert!(
        !colored[0].contains("\x1b[2J") && !colored[0].contains("\x1b]") && !colored[0].contains('\u{9b}')
    );
}

#[tokio::test]
async fn json_escapes_what_acts_on_a_terminal() {
    let server = Server::start([Script::stream().send("data: \x1b[2J\u{9b}é\n\n")]).await;
    let output = run(&["tail", &server.url("/x"), "--json", "-n1"]).await;
    assert_eq!(stdout(&output), "{\"id\":\"\",\"event\":\"message\",\"data\":\"\\u001b[2J\\u009bé\"}\n");
}

#[tokio::test]
async fn a_gap_is_told_even_when_it_is_filtered_out() {
    let gap = r#"{"requested":"e-1","first":"e-9","reason":"expired"}"#;
    let server =
        Server::start([Script::stream().send(format!("event: gap\nhub: gap\ndata: {gap}\n\ndata: x\n\n"))])
            .await;
    let output = run(&["tail", &server.url("/x"), "-q", "--event", "message", "-n1"]).await;
    assert_eq!(
        stderr(&output),
        "gap: events after e-1 are no longer stored; the stream continues from e-9\n"
    );
}

/// Output of a body with these arguments, in UTC.
async fn output_of(body: &str, args: &[&str]) -> String {
    let server = Server::start([Script::stream().send(body).hold()]).await;
    let url = server.url("/x");
    let mut command = command(&[&["tail", &url, "-n1"], args].concat());
    let output = finish(command.env("TZ", "UTC").spawn().unwrap()).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    stdout(&output).to_owned()
}

#[tokio::test]
async fn a_greeting_is_neither_shown_nor_counted_unless_wanted() {
    let body = "event: connected\nhub: greeting\ndata: hello\n\nid: 1\ndata: x\n\n";
    for (args, text) in [
        (&["-o", "raw"][..], "x\n"),
        (&["--json"], "{\"id\":\"1\",\"event\":\"message\",\"data\":\"x\"}\n"),
        (&["--template", "{id} {data}"], "1 x\n"),
        (&["-o", "raw", "--greeting"], "hello\n"),
        (&["--template", "{id} {data}", "--greeting"], " hello\n"),
        (
            &["--json", "--greeting"],
            "{\"id\":\"\",\"event\":\"connected\",\"data\":\"hello\",\"hub\":\"greeting\"}\n",
        ),
    ] {
        assert_eq!(output_of(body, args).await, text, "{args:?}");
    }
    assert!(output_of(body, &[]).await.ends_with("message       1  x\n"));
    assert!(output_of(body, &["--greeting"]).await.ends_with("connected     hello\n"));
    #[cfg(unix)]
    for (args, text) in [(&["--exec", "cat"][..], "x\n"), (&["--exec", "cat", "--greeting"], "hello\n")] {
        assert_eq!(output_of(body, args).await, text, "{args:?}");
    }
    let foreign = "event: connected\ndata: hello\n\nid: 1\ndata: x\n\n";
    assert_eq!(output_of(foreign, &["-o", "raw"]).await, "hello\n");
}

#[tokio::test]
async fn an_event_has_the_time_of_its_publishing() {
    let body = "id: 1\ntime: 2026-11-22T08:00:00.123Z\ndata: x\n\n";
    assert_eq!(output_of(body, &["--template", "{time}"]).await, "2026-11-22T08:00:00.123Z\n");
    assert_eq!(output_of(body, &[]).await, "2026-11-22 08:00:00.123  message       1  x\n");
    let json =
        "{\"id\":\"1\",\"event\":\"message\",\"data\":\"x\",\"published\":\"2026-11-22T08:00:00.123Z\"}\n";
    assert_eq!(output_of(body, &["--json"]).await, json);
    // Another server may use the field for something else.
    let foreign = "id: 1\ntime: noon\ndata: x\n\n";
    assert_eq!(
        output_of(foreign, &["--json"]).await,
        "{\"id\":\"1\",\"event\":\"message\",\"data\":\"x\"}\n"
    );
    let now = output_of(foreign, &["--template", "{time}"]).await;
    assert!(now.starts_with("20") && now.ends_with("Z\n"), "{now}");
}

#[tokio::test]
async fn a_password_in_the_url_is_not_shown() {
    let server = Server::start([Script::answer("401 Unauthorized")]).await;
    let url = format!("http://me:secret@{}/x", server.address);
    let output = run(&["tail", &url]).await;
    assert_eq!(output.status.code(), Some(4));
    assert!(!stderr(&output).contains("secret") && stderr(&output).contains("/x"), "{}", stderr(&output));
}
