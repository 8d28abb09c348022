//! A user is erased with everything that was recorded while it had no id yet.

use super::*;
use crate::{
    ledger::{RecordFilter, ToErase, Unsealed},
    notice::ChangedField,
    policy::{Code, Given, Refusal, Refused},
};

/// The Username that every test user has.
const USERNAME: &str = "mmajor1@example.com";
/// Values of the person, in whatever record.
const VALUES: [&str; 7] =
    [USERNAME, NEW, OLD, OLD_SECOND, "created@example.org", "side@example.org", "Secret-password-1"];

/// `CreateUser` of the first test user.
fn creation() -> Change {
    let body = format!(
        r#"{{"Username":"{USERNAME}","PhoneConfig":{{"PhoneType":"SOFT_PHONE"}},"SecurityProfileIds":["p1"],"RoutingProfileId":"r1","Password":"Secret-password-1","IdentityInfo":{{"FirstName":"Mary","LastName":"Major","Email":"created@example.org"}}}}"#
    );
    change("PUT", &format!("/users/{INSTANCE}"), &body)
}

async fn create(bench: &Bench, ledger: &Ledger, signature: &str) -> Intent {
    let who = (caller(), attempt(signature, "create"), creation());
    let permit = Permit::for_tests(who, Seen::default(), Vec::new(), Vec::new(), bench.clock.now());
    intend(ledger, permit).await.ok().unwrap()
}

/// Connect made the first test user.
fn made() -> Sent {
    let body = format!(r#"{{"UserArn":"arn","UserId":"{}"}}"#, user(1));
    Sent::Accepted(Answered { body: Bytes::from(body), ..answered(200) })
}

/// `CreateUser` is refused.
async fn refuse(bench: &Bench, ledger: &Ledger) {
    let change = creation();
    let refused = Refused {
        caller: caller(),
        route: Some(change.route()),
        class: Some(change.class()),
        target: Some(change.target().clone()),
        change: Some(Box::new(change)),
        asked: vec![(Field::Email, Some("created@example.org".into()))],
        given: Given { username: Some(USERNAME.into()), ..Given::default() },
        looked: None,
        refusal: Refusal {
            code: Code::NoRule,
            rule: None,
            fields: Vec::new(),
            detail: format!("not {USERNAME}"),
        },
        policy: Digest::of(b"policy"),
    };
    ledger.refuse(&refused, Plan::of_refusal(&refused, &routing(), bench.clock.now())).await.unwrap();
}

/// What every record seals and anybody can still open, as text.
async fn readable(bench: &Bench) -> String {
    let desk = Desk::open(&bench.url(), bench.options().seal, bench.clock.clone()).await.unwrap();
    let who = Operator { uid: 0, user: None, login_uid: None, login: None, host: None };
    let found = desk.records(&RecordFilter { most: 1_000, ..RecordFilter::default() }).await.unwrap();
    let opened = desk.reveal(&found, "", &who).await.unwrap();
    desk.close().await;
    let texts = opened.into_iter().map(|one| match one {
        Unsealed::Opened(inputs) => inputs.to_string(),
        Unsealed::Nothing | Unsealed::Erased => String::new(),
        Unsealed::Locked => panic!("a record does not open"),
    });
    texts.collect()
}

/// The values of the person that are still readable.
async fn left(bench: &Bench) -> Vec<&'static str> {
    let text = readable(bench).await;
    VALUES.into_iter().filter(|value| text.contains(value)).collect()
}

/// Everything that a guard writes of one person: refused, created, refused again, changed with a side effect, told.
async fn a_life(bench: &Bench, ledger: &Ledger) {
    refuse(bench, ledger).await;
    let open = create(bench, ledger, "create").await.sent(made());
    close(ledger, open, bench.finding(Effect::Applied)).await;
    refuse(bench, ledger).await;
    let refused = notes::refused(Some(1));
    ledger.refuse(&refused, Plan::of_refusal(&refused, &routing(), bench.clock.now())).await.unwrap();
    let intent = intend(ledger, permit(bench, 1, "a")).await.ok().unwrap();
    let side = ChangedField {
        field: "SecondaryEmail".into(),
        before: Some(OLD_SECOND.into()),
        after: Some("side@example.org".into()),
    };
    let finding = Finding { side_effects: vec![side], ..bench.finding(Effect::Applied) };
    close(ledger, intent.sent(Sent::Accepted(answered(200))), finding).await;
}

#[tokio::test]
async fn nothing_of_a_user_is_readable_once_it_is_erased() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    a_life(&bench, &ledger).await;
    let target = update(1, NEW).target().clone();
    assert!(!erased(&bench, &target).await, "notices wait");
    told(&ledger).await;
    // The folded ones come later.
    bench.pass(3_700);
    told(&ledger).await;
    // The password is nowhere from the first.
    assert_eq!(left(&bench).await, VALUES[..6]);
    assert!(erased(&bench, &target).await);
    assert_eq!(left(&bench).await, [""; 0]);
    let mut other = bench.outsider().await;
    // What is left is the guards' own, and the operator's.
    for sql in [
        "SELECT COUNT(*) FROM outbox",
        "SELECT COUNT(*) FROM addresses",
        "SELECT COUNT(*) FROM names",
        "SELECT COUNT(*) FROM held",
        "SELECT COUNT(*) FROM intents WHERE answer IS NOT NULL",
    ] {
        assert_eq!(other.read(sql).await, Some(0), "{sql}");
    }
    // What security profiles were seen to permit is nobody's own.
    assert_eq!(other.read("SELECT COUNT(*) FROM permissions").await, Some(2));
    assert_eq!(other.read("SELECT COUNT(*) FROM people").await, Some(1));
    assert_eq!(bench.sound().await, 0);
}

#[tokio::test]
async fn a_user_whose_creation_nobody_saw_is_known_by_its_username() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let open = create(&bench, &ledger, "create").await.sent(Sent::Unknown("reset".into()));
    let _ = ledger.unknown(&open, bench.clock.now()).await.unwrap();
    close(&ledger, open, bench.finding(Effect::Undetermined)).await;
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    // Another user of the instance stays.
    applied(&bench, &ledger, permit(&bench, 2, "b")).await;
    told(&ledger).await;
    assert!(erased(&bench, update(1, NEW).target()).await);
    assert_eq!(left(&bench).await, [OLD_SECOND], "both have it");
    assert!(readable(&bench).await.contains(&new_of(2)));
    assert_eq!(bench.sound().await, 0);
}

#[tokio::test]
async fn whoever_was_never_created_is_erased_by_username() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    refuse(&bench, &ledger).await;
    told(&ledger).await;
    bench.pass(3_700);
    told(&ledger).await;
    assert!(!left(&bench).await.is_empty());
    assert!(erased(&bench, creation().target()).await);
    assert_eq!(left(&bench).await, [""; 0]);
    assert!(!bench.records().await.iter().any(|record| record.to_string().contains(USERNAME)));
}

#[tokio::test]
async fn nobody_is_erased_whose_creation_is_open() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    told(&ledger).await;
    let intent = create(&bench, &ledger, "create").await;
    assert!(!erased(&bench, update(1, NEW).target()).await);
    close(&ledger, intent.sent(Sent::Refused(answered(400))), bench.finding(Effect::NotApplied)).await;
    told(&ledger).await;
    assert!(erased(&bench, update(1, NEW).target()).await);
}

/// Every key of the store as it is sealed there, by the names of the persons' rows.
async fn sealed_keys(bench: &Bench) -> Vec<(String, Vec<u8>)> {
    let reader = crate::store::Reader::open(&crate::store::Location::read(&bench.url()).unwrap()).unwrap();
    let people = reader.people().await.unwrap();
    reader.close().await;
    people.into_iter().map(|row| (row.token, row.key.bytes)).collect()
}

#[tokio::test]
async fn an_erased_key_is_in_no_octet_of_the_files_of_the_store() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    // As many as make pages split and move.
    for n in 0..120 {
        let refused = notes::refused(Some(n));
        let plan = Plan::of_refusal(&refused, &routing(), bench.clock.now());
        ledger.refuse(&refused, plan).await.unwrap();
    }
    told(&ledger).await;
    bench.pass(3_700);
    told(&ledger).await;
    let before = sealed_keys(&bench).await;
    for n in (0..120).step_by(3) {
        assert!(erased(&bench, update(n, NEW).target()).await);
    }
    let left = sealed_keys(&bench).await;
    let gone: Vec<_> = before.into_iter().filter(|key| !left.contains(key)).collect();
    assert_eq!(gone.len(), 40);
    let in_files = |key: &[u8]| {
        std::fs::read_dir(bench.directory.path()).unwrap().any(|entry| {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            bytes.windows(key.len()).any(|window| window == key)
        })
    };
    assert!(gone.iter().any(|(_, key)| in_files(key)), "the log beside the store has them still");
    let desk = Desk::open(&bench.url(), bench.options().seal, bench.clock.clone()).await.unwrap();
    assert!(desk.scrub().await.unwrap());
    let found: Vec<_> = gone.iter().filter(|(_, key)| in_files(key)).map(|(token, _)| token).collect();
    assert!(found.is_empty(), "{} of {}", found.len(), gone.len());
    assert!(in_files(&left[0].1), "a key that was not erased is there");
}

#[test]
fn whatever_is_open_watched_or_waits_stands_in_the_way_by_itself() {
    let free = ToErase { known: true, open: 0, watched: 0, waiting: 0 };
    assert!(free.is_free());
    for busy in [ToErase { open: 1, ..free }, ToErase { watched: 1, ..free }, ToErase { waiting: 1, ..free }]
    {
        assert!(!busy.is_free(), "{busy:?}");
    }
}
