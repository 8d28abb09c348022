//! A ledger that cannot be written: no change is made, no refusal goes unrecorded, and ordinary operations go on.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use connect_guard::demo::{
    caller::{Answer, Request},
    connect::{Done, Fault, Held},
    stage::{INSTANCE, Stage},
};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tokio::time::Instant;

use crate::{
    records::{effects, hold, of_kind, outcomes},
    running::{Running, own_address, program, rewrite, roomy, script, until, user},
};

const UNAVAILABLE: (u16, Option<&str>) = (503, Some("ServiceUnavailableException"));
const DONE: (u16, Option<&str>) = (200, None);

fn said(answer: &Answer) -> (u16, Option<&str>) {
    (answer.status, answer.error())
}

async fn change(guard: &Running, number: usize) -> Answer {
    let agent = user(number);
    let request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
    guard.caller("IdentityDesk").send(&request).await.unwrap()
}

async fn forbidden(guard: &Running, number: usize) -> Answer {
    let agent = user(number);
    let request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
    guard.caller("HelpDesk").send(&request).await.unwrap()
}

async fn read(guard: &Running) -> Answer {
    guard.caller("HelpDesk").send(&Request::describe_user(INSTANCE, &user(1).id)).await.unwrap()
}

/// Nothing is sent, nothing is refused without a record, and who only looks is served.
async fn is_closed(guard: &Running) {
    let before = guard.stage.connect.updates().len();
    assert_eq!(said(&change(guard, 1).await), UNAVAILABLE, "{}", guard.log());
    assert_eq!(said(&forbidden(guard, 1).await), UNAVAILABLE, "{}", guard.log());
    assert_eq!(guard.stage.connect.updates().len(), before);
    // Each would wait for the ledger if one did; this machine may be busy with something else for a while.
    let mut least = Duration::MAX;
    for _ in 0..3 {
        let begun = Instant::now();
        assert_eq!(said(&read(guard).await), DONE, "{}", guard.log());
        least = least.min(begun.elapsed());
    }
    assert!(least < Duration::from_secs(1), "an ordinary operation waited for the ledger");
}

/// The ledger can be written again: so can users, without a restart, and what was missed is on record.
async fn is_open(guard: &Running) {
    until("a change", || async { (change(guard, 1).await.status == 200).then_some(()) }).await;
    assert_eq!(effects(&guard.records().await, &user(1).id).last().unwrap(), "applied");
    assert_eq!(guard.stage.connect.updates().iter().filter(|one| one.done == Done::Applied).count(), 2);
    let (report, whole) = guard.verify();
    assert!(whole, "{report}");
}

/// A guard whose process is known, and that a write past a limit does not kill.
async fn start() -> (Running, Pid) {
    let hasty = |stage: &Stage| {
        rewrite(stage, "sqlite:ledger.db\"", "sqlite:ledger.db\"\ntimeout = \"2s\"");
        limited(&stage.folder)
    };
    let guard = Running::amended(roomy((1..=2).map(user)), hasty).await;
    let id = fs::read_to_string(guard.stage.folder.join("pid")).unwrap();
    assert_eq!(said(&change(&guard, 2).await), DONE, "{}", guard.log());
    assert_eq!(guard.letters().await.len(), 4);
    (guard, Pid::from_raw(id.trim().parse().unwrap()).unwrap())
}

fn limited(folder: &Path) -> PathBuf {
    let pid = folder.join("pid");
    let text =
        format!("#!/bin/sh\ntrap '' XFSZ\necho $$ > '{}'\nexec '{}' \"$@\"\n", pid.display(), program());
    script(&folder.join("guard"), &text)
}

/// Every write to a file fails from here on, as on a medium that became read-only.
fn unwritable(pid: Pid) -> Rlimit {
    let limit = Rlimit { current: Some(0), ..rustix::process::getrlimit(Resource::Fsize) };
    prlimit(Some(pid), Resource::Fsize, limit).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_a_ledger_that_takes_no_write() {
    let (guard, pid) = start().await;
    let before = unwritable(pid);
    is_closed(&guard).await;
    prlimit(Some(pid), Resource::Fsize, before).unwrap();
    is_open(&guard).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_05_a_ledger_that_hangs() {
    let (guard, _) = start().await;
    let lock = hold(&guard.stage.folder.join("ledger.db")).await;
    let begun = Instant::now();
    is_closed(&guard).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "a hanging disk is a failing disk");
    drop(lock);
    is_open(&guard).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn o3_a_ledger_that_vanished() {
    let (guard, _) = start().await;
    let path = guard.stage.folder.join("ledger.db");
    let away = guard.stage.folder.join("elsewhere.db");
    fs::rename(&path, &away).unwrap();
    is_closed(&guard).await;
    // An empty one in its place is not it.
    fs::write(&path, b"").unwrap();
    is_closed(&guard).await;
    fs::rename(&away, &path).unwrap();
    is_open(&guard).await;
}

/// Only so large: at first nothing but changes is taken, then nothing. What was begun is finished.
#[tokio::test(flavor = "multi_thread")]
async fn fault_03_a_ledger_that_is_full() {
    const MOST: usize = 120;
    let bounded = |stage: &Stage| {
        rewrite(stage, "sqlite:ledger.db", "sqlite:ledger.db?max_bytes=720896&reserve=262144");
        PathBuf::from(program())
    };
    let guard = Running::amended(roomy((1..=MOST).map(user)), bounded).await;
    let mut made = 0;
    let mut refusals = Vec::new();
    let last = loop {
        let answer = change(&guard, made + 1).await;
        if answer.status != 200 {
            break answer;
        }
        made += 1;
        refusals.push(forbidden(&guard, MOST).await.status);
        assert!(made < MOST, "it is never full");
    };
    assert_eq!(said(&last), UNAVAILABLE, "after {made}\n{}", guard.log());
    // Refusals stop before changes do.
    assert_eq!(refusals.first(), Some(&403));
    assert_eq!(refusals.last(), Some(&503), "{refusals:?}");
    assert_eq!(guard.stage.connect.updates().len(), made);
    assert_eq!(said(&read(&guard).await), DONE, "{}", guard.log());
    let records = guard.records().await;
    let outcomes = outcomes(&records);
    for intent in of_kind(&records, "intent") {
        assert!(outcomes.contains_key(&intent.seq()), "an intent without an outcome");
    }
    let (report, whole) = guard.verify();
    assert!(whole, "{report}");
}

/// What was sent and cannot be recorded is never answered as done, and is recorded when it can be.
#[tokio::test(flavor = "multi_thread")]
async fn i1_an_outcome_that_cannot_be_written_at_first_is_written_later() {
    let (guard, pid) = start().await;
    let held = Held::default();
    guard.stage.connect.fail_next("UpdateUserIdentityInfo", Fault::Held(held.clone()));
    let agent = user(1);
    let request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
    let desk = guard.caller("IdentityDesk");
    let in_flight = tokio::spawn(async move { desk.send(&request).await.unwrap() });
    guard.stage.connect.wait_for(2, "UpdateUserIdentityInfo").await;
    let before = unwritable(pid);
    held.let_go();
    let answer = in_flight.await.unwrap();
    assert_eq!(said(&answer), (500, Some("InternalServiceException")), "{}", guard.log());
    assert_eq!(effects(&guard.records().await, &agent.id), ["-"]);
    prlimit(Some(pid), Resource::Fsize, before).unwrap();
    let records = guard.recorded(|records| of_kind(records, "outcome").len() == 2).await;
    assert_eq!(effects(&records, &agent.id), ["applied"]);
    assert_eq!(guard.letters().await.len(), 8);
}
