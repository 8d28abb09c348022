//! The machine under the guard: a disk that fails, hangs, forgets or ends in the middle; peers without end; memory and processor
//! taken away. A small library between the guard and the system does to it what a disk would (`disk.c`).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
    time::Duration,
};

use connect_guard::demo::{
    caller::{Caller, Request},
    connect::{Done, Fault},
    process::Signal,
    stage::INSTANCE,
};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

use super::{UPDATE, change};
use crate::{
    rates::resident,
    records::{Record, of_kind, outcomes},
    running::{LIMIT, Running, own_address, program, rewrite, roomy, script, until, user},
};

/// The library, compiled once.
static DISK: LazyLock<PathBuf> = LazyLock::new(|| {
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("disk-{}.so", std::process::id()));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/faults/disk.c");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(source)
        .arg("-ldl")
        .status();
    assert!(compiled.expect("a C compiler").success());
    library
});

/// A guard over this disk; it behaves until the file `disk` says what to do.
pub(super) async fn over_disk(users: usize) -> Running {
    Running::amended(roomy((1..=users).map(user)), |stage| {
        rewrite(stage, "url = \"sqlite:ledger.db\"", "url = \"sqlite:ledger.db\"\ntimeout = \"2s\"");
        let (folder, library, program) = (stage.folder.display(), DISK.display(), program());
        let text = format!(
            "#!/bin/sh\nexport LD_PRELOAD='{library}' DISK_FOLDER='{folder}'\nexec '{program}' \"$@\"\n"
        );
        script(&stage.folder.join("guard.sh"), &text)
    })
    .await
}

/// Tells the disk what to do from now on.
pub(super) fn disk(guard: &Running, what: &str) {
    let path = guard.stage.folder.join("disk");
    fs::write(path.with_extension("next"), what).unwrap();
    fs::rename(path.with_extension("next"), path).unwrap();
}

pub(super) fn behaves(guard: &Running) {
    fs::remove_file(guard.stage.folder.join("disk")).unwrap();
}

async fn changed(guard: &Running, number: usize) -> u16 {
    guard.caller("IdentityDesk").send(&change(&user(number))).await.map_or(0, |answer| answer.status)
}

/// Whether this intent has an outcome, or is on record as unknown; one that Connect did not carry out is looked at for six
/// minutes before anybody says so.
fn is_settled(guard: &Running, records: &[Record], intent: &Record) -> bool {
    let id = intent.text("/target/id/0");
    let made =
        guard.stage.connect.updates().iter().any(|one| one.done == Done::Applied && one.target.contains(id));
    !made
        || outcomes(records).contains_key(&intent.seq())
        || of_kind(records, "unknown").iter().any(|one| one.intent() == intent.seq())
}

/// Every change that Connect has is on record, everything that it made is settled, and the chain is whole.
async fn is_consistent(guard: &Running) {
    let settled = |records: &[Record]| {
        of_kind(records, "intent").iter().all(|intent| is_settled(guard, records, intent))
    };
    let records = guard.recorded(settled).await;
    let intents = of_kind(&records, "intent");
    for update in guard.stage.connect.updates().iter().filter(|one| one.done == Done::Applied) {
        assert!(
            intents.iter().any(|one| update.target.contains(one.text("/target/id/0"))),
            "{} is not on record",
            update.target
        );
    }
    let (report, whole) = guard.verify();
    assert!(whole, "{report}");
}

/// Writes and syncs that fail: nothing is sent that is not on disk, and once the disk works again so does the guard.
#[tokio::test(flavor = "multi_thread")]
async fn fault_04_a_disk_that_fails() {
    let guard = over_disk(6).await;
    assert_eq!(changed(&guard, 1).await, 200, "{}", guard.log());
    for (number, what) in ["eio write", "eio sync", "short write"].into_iter().enumerate() {
        let before = guard.stage.connect.updates().len();
        disk(&guard, what);
        let status = changed(&guard, number + 2).await;
        // A write that was cut short is tried again for the rest, which is what a file system does.
        let right: &[u16] = if what == "short write" { &[200, 503] } else { &[503] };
        assert!(right.contains(&status), "{what}: {status} {}", guard.log());
        let sent = guard.stage.connect.updates().len() - before;
        assert_eq!(sent, usize::from(status == 200), "{what}");
        behaves(&guard);
        until("a change", || async { (changed(&guard, number + 2).await == 200).then_some(()) }).await;
    }
    is_consistent(&guard).await;
}

/// A sync that does not come back is a failing disk after its time, for whoever asks.
#[tokio::test(flavor = "multi_thread")]
async fn o4_a_sync_that_hangs_is_given_up() {
    let guard = over_disk(2).await;
    assert_eq!(changed(&guard, 1).await, 200, "{}", guard.log());
    disk(&guard, "hang sync");
    let status = timeout(Duration::from_secs(30), changed(&guard, 2)).await.expect("an answer in time");
    assert_eq!(status, 503, "{}", guard.log());
    assert_eq!(guard.stage.connect.updates().len(), 1);
    behaves(&guard);
    until("a change", || async { (changed(&guard, 2).await == 200).then_some(()) }).await;
    is_consistent(&guard).await;
}

/// A change while the guard ends at the n-th call of a kind; then it starts again.
async fn ends_at(what: &str, number: usize) {
    let mut guard = over_disk(3).await;
    assert_eq!(changed(&guard, 1).await, 200, "{}", guard.log());
    disk(&guard, &format!("kill {what} {number}"));
    let answered = timeout(LIMIT, changed(&guard, 2)).await.expect("an end");
    let ended = timeout(Duration::from_secs(3), guard.process.ended()).await.is_ok();
    behaves(&guard);
    if !ended {
        guard.process.kill().await.unwrap();
    }
    guard.process.restart(&guard.stage).await.unwrap();
    is_consistent(&guard).await;
    if answered == 200 {
        assert_eq!(guard.stage.connect.user(&user(2).id).unwrap().email, own_address(&user(2)));
    }
    let applied = guard
        .stage
        .connect
        .updates()
        .iter()
        .filter(|one| one.done == Done::Applied && one.target.contains(&user(2).id))
        .count();
    assert!(applied <= 1, "{what} {number}: {applied}");
    assert_eq!(changed(&guard, 3).await, 200, "{what} {number}: {}", guard.log());
}

/// The end of the process at its calls of the system, one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn fault_06_killed_at_system_calls() {
    for (what, calls) in [("sync", 1..=3), ("write", 1..=4)] {
        for number in calls {
            ends_at(what, number).await;
        }
    }
}

/// The end of the process at the steps of a change: when the user is read, when the change is sent, and when it was made.
#[tokio::test(flavor = "multi_thread")]
async fn fault_07_killed_at_named_steps() {
    for (step, operation, fault) in [
        ("describe", "DescribeUser", Fault::Hang),
        ("send", UPDATE, Fault::Hang),
        ("made", UPDATE, Fault::HangAfter),
    ] {
        let mut guard = Running::with(roomy((1..=2).map(user))).await;
        guard.stage.connect.fail_next(operation, fault);
        let desk = guard.caller("IdentityDesk");
        let request = change(&user(1));
        let asking = tokio::spawn(async move { desk.send(&request).await });
        timeout(LIMIT, guard.stage.connect.wait_for(1, operation)).await.unwrap();
        guard.process.kill().await.unwrap();
        assert!(timeout(LIMIT, asking).await.unwrap().unwrap().is_err(), "{step}: somebody answered");
        guard.process.restart(&guard.stage).await.unwrap();
        is_consistent(&guard).await;
        let records = guard.records().await;
        let intents = of_kind(&records, "intent").len();
        assert_eq!(intents, usize::from(step != "describe"), "{step}");
        assert_eq!(changed(&guard, 2).await, 200, "{step} {}", guard.log());
        assert!(guard.stage.connect.updates().len() <= 2, "{step}: sent again");
    }
}

/// The power fails: what was not synced is gone. Whoever was answered has his change on record all the same.
#[tokio::test(flavor = "multi_thread")]
async fn fault_08_what_was_not_synced_is_gone() {
    for seed in 0..3_u64 {
        let mut guard = over_disk(40).await;
        disk(&guard, "remember");
        let desk = guard.caller("IdentityDesk");
        // What was written before the disk remembers is synced with this.
        assert_eq!(changed(&guard, 40).await, 200, "{}", guard.log());
        let calling = tokio::spawn(async move {
            let mut done = Vec::new();
            for number in 1..=39 {
                match desk.send(&change(&user(number))).await {
                    Ok(answer) if answer.status == 200 => done.push(number),
                    _ => break,
                }
            }
            done
        });
        let enough = usize::try_from(3 + seed * 5).unwrap();
        timeout(LIMIT, guard.stage.connect.wait_for(enough, UPDATE)).await.unwrap();
        guard.process.kill().await.unwrap();
        let done = calling.await.unwrap();
        for name in ["ledger.db", "ledger.db-wal"] {
            let synced = guard.stage.folder.join(format!("{name}.synced"));
            if synced.exists() {
                fs::copy(&synced, guard.stage.folder.join(name)).unwrap();
            }
        }
        let _ = fs::remove_file(guard.stage.folder.join("ledger.db-shm"));
        behaves(&guard);
        guard.process.restart(&guard.stage).await.unwrap();
        is_consistent(&guard).await;
        let records = guard.records().await;
        for number in &done {
            let id = user(*number).id;
            assert!(
                of_kind(&records, "outcome").iter().any(|one| one.is_of(&id))
                    || crate::records::effects(&records, &id).contains(&"applied".into()),
                "seed {seed}: {number} was answered and is not on record"
            );
        }
    }
}

/// Three hundred callers who are slow in every way; one who is not is served at once.
#[tokio::test(flavor = "multi_thread")]
async fn fault_10_slow_callers() {
    let guard = Running::with(roomy([user(1)])).await;
    let (desk, help) = (guard.caller("IdentityDesk"), guard.caller("HelpDesk"));
    let octets = desk.sign(&change(&user(1)), desk.now()).unwrap();
    let mut open = Vec::new();
    for number in 0..100 {
        let mut connection = desk.connect().await.unwrap();
        let cut = [octets.len() - 1, 40, 0][number % 3];
        connection.write(&octets[..cut]).await.unwrap();
        open.push(connection);
    }
    let mut plain = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(guard.address).await.unwrap();
        stream.write_all(&[0x16, 3, 1]).await.unwrap();
        plain.push(stream);
    }
    for _ in 0..20 {
        let read = Request::describe_user(INSTANCE, &user(1).id);
        let answer = timeout(LIMIT, help.send(&read)).await.expect("an answer").unwrap();
        assert_eq!(answer.status, 200, "{}", guard.log());
    }
    assert!(guard.stage.connect.updates().is_empty());
}

/// Thousands of idle connections: each costs little, and whoever comes next is served.
#[tokio::test(flavor = "multi_thread")]
async fn fault_11_idle_connections() {
    const IDLE: usize = 1_000;
    let guard = Running::amended(roomy([user(1)]), |stage| {
        let caps = "key_file    = \"tls/guard.key\"\n\n[listen.caps]\nconnections_per_source = 5000\n";
        rewrite(stage, "key_file    = \"tls/guard.key\"\n", caps);
        PathBuf::from(program())
    })
    .await;
    let help = guard.caller("HelpDesk");
    let read = Request::describe_user(INSTANCE, &user(1).id);
    assert_eq!(help.send(&read).await.unwrap().status, 200);
    let before = resident(&guard);
    let mut open = Vec::new();
    for _ in 0..IDLE {
        open.push(help.connect().await.unwrap());
    }
    let each = resident(&guard).saturating_sub(before) / IDLE;
    assert!(each <= 60, "{each} KiB for each connection");
    assert_eq!(help.send(&read).await.unwrap().status, 200, "{}", guard.log());
    drop(open);
}

/// Little memory: bodies that are deep, long or never end make the guard ask for no more of it.
#[tokio::test(flavor = "multi_thread")]
async fn fault_18_little_memory() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};

    let guard = Running::with(roomy([user(1)])).await;
    let desk = guard.caller("IdentityDesk");
    assert_eq!(desk.send(&Request::describe_user(INSTANCE, &user(1).id)).await.unwrap().status, 200);
    let status = fs::read_to_string(format!("/proc/{}/status", guard.id().unwrap())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let size: u64 = line.split_whitespace().next().unwrap().parse().unwrap();
    // So much more than it has by now, and no more.
    let limit = Rlimit { current: Some((size + 128 * 1024) * 1024), maximum: None };
    prlimit(Pid::from_raw(guard.id().unwrap()), Resource::As, limit).unwrap();
    let before = resident(&guard);
    let of = |body: Vec<u8>| Request { body, ..change(&user(1)) };
    let deep = [b"{\"IdentityInfo\":".to_vec(), b"[".repeat(60_000)].concat();
    let digits = [b"{\"IdentityInfo\":{\"Email\":".to_vec(), b"9".repeat(60_000)].concat();
    let mut tasks = Vec::new();
    for number in 0..8 {
        let (desk, request) = (desk.clone(), of(if number % 2 == 0 { deep.clone() } else { digits.clone() }));
        tasks.push(tokio::spawn(async move {
            for _ in 0..20 {
                assert_eq!(desk.send(&request).await.unwrap().status, 400);
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let huge = of(vec![b' '; 4 * 1024 * 1024]);
    let answer = desk.send(&huge).await;
    assert!(answer.is_err() || answer.unwrap().status == 413);
    let grown = resident(&guard).saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB more");
    assert_eq!(desk.send(&change(&user(1))).await.unwrap().status, 200, "{}", guard.log());
    assert!(!guard.log().contains("panicked") && !guard.log().contains("memory allocation"));
}

/// The processor is taken away again and again: it takes longer, and each is answered rightly.
#[tokio::test(flavor = "multi_thread")]
async fn fault_19_the_processor_is_taken_away() {
    let guard = Running::with(roomy((1..=12).map(user))).await;
    let (desk, help) = (guard.caller("IdentityDesk"), guard.caller("HelpDesk"));
    let asking = tokio::spawn(async move {
        let mut statuses = Vec::new();
        for number in 1..=12 {
            statuses.push((
                help.send(&change(&user(number))).await.unwrap().status,
                desk.send(&change(&user(number))).await.unwrap().status,
            ));
        }
        statuses
    });
    while !asking.is_finished() {
        guard.signal(Signal::STOP).unwrap();
        tokio::time::sleep(Duration::from_millis(150)).await;
        guard.signal(Signal::CONT).unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(asking.await.unwrap(), [(403, 200); 12], "{}", guard.log());
    assert_eq!(guard.stage.connect.updates().len(), 12);
    is_consistent(&guard).await;
}

/// The ledger's file goes, comes back as another, cannot be written: no change meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn fault_22_the_ledgers_file_is_replaced() {
    let guard = over_disk(4).await;
    assert_eq!(changed(&guard, 1).await, 200, "{}", guard.log());
    let path = guard.stage.folder.join("ledger.db");
    let away = guard.stage.folder.join("away.db");
    // A copy in its place is another file.
    fs::rename(&path, &away).unwrap();
    fs::copy(&away, &path).unwrap();
    assert_eq!(changed(&guard, 2).await, 503, "{}", guard.log());
    fs::rename(&away, &path).unwrap();
    until("a change", || async { (changed(&guard, 2).await == 200).then_some(()) }).await;
    // As on a medium that became read-only.
    disk(&guard, "rofs write");
    assert_eq!(changed(&guard, 3).await, 503, "{}", guard.log());
    behaves(&guard);
    until("a change", || async { (changed(&guard, 3).await == 200).then_some(()) }).await;
    assert_eq!(guard.stage.connect.updates().len(), 3);
    is_consistent(&guard).await;
}

/// Requests that somebody took apart and put together again: none is done, none ends anything.
#[tokio::test(flavor = "multi_thread")]
async fn fault_24_garbage_for_the_parsers() {
    const CASES: usize = 1_500;
    let guard = Running::with(roomy([user(1)])).await;
    let desk = guard.caller("IdentityDesk");
    let octets = desk.sign(&change(&user(1)), desk.now()).unwrap();
    let pieces: [&[u8]; 12] = [
        b"\r\n",
        b"\n",
        b"\0",
        b": ",
        b"%",
        b"/",
        b" ",
        b"HTTP/1.1",
        b"content-length: 1",
        b"{",
        b"\xff",
        b"transfer-encoding: chunked\r\n",
    ];
    let mut tasks = Vec::new();
    for part in 0..4_u64 {
        let (desk, octets) = (desk.clone(), octets.clone());
        tasks.push(tokio::spawn(async move {
            let mut seed = 0x2545_f491_4f6c_dd1d_u64.wrapping_mul(part + 1);
            for _ in 0..CASES / 4 {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                let chance = |most: usize, by: u32| usize::try_from(seed >> by).unwrap() % most;
                let head = octets.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
                // Within what is signed, or what frames it: anything else may be as it likes.
                let at = chance(head, 3);
                let mut mutant = octets.clone();
                match chance(3, 40) {
                    0 => drop(mutant.splice(at..at, pieces[chance(pieces.len(), 20)].iter().copied())),
                    1 => drop(mutant.splice(
                        at..(at + chance(9, 50)).min(head),
                        pieces[chance(pieces.len(), 20)].iter().copied(),
                    )),
                    _ => mutant.truncate(at),
                }
                mutant.extend_from_slice(b"\r\n\r\n");
                answered(&desk, &mutant, &octets).await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert!(!guard.log().contains("panicked"), "{}", guard.log());
    assert!(guard.stage.connect.updates().len() <= 1, "a mutant is another change");
    assert_eq!(desk.send(&Request::describe_user(INSTANCE, &user(1).id)).await.unwrap().status, 200);
}

/// A mutant is refused, is cut, or is the request that it was made of.
async fn answered(desk: &Caller, mutant: &[u8], original: &[u8]) {
    let mut connection = desk.connect().await.unwrap();
    let _ = connection.write(mutant).await;
    // What is not whole is not waited for.
    let Ok(Ok(answer)) = timeout(Duration::from_millis(400), connection.read()).await else { return };
    let shown = || String::from_utf8_lossy(mutant).into_owned();
    if answer.status == 200 {
        let body = original.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        assert!(mutant.windows(original.len() - body).any(|part| part == &original[body..]), "{}", shown());
    } else {
        assert!(
            (400..500).contains(&answer.status) || answer.status == 503,
            "{} to {}",
            answer.status,
            shown()
        );
        assert!(answer.error().is_some(), "{}", shown());
    }
}

/// A policy in which one word is another: its own tests, or its loading, say so. (Of the code: cargo-mutants.)
#[test]
fn fault_25_mutants_of_a_policy_are_noticed() {
    const NAMES: &str = r#"
[[test]]
name     = "the help desk corrects a name"
caller   = "arn:aws:sts::111122223333:assumed-role/HelpDesk/kim"
action   = "connect:UpdateUserIdentityInfo"
instance = "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"
user     = { username = "mary", FirstName = "Mary" }
at       = 2027-03-12T10:00:00Z
change   = { FirstName = "Maria" }
expect   = "allow"
"#;
    let text = &[include_str!("../../../src/demo/policy.toml"), NAMES].concat();
    let folder = tempfile::tempdir().unwrap();
    let tried = |text: &str| {
        fs::write(folder.path().join("policy.toml"), text).unwrap();
        Command::new(program()).args(["policy", "test"]).arg(folder.path()).output().unwrap().status.code()
    };
    assert_eq!(tried(text), Some(0));
    let mutants = [
        ("role/IdentityDesk\"]\nactions   ", "role/HelpDesk\"]\nactions   "),
        ("role/HelpDesk\"]\nactions  ", "role/IdentityDes\"]\nactions  "),
        ("\"{username}@example.com\"", "\"{first_name}@example.com\""),
        ("@example.com\"\n\n[[allow]]", "@example.net\"\n\n[[allow]]"),
        ("[\"FirstName\", \"LastName\", \"Email\", \"SecondaryEmail\"]", "[\"FirstName\", \"LastName\"]"),
        ("email_from =", "email_form ="),
        ("[\"FirstName\", \"LastName\", \"Mobile\"]", "[\"FirstName\", \"LastName\", \"Mobile\", \"Email\"]"),
        ("version = 1", "version = 2"),
        ("expect   = \"allow\"", "expect   = \"refuse\""),
        ("because  = \"no-rule\"", "because  = \"quota\""),
        ("[[allow]]", "[[deny]]"),
        (
            "connect:UpdateUserIdentityInfo\"]\ninstances  = [\"a1b2",
            "connect:DescribeUser\"]\ninstances  = [\"a1b2",
        ),
    ];
    let mut survived = Vec::new();
    let mut made = 0;
    for (from, to) in mutants {
        if !text.contains(from) {
            continue;
        }
        made += 1;
        if tried(&text.replacen(from, to, 1)) == Some(0) {
            survived.push(from);
        }
    }
    assert!(made >= 9, "{made}");
    assert!(survived.is_empty(), "{survived:?}");
}
