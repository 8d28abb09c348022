//! Connect does a change, or shows it, after the last look of whoever settles it: the record is put right, and people are
//! told.

use std::time::Duration;

use connect_guard::demo::{
    caller::Request,
    connect::{Fault, Switches},
    stage::INSTANCE,
};
use tokio::time::timeout;

use crate::{
    lists::{Lists, outcomes},
    records::of_kind,
    run::{Ends, LIMIT, Run},
    running::{own_address, user},
    stage::Before,
    store::Stores,
};

/// Less haste than elsewhere: three seconds until it passes for not applied, nine until the look after that.
const HASTE: &str = "haste=return(100)";
/// Longer than everything.
const LATE: Duration = Duration::from_hours(1);

/// A change that Connect made, without an answer and without showing it, once it passes for not applied.
async fn passed_for_not_applied(ends: usize) -> Run {
    let hasty = Ends { points: HASTE.into(), ..Ends::default() };
    let run = Run::new(&Stores::chosen(), 1, Before::Nobody, vec![hasty; ends]).await;
    let (connect, agent) = (&run.stage.connect, user(1));
    connect.set_switches(Switches { read_lag: LATE, ..connect.switches() });
    connect.fail_next("UpdateUserIdentityInfo", Fault::CloseAfter);
    let desk = run.caller("IdentityDesk", run.address().await);
    let request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
    assert_eq!(desk.send(&request).await.unwrap().status, 500, "{}", run.log().await);
    let settled = async {
        while outcomes(&run.records().await).is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(timeout(LIMIT, settled).await.is_ok(), "{}", run.log().await);
    let records = run.records().await;
    let outcome = of_kind(&records, "outcome")[0].clone();
    assert_eq!((outcome.text("/effect"), outcome.text("/shows")), ("inferred_not_applied", "not-yet"));
    run
}

/// It is on record that it was made, and everybody was told.
async fn put_right(run: &Run) {
    let lists = Lists::of(run).await;
    let told = lists.told();
    lists.compare(&[], &told).unwrap_or_else(|why| panic!("{why}"));
    let records = run.store().records().await;
    let confirmation = of_kind(&records, "confirmation")[0].clone();
    assert_eq!((confirmation.text("/shows"), confirmation.text("/effect")), ("shown", "inferred_applied"));
    let kinds = |kind: &str| told[&user(1).id].iter().filter(|(_, told)| told == kind).count();
    assert_eq!(
        ["may-have-changed", "not-changed-after-all", "address-changed"].map(kinds),
        [4; 3],
        "{told:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn i2_a_change_that_shows_after_the_last_look_is_put_right() {
    let run = passed_for_not_applied(1).await;
    let connect = &run.stage.connect;
    connect.set_switches(Switches { read_lag: Duration::ZERO, ..connect.switches() });
    put_right(&run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i2_a_change_that_shows_after_the_last_look_is_put_right_by_the_next_guard() {
    let run = passed_for_not_applied(2).await;
    run.kill().await;
    put_right(&run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i2_of_a_change_that_never_shows_nobody_hears_again() {
    let run = passed_for_not_applied(1).await;
    run.settled().await;
    let records = run.records().await;
    let confirmation = of_kind(&records, "confirmation")[0].clone();
    assert_eq!((confirmation.text("/shows"), confirmation.text("/effect")), ("not-shown", ""));
    assert_eq!(confirmation.0.pointer("/notices/count"), None);
}
