//! A disk that fails, hangs, forgets or ends in the middle, and a file of the ledger that is gone. A small library between the
//! guard and the system does to it what a disk would (`disk.c`).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
    time::Duration,
};

use connect_guard::demo::connect::Done;
use tokio::time::timeout;

use super::{
    UPDATE, change,
    settled::{changed, is_consistent},
};
use crate::{
    records::of_kind,
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
