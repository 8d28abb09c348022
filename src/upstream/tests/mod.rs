//! The three doors against a server of TLS and scripted answers: what Connect receives, octet for octet, and what is
//! made of what it answers.

use std::{net::Ipv4Addr, sync::Arc};

use aws_credential_types::{Credentials as Given, provider::SharedCredentialsProvider};
use bytes::Bytes;
use jiff::SignedDuration;

use super::{
    credentials::{CredentialCache, SiteCredentials},
    site::SiteClient,
};
use crate::{
    caller::{Arn, Caller, Principal, Proof, Verified},
    client::{
        ClientBounds,
        tests::{Site as Server, bounded},
    },
    clock::Clock,
    limit::{ConnectRate, Limiter, Rate, Rates},
    notice::RecordRef,
    operation::{InstanceId, Operation, Site, Sites, recognise},
    secret::Secret,
    sigv4::{Claimed, Signable, verify},
    wire::{Head, Headers, Method, Origin, RequestId, RequestTarget, WireRequest},
};

mod changes;
mod ordinary;
mod reads;
mod sites;

const INSTANCE: &str = "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111";
const USER: &str = "87654321-2222-1234-1234-111234567891";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// What the server does after it has read a request.
enum Say {
    /// Answers, and reads the next request.
    Answer(String),
    /// Closes.
    Close,
    /// Says nothing until the client closes.
    Nothing,
}

/// One site, its clock and how fast it may read.
struct Stage {
    reach: Arc<SiteClient>,
    clock: Clock,
    server: Server,
}

impl Stage {
    async fn open() -> Self {
        Self::with(ClientBounds::default(), 1000).await
    }

    /// Half of the burst is there at the start.
    async fn with(bounds: ClientBounds, burst: u32) -> Self {
        let server = Server::open().await;
        let clock = Clock::manual("2027-03-12T10:00:00Z".parse().unwrap());
        let default = Rate { per_second: 0.001, burst };
        let connect = ConnectRate { default, ..Rates::default().connect };
        let limiter = Limiter::new(Rates { connect, ..Rates::default() }).unwrap();
        let given = Given::new("ASIAEXAMPLE", SECRET, Some("TOKENEXAMPLE".to_owned()), None, "tests");
        let cache = CredentialCache::of(SharedCredentialsProvider::new(given), false, clock.clone());
        let client = server.client(bounds);
        let reach =
            SiteClient::of(place(), client, SiteCredentials::own(cache), Arc::new(limiter), clock.clone());
        Self { reach: Arc::new(reach), clock, server }
    }

    /// Runs `work` against these answers, and gives what the server read. What the script does not foresee is an error.
    async fn play<T>(
        self,
        script: Vec<Say>,
        work: impl AsyncFnOnce(&SiteClient, &Clock) -> T,
    ) -> (T, Vec<Got>) {
        let Self { reach, clock, server } = self;
        let authority = reach.client.authority().to_owned();
        let server = server.run(async move |server| {
            let (mut seen, mut peer) = (Vec::new(), None);
            for say in script {
                let mut open = match peer.take() {
                    Some(open) => open,
                    None => server.accept().await,
                };
                seen.push(open.request().await);
                match say {
                    Say::Answer(octets) => {
                        open.say(octets.as_bytes()).await;
                        peer = Some(open);
                    }
                    Say::Close => drop(open),
                    Say::Nothing => open.closed().await,
                }
            }
            if let Some(mut open) = peer {
                open.closed().await;
            }
            seen
        });
        let result = bounded(Box::pin(work(&reach, &clock))).await;
        drop(reach);
        let seen = bounded(server).await.unwrap();
        (result, seen.into_iter().map(|text| Got::read(&text, &authority)).collect())
    }
}

/// A request as the server read it, its signature checked.
struct Got {
    line: String,
    /// All fields but the signature's own and `host`.
    fields: Vec<String>,
    body: String,
}

impl Got {
    fn read(text: &str, authority: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let (line, fields) = head.split_once("\r\n").unwrap();
        let fields: Vec<(&str, &str)> =
            fields.split("\r\n").map(|line| line.split_once(": ").unwrap()).collect();
        let one = |name: &str| {
            let mut values = fields.iter().filter(|(field, _)| *field == name).map(|(_, value)| *value);
            let value = values.next();
            assert!(values.next().is_none(), "{name} is there twice");
            value
        };
        assert_eq!(one("host"), Some(authority));
        let claimed = Claimed::read(one("authorization").unwrap()).unwrap();
        assert_eq!(claimed.access_key_id, "ASIAEXAMPLE");
        assert_eq!((claimed.region, claimed.service), ("us-east-1", "connect"));
        let method = line.split(' ').next().unwrap();
        let target = line.split(' ').nth(1).unwrap();
        let signable = Signable { method, target, headers: &fields, body: body.as_bytes() };
        let date = one("x-amz-date").unwrap();
        verify(&claimed, signable, date, &Secret::new(SECRET.as_bytes().to_vec())).unwrap();
        assert_eq!(one("x-amz-security-token"), Some("TOKENEXAMPLE"));
        // Everything is signed but what clients leave out as well.
        for (name, _) in &fields {
            let signed = claimed.signed_headers.iter().any(|signed| signed == name);
            let unsigned = ["authorization", "content-length", "user-agent"].contains(name);
            assert_eq!(signed, !unsigned, "{name}");
        }
        let own = ["host", "authorization", "x-amz-date", "x-amz-security-token"];
        let mut rest: Vec<String> = fields
            .iter()
            .filter(|(name, _)| !own.contains(name))
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        rest.sort();
        Self { line: line.to_owned(), fields: rest, body: body.to_owned() }
    }
}

fn place() -> Site {
    Site {
        name: "main".to_owned(),
        partition: "aws".to_owned(),
        account: "111122223333".to_owned(),
        region: "us-east-1".to_owned(),
        instances: vec![instance()],
    }
}

fn instance() -> InstanceId {
    InstanceId::read(INSTANCE).unwrap()
}

fn agent() -> String {
    format!("user-agent: connect-guard/{}", env!("CARGO_PKG_VERSION"))
}

fn desk() -> Principal {
    Principal { arn: Arn::read("arn:aws:iam::111122223333:role/Desk").unwrap(), unique_id: None }
}

fn record() -> RecordRef {
    RecordRef { chain: "guard".to_owned(), seq: 17, hash: String::new() }
}

/// An answer, its length stated.
fn answer(status: u16, fields: &[&str], body: &str) -> Say {
    let mut head = vec![format!("HTTP/1.1 {status} X"), format!("Content-Length: {}", body.len())];
    head.extend(fields.iter().map(|field| (*field).to_owned()));
    Say::Answer(format!("{}\r\n\r\n{body}", head.join("\r\n")))
}

fn ok(body: &str) -> Say {
    answer(200, &["Content-Type: application/json", "x-amzn-RequestId: c-1"], body)
}

fn refusal(status: u16, name: &str) -> Say {
    let kind = format!("x-amzn-ErrorType: {name}:http://internal.amazon.com/");
    answer(status, &["Content-Type: application/json", &kind, "x-amzn-RequestId: c-1"], r#"{"Message":"no"}"#)
}

/// What a caller who was verified asks for with this request.
fn asked(method: Method, target: &str, fields: &[(&str, &str)], body: &str) -> Operation {
    let caller = Caller {
        principal: desk(),
        proof: Proof::GuardKey { key_id: "GKEXAMPLE".to_owned() },
        origin: Origin::new(RequestId::from("g-1"), Ipv4Addr::LOCALHOST.into(), None),
        notes: std::collections::BTreeMap::new(),
    };
    let head = Head {
        method,
        target: RequestTarget::read(target).unwrap(),
        headers: Headers::read(fields.iter().map(|(name, value)| (*name, value.as_bytes()))).unwrap(),
        origin: caller.origin.clone(),
        peer: crate::wire::Peer::default(),
    };
    let request = WireRequest { head, body: Bytes::copy_from_slice(body.as_bytes()) };
    let verified = Verified::for_tests(caller, "us-east-1", request);
    let asked = recognise(verified, &Sites::new(vec![place()])).map_err(|not| not.why).unwrap();
    asked.into_parts().2
}

/// A minute, and a little.
fn minute() -> SignedDuration {
    SignedDuration::from_secs(60)
}
