//! Tests of the rules: each reports a violation with its file and line, and nothing once that is repaired.

use super::tree::Tree;
use super::{Rule, imports, links, log_lines, manifests, sizes, words};

/// Files of a made-up tree: path and text.
type Files<'a> = &'a [(&'a str, &'a str)];

fn findings(rule: Rule, files: Files) -> Vec<String> {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    rule(&Tree::new(files.collect()).unwrap()).iter().map(ToString::to_string).collect()
}

/// The rule reports exactly `places` in the broken tree, and nothing in the repaired one.
#[track_caller]
fn check(rule: Rule, broken: Files, places: &[&str], repaired: Files) {
    let found = findings(rule, broken);
    assert_eq!(found.len(), places.len(), "{found:?}");
    for (finding, place) in found.iter().zip(places) {
        assert!(finding.starts_with(&format!("{place}: ")), "{finding}, not {place}");
    }
    assert_eq!(findings(rule, repaired), [""; 0]);
}

#[test]
fn imports_go_down_the_layers_of_the_server() {
    let http = "crates/sse-server/src/http/mod.rs";
    let rest = [
        ("crates/sse-server/src/lib.rs", "mod http;\nmod apps;\nmod transport;"),
        ("crates/sse-server/src/apps/mod.rs", "pub fn route() {}"),
        (
            "crates/sse-server/src/transport/mod.rs",
            "fn open<'a>() -> impl Sized + use<'a> {}\npub fn listen() {}",
        ),
    ];
    let tree = |text| [&rest[..], &[(http, text)]].concat();
    let repaired = tree(
        "use crate::transport;\nfn f() { transport::listen() }\n#[cfg(test)]\nmod tests { use crate::apps::route; }",
    );
    for broken in [
        "\nuse crate::apps::route;",
        "\nfn f() { crate::apps::route() }",
        "use crate::{apps};\nfn f() { vec![apps::route()] }",
        "mod inner {\n use super::super::apps::*; }",
    ] {
        check(imports::layers, &tree(broken), &[&format!("{http}:2")], &repaired);
    }
    let outside =
        [("crates/sse-server/src/lib.rs", "mod a;\nmod b;"), ("crates/sse-server/src/b.rs", "pub fn f() {}")];
    let unknown = [&outside[..], &[("crates/sse-server/src/a.rs", "use crate::b::f;")]].concat();
    check(imports::layers, &unknown, &["crates/sse-server/src/a.rs:1"], &outside);
}

#[test]
fn files_do_not_import_in_cycles() {
    let parent = "mod b;\nmod c;\npub use b::B;\npub struct Own;";
    let tree = |parent, b, c| {
        [
            ("crates/x/src/lib.rs", "mod a;"),
            ("crates/x/src/a/mod.rs", parent),
            ("crates/x/src/a/b.rs", b),
            ("crates/x/src/a/c.rs", c),
        ]
    };
    let child = "\nuse super::c::C;\npub struct B;";
    // Siblings import each other, one through what the parent re-exports.
    let siblings = tree(parent, child, "\nuse super::B;\npub struct C;");
    check(imports::cycles, &siblings, &["crates/x/src/a/b.rs:2"], &tree(parent, child, "use super::Own;"));
    // A parent that re-exports and does not use is no cycle; one that uses is.
    let back = "use super::Own;\npub struct B;";
    let uses = "mod b;\nmod c;\npub use b::B;\npub struct Own(B);";
    check(imports::cycles, &tree(uses, back, ""), &["crates/x/src/a/b.rs:1"], &tree(parent, back, ""));
    let calls = "mod b;\nmod c;\npub struct Own;\nfn f() { b::f() }";
    check(
        imports::cycles,
        &tree(calls, back, ""),
        &["crates/x/src/a/b.rs:1"],
        &tree(calls, "pub fn f() {}", back),
    );
}

#[test]
fn dependencies_and_the_environment_have_their_place() {
    let tree = |path, text| [(path, text)];
    let in_hub = "crates/sse-hub/src/feed.rs";
    for (text, place) in [
        ("use sse_core::Topic;\nuse sse_server::App;", "crates/sse-server/src/main.rs"),
        ("\nuse sse_client::Event;", "crates/sse-cli/src/lib.rs"),
        ("\nuse actix_web::App;", "crates/sse-server/src/http/mod.rs"),
        ("\nfn f(c: rusqlite::Connection) {}", "crates/sse-hub/src/log/disk/store.rs"),
        ("\n#[derive(clap::Args)]\nstruct A;", "crates/sse-cli/src/args.rs"),
        ("\nfn f() { std::env::var_os(\"X\"); }", "crates/sse-server/src/config.rs"),
        ("\nuse std::env::var;", "crates/sse-server/src/telemetry.rs"),
    ] {
        check(imports::confined, &tree(in_hub, text), &[&format!("{in_hub}:2")], &tree(place, text));
    }
}

#[test]
fn only_apps_name_applications() {
    let app = ("crates/sse-server/src/apps/chat/mod.rs", "pub fn chat() {}");
    let http = "crates/sse-server/src/http/mod.rs";
    let broken = "//! Not the chat.\nfn f(chat_rooms: u8) {}\nconst P: &str = \"/chat\";\nstruct ChatRoom;";
    let repaired =
        "//! Not the chat.\n/// Nor the chat.\nfn chatter() {}\n#[cfg(test)]\nmod tests { fn chat() {} }";
    let places = [2, 3, 4].map(|line| format!("{http}:{line}"));
    check(
        words::applications,
        &[app, (http, broken)],
        &places.each_ref().map(String::as_str),
        &[app, (http, repaired)],
    );
}

#[test]
fn files_and_functions_are_short() {
    let lines = |count| "// x\n".repeat(count);
    let function = |count| format!("\nfn long() {{\n{}}}", lines(count));
    check(sizes::lengths, &[("web/a.js", &lines(401))], &["web/a.js:401"], &[("web/a.js", &lines(400))]);
    let (test, most) = ("crates/x/tests/it/a.rs", lines(450));
    check(sizes::lengths, &[(test, &lines(451))], &["crates/x/tests/it/a.rs:451"], &[(test, &most)]);
    let file = "crates/x/src/a.rs";
    check(sizes::lengths, &[(file, &function(59))], &["crates/x/src/a.rs:2"], &[(file, &function(58))]);
}

#[test]
fn rust_files_say_what_they_are() {
    let (file, use_first) = ("crates/x/src/a.rs", "use a::b;\n//! Late.");
    check(
        sizes::headers,
        &[(file, use_first)],
        &["crates/x/src/a.rs:1"],
        &[(file, "//! A noun.\nuse a::b;")],
    );
}

#[test]
fn replaced_words_do_not_come_back() {
    for word in ["the way to mend it", "leastPatience", "fn least_patience()", "struct Crowded;", "PATIENCE"]
    {
        check(
            words::banned,
            &[("docs/a.md", &format!("\n{word}"))],
            &["docs/a.md:2"],
            &[("docs/a.md", "a fix, crowded")],
        );
    }
    check(words::banned, &[("web/js/utils.js", "")], &["web/js/utils.js:1"], &[("web/js/format.js", "")]);
}

#[test]
fn dependencies_have_reasons_and_users() {
    let member = (
        "crates/x/Cargo.toml",
        "[dependencies]\na.workspace = true\n[target.'cfg(unix)'.dev-dependencies]\nb = { workspace = true }",
    );
    let manifest =
        |text: &str| format!("[workspace]\n[workspace.dependencies]\n{text}\n[profile.dev]\nx = 1");
    let explained = manifest("own = { path = \"own\" }\n\n# both are needed\na = \"1\"\nb = \"1\"");
    let user = ("crates/y/Cargo.toml", "[dependencies]\nown.workspace = true");
    let repaired = [("Cargo.toml", explained.as_str()), member, user];
    let unexplained = manifest("# needed\na = \"1\"\n\nb = \"1\"");
    check(manifests::reasons, &[("Cargo.toml", &unexplained), member], &["Cargo.toml:6"], &repaired);
    check(manifests::unused, &[("Cargo.toml", &explained), member], &["Cargo.toml:3"], &repaired);
}

#[test]
fn links_lead_to_files_and_headings() {
    let target = ("docs/b.md", "# A `b`, c\n\n# A `b`, c\n");
    let page = "docs/sub/a.md";
    let good = "[b](../b.md#a-b-c)\n[b](../b.md#a-b-c-1) [r](../../docs) [w](https://x.y/z#q) `[no](link.md)`\n# Here\n[h](#here)";
    for bad in
        ["[b](../c.md)", "[b](../b.md#a-b-c-2)", "![b](b.png)", "[h](#there)", "[b][x]\n\n[x]: nowhere.md"]
    {
        let text = format!("# Here\n\n{bad}");
        check(links::broken, &[target, (page, &text)], &["docs/sub/a.md:3"], &[target, (page, good)]);
    }
}

#[test]
fn invalid_rust_is_an_error_with_file_and_line() {
    let file = ("crates/x/src/a.rs".to_owned(), "//! A.\nfn f( {}".to_owned());
    let error = Tree::new([file].into()).err().unwrap().to_string();
    assert!(error.starts_with("crates/x/src/a.rs:2: "), "{error}");
}

#[test]
fn warnings_are_explained_and_explanations_are_of_warnings() {
    let code = "crates/sse-hub/src/a.rs";
    let page = "docs/operations/log-lines.md";
    let source = |message: &str| {
        format!(
            "//! A.\nfn f() {{\n tracing::info!(\"fine\");\n tracing::warn!(target: \"x\", %error, \"{message}\");\n}}"
        )
    };
    let text =
        "| line | level | means | do |\n|---|---|---|---|\n| `disk … is full` | warn | it is | make room |\n";
    let (good, bad) = (source("disk {name} is full"), source("another"));
    check(
        log_lines::documented,
        &[(code, &bad), (page, text)],
        &[&format!("{code}:4"), &format!("{page}:3")],
        &[(code, &good), (page, text)],
    );
    // The level is part of it.
    let error = text.replace("| warn |", "| error |");
    check(
        log_lines::documented,
        &[(code, &good), (page, &error)],
        &[&format!("{code}:4")],
        &[(code, &good), (page, text)],
    );
}
