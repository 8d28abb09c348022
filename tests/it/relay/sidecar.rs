//! The real binary as a relay, and an application beside it.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpStream, UnixStream},
    process::{Child, Command},
    time::timeout,
};

use super::guard::{AUDIENCE, Guard};
use crate::running::{LIMIT, program, until};

/// What the relay proves itself with.
pub const OWN_ID: &str = "ASIAIOSFODNN7EXAMPLE";
pub const OWN_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub const OWN_TOKEN: &str = "FwoGZXIvYXdzEJrOwnTokenEXAMPLE";
/// What the application signs with.
pub const APP_ID: &str = "AKIAI44QH8DHBEXAMPLE";
pub const APP_TOKEN: &str = "FwoGZXIvYXdzEJrAppTokenEXAMPLE";
pub const APP_SIGNATURE: &str = "45fdeca29a2a3b25f1acf1507feff383ad71143a55ada61d80e5ac0348fe873e";

/// A relay in a process of its own. Killed when dropped.
pub struct Sidecar {
    /// Where it listens: an address, or the path of a socket.
    pub address: String,
    pub status: String,
    child: Child,
    log: Arc<Mutex<String>>,
}

/// An answer to the application.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        found.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// A `relay.toml` for this guard.
pub fn configuration(guard: &Guard, listen: &str, more: &str) -> String {
    let proof = if more.contains("proof") { "" } else { "proof = \"sts\"\n" };
    let audience = if proof.is_empty() { String::new() } else { format!("audience = \"{AUDIENCE}\"\n") };
    format!(
        "[listen]\n{listen}\n[status]\naddress = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n[relay]\n\
         gateway = \"https://localhost:{}\"\nsession = \"https://localhost:{}\"\nca_file = \"ca.pem\"\n\
         region = \"us-east-1\"\n{proof}{audience}{more}\n",
        guard.gateway.port(),
        guard.session.port(),
    )
}

/// The command, with nothing of this process' own AWS settings.
pub fn command(home: &Path) -> std::process::Command {
    let mut command = std::process::Command::new(program());
    command.env_clear().env("HOME", home).env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

impl Sidecar {
    /// On loopback, by STS.
    pub async fn start(guard: &Guard) -> Self {
        Self::with(guard, "address = \"127.0.0.1:0\"", "").await
    }

    /// With these lines in `[listen]` and at the end of `[relay]`.
    pub async fn with(guard: &Guard, listen: &str, more: &str) -> Self {
        Self::configured(&guard.folder, &configuration(guard, listen, more)).await
    }

    /// With this configuration, in a folder.
    pub async fn configured(folder: &Path, text: &str) -> Self {
        Self::within(folder, text, Vec::new()).await
    }

    /// With this configuration, in a folder, and more in its environment.
    pub async fn within(folder: &Path, text: &str, environment: Vec<(&str, OsString)>) -> Self {
        let path = folder.join("relay.toml");
        fs::write(&path, text).unwrap();
        let mut child = Command::from(command(folder))
            .args(["relay", "--config"])
            .arg(&path)
            .envs([("AWS_ACCESS_KEY_ID", OWN_ID), ("AWS_SECRET_ACCESS_KEY", OWN_SECRET)])
            .env("AWS_SESSION_TOKEN", OWN_TOKEN)
            .envs(environment)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let written = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let mut log = written.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let mut relay = Self { address: String::new(), status: String::new(), child, log };
        let status = relay.said("answering for status").await["address"].clone();
        status.as_str().unwrap().clone_into(&mut relay.status);
        let address = relay.said("listening").await["address"].clone();
        address.as_str().unwrap().clone_into(&mut relay.address);
        relay
    }

    /// The first line of the log with this message, once it is there.
    pub async fn said(&self, message: &str) -> Value {
        let looked = || async { self.lines().into_iter().find(|line| line["message"] == message) };
        until(&format!("the line `{message}`"), looked).await
    }

    /// Every line of the log.
    pub fn lines(&self) -> Vec<Value> {
        self.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Whether it says that it is ready.
    pub async fn ready(&self) -> Answer {
        let stream = TcpStream::connect(&self.status).await.unwrap();
        let host = &self.status;
        exchange(stream, &format!("GET /readyz HTTP/1.1\r\nhost: {host}\r\n\r\n")).await.unwrap()
    }

    /// Waits until it is.
    pub async fn once_ready(&self) {
        until("a ready relay", || async { (self.ready().await.status == 200).then_some(()) }).await;
    }

    /// A connection of the application's.
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.unwrap()
    }

    /// Sends octets, and reads the answer.
    pub async fn send(&self, octets: &str) -> Answer {
        exchange(self.connect().await, octets).await.unwrap()
    }

    /// An ordinary request of the application.
    pub async fn ask(&self) -> Answer {
        self.send(&request("POST", "/search-users?a=b%20c", "{\"InstanceId\":\"i\"}", "")).await
    }

    pub fn tell(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    pub async fn ended(&mut self) -> ExitStatus {
        timeout(LIMIT, self.child.wait()).await.unwrap().unwrap()
    }
}

/// A request as SDKs write it, signed with the application's own credentials; `more` are further header lines.
pub fn request(method: &str, target: &str, body: &str, more: &str) -> String {
    format!(
        "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\n\
         User-Agent: Boto3/1.43 app\r\nX-Amz-Date: 20270312T100000Z\r\nX-Amz-Security-Token: {APP_TOKEN}\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential={APP_ID}/20270312/eu-central-1/connect/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature={APP_SIGNATURE}\r\n\
         amz-sdk-invocation-id: 1f2e3d4c-0000-4000-8000-000000000001\r\namz-sdk-request: attempt=1\r\n\
         {more}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends octets on this connection, and reads one answer.
pub async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, octets: &str) -> io::Result<Answer> {
    stream.write_all(octets.as_bytes()).await?;
    answer(&mut stream).await
}

/// Reads one answer.
pub async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Answer> {
    let reading = async {
        let mut bytes = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length: ")
                        .map(|n| n.parse::<usize>().unwrap())
                });
                if body.len() >= length.unwrap_or(0) {
                    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                    return Ok(Answer { status, head: head.to_owned(), body: body.to_owned() });
                }
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    };
    timeout(LIMIT, reading).await.unwrap()
}

/// A connection to a socket in the file system.
pub async fn socket(path: &PathBuf) -> UnixStream {
    UnixStream::connect(path).await.unwrap()
}
