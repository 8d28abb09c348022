//! Whose policy is behind what was in force on another replica.

use std::sync::atomic::Ordering;

use super::*;

#[tokio::test]
async fn whoever_had_the_highest_epoch_in_force_is_not_behind() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    assert_eq!(ledger.stats().behind, None);
    ledger.at_epoch(Some(3)).await.unwrap();
    assert_eq!(ledger.stats().behind, None);
    // As the writer finds it when it looks.
    let shared = &ledger.inner.shared;
    for (own, highest, behind) in [(0, 2, Some(2)), (3, 3, None), (3, 4, Some(4)), (4, 3, None)] {
        shared.epoch.store(own, Ordering::Relaxed);
        shared.highest.store(highest, Ordering::Relaxed);
        assert_eq!(ledger.stats().behind, behind, "{own} of {highest}");
    }
}
