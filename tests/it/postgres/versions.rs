//! Versions of the program side by side on one store: the later one adds to the tables while the other is at work.

use std::sync::atomic::{AtomicBool, Ordering};

use connect_guard::demo::{process::Process, stage::Setting};

use crate::{Place, program, until};

/// How a guard becomes a later version of the program, whose tables are of one version more (`src/crash.rs`).
const LATER: &str = "later=return";
const VERSION: &str = "SELECT max(version) FROM _sqlx_migrations WHERE success";

#[tokio::test(flavor = "multi_thread")]
async fn o2_a_guard_goes_on_under_load_while_a_later_version_joins_and_is_refused_once_it_ended() {
    const USERS: usize = 400;
    let place = Place::with(USERS, Setting::default()).await;
    let mut older = place.guard().await;
    assert_eq!(place.status(&older, 1).await, Some(200), "{}", older.log());
    let known = place.server.count(VERSION).await;
    let joined = AtomicBool::new(false);
    // One after the other at the older one, until the later one has joined and 20 more.
    let load = async {
        let mut more = 20;
        for number in 2..=USERS {
            let status = place.status(&older, number).await;
            assert_eq!(status, Some(200), "user {number} {}", older.log());
            if joined.load(Ordering::Relaxed) {
                more -= 1;
            }
            if more == 0 {
                return number;
            }
        }
        panic!("the later one did not join in time");
    };
    let join = async {
        let later = place.guard_with(LATER).await;
        joined.store(true, Ordering::Relaxed);
        later
    };
    let (last, later) = tokio::join!(load, join);
    assert_eq!(place.server.count(VERSION).await, known + 1);
    // Both serve one user after the other.
    for (number, guard) in (last + 1..).zip([&later, &older, &later, &older]) {
        assert_eq!(place.status(guard, number).await, Some(200), "{}\n{}", older.log(), later.log());
    }
    assert!((1..=last + 4).all(|number| place.made(number) == 1));
    older.stop().await.unwrap();
    let why = place.refusal().await;
    let said = format!("its tables are of version {}, and this program knows version {known}", known + 1);
    assert!(why.contains(&said) && why.contains("a later version of the program made them"), "{why}");
    assert_eq!(place.status(&later, last + 5).await, Some(200), "{}", later.log());
    place.sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn o2_guards_that_start_at_once_make_the_tables_once() {
    let place = Place::with(8, Setting::default()).await;
    let (one, two, three) = tokio::join!(place.guard(), place.guard(), place.guard());
    for (number, guard) in (1..).zip([&one, &two, &three]) {
        assert_eq!(place.status(guard, number).await, Some(200), "{}", guard.log());
    }
    assert_eq!(place.server.count("SELECT count(*) FROM chains").await, 3);
    // A later version and this one at once, on tables of this one: whoever is first, the later one serves.
    let environment = || vec![("FAILPOINTS".into(), LATER.into())];
    let (later, again) = tokio::join!(
        Process::start_with(program(), &place.stage, environment()),
        Process::start(program(), &place.stage)
    );
    let later = later.unwrap();
    assert_eq!(place.status(&later, 4).await, Some(200), "{}", later.log());
    match again {
        Ok(again) => assert_eq!(place.status(&again, 5).await, Some(200), "{}", again.log()),
        Err(why) => assert!(why.to_string().contains("its tables are of version"), "{why}"),
    }
    until("a change", || async { (place.status(&one, 6).await == Some(200)).then_some(()) }).await;
    place.sound();
}
