//! The pages: built in, and from a folder.

use reqwest::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use reqwest::{Client, StatusCode};

use crate::harness::{Server, command};
use crate::process::refuses;

#[tokio::test]
async fn the_binary_alone_serves_its_pages() {
    let server = Server::start(&[]);
    for path in ["/", "/dashboard", "/chat", "/ticker", "/notifications", "/inspect"] {
        let response = reqwest::get(server.url(path)).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert!(response.headers()[CONTENT_TYPE].to_str().unwrap().starts_with("text/html"));
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        let tag = response.headers()[ETAG].clone();
        let page = response.text().await.unwrap();
        assert!(page.contains("<html") && page.contains("</html>"));
        assert_eq!(page.matches("aria-current").count(), 1, "{path} marks itself, and no other page");
        assert!(page.contains(&format!("href=\"{path}\" aria-current=\"page\"")), "{path}");
        let again = Client::new().get(server.url(path)).header(IF_NONE_MATCH, tag).send().await.unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    }
    for path in ["/header.html", "/pages/index.html", "/client/sse.js", "/vendor/README.md"] {
        assert_eq!(reqwest::get(server.url(path)).await.unwrap().status(), StatusCode::NOT_FOUND, "{path}");
    }
    let module = reqwest::get(server.url("/sse.js")).await.unwrap();
    assert!(module.headers()[CONTENT_TYPE].to_str().unwrap().contains("javascript"));
    let tag = module.headers()[ETAG].clone();
    let again = Client::new().get(server.url("/sse.js")).header(IF_NONE_MATCH, tag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn a_folder_of_the_user_comes_before_the_built_in_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "<script>mine</script>").unwrap();
    std::fs::write(folder.path().join("secret"), "in the folder").unwrap();
    let web = folder.path().join("web");
    std::fs::create_dir(&web).unwrap();
    std::fs::write(web.join("index.html"), "inner").unwrap();
    std::fs::write(web.join("chat.html"), "my chat").unwrap();
    let server = Server::start(&["--web-dir", web.to_str().unwrap()]);
    let response = reqwest::get(server.url("/")).await.unwrap();
    assert!(response.headers().get(CONTENT_SECURITY_POLICY).is_none(), "inline scripts may run");
    assert_eq!(response.text().await.unwrap(), "inner");
    assert_eq!(reqwest::get(server.url("/chat")).await.unwrap().text().await.unwrap(), "my chat");
    for path in ["/sse.js", "/sse/parser.js", "/dashboard", "/favicon.ico"] {
        let response = reqwest::get(server.url(path)).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert!(response.headers().contains_key(CONTENT_SECURITY_POLICY), "{path} is ours");
    }
    for path in ["/%2e%2e/secret", "/..%2fsecret", "/missing"] {
        let status = reqwest::get(server.url(path)).await.unwrap().status();
        assert!(status.is_client_error(), "{path}: {status}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_regular_files_inside_the_folder_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let web = folder.path().join("web");
    for name in ["chat.html", "sub"] {
        std::fs::create_dir_all(web.join(name)).unwrap();
    }
    std::fs::write(web.join("sub/index.html"), "inner").unwrap();
    std::fs::write(web.join(".hidden"), "").unwrap();
    std::os::unix::fs::symlink("/", web.join("out")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(web.join("pipe")).status().unwrap().success());
    let server = Server::start(&["--web-dir", web.to_str().unwrap()]);
    for (path, status) in [
        ("/sub/", 200),
        ("/chat", 200),
        ("/", 200),
        ("/out/etc/passwd", 404),
        ("/pipe", 404),
        ("/.hidden", 404),
        ("/%00", 404),
        ("/%ff", 404),
    ] {
        let answer = reqwest::get(server.url(path)).await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
    }
}

#[tokio::test]
async fn what_the_server_keeps_is_not_served() {
    const AUTH: &str = "[[auth.jwt]]\nalgorithm = 'HS256'\nsecret_file = 'jwt.key'";
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (name, text) in
        [("index.html", "mine"), ("hub.toml", AUTH), ("jwt.key", &"k".repeat(32)), (".env", "secret")]
    {
        std::fs::write(path(name), text).unwrap();
    }
    #[cfg(unix)]
    for (link, to) in [("log", "sse-data"), ("settings", "hub.toml"), ("env", ".env")] {
        std::os::unix::fs::symlink(path(to), path(link)).unwrap();
    }
    let start = |data: &str, web: &str| {
        let mut command = command(folder.path());
        command.args([
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
            data,
            "--config",
            "hub.toml",
            "--web-dir",
            web,
        ]);
        Server::spawn(&mut command)
    };
    let server = start("sse-data", ".");
    assert!(path("sse-data/log.sqlite").exists());
    for path in [
        "/sse-data/log.sqlite",
        "/sse-data/",
        "/sse-data",
        "/./sse-data/log.sqlite",
        "/sse-data//log.sqlite",
        "/x/..%2fsse-data/log.sqlite",
        "/sse-data%2flog.sqlite",
        "/hub.toml",
        "/jwt.key",
        "/log/log.sqlite",
        "/settings",
        "/env",
        "/.env",
    ] {
        let answer = reqwest::get(server.url(path)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(reqwest::get(server.url("/")).await.unwrap().text().await.unwrap(), "mine");
    // A folder within that of the log is the user's all the same.
    std::fs::create_dir(path("site")).unwrap();
    std::fs::write(path("site/a.txt"), "served").unwrap();
    let server = start(".", "site");
    assert_eq!(reqwest::get(server.url("/a.txt")).await.unwrap().text().await.unwrap(), "served");
    let same = path("site");
    let same = same.to_str().unwrap();
    let said = refuses(&["--data-dir", same, "--web-dir", same]);
    assert!(
        said.contains("--web-dir") && said.contains("--data-dir") && !path("site/log.sqlite").exists(),
        "{said}"
    );
}

#[tokio::test]
async fn pages_answer_to_get_and_head_only() {
    let server = Server::start(&[]);
    for (method, path, status) in [
        ("HEAD", "/", 200),
        ("POST", "/", 405),
        ("PUT", "/chat", 405),
        ("POST", "/sse.js", 405),
        ("POST", "/nothing", 404),
    ] {
        let request = Client::new().request(method.parse().unwrap(), server.url(path));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{method} {path}");
        if status == 405 {
            assert_eq!(answer.headers()["allow"], "GET, HEAD");
        }
    }
}
