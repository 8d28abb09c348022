//! An embedded Connect asked through the guard's own client and signer, on a port of its own for each test. Nothing sleeps to
//! let something happen; what would hang is cut by `bounded`.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::timeout;

use crate::{
    client::{Answer, Client, ClientBounds, ClientError, Endpoint, Outgoing},
    clock::{Clock, Now},
    operation::Directory,
    secret::Secret,
    sigv4::{Credentials, Signable, sign},
    wire::RequestTarget,
};

mod changes;
mod faults;
mod proofs;
mod reads;
mod recording;
mod switches;

use super::*;

const INSTANCE: &str = "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111";
const MARY: &str = "87654321-2222-1234-1234-111234567891";
const AGENT: &str = "11111111-aaaa-bbbb-cccc-EXAMPLE11111";
const ADMIN: &str = "22222222-aaaa-bbbb-cccc-EXAMPLE22222";
const SHORT: Duration = Duration::from_millis(80);
const HOUR: Duration = Duration::from_hours(1);

/// A running Connect and somebody who may call it.
struct Site {
    connect: Connect,
    client: Client,
    dir: TempDir,
}

impl Site {
    /// With the documentation's examples in it and no limit of rate.
    async fn open() -> Self {
        Self::with(ConnectOptions { rate: None, ..ConnectOptions::default() }).await
    }

    async fn with(options: ConnectOptions) -> Self {
        let connect = Connect::start(options).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), connect.ca_pem()).unwrap();
        let client = client(&connect, &dir, ClientBounds::default());
        Self { connect, client, dir }
    }

    /// With an instance whose users are kept in this way.
    async fn of(directory: Directory) -> Self {
        let mut options = ConnectOptions { rate: None, ..ConnectOptions::default() };
        options.instances[0].directory = directory;
        Self::with(options).await
    }

    fn bounded_by(&mut self, bounds: ClientBounds) {
        self.client = client(&self.connect, &self.dir, bounds);
    }

    fn switch(&self, change: impl FnOnce(&mut Switches)) {
        let mut switches = self.connect.switches();
        change(&mut switches);
        self.connect.set_switches(switches);
    }

    async fn call(&self, method: &'static str, target: &str, body: &str) -> Result<Answer, ClientError> {
        let request = signed(&self.client, method, target, body, "us-east-1", "connect", &key(), now());
        bounded(self.client.send(request)).await
    }

    /// The answer's status, error name and body; an empty body is null.
    async fn ask(&self, method: &'static str, target: &str, body: &str) -> (u16, String, Value) {
        told(self.call(method, target, body).await.unwrap())
    }

    /// The body of an answer that must be 200.
    async fn get(&self, target: &str) -> Value {
        let (status, error, body) = self.ask("GET", target, "").await;
        assert_eq!((status, error.as_str()), (200, ""), "{target}: {body}");
        body
    }

    async fn update(&self, info: &str) -> (u16, String) {
        let target = format!("/users/{INSTANCE}/{MARY}/identity-info");
        let (status, error, _) = self.ask("POST", &target, &format!("{{\"IdentityInfo\":{info}}}")).await;
        (status, error)
    }

    /// Mary's address as `DescribeUser` shows it.
    async fn shown(&self) -> Value {
        self.get(&format!("/users/{INSTANCE}/{MARY}")).await["User"]["IdentityInfo"]["Email"].clone()
    }

    fn mary(&self) -> User {
        self.connect.user(MARY).unwrap()
    }
}

fn client(connect: &Connect, dir: &TempDir, bounds: ClientBounds) -> Client {
    let endpoint = Endpoint {
        host: connect.host().to_owned(),
        port: connect.address().port(),
        address: Some(connect.address()),
        ca_file: Some(dir.path().join("ca.pem")),
    };
    Client::new(endpoint, bounds).unwrap()
}

fn key() -> Credentials {
    Credentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret: Secret::new(b"SECRETEXAMPLE".to_vec()),
        session_token: None,
    }
}

fn now() -> Now {
    Clock::system().now()
}

#[expect(clippy::too_many_arguments, reason = "each test of a proof changes another one")]
fn signed(
    client: &Client,
    method: &'static str,
    target: &str,
    body: &str,
    region: &str,
    service: &str,
    key: &Credentials,
    now: Now,
) -> Outgoing {
    let mut headers = vec![("host", client.authority().to_owned())];
    if !body.is_empty() {
        headers.push(("content-type", "application/json".to_owned()));
    }
    let fields: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let signable = Signable { method, target, headers: &fields, body: body.as_bytes() };
    let added = sign(signable, key, region, service, now).unwrap();
    headers.extend(added);
    Outgoing { method, target: target.to_owned(), headers, body: Bytes::copy_from_slice(body.as_bytes()) }
}

fn told(answer: Answer) -> (u16, String, Value) {
    let header = |name: &str| answer.headers.iter().find(|(field, _)| field == name);
    assert!(header("x-amzn-requestid").is_some());
    assert_eq!(header("content-type").unwrap().1, "application/json");
    let error = header("x-amzn-errortype").map_or(String::new(), |(_, value)| value.clone());
    let body =
        if answer.body.is_empty() { Value::Null } else { serde_json::from_slice(&answer.body).unwrap() };
    assert_eq!(answer.status >= 300, !error.is_empty());
    assert_eq!(answer.status >= 300, body.get("Message").is_some());
    (answer.status, error, body)
}

async fn bounded<F: Future>(work: F) -> F::Output {
    timeout(Duration::from_secs(20), work).await.expect("it hangs")
}
