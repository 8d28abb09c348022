//! Records for an auditor beside a running guard: found, explained, and opened only once it is on record who looks.

use super::*;
use crate::{
    caller::Arn,
    ledger::{Audited, Desk, Kind, RecordFilter, SessionFilter, Unsealed},
};

const RULES: &str =
    "version = 1\n\n[[allow]]\nid = \"identity-desk-email\"\nreason = \"for lee@example.com\"\n";

fn filter() -> RecordFilter {
    RecordFilter { most: 100, ..RecordFilter::default() }
}

async fn desk(bench: &Bench) -> Desk {
    Desk::open(&bench.url(), bench.options().seal, bench.clock.clone()).await.unwrap()
}

fn places(found: &[Audited]) -> Vec<(&str, u64)> {
    found.iter().map(|audited| (audited.record["kind"].as_str().unwrap(), audited.seq)).collect()
}

/// Two changes, a refusal and a session, an hour between each; the policy is kept.
async fn some(bench: &Bench) -> Ledger {
    let ledger = bench.ledger().await;
    let files = [("desk.toml".to_owned(), RULES.to_owned()), ("hr.csv".to_owned(), "mary,x".to_owned())];
    for _ in 0..2 {
        ledger.keep_policy(Digest::of(b"policy"), &files).await.unwrap();
    }
    applied(bench, &ledger, permit(bench, 1, "a")).await;
    bench.pass(3_600);
    applied(bench, &ledger, permit(bench, 2, "b")).await;
    bench.pass(3_600);
    let refused = notes::refused(Some(3));
    ledger.refuse(&refused, Plan::of_refusal(&refused, &routing(), bench.clock.now())).await.unwrap();
    bench.pass(3_600);
    let session = sessions::session(bench, sessions::ID);
    ledger.session_issued(&session, &caller().origin).await.unwrap();
    ledger
}

/// Of each session one record in turn, an hour between two of them.
#[tokio::test]
async fn the_last_records_of_a_role_are_those_of_all_its_sessions() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    for n in 0..12 {
        let mut refused = notes::refused(Some(n % 2));
        refused.caller.principal.arn = match n % 4 {
            0 => Arn::read("arn:aws:iam::111122223333:role/Desk"),
            1 => Arn::read("arn:aws:sts::111122223333:assumed-role/Desk/agent-a"),
            2 => Arn::read("arn:aws:sts::111122223333:assumed-role/Desk/agent-b"),
            _ => Arn::read("arn:aws:sts::111122223333:assumed-role/Desk0/agent-a"),
        }
        .unwrap();
        ledger.refuse(&refused, Plan::of_refusal(&refused, &routing(), bench.clock.now())).await.unwrap();
        bench.pass(3_600);
    }
    let desk = desk(&bench).await;
    let role = Arn::read("arn:aws:iam::111122223333:role/Desk").unwrap();
    let by = |most| RecordFilter { caller: Some(role.clone()), most, ..RecordFilter::default() };
    let numbers = async |filter: &RecordFilter| -> Vec<u64> {
        desk.records(filter).await.unwrap().iter().map(|audited| audited.seq).collect()
    };
    let all = [1, 2, 3, 5, 6, 7, 9, 10, 11];
    for most in 1..=10_u32 {
        let last = all.len().saturating_sub(most as usize);
        assert_eq!(numbers(&by(most)).await, all[last..], "the last {most}");
    }
    // What is new is found as well.
    let order = desk.records(&by(100)).await.unwrap()[4].order;
    assert_eq!(numbers(&RecordFilter { after: Some(order), ..by(100) }).await, all[5..]);
    let of = RecordFilter { user: Some(user(0)), ..by(2) };
    assert_eq!(numbers(&of).await, [9, 11]);
}

#[tokio::test]
async fn records_are_found_by_whom_what_and_when_they_are_about() {
    let bench = Bench::new();
    let ledger = some(&bench).await;
    let desk = desk(&bench).await;
    let all = [("intent", 1), ("outcome", 2), ("intent", 3), ("outcome", 4), ("refusal", 5), ("session", 6)];
    assert_eq!(places(&desk.records(&filter()).await.unwrap()), all);
    let second: Timestamp = "2027-03-12T11:00:00Z".parse().unwrap();
    let second = second.as_millisecond();
    let role = Arn::read("arn:aws:iam::111122223333:role/IdentityDesk").unwrap();
    let other = Arn::read("arn:aws:iam::111122223333:role/IdentityDes").unwrap();
    for (filter, expected) in [
        (RecordFilter { most: 2, ..filter() }, &all[4..]),
        (RecordFilter { user: Some(user(2)), ..filter() }, &all[2..4]),
        (RecordFilter { user: Some(user(9)), ..filter() }, &[][..]),
        (RecordFilter { kinds: vec![Kind::Refusal, Kind::Session], ..filter() }, &all[4..]),
        (RecordFilter { since: Some(second), until: Some(second + 1), ..filter() }, &all[2..4]),
        (RecordFilter { until: Some(second), ..filter() }, &all[..2]),
        (RecordFilter { operation: Some("DeleteUser".into()), ..filter() }, &[][..]),
        (RecordFilter { record: Some(("gw-1".into(), 4)), ..filter() }, &all[3..4]),
        (RecordFilter { record: Some(("gw-2".into(), 4)), ..filter() }, &[][..]),
        (RecordFilter { request: Some("another-request".into()), ..filter() }, &[][..]),
        (RecordFilter { request: Some("connect-1".into()), ..filter() }, &[all[1], all[3]]),
        (RecordFilter { request: Some("connect-".into()), ..filter() }, &[][..]),
        (RecordFilter { request: Some("connect-1".into()), until: Some(second), ..filter() }, &all[1..2]),
        (
            RecordFilter { request: Some(caller().origin.request_id.as_str().into()), most: 2, ..filter() },
            &all[4..],
        ),
        (
            RecordFilter {
                request: Some(caller().origin.request_id.as_str().into()),
                kinds: vec![Kind::Intent],
                ..filter()
            },
            &[all[0], all[2]],
        ),
        (RecordFilter { caller: Some(other), ..filter() }, &[][..]),
    ] {
        assert_eq!(places(&desk.records(&filter).await.unwrap()), expected, "{filter:?}");
    }
    let by = RecordFilter { caller: Some(role), ..filter() };
    let by = desk.records(&by).await.unwrap();
    assert_eq!(places(&by), [all[0], all[2], all[4], all[5]]);
    // What comes later is found after the last.
    let last = desk.last_record().await.unwrap();
    let after = RecordFilter { after: Some(last), ..filter() };
    assert_eq!(desk.records(&after).await.unwrap(), []);
    applied(&bench, &ledger, permit(&bench, 4, "d")).await;
    assert_eq!(places(&desk.records(&after).await.unwrap()), [("intent", 7), ("outcome", 8)]);
}

#[tokio::test]
async fn a_decision_is_explained_by_the_text_that_decided_and_joined_with_what_became_of_it() {
    let bench = Bench::new();
    let _ledger = some(&bench).await;
    let desk = desk(&bench).await;
    let intent = RecordFilter { record: Some(("gw-1".into(), 1)), ..filter() };
    let found = desk.records(&intent).await.unwrap().remove(0);
    let rule = &found.rules[0];
    assert_eq!((rule.rule.as_str(), rule.place.as_str()), ("identity-desk-email", "desk.toml:3"));
    assert_eq!(rule.of, ["operation", "Email"]);
    let text = "[[allow]]\nid = \"identity-desk-email\"\nreason = \"for lee@example.com\"";
    assert_eq!(rule.text.as_deref(), Some(text));
    assert_eq!((found.became.len(), &found.became[0]["effect"]), (1, &"applied".into()));
    assert_eq!(found.became[0]["connect"]["request_id"], "connect-1");
    let hash = Digest::of(&rows(&bench.url()).await[0].bytes).hex();
    assert_eq!(found.hash, hash);
    let files = desk.policy_files(&Digest::of(b"policy").hex()).await.unwrap();
    assert_eq!(files, [("desk.toml".into(), Some(RULES.into())), ("hr.csv".into(), None)]);
    assert_eq!(desk.policy_files("").await.unwrap(), []);
    // The text is sealed.
    if testing::is_server() {
        return;
    }
    let bytes = std::fs::read(bench.file()).unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("lee@example.com"));
}

#[tokio::test]
async fn what_is_sealed_is_opened_once_it_is_on_record_who_looks() {
    let bench = Bench::new();
    let ledger = some(&bench).await;
    let desk = desk(&bench).await;
    let found = desk.records(&filter()).await.unwrap();
    let opened = desk.reveal(&found[..2], "kind=intent", &operator()).await.unwrap();
    let Unsealed::Opened(inputs) = &opened[0] else { panic!("it is not opened") };
    assert_eq!((&inputs["before"]["Email"], &inputs["asked"]["Email"]), (&OLD.into(), &NEW.into()));
    assert_eq!(inputs.get("given"), None, "nothing was to be given");
    let looked = desk.records(&RecordFilter { kinds: vec![Kind::Reveal], ..filter() }).await.unwrap();
    assert_eq!((looked.len(), looked[0].chain.as_str(), looked[0].seq), (1, "~desk", 1));
    let reveal = &looked[0].record["reveal"];
    assert_eq!(
        (&reveal["uid"], &reveal["user"], &reveal["login_uid"]),
        (&0.into(), &"root".into(), &1000.into())
    );
    assert_eq!(reveal["records"], serde_json::json!(["gw-1/1", "gw-1/2"]));
    // The guard's own chain goes on beside it, and both hold.
    told(&ledger).await;
    assert!(erased(&bench, update(1, NEW).target()).await);
    let again = desk.reveal(&found, "", &operator()).await.unwrap();
    assert_eq!(again[0], Unsealed::Erased);
    assert!(matches!(again[2], Unsealed::Opened(_)));
    assert_eq!(bench.sound().await, 0);
    let at = found.iter().position(|one| one.record["kind"] == "refusal").unwrap();
    let Unsealed::Opened(refused) = &again[at] else { panic!("it is not opened") };
    assert_eq!(refused["asked"]["Email"], NEW);
    assert!(refused["looked"].is_object(), "what it was decided by: {refused}");
    let other = Seal::new(vec![("k1".into(), Secret::new(vec![8; 32]))]).unwrap();
    let other = Desk::open(&bench.url(), other, bench.clock.clone()).await.unwrap();
    assert_eq!(other.reveal(&found[2..3], "", &operator()).await.unwrap(), [Unsealed::Locked]);
    assert_eq!(other.records(&filter()).await.unwrap()[0].rules[0].text, None);
    let records = bench.records().await;
    assert_eq!(records.iter().filter(|record| record["kind"] == "reveal").count(), 3);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_shown() {
    let bench = Bench::new();
    let _ledger = some(&bench).await;
    let desk = desk(&bench).await;
    let found = desk.records(&filter()).await.unwrap();
    // A connection beside the guard's, so no commit of a file fails by a hook.
    if testing::is_server() {
        faults::failing(&bench).await;
    } else {
        let sql = "CREATE TRIGGER nobody_looks BEFORE INSERT ON records WHEN NEW.chain = '~desk' \
             BEGIN SELECT RAISE(ABORT, 'no'); END";
        bench.outsider().await.run(sql).await.unwrap();
    }
    assert!(desk.reveal(&found, "", &operator()).await.is_err());
}

#[tokio::test]
async fn sessions_are_listed_with_their_last_use_and_no_address() {
    let bench = Bench::new();
    let ledger = some(&bench).await;
    let desk = desk(&bench).await;
    let list = async |principal: Option<&str>, active| {
        let principal = principal.map(|arn| Arn::read(arn).unwrap());
        desk.sessions(&SessionFilter { principal, active, most: 10 }).await.unwrap()
    };
    let held = list(None, true).await;
    assert_eq!((held.len(), held[0].id.as_str(), held[0].used), (1, sessions::ID, None));
    assert!(held[0].active && held[0].account == "arn:aws:iam::111122223333:role/IdentityDesk");
    assert!(!held[0].record.record.to_string().contains('@'));
    assert_eq!(list(Some("arn:aws:iam::111122223333:role/IdentityDesk"), false).await.len(), 1);
    assert_eq!(list(Some("arn:aws:iam::111122223333:role/Other"), false).await.len(), 0);
    bench.pass(899);
    assert!(list(None, false).await[0].active);
    bench.pass(1);
    assert!(!list(None, false).await[0].active, "it has ended when it ends");
    bench.pass(1);
    ledger.session_used(&sessions::session(&bench, sessions::ID));
    ledger.stop().await.unwrap();
    assert_eq!(list(None, true).await.len(), 0);
    let ended = list(None, false).await;
    assert_eq!((ended[0].active, ended[0].used), (false, Some(bench.clock.now().millis())));
}

#[cfg(feature = "demo")]
#[tokio::test]
async fn the_ground_of_a_request_is_named_by_its_id() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let id = |n: u32| format!("00000000-0000-4000-8000-00000000000{n}");
    let ground = async |n: u32| Ledger::ground(&bench.url(), &id(n)).await.unwrap();
    let refused = async |n: u32, rule: Option<RuleRef>| {
        let mut refused = notes::refused(Some(2));
        refused.caller.origin.request_id = crate::wire::RequestId::from(id(n).as_str());
        refused.refusal.rule = rule;
        ledger.refuse(&refused, Plan::of_refusal(&refused, &routing(), bench.clock.now())).await.unwrap();
    };
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    refused(1, Some(RuleRef { id: "some-rule".into(), place: "/etc/guard/desk.toml:9".into() })).await;
    refused(2, None).await;
    // Its outcome says nothing of rules.
    assert_eq!(ground(0).await.as_deref(), Some("identity-desk-email (desk.toml:3)"));
    assert_eq!(ground(1).await.as_deref(), Some("no-rule some-rule (desk.toml:9)"));
    assert_eq!(ground(2).await.as_deref(), Some("no-rule"));
    assert_eq!(ground(3).await, None);
}

#[tokio::test]
async fn a_policy_that_was_kept_is_read_again_without_what_is_no_rule() {
    let bench = Bench::new();
    let ledger = some(&bench).await;
    let kept = ledger.kept_policy(&Digest::of(b"policy").hex()).await.unwrap();
    assert_eq!(kept, [("desk.toml".to_owned(), RULES.to_owned())]);
    assert_eq!(ledger.kept_policy(&Digest::of(b"another").hex()).await.unwrap(), []);
}

#[tokio::test]
async fn the_last_policy_is_the_one_that_was_last_in_force() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let last = async |ledger: &Ledger| ledger.last_policy().await.unwrap();
    let hex = |text: &str| Some(Digest::of(text.as_bytes()).hex());
    assert_eq!(last(&ledger).await, None);
    let refused = notes::refused(Some(1));
    ledger.refuse(&refused, Plan::of_refusal(&refused, &routing(), bench.clock.now())).await.unwrap();
    assert_eq!(last(&ledger).await, hex("policy"), "where nothing says more");
    ledger.started(Digest::of(b"first")).await.unwrap();
    ledger.refuse(&refused, Plan::of_refusal(&refused, &routing(), bench.clock.now())).await.unwrap();
    assert_eq!(last(&ledger).await, hex("first"));
    ledger.in_force(Digest::of(b"second")).await.unwrap();
    assert_eq!(last(&ledger).await, hex("second"));
    let heartbeat = crate::notice::Event::Heartbeat {
        since: 0,
        changes: 0,
        refusals: 0,
        delivered: 0,
        waiting: 0,
        dead: 0,
        policy: Digest::of(b"third").hex(),
    };
    assert!(ledger.say(&heartbeat, &routing(), None).await.unwrap());
    assert_eq!(last(&ledger).await, hex("third"));
    ledger.crash().await;
    bench.gone();
    let ledger = bench.opened(LedgerOptions { replica: "gw-2".into(), ..bench.options() }).await;
    assert!(last(&ledger).await.is_some(), "a chain that begins goes on from the others");
}

#[tokio::test]
async fn every_record_is_read_in_order_and_opened_with_the_keys() {
    let bench = Bench::new();
    let _ledger = some(&bench).await;
    let seal = bench.options().seal;
    let other = Seal::new(vec![("k1".into(), Secret::new(vec![8; 32]))]).unwrap();
    for (seal, opened) in [(Some(&seal), 6), (Some(&other), 0), (None, 0)] {
        let mut lines = Vec::new();
        assert_eq!(Ledger::each_line(&bench.url(), seal, |line| lines.push(line)).await.unwrap(), 0);
        let numbers: Vec<_> = lines.iter().map(|line| line.record["seq"].as_u64().unwrap()).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
        assert_eq!(lines.iter().filter(|line| line.inputs.is_some()).count(), opened);
    }
    let line = async |chain, seq| Ledger::line(&bench.url(), Some(&seal), chain, seq).await.unwrap();
    let intent = line("gw-1", 1).await.unwrap();
    assert_eq!(
        (&intent.record["kind"], &intent.inputs.unwrap()["asked"]["Email"]),
        (&"intent".into(), &NEW.into())
    );
    assert!(line("gw-1", 7).await.is_none() && line("gw-2", 1).await.is_none());
    bench.outsider().await.record("~desk", 1, "no record").await;
    assert_eq!(Ledger::each_line(&bench.url(), None, |_| ()).await.unwrap(), 1);
    assert!(line("~desk", 1).await.is_none());
}
