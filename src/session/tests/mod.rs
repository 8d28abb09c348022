//! The exchange over a ledger of its own, and a server of TLS that is STS.

mod certificates;
mod freezes;
mod sts;
mod web;

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::*;
use crate::{
    caller::{Arn, CertificateName, GuardKey, Principal, Proof, Ring, Session, Unverified, Voucher},
    client::tests::bounded,
    clock::Now,
    ledger::LedgerOptions,
    limit::Rates,
    operation::{Address, InstanceId},
    policy::Policy,
    secret::{HashKey, Seal, Secret},
    sigv4::{Credentials, Signable, sign},
    wire::{
        Body, Head, Origin, Peer, Reply, RequestId, WireRequest,
        json::{Json, Object},
    },
};

const AUDIENCE: &str = "guard.example.com";
const HOST: &str = "session.example.com";
const SOURCE: &str = "192.0.2.7";
const ACCOUNT: &str = "111122223333";
/// Guard keys: one that may freeze, one that may lift as well, one that may neither.
const FREEZER: (&str, &str) = ("GKAAAAAAAAAAAAAAAAA2", "SecurityDesk");
const LIFTER: (&str, &str) = ("GKAAAAAAAAAAAAAAAAA3", "SecurityLead");
const OTHER: (&str, &str) = ("GKAAAAAAAAAAAAAAAAA4", "HelpDesk");

/// An exchange and what it stands on.
struct Bench {
    _directory: TempDir,
    clock: Clock,
    ring: Ring,
    exchange: Arc<Exchange>,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn role(name: &str) -> Principal {
    Principal { arn: Arn::read(&format!("arn:aws:iam::{ACCOUNT}:role/{name}")).unwrap(), unique_id: None }
}

fn secret_of(name: &str) -> String {
    format!("secret-of-{name}-EXAMPLE-0123456789012345678")
}

fn session_keys() -> Arc<SessionKeys> {
    Arc::new(SessionKeys::new(vec![("k1".into(), Secret::new(vec![7; 32]))]).ok().unwrap())
}

fn options() -> SessionOptions {
    let rights = FreezeRights {
        freeze: vec![format!("arn:aws:iam::{ACCOUNT}:role/Security*")],
        unfreeze: vec![format!("arn:aws:iam::{ACCOUNT}:role/SecurityLead"), FREEZER_ARN.into()],
    };
    SessionOptions { audience: AUDIENCE.into(), freeze: rights, ..SessionOptions::default() }
}

const INSTANCE: &str = "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111";
const FREEZER_ARN: &str = "arn:aws:iam::111122223333:role/SecurityDesk";

fn ring() -> Ring {
    let key = |(key_id, name): (&str, &str)| GuardKey {
        key_id: key_id.into(),
        secret: Secret::new(secret_of(name).into_bytes()),
        principal: role(name),
        expires: at("2027-04-01T00:00:00Z"),
        networks: Vec::new(),
    };
    let name = CertificateName {
        spiffe: Some("spiffe://example.com/ns/desk/sa/sync".into()),
        subject: None,
        principal: role("IdentitySync"),
        claims: std::collections::BTreeMap::from([("team".into(), "desk".into())]),
    };
    Ring {
        keys: [FREEZER, LIFTER, OTHER].map(key).to_vec(),
        sessions: Some(session_keys()),
        certificates: vec![name],
        regions: BTreeSet::from(["us-east-1".into()]),
        hosts: BTreeSet::from([HOST.into()]),
    }
}

impl Bench {
    async fn open(options: SessionOptions) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::manual(at("2027-03-12T10:00:00Z"));
        let url = format!("sqlite:{}?reserve=0", directory.path().join("ledger.db").display());
        let ledger = Ledger::open(LedgerOptions {
            url,
            replica: "gw-1".into(),
            timeout: Duration::from_secs(10),
            lease: Duration::from_secs(30),
            queue: 4_096,
            ephemeral: Some("a test".into()),
            seal: Seal::new(vec![("k1".into(), Secret::new(vec![7; 32]))]).unwrap(),
            hash: HashKey::new(&Secret::new(vec![9; 32])),
            clock: clock.clone(),
        });
        let ring = ring();
        let parts = ExchangeParts {
            keys: Arc::new(KeyRing::new(ring.clone()).unwrap()),
            sessions: session_keys(),
            ledger: ledger.await.unwrap(),
            limiter: Arc::new(Limiter::new(Rates::default()).unwrap()),
            routing: Routing::simple(vec![Address::read("security@example.com").unwrap()]),
            policy: Arc::new(|| Arc::new(Policy::closed())),
            instances: vec![InstanceId::read(INSTANCE).unwrap()],
            clock: clock.clone(),
            options,
        };
        Self { _directory: directory, clock, ring, exchange: Exchange::new(parts).unwrap() }
    }

    fn now(&self) -> Now {
        self.clock.now()
    }

    fn pass(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// What is answered: status, the error's name if any, the body.
    async fn answer(&self, request: WireRequest) -> (u16, String, String) {
        let admitted = self.exchange.admit(&request.head);
        let reply = match admitted {
            Ok(most) => {
                assert!(request.body.len() <= most);
                bounded(self.exchange.clone().handle(request)).await
            }
            Err(reply) => reply,
        };
        read(reply)
    }

    async fn post(&self, path: &str, body: &[u8]) -> (u16, String, String) {
        self.answer(post(path, "application/json", body)).await
    }

    /// The credentials in an answer that must be one.
    async fn granted(&self, request: WireRequest) -> Object {
        let (status, error, body) = self.answer(request).await;
        assert_eq!((status, error.as_str()), (200, ""), "{body}");
        Json::read_object(body.as_bytes()).unwrap()
    }

    /// How many answers of this kind there were.
    fn count(&self, route: &str, code: &str) -> u64 {
        let answers = self.exchange.stats().answers;
        answers.iter().find(|one| (one.route, one.code) == (route, code)).map_or(0, |one| one.count)
    }

    /// Who a gateway takes the holder of these credentials for.
    fn gateway(&self, credentials: &Object) -> Result<Arc<Session>, Unverified> {
        let credentials = Credentials {
            access_key_id: text(credentials, "AccessKeyId"),
            secret: Secret::new(text(credentials, "SecretAccessKey").into_bytes()),
            session_token: Some(Secret::new(text(credentials, "SessionToken").into_bytes())),
        };
        let request = signed("/users/i/u", &credentials, b"{}", self.now());
        let verified = KeyRing::new(self.ring.clone()).unwrap().verify(request, self.now())?;
        match &verified.caller().proof {
            Proof::Session(session) => Ok(session.clone()),
            other @ (Proof::GuardKey { .. } | Proof::Certificate { .. }) => panic!("{other}"),
        }
    }
}

fn text(object: &Object, name: &str) -> String {
    match object.get(name) {
        Some(Json::String(text)) => text.clone(),
        other => panic!("{name}: {other:?}"),
    }
}

fn read(reply: Reply) -> (u16, String, String) {
    let error = reply.headers.iter().find(|(name, _)| *name == "x-amzn-errortype");
    let error = error.map(|(_, value)| value.clone()).unwrap_or_default();
    let Body::Whole(body) = reply.body else { panic!("not whole") };
    (reply.status, error, String::from_utf8(body.to_vec()).unwrap())
}

fn request(target: &str, fields: &[(&str, &str)], body: &[u8]) -> WireRequest {
    let origin = Origin::new(RequestId::from("r-1"), SOURCE.parse::<IpAddr>().unwrap(), None);
    let fields = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
    let head = Head::read("POST", target, fields, origin).unwrap();
    WireRequest { head, body: body.to_vec().into() }
}

fn post(target: &str, kind: &str, body: &[u8]) -> WireRequest {
    request(target, &[("host", HOST), ("content-type", kind)], body)
}

fn signed(target: &str, credentials: &Credentials, body: &[u8], now: Now) -> WireRequest {
    let mut fields = vec![("host", HOST), ("content-type", "application/json")];
    let signable = Signable { method: "POST", target, headers: &fields, body };
    let added = sign(signable, credentials, "us-east-1", "connect", now).unwrap();
    fields.extend(added.iter().map(|(name, value)| (*name, value.as_str())));
    request(target, &fields, body)
}

#[tokio::test]
async fn v5_there_is_nothing_at_other_paths_and_methods() {
    let bench = Bench::open(options()).await;
    for path in
        ["/v1", "/v1/nonce/", "/V1/nonce", "/v1/nonce?a=b", "/?Action=AssumeRoleWithWebIdentity", "/v2/nonce"]
    {
        let Ok(head) =
            Head::read("POST", path, [("host", HOST.as_bytes())], post("/", "a/b", b"").head.origin)
        else {
            continue;
        };
        let reply = bench.exchange.admit(&head).err().unwrap();
        assert_eq!(reply.status, 404, "{path}");
    }
    for method in ["GET", "PUT", "DELETE"] {
        let mut asked = post("/v1/nonce", "application/json", b"");
        asked.head.method = crate::wire::Method::read(method).unwrap();
        assert_eq!(bench.answer(asked).await.0, 405, "{method}");
    }
}

#[tokio::test]
async fn options_that_make_no_sense_replace_nothing() {
    let bench = Bench::open(options()).await;
    let fault =
        |options: SessionOptions| bench.exchange.replace(options, session_keys()).unwrap_err().to_string();
    assert!(fault(SessionOptions { audience: "a b".into(), ..options() }).contains("audience"));
    assert!(fault(SessionOptions { lifetime: Duration::from_secs(59), ..options() }).contains("minute"));
    assert!(fault(SessionOptions { lifetime: Duration::from_hours(13), ..options() }).contains("twelve"));
    let issuer = web::issuer(std::path::PathBuf::from("/none"));
    let twice = SessionOptions { issuers: vec![issuer.clone(), issuer.clone()], ..options() };
    assert!(fault(twice).contains("named once"));
    let late = IssuerOptions { leeway: Duration::from_secs(61), ..issuer.clone() };
    assert!(fault(SessionOptions { issuers: vec![late], ..options() }).contains("leeway"));
    let nobody = SessionOptions { roles: vec![web::mapping()], ..options() };
    assert!(fault(nobody).contains("known issuer"));
    let mut free = web::mapping();
    free.claims.clear();
    let free = SessionOptions { roles: vec![free], issuers: vec![issuer], ..options() };
    assert!(fault(free).contains("mapped from"));
    bench.exchange.replace(options(), session_keys()).unwrap();
}
