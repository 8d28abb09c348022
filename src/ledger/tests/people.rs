//! Under whose key something is sealed: erasing one must not take another's.

use super::*;
use crate::{caller::Arn, notice::Event};

/// The names of the keys of these records.
fn keys<'r>(records: impl Iterator<Item = &'r serde_json::Value>) -> Vec<&'r str> {
    records.map(|record| record["inputs"]["person"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn refusals_that_are_about_nobody_are_sealed_for_who_asked() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    for role in ["Desk", "Lead", "Desk"] {
        let mut refused = notes::refused(None);
        refused.caller.principal.arn = Arn::read(&format!("arn:aws:iam::111122223333:role/{role}")).unwrap();
        ledger.refuse(&refused, Plan::of_refusal(&refused, &routing(), bench.clock.now())).await.unwrap();
    }
    let records = bench.records().await;
    let keys = keys(records.iter());
    assert_eq!((keys.len(), keys[0] == keys[2], keys[0] == keys[1]), (3, true, false));
}

#[tokio::test]
async fn what_guards_say_of_themselves_each_seals_for_itself() {
    let bench = Bench::new();
    for (replica, times) in [("gw-1", 2), ("gw-2", 1)] {
        let ledger = bench.opened(LedgerOptions { replica: replica.into(), ..bench.options() }).await;
        for _ in 0..times {
            let event = Event::Test { channel: "mail".into() };
            assert!(ledger.say(&event, &routing(), None).await.unwrap());
        }
        ledger.stop().await.unwrap();
        bench.gone();
    }
    let records = bench.records().await;
    let keys = keys(records.iter().filter(|record| record["kind"] == "event"));
    assert_eq!((keys.len(), keys[0] == keys[1], keys[0] == keys[2]), (3, true, false));
}
