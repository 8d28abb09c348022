//! Several guards on one store. Where the tests have files there is one guard only, and nothing to be seen.

use std::path::Path;

use super::*;
use crate::{
    ledger::{Reserve, Told},
    store::StoreError,
};

/// Two replicas; none where a store is one guard's alone.
pub(super) async fn two(bench: &Bench) -> Option<(Ledger, Ledger)> {
    if !testing::is_server() {
        return None;
    }
    let one = bench.ledger().await;
    // Beside the first, whose chain is its own.
    let other = Ledger::open(bench.options()).await.unwrap();
    Some((one, other))
}

fn chain(ledger: &Ledger) -> String {
    ledger.head().chain
}

#[tokio::test]
async fn each_replica_has_a_chain_and_finds_it_again() {
    let bench = Bench::new();
    let Some((one, other)) = two(&bench).await else { return };
    assert_eq!((chain(&one), chain(&other)), ("gw-1".into(), "gw-1-2".into()));
    one.started(Digest::of(b"policy")).await.unwrap();
    other.started(Digest::of(b"policy")).await.unwrap();
    one.stop().await.unwrap();
    // Given back: the next one continues it. One whose process crashed is kept for a while.
    let next = Ledger::open(bench.options()).await.unwrap();
    assert_eq!((chain(&next), next.head().seq), ("gw-1".into(), 2));
    other.crash().await;
    let third = Ledger::open(bench.options()).await.unwrap();
    assert_eq!(chain(&third), "gw-1-3");
    assert_eq!(bench.sound().await, 0);
}

#[tokio::test]
async fn i4_a_chain_that_another_process_took_is_not_written_any_more() {
    let bench = Bench::new();
    let Some((one, other)) = two(&bench).await else { return };
    one.started(Digest::of(b"policy")).await.unwrap();
    // The first was away for longer than its lease, and a third one came.
    bench.outsider().await.run("UPDATE chains SET lease_until = 0 WHERE chain = 'gw-1'").await.unwrap();
    let third = Ledger::open(bench.options()).await.unwrap();
    assert_eq!(chain(&third), "gw-1");
    third.started(Digest::of(b"policy")).await.unwrap();
    for _ in 0..2 {
        let why = not_intended(&one, permit(&bench, 1, "a")).await;
        let Unintended::Unwritten(Unwritten::Store(error)) = &why else { panic!("{why:?}") };
        assert!(matches!(**error, StoreError::Taken { .. }), "{why:?}");
    }
    assert!(!one.stats().writable);
    assert!(intend(&third, permit(&bench, 1, "a")).await.is_ok());
    assert!(intend(&other, permit(&bench, 2, "b")).await.is_ok());
    assert_eq!(bench.sound().await, 2);
}

#[tokio::test]
async fn of_two_replicas_one_makes_a_change_and_both_have_the_answer() {
    let bench = Bench::new();
    let Some((one, other)) = two(&bench).await else { return };
    let intent = intend(&one, permit(&bench, 1, "a")).await.ok().unwrap();
    assert_eq!(not_intended(&other, permit(&bench, 1, "b")).await, Unintended::Busy);
    assert_eq!(not_intended(&other, permit(&bench, 1, "a")).await, Unintended::Repeated);
    // Who asks the other one waits for the answer of the first.
    let principal = caller().principal;
    let (change, again) = (update(1, NEW), attempt("a", NEW));
    let waiting = other.earlier(&principal, &change, &again, Duration::from_secs(20));
    let closing = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        close(&one, intent.sent(Sent::Accepted(answered(200))), bench.finding(Effect::Applied)).await;
    };
    let (earlier, ()) = tokio::join!(waiting, closing);
    let Earlier::Answered(found) = earlier.unwrap() else { panic!() };
    assert_eq!(found.record().chain, chain(&one));
    assert_eq!(found.reply().map(|answer| answer.status), Ok(200));
    assert_eq!(bench.sound().await, 0);
}

#[tokio::test]
async fn quotas_and_nonces_hold_in_sum_however_many_ask_at_once() {
    let bench = Bench::new();
    let Some((one, other)) = two(&bench).await else { return };
    let tasks = (0..32_u32).map(|n| {
        let ledger = if n % 2 == 0 { one.clone() } else { other.clone() };
        let permit =
            permit_from(&bench, n, &old_of(n), &new_of(n), &format!("s{n}"), vec![quota(7, QuotaOf::Caller)]);
        tokio::spawn(async move { intend(&ledger, permit).await.is_ok() })
    });
    let mut made = 0;
    for task in tasks.collect::<Vec<_>>() {
        made += usize::from(task.await.unwrap());
    }
    assert_eq!(made, 7);
    let until = bench.clock.now().millis() + 60_000;
    let spends = (0..16).map(|n| {
        let ledger = if n % 2 == 0 { one.clone() } else { other.clone() };
        tokio::spawn(async move { ledger.spend(&Digest::of(b"nonce"), until).await.unwrap() })
    });
    let mut fresh = 0;
    for task in spends.collect::<Vec<_>>() {
        fresh += usize::from(task.await.unwrap());
    }
    assert_eq!(fresh, 1);
    assert_eq!(bench.sound().await, 7);
}

#[tokio::test]
async fn i2_who_was_paused_for_longer_than_its_lease_sends_nothing() {
    let bench = Bench::new();
    let Some((one, other)) = two(&bench).await else { return };
    let intent = intend(&one, permit(&bench, 1, "a")).await.ok().unwrap();
    let Ok(cleared) = one.clear(intent, &[]).await else { panic!() };
    assert!(cleared.holds());
    assert!(open_orphans(&other).await.is_empty(), "it is at work");
    // Clocks may differ: what is left of the lease has to be more than that.
    bench.pass(21);
    assert!(!cleared.holds());
    assert!(open_orphans(&other).await.is_empty());
    bench.pass(10);
    let mut orphans = open_orphans(&other).await;
    let open = orphans.pop().unwrap();
    assert_eq!(open.told(), Told::Nothing);
    // The first wakes up, and renews what it believes to have.
    let before = one.stats().commits;
    while one.stats().commits == before {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!cleared.holds(), "it is the other's");
    close(&other, open, bench.finding(Effect::InferredNotApplied)).await;
    // What it says of it is not on record twice.
    let open = cleared.sent(Sent::NotSent("late".into()));
    let found = closed(&one, open, bench.finding(Effect::NotApplied)).await;
    assert_eq!(found.record().chain, chain(&other));
    assert_eq!(bench.kinds().await.iter().filter(|kind| *kind == "outcome").count(), 1);
    assert_eq!(bench.sound().await, 0);
}

#[tokio::test]
async fn a_message_is_claimed_by_one_replica() {
    let bench = Bench::new();
    let Some((one, other)) = two(&bench).await else { return };
    for n in 0..4 {
        applied(&bench, &one, permit(&bench, n, &format!("s{n}"))).await;
    }
    let (mine, theirs) = tokio::join!(claim(&one, 100), claim(&other, 100));
    assert_eq!(mine.len() + theirs.len(), 16);
    assert!(claim(&one, 10).await.is_empty() && claim(&other, 10).await.is_empty());
}

#[tokio::test]
async fn a_replica_whose_policy_is_behind_changes_nothing() {
    let bench = Bench::new();
    let Some((one, other)) = two(&bench).await else { return };
    one.at_epoch(Some(3)).await.unwrap();
    other.at_epoch(Some(3)).await.unwrap();
    assert_eq!(one.at_epoch(Some(2)).await, Err(Unwritten::Behind));
    assert!(intend(&one, permit(&bench, 1, "a")).await.is_ok());
    other.at_epoch(Some(4)).await.unwrap();
    assert_eq!(not_intended(&one, permit(&bench, 2, "b")).await, Unintended::Unwritten(Unwritten::Behind));
    assert!(intend(&other, permit(&bench, 2, "b")).await.is_ok());
    one.at_epoch(Some(4)).await.unwrap();
    assert!(intend(&one, permit(&bench, 3, "c")).await.is_ok());
    // One that comes with none is behind as well.
    let third = Ledger::open(bench.options()).await.unwrap();
    assert_eq!(third.at_epoch(None).await, Err(Unwritten::Behind));
}

#[tokio::test]
async fn a_chain_that_begins_knows_the_policy_that_was_last_in_force_for_any() {
    let bench = Bench::new();
    let Some((one, other)) = two(&bench).await else { return };
    assert_eq!(other.last_policy().await.unwrap(), None);
    for policy in [b"first", b"later"] {
        bench.pass(1);
        one.in_force(Digest::of(policy)).await.unwrap();
    }
    assert_eq!(other.last_policy().await.unwrap(), Some(Digest::of(b"later").hex()));
    // From then on its own.
    bench.pass(1);
    other.in_force(Digest::of(b"of its own")).await.unwrap();
    bench.pass(1);
    one.in_force(Digest::of(b"latest")).await.unwrap();
    assert_eq!(other.last_policy().await.unwrap(), Some(Digest::of(b"of its own").hex()));
}

#[tokio::test]
async fn i1_a_full_server_records_what_was_begun_and_begins_nothing() {
    let bench = Bench::new();
    let Some((one, other)) = two(&bench).await else { return };
    let intent = intend(&one, permit(&bench, 1, "a")).await.ok().unwrap();
    // It has no room but what is given back.
    let full = "CREATE FUNCTION full_now() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN \
        IF EXISTS (SELECT 1 FROM ballast) OR TG_TABLE_NAME = 'ballast' THEN \
        RAISE EXCEPTION 'could not extend file: no space left on device' USING ERRCODE = 'disk_full'; END IF; \
        RETURN NEW; END $$; \
        CREATE TRIGGER full_now BEFORE INSERT ON records FOR EACH ROW EXECUTE FUNCTION full_now(); \
        CREATE TRIGGER full_now BEFORE INSERT ON ballast FOR EACH ROW EXECUTE FUNCTION full_now()";
    bench.outsider().await.run(full).await.unwrap();
    let finding = bench.finding(Effect::Applied);
    let (open, _) = one.close(intent.sent(Sent::Accepted(answered(200))), finding).await.err().unwrap();
    close(&one, open, bench.finding(Effect::Applied)).await;
    told(&one).await;
    // Nothing is begun, on neither of them, while there is no more room.
    for ledger in [&one, &other] {
        let why = not_intended(ledger, permit(&bench, 2, "b")).await;
        assert_eq!(why, Unintended::Unwritten(Unwritten::Reserve));
        let stats = ledger.stats();
        assert_eq!((stats.reserve, stats.writable), (Reserve::Last, false));
    }
    // A guard that starts then serves what it may.
    let third = Ledger::open(bench.options()).await.unwrap();
    let why = not_intended(&third, permit(&bench, 2, "b")).await;
    assert_eq!(why, Unintended::Unwritten(Unwritten::Reserve));
    third.stop().await.unwrap();
    let room = "DROP TRIGGER full_now ON records; DROP TRIGGER full_now ON ballast; DROP FUNCTION full_now()";
    bench.outsider().await.run(room).await.unwrap();
    let mut tries = 0;
    while intend(&other, permit(&bench, 2, "b")).await.is_err() {
        tries += 1;
        assert!(tries < 600);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(intend(&one, permit(&bench, 3, "c")).await.is_ok());
    assert_eq!(bench.sound().await, 2);
}

#[tokio::test]
async fn i4_what_left_for_a_segment_while_nobody_kept_heads_is_not_missed() {
    let bench = Bench::new();
    let Some((one, other)) = two(&bench).await else { return };
    let in_folder = |name: &str| bench.directory.path().join(name);
    let (early, late) = (in_folder("early.jsonl"), in_folder("late.jsonl"));
    for path in [&early, &late] {
        for _ in 0..2 {
            one.started(Digest::of(b"policy")).await.unwrap();
        }
        one.heads_line().await.unwrap().append(path).unwrap();
    }
    one.started(Digest::of(b"policy")).await.unwrap();
    assert_eq!(one.head().seq, 5);
    let seen = async |path: &Path| {
        let broken = other.is_as_seen(&kept::known(&[path])).await.unwrap();
        broken.map(|broken| (broken.chain, broken.seq))
    };
    assert_eq!((seen(&early).await, seen(&late).await), (None, None));
    let mut outsider = bench.outsider().await;
    let sql =
        "ALTER TABLE records DISABLE TRIGGER USER; DELETE FROM records WHERE chain = 'gw-1' AND seq < 4";
    outsider.run(sql).await.unwrap();
    assert_eq!((seen(&early).await, seen(&late).await), (None, None), "it begins after what was seen early");
    // From the middle nothing is closed.
    outsider.run("UPDATE records SET seq = 3 WHERE chain = 'gw-1' AND seq = 4").await.unwrap();
    assert_eq!(seen(&late).await, Some(("gw-1".into(), 4)));
}
