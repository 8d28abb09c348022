//! What systemd is told, over a notify socket as systemd would give it.

use std::ffi::OsString;

use connect_guard::demo::{caller::Request, process::Signal, stage::INSTANCE};
use tokio::{
    net::UnixDatagram,
    sync::{Mutex, mpsc},
    time::timeout,
};

use crate::running::{self, LIMIT, Running};

/// A notify socket, and what came over it. It is read at once, since the system keeps only a few messages.
pub struct Supervisor {
    messages: Mutex<mpsc::UnboundedReceiver<Vec<String>>>,
    pub path: OsString,
    _folder: tempfile::TempDir,
}

impl Supervisor {
    pub fn listen() -> Self {
        // A short path: a socket's name has 108 octets.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let (sender, messages) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok(length) = socket.recv(&mut buffer).await {
                let lines = std::str::from_utf8(&buffer[..length]).unwrap().lines().map(str::to_owned);
                if sender.send(lines.collect()).is_err() {
                    return;
                }
            }
        });
        Self { messages: Mutex::new(messages), path: path.into(), _folder: folder }
    }

    /// The next message, its lines.
    pub async fn next(&self) -> Vec<String> {
        let mut messages = self.messages.lock().await;
        timeout(LIMIT, messages.recv()).await.expect("a message").unwrap()
    }

    /// The next message that is no heartbeat.
    pub async fn news(&self) -> Vec<String> {
        loop {
            let message = self.next().await;
            if message != ["WATCHDOG=1"] {
                return message;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_is_told_of_start_reload_life_and_end() {
    let supervisor = Supervisor::listen();
    let environment = vec![
        ("NOTIFY_SOCKET".to_owned(), supervisor.path.clone()),
        ("WATCHDOG_USEC".to_owned(), "500000".into()),
    ];
    let mut guard = Running::start_in(environment).await;

    let ready = supervisor.news().await;
    assert_eq!(ready[0], "READY=1");
    assert!(ready[1].starts_with("STATUS=listening on 127.0.0.1:"), "{ready:?}");
    for _ in 0..3 {
        assert_eq!(supervisor.next().await, ["WATCHDOG=1"]);
    }

    guard.process.signal(Signal::HUP).unwrap();
    let reloading = supervisor.news().await;
    assert_eq!(reloading[0], "RELOADING=1");
    let at = reloading[1].strip_prefix("MONOTONIC_USEC=").expect("when it began").parse::<u64>().unwrap();
    assert!(at > 0);
    assert_eq!(supervisor.news().await[0], "READY=1");

    guard.process.signal(Signal::TERM).unwrap();
    let stopping = supervisor.news().await;
    assert_eq!(stopping[0], "STOPPING=1", "{stopping:?}");
    let status = guard.process.ended().await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", guard.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_that_is_gone_ends_nothing() {
    let environment = vec![("NOTIFY_SOCKET".to_owned(), "/nonexistent/notify".into())];
    let guard = Running::start_in(environment).await;
    let told = async || guard.log().contains("the supervisor cannot be told").then_some(());
    running::until("the warning", told).await;
    let help = guard.caller("HelpDesk");
    let look = Request::describe_user(INSTANCE, "87654321-2222-1234-1234-111234567891");
    assert_eq!(help.send(&look).await.unwrap().status, 200, "{}", guard.log());
}
