//! One address, one user: looked at again in the intent's own transaction.

use super::*;
use crate::{operation::InstanceId, policy::Recall};

/// A permit that was decided when the address was nobody's.
fn to(bench: &Bench, n: u32, address: &str) -> Permit<Change> {
    permit_from(bench, n, &old_of(n), address, &format!("{n} {address}"), Vec::new())
}

fn create(bench: &Bench, name: &str, address: &str) -> Permit<Change> {
    let body = format!(
        r#"{{"Username":"{name}","PhoneConfig":{{"PhoneType":"SOFT_PHONE"}},"SecurityProfileIds":["p1"],"RoutingProfileId":"r1","IdentityInfo":{{"Email":"{address}"}}}}"#
    );
    let change = change("PUT", &format!("/users/{INSTANCE}"), &body);
    let who = (caller(), attempt(name, address), change);
    Permit::for_tests(who, Seen::default(), Vec::new(), Vec::new(), bench.clock.now())
}

#[tokio::test]
async fn of_two_at_once_one_gets_the_address() {
    for (one, other) in [
        ("same@example.org", "same@example.org"),
        ("same@example.org", "same+x@example.org"),
        ("Same+a@example.org", "sAME+b@EXAMPLE.org"),
    ] {
        let bench = Bench::new();
        let ledger = bench.ledger().await;
        let (first, second) =
            tokio::join!(intend(&ledger, to(&bench, 1, one)), intend(&ledger, to(&bench, 2, other)));
        let (made, refused): (Vec<_>, Vec<_>) = [first, second].into_iter().partition(Result::is_ok);
        assert_eq!((made.len(), refused.len()), (1, 1), "{one} {other}");
        assert!(matches!(refused.into_iter().next(), Some(Err(Unintended::InUse))), "{one} {other}");
        let records = bench.records().await;
        assert_eq!(records[1]["refusal"]["code"], "address-in-use");
        assert_eq!(bench.sound().await, 1);
    }
}

#[tokio::test]
async fn many_at_once_and_one_gets_it() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let all = (0..32).map(|n| {
        let (ledger, permit) = (ledger.clone(), to(&bench, n, &format!("same+{n}@example.org")));
        tokio::spawn(async move { intend(&ledger, permit).await.is_ok() })
    });
    let mut made = 0;
    for task in all.collect::<Vec<_>>() {
        made += usize::from(task.await.unwrap());
    }
    assert_eq!(made, 1);
}

#[tokio::test]
async fn the_address_of_a_user_that_was_deleted_is_free() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    applied(&bench, &ledger, to(&bench, 1, "same@example.org")).await;
    let delete = |signature: &str| {
        let change = change("DELETE", &format!("/users/{INSTANCE}/{}", user(1)), "");
        let who = (caller(), attempt(signature, ""), change);
        Permit::for_tests(who, seen(1, "same@example.org"), Vec::new(), Vec::new(), bench.clock.now())
    };
    for (sent, effect) in [
        (Sent::NotSent("no route".into()), Effect::NotApplied),
        (Sent::Unknown("reset".into()), Effect::Undetermined),
    ] {
        let intent = intend(&ledger, delete(&format!("{effect:?}"))).await.ok().unwrap();
        close(&ledger, intent.sent(sent), bench.finding(effect)).await;
        let taken = not_intended(&ledger, to(&bench, 2, "same@example.org")).await;
        assert_eq!(taken, Unintended::InUse, "{effect:?}");
    }
    applied(&bench, &ledger, delete("done")).await;
    assert!(intend(&ledger, to(&bench, 2, "same@example.org")).await.is_ok());
}

fn made(n: u32) -> Sent {
    Sent::Accepted(Answered { body: format!(r#"{{"UserId":"{}"}}"#, user(n)).into(), ..answered(200) })
}

/// A user that has this address gives it up and takes it again.
async fn there_and_back(bench: &Bench, ledger: &Ledger, n: u32, address: &str) {
    applied(bench, ledger, permit_from(bench, n, address, "away@example.org", "away", Vec::new())).await;
    applied(bench, ledger, permit_from(bench, n, "away@example.org", address, "back", Vec::new())).await;
}

#[tokio::test]
async fn the_addresses_of_a_creation_without_an_answer_are_those_of_the_user_that_was_found() {
    for effect in [Effect::InferredApplied, Effect::Undetermined] {
        let bench = Bench::new();
        let ledger = bench.ledger().await;
        let intent = intend(&ledger, create(&bench, "new", "same@example.org")).await.ok().unwrap();
        let open = intent.sent(Sent::Unknown("reset".into()));
        let _ = ledger.unknown(&open, bench.clock.now()).await.ok().unwrap();
        assert_eq!(not_intended(&ledger, to(&bench, 2, "same@example.org")).await, Unintended::InUse);
        let finding = Finding { user: UserId::read(&user(1)), told_unknown: true, ..bench.finding(effect) };
        close(&ledger, open, finding).await;
        assert_eq!(not_intended(&ledger, to(&bench, 2, "same@example.org")).await, Unintended::InUse);
        there_and_back(&bench, &ledger, 1, "same@example.org").await;
        assert_eq!(not_intended(&ledger, to(&bench, 2, "same@example.org")).await, Unintended::InUse);
    }
}

#[tokio::test]
async fn a_creation_that_nobody_knows_of_does_not_keep_the_address_from_the_one_after_it() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, create(&bench, "new", "same@example.org")).await.ok().unwrap();
    let open = intent.sent(Sent::Unknown("reset".into()));
    let _ = ledger.unknown(&open, bench.clock.now()).await.ok().unwrap();
    close(&ledger, open, bench.finding(Effect::Undetermined)).await;
    assert_eq!(not_intended(&ledger, to(&bench, 2, "same@example.org")).await, Unintended::InUse);
    bench.pass(16 * 60);
    let intent = intend(&ledger, create(&bench, "new", "same@example.org")).await.ok().unwrap();
    close(&ledger, intent.sent(made(1)), bench.finding(Effect::Applied)).await;
    there_and_back(&bench, &ledger, 1, "same@example.org").await;
}

/// Deleted in the admin website, say: Connect creates no Username that somebody has.
#[tokio::test]
async fn whoever_had_a_username_before_keeps_no_address_from_who_has_it_now() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, create(&bench, "new", "same@example.org")).await.ok().unwrap();
    close(&ledger, intent.sent(made(1)), bench.finding(Effect::Applied)).await;
    assert_eq!(not_intended(&ledger, create(&bench, "other", "same@example.org")).await, Unintended::InUse);
    assert_eq!(not_intended(&ledger, create(&bench, "New", "same@example.org")).await, Unintended::InUse);
    bench.pass(16 * 60);
    let recall = |name: &str| Recall {
        target: create(&bench, name, "same@example.org").operation().target().clone(),
        addresses: vec![Address::read("same@example.org").unwrap()],
        permissions: false,
    };
    for (name, in_use) in [("new", 0), ("other", 1)] {
        assert_eq!(ledger.recall(&recall(name)).await.unwrap().in_use.len(), in_use, "{name}");
    }
    let again = || create(&bench, "new", "same@example.org");
    let intent = intend(&ledger, again()).await.ok().unwrap();
    // Connect says that somebody has the Username: nothing is free.
    close(&ledger, intent.sent(Sent::Refused(answered(409))), bench.finding(Effect::NotApplied)).await;
    assert_eq!(not_intended(&ledger, to(&bench, 2, "same@example.org")).await, Unintended::InUse);
    bench.pass(16 * 60);
    let intent = intend(&ledger, again()).await.ok().unwrap();
    close(&ledger, intent.sent(made(3)), bench.finding(Effect::Applied)).await;
    there_and_back(&bench, &ledger, 3, "same@example.org").await;
    assert_eq!(not_intended(&ledger, to(&bench, 1, "same@example.org")).await, Unintended::InUse);
}

#[tokio::test]
async fn what_was_not_done_leaves_the_address_free() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let first = intend(&ledger, to(&bench, 1, "same@example.org")).await.ok().unwrap();
    assert_eq!(not_intended(&ledger, to(&bench, 2, "same@example.org")).await, Unintended::InUse);
    close(&ledger, first.sent(Sent::NotSent("no route".into())), bench.finding(Effect::NotApplied)).await;
    applied(&bench, &ledger, to(&bench, 2, "same@example.org")).await;
    assert_eq!(not_intended(&ledger, to(&bench, 1, "same+1@example.org")).await, Unintended::InUse);
    assert_eq!(not_intended(&ledger, create(&bench, "new", "same@example.org")).await, Unintended::InUse);
}

#[tokio::test]
async fn a_users_own_mailbox_is_its_own() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    applied(&bench, &ledger, to(&bench, 1, "same@example.org")).await;
    let again = permit_from(&bench, 1, "same@example.org", "same+x@example.org", "b", Vec::new());
    applied(&bench, &ledger, again).await;
}

#[tokio::test]
async fn two_new_users_do_not_get_one_address() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    assert!(intend(&ledger, create(&bench, "one", "same@example.org")).await.is_ok());
    assert_eq!(not_intended(&ledger, create(&bench, "two", "same@example.org")).await, Unintended::InUse);
    assert_eq!(not_intended(&ledger, to(&bench, 1, "same@example.org")).await, Unintended::InUse);
}

#[tokio::test]
async fn rows_from_before_there_were_mailboxes_are_found() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    applied(&bench, &ledger, to(&bench, 1, "same@example.org")).await;
    bench.outsider().await.run("UPDATE addresses SET mailbox = NULL").await.unwrap();
    for address in ["same@example.org", "SAME@example.org", "same+x@example.org"] {
        assert_eq!(not_intended(&ledger, to(&bench, 2, address)).await, Unintended::InUse, "{address}");
    }
    assert!(intend(&ledger, to(&bench, 2, "other@example.org")).await.is_ok());
}

#[tokio::test]
async fn an_address_is_in_use_in_its_own_instance_alone() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    applied(&bench, &ledger, to(&bench, 1, "same@example.org")).await;
    let own = update(2, NEW).target().clone();
    let other = InstanceId::read("a1b2c3d4-5678-90ab-cdef-EXAMPLE22222");
    for (target, in_use) in [
        (own.clone(), 1),
        (Target { instance: other, ..own.clone() }, 0),
        (Target { region: "eu-central-1".into(), ..own.clone() }, 0),
        (Target { account: "444455556666".into(), ..own }, 0),
    ] {
        let recall = Recall {
            target,
            addresses: vec![Address::read("same@example.org").unwrap()],
            permissions: false,
        };
        assert_eq!(ledger.recall(&recall).await.unwrap().in_use.len(), in_use, "{:?}", recall.target);
    }
}
