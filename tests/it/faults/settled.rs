//! What has to hold after anything that went wrong.

use connect_guard::demo::connect::Done;

use super::change;
use crate::{
    records::{Record, of_kind, outcomes},
    running::{Running, user},
};

/// The status of a change of this user.
pub(super) async fn changed(guard: &Running, number: usize) -> u16 {
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
pub(super) async fn is_consistent(guard: &Running) {
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
