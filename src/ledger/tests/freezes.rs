//! Freezes: durable, on record, told, and lifted by another hand only; nonces, spent once; versions of the policy, kept.

use super::*;
use crate::{
    caller::{Arn, Caller},
    ledger::{Flaw, NotLifted},
    notice::{About, Event, Kind},
    policy::{Freeze, FreezeScope},
};

/// A caller of this role.
fn of_role(role: &str, session: &str) -> Caller {
    let mut by = caller();
    by.principal.arn =
        Arn::read(&format!("arn:aws:sts::111122223333:assumed-role/{role}/{session}")).unwrap();
    by
}

async fn frozen(ledger: &Ledger) -> Freeze {
    let scope: FreezeScope = format!("instance:{INSTANCE}").parse().unwrap();
    ledger.freeze(&scope, "mary.major, SEC-1", &of_role("Desk", "kim"), &routing()).await.unwrap()
}

#[tokio::test]
async fn a_freeze_is_on_record_and_told_and_outlives_a_crash() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let freeze = frozen(&ledger).await;
    assert_eq!(freeze.by, "arn:aws:iam::111122223333:role/Desk");
    assert!(freeze.id.len() == 14 && freeze.id.starts_with("FZ"), "{}", freeze.id);
    ledger.crash().await;
    let ledger = bench.ledger().await;
    assert_eq!(ledger.freezes().await.unwrap(), std::slice::from_ref(&freeze));
    let records = bench.records().await;
    let record = &records[0];
    assert_eq!((&record["kind"], &record["freeze"]["id"]), (&"freeze".into(), &freeze.id.as_str().into()));
    assert_eq!(record["freeze"]["scope"], format!("instance:{INSTANCE}"));
    assert_eq!(record["request"]["id"], caller().origin.request_id.as_str());
    assert_eq!(record["request"]["source"], caller().origin.source.to_string());
    assert_eq!(record["caller"]["principal"], "arn:aws:sts::111122223333:assumed-role/Desk/kim");
    assert_eq!(record["notices"]["count"], 1);
    let told = claim(&ledger, 10).await;
    assert_eq!((told.len(), told[0].delivery.kind), (1, Kind::Frozen));
    let hash = Digest::of(&rows(&bench.url()).await[0].bytes).hex();
    assert_eq!((told[0].delivery.record.seq, &told[0].delivery.record.hash), (1, &hash));
    let About::Guard(Event::Frozen { by, reason, id, proof, source, .. }) = &told[0].delivery.about else {
        panic!("another event")
    };
    assert_eq!(by, "arn:aws:sts::111122223333:assumed-role/Desk/kim");
    assert_eq!((reason.as_str(), id), ("mary.major, SEC-1", &freeze.id));
    assert_eq!((proof, source), (&caller().proof.to_string(), &caller().origin.source.to_string()));
    let found = Ledger::verify(&bench.url()).await.unwrap();
    assert_eq!((found.faults, found.freezes), (Vec::new(), vec![("gw-1".to_owned(), 1)]));
}

#[tokio::test]
async fn who_froze_does_not_lift_in_whatever_session_and_the_attempt_is_on_record() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let freeze = frozen(&ledger).await;
    let lift = async |by: Caller| ledger.unfreeze(&freeze.id, "over", &by, &routing()).await;
    assert_eq!(lift(of_role("Desk", "lee")).await, Err(NotLifted::BySame));
    let refusal = bench.records().await.pop().unwrap();
    assert_eq!(refusal["kind"], "refusal");
    assert_eq!(refusal["refusal"]["code"], "freeze-own");
    assert_eq!(refusal["freeze"]["set"]["seq"], 1);
    assert_eq!(ledger.freezes().await.unwrap(), std::slice::from_ref(&freeze));
    // Nobody is told that it is lifted.
    assert_eq!(claim(&ledger, 10).await.len(), 1);
    assert_eq!(lift(of_role("Lead", "lee")).await, Ok(freeze.clone()));
    assert_eq!(ledger.freezes().await.unwrap(), []);
    let record = bench.records().await.pop().unwrap();
    let hash = Digest::of(&rows(&bench.url()).await[0].bytes).hex();
    assert_eq!((&record["kind"], &record["freeze"]["set"]["hash"]), (&"unfreeze".into(), &hash.into()));
    assert_eq!(record["freeze"]["by"], "arn:aws:iam::111122223333:role/Desk");
    let told = claim(&ledger, 10).await;
    assert_eq!((told.len(), told[0].delivery.kind), (1, Kind::Unfrozen));
    // Twice is once.
    assert_eq!(lift(of_role("Lead", "lee")).await, Err(NotLifted::Unknown));
    assert_eq!(ledger.unfreeze("FZ", "", &of_role("Lead", "lee"), &routing()).await, Err(NotLifted::Unknown));
    assert_eq!(bench.kinds().await, ["freeze", "refusal", "unfreeze"]);
    let found = Ledger::verify(&bench.url()).await.unwrap();
    assert_eq!((found.faults, found.freezes), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn of_many_hands_one_lifts() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let freeze = frozen(&ledger).await;
    let all = (0..16).map(|_| {
        let (ledger, id) = (ledger.clone(), freeze.id.clone());
        tokio::spawn(async move { ledger.unfreeze(&id, "over", &of_role("Lead", "lee"), &routing()).await })
    });
    let mut lifted = 0;
    for one in all.collect::<Vec<_>>() {
        match one.await.unwrap() {
            Ok(_) => lifted += 1,
            Err(why) => assert_eq!(why, NotLifted::Unknown),
        }
    }
    assert_eq!(lifted, 1);
    assert_eq!(bench.kinds().await, ["freeze", "unfreeze"]);
}

/// To freeze and to lift is possible with what is kept for emergencies; to be refused is not.
#[tokio::test]
async fn who_tries_to_lift_his_own_has_none_of_the_reserve() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let url = format!("sqlite:{}?reserve=1000000&max_bytes=1000000", bench.file().display());
    let ledger = bench.opened(LedgerOptions { url, ..bench.options() }).await;
    let freeze = frozen(&ledger).await;
    let lift = async |by: Caller| ledger.unfreeze(&freeze.id, "over", &by, &routing()).await;
    assert_eq!(lift(of_role("Desk", "lee")).await, Err(NotLifted::Unwritten(Unwritten::Reserve)));
    assert_eq!(lift(of_role("Lead", "lee")).await, Ok(freeze.clone()));
    assert_eq!(bench.kinds().await, ["freeze", "unfreeze"]);
}

#[tokio::test]
async fn a_freeze_that_cannot_be_written_is_an_error() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    faults::failing(&bench).await;
    let by = of_role("Desk", "kim");
    assert!(ledger.freeze(&FreezeScope::All, "SEC-1", &by, &routing()).await.is_err());
    faults::mended(&bench).await;
    assert_eq!(ledger.freezes().await.unwrap(), []);
    assert!(claim(&ledger, 10).await.is_empty());
}

#[tokio::test]
async fn a_freeze_taken_out_of_the_table_by_hand_shows() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let _ = frozen(&ledger).await;
    ledger.stop().await.unwrap();
    bench.outsider().await.run("DELETE FROM freezes").await.unwrap();
    let found = Ledger::verify(&bench.url()).await.unwrap();
    assert_eq!(found.faults, [("gw-1".to_owned(), 1, Flaw::Thawed)]);
}

#[tokio::test]
async fn of_32_who_spend_a_nonce_one_does_and_it_stays_spent() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let nonce = Digest::of(b"nonce");
    let until = bench.clock.now().millis() + 60_000;
    let all = (0..32).map(|_| {
        let ledger = ledger.clone();
        tokio::spawn(async move { ledger.spend(&nonce, until).await.unwrap() })
    });
    let mut fresh = 0;
    for one in all.collect::<Vec<_>>() {
        fresh += u32::from(one.await.unwrap());
    }
    assert_eq!(fresh, 1);
    ledger.crash().await;
    let ledger = bench.ledger().await;
    assert!(!ledger.spend(&nonce, until).await.unwrap());
    assert!(ledger.spend(&Digest::of(b"another"), until).await.unwrap());
    // What has ended is never fresh: it may have been forgotten.
    assert!(!ledger.spend(&Digest::of(b"ended"), bench.clock.now().millis()).await.unwrap());
    assert!(bench.kinds().await.is_empty());
}

#[tokio::test]
async fn nonces_are_forgotten_when_they_have_ended() {
    let bench = Bench::new();
    let ledger = bench.opened(LedgerOptions { lease: Duration::from_millis(150), ..bench.options() }).await;
    let until = bench.clock.now().millis() + 60_000;
    assert!(ledger.spend(&Digest::of(b"nonce"), until).await.unwrap());
    let mut other = bench.outsider().await;
    let mut count = async || other.read("SELECT count(*) FROM nonces").await;
    assert_eq!(count().await, Some(1));
    bench.pass(3_600);
    tokio::time::timeout(Duration::from_secs(10), async {
        while count().await > Some(0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_freeze_that_is_not_as_its_record_sets_it_is_a_fault_and_never_none() {
    for (sql, back) in [
        (
            "UPDATE freezes SET scope = 'caller:arn:aws:iam::111122223333:role/Nobody'",
            "UPDATE freezes SET scope = 'instance:a1b2c3d4-5678-90ab-cdef-EXAMPLE11111'",
        ),
        (
            "UPDATE freezes SET account = 'arn:aws:iam::111122223333:role/Other'",
            "UPDATE freezes SET account = 'arn:aws:iam::111122223333:role/Desk'",
        ),
    ] {
        let bench = Bench::new();
        let ledger = bench.ledger().await;
        let freeze = frozen(&ledger).await;
        let mut outsider = bench.outsider().await;
        outsider.run(sql).await.unwrap();
        assert!(ledger.freezes().await.is_err(), "{sql}");
        let lifted = ledger.unfreeze(&freeze.id, "over", &of_role("Lead", "mary"), &routing()).await;
        assert!(matches!(lifted, Err(NotLifted::Unwritten(_))), "{lifted:?}");
        outsider.run(back).await.unwrap();
        assert_eq!(ledger.freezes().await.unwrap(), [freeze]);
    }
}

#[tokio::test]
async fn a_freeze_is_not_held_by_the_record_of_another() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    // Of one scope, by one hand.
    let (first, second) = (frozen(&ledger).await, frozen(&ledger).await);
    assert_eq!((&first.scope, &first.by), (&second.scope, &second.by));
    bench.outsider().await.run("UPDATE freezes SET seq = 1 WHERE seq = 2").await.unwrap();
    assert!(ledger.freezes().await.is_err());
}

#[tokio::test]
async fn a_freeze_taken_out_of_the_table_shows_beside_one_that_is_in_force() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let _ = frozen(&ledger).await;
    ledger.freeze(&FreezeScope::All, "SEC-2", &of_role("Desk", "kim"), &routing()).await.unwrap();
    ledger.stop().await.unwrap();
    bench.outsider().await.run("DELETE FROM freezes WHERE seq = 1").await.unwrap();
    let found = Ledger::verify(&bench.url()).await.unwrap();
    assert_eq!(found.faults, [("gw-1".to_owned(), 1, Flaw::Thawed)]);
}
