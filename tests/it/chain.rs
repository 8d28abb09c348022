//! The ledger as whoever looks at its file sees it: cut, copied, rolled back, read without a key; and what is on disk when.

use std::{fs, path::Path, process::Command};

use aws_lc_rs::digest::{SHA256, digest};
use connect_guard::demo::{
    caller::Request,
    connect::{Fault, Held},
    stage::{INSTANCE, Setting},
};
use serde_json::Value;
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use tokio::time::timeout;

use crate::{
    records::{effects, of_kind, outcomes},
    running::{LIMIT, Running, event, few_or_required, own_address, program, put, roomy, until, user},
};

const UPDATE: &str = "UpdateUserIdentityInfo";

async fn change(guard: &Running, number: usize) -> u16 {
    let agent = user(number);
    let request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
    guard.caller("IdentityDesk").send(&request).await.unwrap().status
}

/// `audit verify` of this file: the chain's name, its last number and hash; none when it is not whole.
fn head(ledger: &Path) -> Option<(String, u64, String)> {
    let url = format!("sqlite:{}", ledger.display());
    let output = Command::new(program())
        .args(["--format", "json", "audit", "verify", "--store", &url])
        .output()
        .unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let head = &said["heads"][0];
    let text = |name: &str| head[name].as_str().unwrap_or_default().to_owned();
    output.status.success().then(|| (text("chain"), head["seq"].as_u64().unwrap(), text("hash")))
}

async fn sql(ledger: &Path, statement: &'static str) {
    let mut connection =
        SqliteConnectOptions::new().filename(ledger).disable_statement_logging().connect().await.unwrap();
    sqlx::query(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// The records' own bytes, in order.
async fn bytes_of(ledger: &Path) -> Vec<Vec<u8>> {
    let open = SqliteConnectOptions::new().filename(ledger).read_only(true).disable_statement_logging();
    let mut connection = open.connect().await.unwrap();
    sqlx::query_scalar("SELECT bytes FROM records ORDER BY seq").fetch_all(&mut connection).await.unwrap()
}

/// Notices that wait for an outcome.
async fn held_back(ledger: &Path) -> i64 {
    let open = SqliteConnectOptions::new().filename(ledger).read_only(true).disable_statement_logging();
    let mut connection = open.connect().await.unwrap();
    sqlx::query_scalar("SELECT count(*) FROM held").fetch_one(&mut connection).await.unwrap()
}

/// The intent is there before the change is sent, and the outcome after it; both are synced by then.
#[tokio::test(flavor = "multi_thread")]
async fn o1_the_intent_is_on_disk_before_anything_is_sent() {
    let guard = Running::with(roomy([user(1)])).await;
    let desk = guard.caller("IdentityDesk");
    let held = Held::default();
    guard.stage.connect.fail_next(UPDATE, Fault::Held(held.clone()));
    let request = Request::update_identity(INSTANCE, &user(1).id, &[("Email", &own_address(&user(1)))]);
    let change = tokio::spawn(async move { desk.send(&request).await.unwrap() });
    timeout(LIMIT, guard.stage.connect.wait_for(1, UPDATE)).await.unwrap();
    let records = guard.records().await;
    assert_eq!(effects(&records, &user(1).id), ["-"], "Connect has it, and nothing is on record");
    // Everything that will be told is there as well.
    assert!(held_back(&guard.stage.folder.join("ledger.db")).await >= 1);
    held.let_go();
    assert_eq!(change.await.unwrap().status, 200);
    assert_eq!(effects(&guard.records().await, &user(1).id), ["applied"]);
}

/// Thousands of refusals at the same time: as many records.
#[tokio::test(flavor = "multi_thread")]
async fn o5_as_many_records_as_refusals() {
    let refusals = few_or_required(2_000, 10_000);
    let at_once = refusals / 100;
    let guard = Running::with(roomy([user(1)])).await;
    let mut tasks = Vec::new();
    for _ in 0..at_once {
        let help = guard.caller("HelpDesk");
        tasks.push(tokio::spawn(async move {
            let mut connection = help.connect().await.unwrap();
            let mut refused = 0;
            for _ in 0..refusals / at_once {
                let request = Request::new("GET", "/nothing", b"");
                connection.write(&help.sign(&request, help.now()).unwrap()).await.unwrap();
                refused += usize::from(connection.read().await.unwrap().status == 403);
            }
            refused
        }));
    }
    let mut refused = 0;
    for task in tasks {
        refused += task.await.unwrap();
    }
    assert_eq!(refused, refusals);
    let records = guard.recorded(|records| of_kind(records, "refusal").len() >= refusals).await;
    assert_eq!(of_kind(&records, "refusal").len(), refusals);
    let (report, whole) = guard.verify();
    assert!(whole, "{report}");
}

/// What is cut off at the end leaves a whole chain, and another head than the one that was told.
#[tokio::test(flavor = "multi_thread")]
async fn i4_a_tail_that_is_cut_off_shows_in_the_head() {
    let mut guard = Running::with(roomy((1..=2).map(user))).await;
    let ledger = guard.stage.folder.join("ledger.db");
    assert_eq!(change(&guard, 1).await, 200);
    // What is said of the guard itself names the head; the weekly message is one, and so is what is said of a new policy.
    put(
        &guard.stage.folder.join("policies/more.toml"),
        "version = 1\n[[deny]]\nid = \"more\"\nreason = \"a test\"\nusers = [\"nobody\"]\n",
    );
    let told = until("a message of the guard itself", || async {
        guard.stage.mailbox.letters().into_iter().find(|letter| event(letter) == "policy-changed")
    })
    .await;
    guard.process.stop().await.unwrap();
    let (chain, seq, hash) = head(&ledger).expect("a whole chain");
    let copy = guard.stage.folder.join("cut.db");
    fs::copy(&ledger, &copy).unwrap();
    sql(&copy, "DROP TRIGGER records_are_not_deleted").await;
    sql(&copy, "DELETE FROM records WHERE seq = (SELECT max(seq) FROM records)").await;
    let cut = head(&copy);
    assert_ne!(cut, Some((chain.clone(), seq, hash)), "nobody sees that something is missing");
    if let Some((_, cut, _)) = cut {
        assert_eq!(cut, seq - 1);
    }
    // Whoever keeps the message sees a ledger that was rolled back before it.
    let said = told.text().unwrap();
    let heads =
        bytes_of(&ledger).await.into_iter().map(|bytes| hex::encode(digest(&SHA256, &bytes).as_ref()));
    assert!(said.contains(&chain) && heads.into_iter().any(|hash| said.contains(&hash)), "no head in {said}");
}

/// Two guards that go on from one ledger have two histories: the same numbers, other hashes.
#[tokio::test(flavor = "multi_thread")]
async fn i5_two_histories_of_one_chain() {
    let mut guard = Running::with(roomy((1..=3).map(user))).await;
    let ledger = guard.stage.folder.join("ledger.db");
    assert_eq!(change(&guard, 1).await, 200);
    guard.process.stop().await.unwrap();
    let copy = guard.stage.folder.join("copy.db");
    fs::copy(&ledger, &copy).unwrap();
    let mut heads = Vec::new();
    for number in [2, 3] {
        fs::copy(&copy, &ledger).unwrap();
        for more in ["ledger.db-wal", "ledger.db-shm"] {
            let _ = fs::remove_file(guard.stage.folder.join(more));
        }
        guard.process.restart(&guard.stage).await.unwrap();
        assert_eq!(change(&guard, number).await, 200, "{}", guard.log());
        guard.process.stop().await.unwrap();
        heads.push(head(&ledger).expect("each is whole by itself"));
    }
    assert_eq!(heads[0].0, heads[1].0, "one chain");
    assert_ne!(heads[0].2, heads[1].2, "two histories with one head");
}

/// The end of the machine tears what was not synced: what is left is whole, and the guard goes on from it.
#[tokio::test(flavor = "multi_thread")]
async fn i6_a_torn_end_is_recovered() {
    let mut guard = Running::with(roomy((1..=4).map(user))).await;
    for number in 1..=3 {
        assert_eq!(change(&guard, number).await, 200);
    }
    guard.process.kill().await.unwrap();
    // Half of the last write never reached the disk.
    let wal = guard.stage.folder.join("ledger.db-wal");
    let whole = fs::metadata(&wal).unwrap().len();
    let file = fs::OpenOptions::new().write(true).open(&wal).unwrap();
    file.set_len(whole - 2_000).unwrap();
    drop(file);
    guard.process.restart(&guard.stage).await.unwrap();
    assert_eq!(change(&guard, 4).await, 200, "{}", guard.log());
    let records = guard.recorded(|records| outcomes(records).len() >= of_kind(records, "intent").len()).await;
    assert_eq!(effects(&records, &user(4).id), ["applied"]);
    let (report, whole) = guard.verify();
    assert!(whole, "{report}");
}

/// The chain goes on over ends of the guard, in good order and not.
#[tokio::test(flavor = "multi_thread")]
async fn i10_the_chain_goes_on_over_restarts() {
    let mut guard = Running::with(roomy((1..=4).map(user))).await;
    let mut last = 0;
    for number in 1..=4 {
        assert_eq!(change(&guard, number).await, 200, "{}", guard.log());
        if number % 2 == 0 {
            guard.process.stop().await.unwrap();
        } else {
            guard.process.kill().await.unwrap();
        }
        guard.process.restart(&guard.stage).await.unwrap();
        let records = guard.records().await;
        let numbers: Vec<_> = records.iter().map(crate::records::Record::seq).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
        assert!(records.len() > last, "nothing came to it");
        last = records.len();
    }
    let (report, whole) = guard.verify();
    assert!(whole, "{report}");
}

/// Whoever reads the ledger and guesses an address finds no hash of it.
#[tokio::test(flavor = "multi_thread")]
async fn i12_no_hash_of_an_address_can_be_tried() {
    let mut guard = Running::with(roomy([user(1)])).await;
    assert_eq!(change(&guard, 1).await, 200);
    let help = guard.caller("HelpDesk");
    let refused = Request::update_identity(INSTANCE, &user(1).id, &[("Email", "kim@example.net")]);
    assert_eq!(help.send(&refused).await.unwrap().status, 403);
    guard.process.stop().await.unwrap();
    let mut bytes = fs::read(guard.stage.folder.join("ledger.db")).unwrap();
    bytes.extend(fs::read(guard.stage.folder.join("ledger.db-wal")).unwrap_or_default());
    let agent = user(1);
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    assert!(holds(b"IdentityDesk"), "the search finds nothing at all");
    for address in [agent.email.as_str(), &agent.secondary_email, &own_address(&agent), "kim@example.net"] {
        for text in [address.to_owned(), address.to_lowercase(), format!("{address}\n")] {
            assert!(!holds(text.trim().as_bytes()), "{text} is there in clear");
            let hash = digest(&SHA256, text.as_bytes());
            assert!(
                !holds(hash.as_ref()) && !holds(hex::encode(hash.as_ref()).as_bytes()),
                "a hash of {text}"
            );
        }
    }
}

/// The hash is over the bytes that are kept: each record names that of the one before.
#[tokio::test(flavor = "multi_thread")]
async fn i13_each_record_has_the_hash_of_the_bytes_before_it() {
    let guard = Running::with(roomy([user(1)])).await;
    assert_eq!(change(&guard, 1).await, 200);
    let ledger = guard.stage.folder.join("ledger.db");
    let rows = bytes_of(&ledger).await;
    assert!(rows.len() > 3);
    for two in rows.windows(2) {
        let hash = hex::encode(digest(&SHA256, &two[0]).as_ref());
        let next = String::from_utf8(two[1].clone()).unwrap();
        assert!(next.contains(&hash), "{next} does not name {hash}");
    }
}

/// Without a ledger there is no guard: nowhere to write, somewhere that is none, none configured.
#[tokio::test(flavor = "multi_thread")]
async fn o2_no_start_without_a_ledger() {
    use connect_guard::demo::stage::Stage;

    for (url, code) in
        [("sqlite:nowhere/ledger.db", 1), ("sqlite:policies", 1), ("file:ledger.db", 3), ("", 3)]
    {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let stage = Stage::set(Setting::default(), folder.path()).await.unwrap();
        let text = fs::read_to_string(stage.config()).unwrap();
        fs::write(stage.config(), text.replace("url = \"sqlite:ledger.db\"", &format!("url = \"{url}\"")))
            .unwrap();
        let output = Command::new(program())
            .args(["serve", "--config"])
            .arg(stage.config())
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "SECRETEXAMPLE")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!([Some(1), Some(3)].contains(&output.status.code()), "{url} {code}: {said}");
        assert!(!said.contains("listening"), "{said}");
        assert!(stage.connect.requests().is_empty());
    }
}

/// What is on record has numbers: the order is theirs, whatever the times say.
#[tokio::test(flavor = "multi_thread")]
async fn i11_the_order_is_by_number() {
    let guard = Running::with(roomy((1..=3).map(user))).await;
    for number in 1..=3 {
        assert_eq!(change(&guard, number).await, 200);
    }
    let records = guard.records().await;
    let intents: Vec<_> =
        of_kind(&records, "intent").iter().map(|one| one.text("/target/id/0").to_owned()).collect();
    assert_eq!(intents, (1..=3).map(|number| user(number).id).collect::<Vec<_>>());
    let outcomes = outcomes(&records);
    for intent in of_kind(&records, "intent") {
        assert!(outcomes[&intent.seq()].seq() > intent.seq());
    }
}
