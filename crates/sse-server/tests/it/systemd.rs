//! What systemd is told by the server that it runs.

use std::os::unix::net::UnixDatagram;

use crate::harness::{DEADLINE, Server, command};

#[tokio::test]
async fn systemd_is_told_of_start_life_and_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let told = || {
        let mut buffer = [0; 256];
        let length = socket.recv(&mut buffer).expect("systemd is told something");
        String::from_utf8(buffer[..length].to_vec()).unwrap().trim_end().to_owned()
    };
    let mut command = command(folder.path());
    command.args(["--listen", "127.0.0.1:0"]).env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "100000");
    let mut server = Server::spawn(&mut command);
    assert_eq!(told(), "READY=1");
    for _ in 0..3 {
        assert_eq!(told(), "WATCHDOG=1");
    }
    server.signal("TERM");
    let after = std::iter::repeat_with(told).find(|state| state != "WATCHDOG=1");
    assert_eq!(after.as_deref(), Some("STOPPING=1"));
    assert!(server.ended().await.0.success());
}
