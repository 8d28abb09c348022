//! The ledger on real `SQLite` files, or on a real server (`store::testing`).

mod addresses;
mod altered;
mod audit;
mod beginnings;
mod chain;
mod desk;
mod epochs;
mod erasure;
mod events;
mod evidence;
mod faults;
mod folding;
mod form;
mod freezes;
mod golden;
mod intents;
mod kept;
mod marks;
mod notes;
mod opening;
mod operators;
mod outbox;
mod outcomes;
mod people;
mod privacy;
mod reading;
mod recovery;
mod replicas;
mod sealed;
mod sessions;
mod size;
mod streams;
mod takings;
mod tamper;
mod upkeep;
mod watch;
mod writer;

use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::{
    Answered, Claimed, DeliveryOutcome, Desk, Earlier, Intent, Ledger, LedgerFault, LedgerOptions, Open,
    Operator, Orphan, Queue, Recorded, Sent, Unintended, Unwritten,
};
use crate::{
    caller::Attempt,
    clock::Clock,
    notice::{Channel, Finding, Plan, Routing, Shows, Urgency},
    operation::{
        Address, Change, Effect, Field, Identity, Profile, Seen, Target, User, UserId,
        testing::{INSTANCE, caller, change, change_with},
    },
    policy::{FieldChange, Permit, QuotaClaim, QuotaOf, RuleRef},
    secret::{Digest, HashKey, Seal, Secret},
    store::{
        RecordRow,
        testing::{self, Outsider},
    },
};

/// The addresses that tests use, and that no byte of a store may show.
const OLD: &str = "mary.major@example.com";
const OLD_SECOND: &str = "mary@home.example.net";
const NEW: &str = "mary@example.org";
const SECURITY: &str = "security@example.com";

/// A directory for a ledger, and the time in it.
struct Bench {
    directory: TempDir,
    clock: Clock,
}

impl Bench {
    fn new() -> Self {
        let at: Timestamp = "2027-03-12T10:00:00Z".parse().unwrap();
        Self { directory: tempfile::tempdir().unwrap(), clock: Clock::manual(at) }
    }

    fn file(&self) -> std::path::PathBuf {
        self.directory.path().join("ledger.db")
    }

    fn url(&self) -> String {
        testing::url(self.directory.path())
    }

    fn options(&self) -> LedgerOptions {
        LedgerOptions {
            url: self.url(),
            replica: "gw-1".into(),
            // A server answers many times for one step: that takes its time on a busy machine.
            timeout: Duration::from_secs(if testing::is_server() { 60 } else { 10 }),
            lease: Duration::from_secs(30),
            queue: 4_096,
            ephemeral: Some("a test".into()),
            seal: Seal::new(vec![("k1".into(), Secret::new(vec![7; 32]))]).unwrap(),
            hash: HashKey::new(&Secret::new(vec![9; 32])),
            clock: self.clock.clone(),
        }
    }

    async fn ledger(&self) -> Ledger {
        self.opened(self.options()).await
    }

    /// The process before gives its lock back a moment after it is gone.
    async fn opened(&self, options: LedgerOptions) -> Ledger {
        testing::lapse(&options.url).await;
        Ledger::open(options).await.unwrap()
    }

    /// A process is gone. On a server its leases have to run out.
    fn gone(&self) {
        if testing::is_server() {
            self.pass(31);
        }
    }

    async fn outsider(&self) -> Outsider {
        Outsider::at(&self.url()).await
    }

    fn pass(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    async fn records(&self) -> Vec<serde_json::Value> {
        rows(&self.url()).await.iter().map(|row| serde_json::from_slice(&row.bytes).unwrap()).collect()
    }

    async fn kinds(&self) -> Vec<String> {
        self.records().await.iter().map(|record| record["kind"].as_str().unwrap().to_owned()).collect()
    }

    /// Asserts that every link holds, and gives the number of open intents.
    async fn sound(&self) -> u64 {
        let found = Ledger::verify(&self.url()).await.unwrap();
        assert_eq!(found.faults, []);
        found.open
    }

    fn finding(&self, effect: Effect) -> Finding {
        Finding {
            effect,
            side_effects: Vec::new(),
            told_unknown: false,
            shows: Shows::Already,
            user: None,
            at: self.clock.now(),
        }
    }
}

async fn rows(url: &str) -> Vec<RecordRow> {
    let reader = crate::store::Reader::open(&crate::store::Location::read(url).unwrap()).unwrap();
    let mut all = Vec::new();
    reader.each_record(|row| all.push(row.clone())).await.unwrap();
    reader.close().await;
    all
}

fn user(n: u32) -> String {
    format!("87654321-2222-1234-1234-{n:012}")
}

/// `UpdateUserIdentityInfo` of a user, to this address.
fn update(n: u32, email: &str) -> Change {
    let body = format!(r#"{{"IdentityInfo":{{"Email":"{email}"}}}}"#);
    change("POST", &format!("/users/{INSTANCE}/{}/identity-info", user(n)), &body)
}

fn attempt(signature: &str, body: &str) -> Attempt {
    Attempt {
        signature: Digest::of(signature.as_bytes()),
        invocation: None,
        body: Digest::of(body.as_bytes()),
        signed_at: Timestamp::UNIX_EPOCH.into(),
    }
}

fn seen(n: u32, email: &str) -> Seen {
    let identity = Identity::new([
        (Field::FirstName, "Mary".to_owned()),
        (Field::LastName, "Major".to_owned()),
        (Field::Email, email.to_owned()),
        (Field::SecondaryEmail, OLD_SECOND.to_owned()),
    ]);
    let user = User {
        id: UserId::read(&user(n)).unwrap(),
        username: format!("mmajor{n}@example.com"),
        identity,
        security_profiles: vec!["p1".into()],
    };
    let permissions = ["Users.Edit".to_owned(), "Users.View".to_owned()].into();
    let other = ["Never.Had".to_owned()].into();
    let profiles = vec![
        Profile { id: "p1".into(), name: "Admin".into(), permissions },
        Profile { id: "p2".into(), name: "Other".into(), permissions: other },
    ];
    Seen { user: Some(user), profiles, ..Seen::default() }
}

fn quota(changes: u32, of: QuotaOf) -> QuotaClaim {
    QuotaClaim {
        rule: RuleRef { id: "identity-desk-email".into(), place: "desk.toml:3".into() },
        of,
        changes,
        per: SignedDuration::from_hours(1),
    }
}

/// The new address of a user: no two have one.
fn new_of(n: u32) -> String {
    if n == 1 { NEW.into() } else { format!("mary{n}@example.org") }
}

/// The address a user has before.
fn old_of(n: u32) -> String {
    if n == 1 { OLD.into() } else { format!("mary.major{n}@example.com") }
}

/// A permit for a user's address to become another, asked under this signature.
fn permit_from(
    bench: &Bench,
    n: u32,
    from: &str,
    to: &str,
    signature: &str,
    quotas: Vec<QuotaClaim>,
) -> Permit<Change> {
    let differences =
        vec![FieldChange { field: Field::Email, before: Some(from.into()), after: Some(to.into()) }];
    let who = (caller(), attempt(signature, to), update(n, to));
    Permit::for_tests(who, seen(n, from), differences, quotas, bench.clock.now())
}

fn permit(bench: &Bench, n: u32, signature: &str) -> Permit<Change> {
    permit_from(bench, n, &old_of(n), &new_of(n), signature, Vec::new())
}

fn plan(permit: &Permit<Change>) -> Plan {
    Plan::of(permit, &routing()).unwrap()
}

fn routing() -> Routing {
    Routing::simple(vec![Address::read(SECURITY).unwrap()])
}

fn queue(urgency: Urgency) -> Queue {
    Queue { channel: Channel::Mail, urgency }
}

/// Mail that is due: urgent ones first.
async fn claim(ledger: &Ledger, most: usize) -> Vec<Claimed> {
    let mut claimed = ledger.claim(&queue(Urgency::Now), most).await.unwrap();
    claimed.extend(ledger.claim(&queue(Urgency::Later), most - claimed.len()).await.unwrap());
    claimed
}

/// Everything that is due is delivered.
async fn told(ledger: &Ledger) {
    for claimed in claim(ledger, 1_000).await {
        let reply = format!("250 2.1.5 <{}> ok", claimed.delivery.recipient);
        ledger.delivered(&claimed, DeliveryOutcome::Delivered { reply }).await.unwrap();
    }
}

fn operator() -> Operator {
    Operator {
        uid: 0,
        user: Some("root".into()),
        login_uid: Some(1000),
        login: None,
        host: Some("desk-1".into()),
    }
}

/// An operator erases a user; whether that was done.
async fn erased(bench: &Bench, target: &Target) -> bool {
    let hash = HashKey::new(&Secret::new(vec![9; 32]));
    let desk = Desk::open(&bench.url(), bench.options().seal, bench.clock.clone()).await.unwrap();
    let done = desk.erase(&hash, target, "she left", &operator()).await.unwrap();
    desk.close().await;
    done
}

async fn intend(ledger: &Ledger, permit: Permit<Change>) -> Result<Intent, Unintended> {
    let plan = plan(&permit);
    ledger.intend(permit, plan).await
}

/// Why there is no intent.
async fn not_intended(ledger: &Ledger, permit: Permit<Change>) -> Unintended {
    match intend(ledger, permit).await {
        Ok(_) => panic!("there is an intent"),
        Err(why) => why,
    }
}

fn answered(status: u16) -> Answered {
    Answered { status, error: None, request_id: Some("connect-1".into()), body: Bytes::from_static(b"{}") }
}

async fn close(ledger: &Ledger, open: Open, finding: Finding) {
    let _ = closed(ledger, open, finding).await;
}

async fn closed(ledger: &Ledger, open: Open, finding: Finding) -> Recorded {
    match ledger.close(open, finding).await {
        Ok(closed) => closed.recorded,
        Err((_, why)) => panic!("{why}"),
    }
}

/// Open changes of a process that is gone.
async fn open_orphans(ledger: &Ledger) -> Vec<Open> {
    let orphans = ledger.orphans().await.unwrap();
    let open = |orphan| match orphan {
        Orphan::Open(open) => open,
        Orphan::Watch(_) => panic!("it is closed"),
    };
    orphans.into_iter().map(open).collect()
}

/// A change from its intent to its outcome.
async fn applied(bench: &Bench, ledger: &Ledger, permit: Permit<Change>) {
    let _ = applied_as(bench, ledger, permit).await;
}

/// A change from its intent to its outcome, and that.
async fn applied_as(bench: &Bench, ledger: &Ledger, permit: Permit<Change>) -> Recorded {
    let intent = intend(ledger, permit).await.map_err(|why| format!("{why:?}")).unwrap();
    closed(ledger, intent.sent(Sent::Accepted(answered(200))), bench.finding(Effect::Applied)).await
}
