//! No address, name or secret in any byte of the store; a person erased, and the chain holds.

use super::*;
use crate::notice::Event;

/// Every byte of every file of the store.
fn bytes(bench: &Bench) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(bench.directory.path()).unwrap() {
        all.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    all
}

fn shows(all: &[u8], text: &str) -> bool {
    all.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
}

async fn a_busy_day(bench: &Bench, ledger: &Ledger) {
    applied(bench, ledger, permit(bench, 1, "a")).await;
    let intent = intend(ledger, permit(bench, 2, "b")).await.ok().unwrap();
    let open = intent.sent(Sent::Unknown(format!("no answer about {OLD}")));
    let _ = ledger.unknown(&open, bench.clock.now()).await.unwrap();
    close(ledger, open, bench.finding(Effect::Undetermined)).await;
    let refused = notes::refused(Some(3));
    ledger.refuse(&refused, Plan::of_refusal(&refused, &routing(), bench.clock.now())).await.unwrap();
    for claimed in claim(ledger, 100).await {
        let reply = format!("250 2.1.5 <{}> ok", claimed.delivery.recipient);
        ledger.delivered(&claimed, DeliveryOutcome::Delivered { reply }).await.unwrap();
    }
    let body = format!(
        r#"{{"Username":"{NEW}","PhoneConfig":{{"PhoneType":"SOFT_PHONE"}},"SecurityProfileIds":["p1"],"RoutingProfileId":"r1","Password":"Secret-password-1","IdentityInfo":{{"FirstName":"Mary","LastName":"Major","Email":"created@example.org"}}}}"#
    );
    let change = change("PUT", &format!("/users/{INSTANCE}"), &body);
    let who = (caller(), attempt("a", "create"), change);
    applied(
        bench,
        ledger,
        Permit::for_tests(who, Seen::default(), Vec::new(), Vec::new(), bench.clock.now()),
    )
    .await;
    let event = Event::Frozen {
        scope: format!("user {OLD}"),
        by: NEW.to_owned(),
        reason: "for mary.major".to_owned(),
        id: "FZ".to_owned(),
        proof: OLD.to_owned(),
        source: "192.0.2.7".to_owned(),
    };
    assert!(ledger.say(&event, &routing(), Some(OLD)).await.unwrap());
}

#[tokio::test]
async fn i8_no_address_name_or_secret_is_in_the_store() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    a_busy_day(&bench, &ledger).await;
    ledger.stop().await.unwrap();
    let all = bytes(&bench);
    for text in [
        OLD,
        OLD_SECOND,
        NEW,
        SECURITY,
        "mmajor1@example.com",
        "Major",
        "mary.major",
        "Secret-password-1",
        "example.org",
    ] {
        assert!(!shows(&all, text), "{text}");
    }
    // The search finds what is there.
    assert!(shows(&all, "UpdateUserIdentityInfo") && shows(&all, "IdentityDesk"));
}

#[tokio::test]
async fn i12_no_hash_in_the_chain_can_be_tried_against_a_guess() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    a_busy_day(&bench, &ledger).await;
    let chain: Vec<u8> = rows(&bench.url()).await.into_iter().flat_map(|row| row.bytes).collect();
    let core = &ledger.inner.core;
    let target = update(1, NEW).target().clone();
    for text in [OLD, NEW, OLD_SECOND, SECURITY] {
        let known = core.address(&target, text);
        for guess in [Digest::of(text.as_bytes()).hex(), known.exact, known.folded, known.mailbox] {
            assert!(!shows(&chain, &guess), "{text}");
        }
    }
    assert!(!shows(&chain, &core.target(&target)));
    // The tables beside the chain have it: what an attempt is known by there is not what the chain says.
    let (name, _) = core.attempt(&caller().principal, &update(1, NEW), &attempt("a", NEW));
    assert!(!shows(&chain, &name));
    assert!(shows(&bytes(&bench), &name));
}

#[tokio::test]
async fn an_erased_person_is_gone_and_the_chain_holds() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let target = update(1, NEW).target().clone();
    let open = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    assert!(!erased(&bench, &target).await, "a change is open");
    close(&ledger, open.sent(Sent::Accepted(answered(200))), bench.finding(Effect::Applied)).await;
    told(&ledger).await;
    let of_guard = |rows: Vec<RecordRow>| rows.into_iter().filter(|row| row.chain == "gw-1");
    let before: Vec<_> = of_guard(rows(&bench.url()).await).collect();
    assert!(erased(&bench, &target).await);
    assert!(of_guard(rows(&bench.url()).await).eq(before));
    let ask = crate::policy::Recall {
        target: target.clone(),
        addresses: [OLD, NEW].iter().map(|text| Address::read(text).unwrap()).collect(),
        permissions: true,
    };
    let known = ledger.recall(&ask).await.unwrap();
    assert!(known.former.is_empty() && known.held.is_empty());
    // A new intent makes a new key; the old records stay closed for ever.
    applied(&bench, &ledger, permit(&bench, 1, "b")).await;
    let records = bench.records().await;
    let of_guard = records.iter().filter(|record| record["chain"] == "gw-1");
    let tokens: std::collections::BTreeSet<&str> =
        of_guard.filter_map(|record| record["inputs"]["person"].as_str()).collect();
    assert_eq!(tokens.len(), 2);
    assert_eq!(bench.sound().await, 0);
}
