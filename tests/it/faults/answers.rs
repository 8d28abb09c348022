//! Connect was reached, and what it answers is wrong, late, or nothing.

use std::time::Duration;

use connect_guard::demo::{connect::Fault, connect::User};

use super::{
    ROUTING, Said, THROTTLED, UNAVAILABLE, UNKNOWN, UPDATE, ask, change, everybody, everything_told, read,
    received, recorded, said, start, whole, write,
};
use crate::running::user;

const HOUR: Duration = Duration::from_hours(1);
/// The guard waits a second for a head, and four times as long (20 s in all) for a body that trickles.
const SOON: Duration = Duration::from_secs(8);

/// What comes of a change.
struct Change {
    fault: Fault,
    answer: Said,
    /// On record, in the end; `-`: still open when the first looks showed nothing, since Connect may yet apply it.
    effect: &'static str,
    /// What everybody concerned is told.
    told: &'static [&'static str],
}

fn row(fault: Fault, answer: Said, effect: &'static str, told: &'static [&'static str]) -> Change {
    Change { fault, answer, effect, told }
}

/// Sent, and nobody knows: found to be applied, or not.
const FOUND: &[&str] = &["may-have-changed", "address-changed"];
const OPEN: &[&str] = &["may-have-changed"];
const DONE: &[&str] = &["address-changed"];

fn changes() -> Vec<Change> {
    let refused = |status, name| row(Fault::Status(status, name), (status, Some(name)), "not_applied", &[]);
    vec![
        row(Fault::CloseBefore, UNKNOWN, "-", OPEN),
        row(Fault::CloseAfter, UNKNOWN, "inferred_applied", FOUND),
        row(Fault::ResetAfter, UNKNOWN, "inferred_applied", FOUND),
        row(Fault::Hang, UNKNOWN, "-", OPEN),
        row(Fault::HangAfter, UNKNOWN, "inferred_applied", FOUND),
        row(Fault::Slow(HOUR), UNKNOWN, "inferred_applied", FOUND),
        row(Fault::Garbage, UNKNOWN, "inferred_applied", FOUND),
        row(Fault::Truncated, UNKNOWN, "inferred_applied", FOUND),
        row(Fault::LongHead, UNKNOWN, "inferred_applied", FOUND),
        row(Fault::LongBody, UNKNOWN, "inferred_applied", FOUND),
        row(Fault::Interim(1000), UNKNOWN, "inferred_applied", FOUND),
        row(Fault::Interim(4), (200, None), "applied", DONE),
        row(Fault::Body("<html>".into()), (200, None), "applied", DONE),
        row(Fault::Redirect, UNKNOWN, "-", OPEN),
        row(Fault::Status(408, "RequestTimeout"), UNKNOWN, "-", OPEN),
        row(Fault::Status(500, "InternalServiceException"), UNKNOWN, "-", OPEN),
        row(Fault::Status(503, "ServiceUnavailableException"), UNKNOWN, "-", OPEN),
        row(Fault::StatusAfter(500, "InternalServiceException"), UNKNOWN, "inferred_applied", FOUND),
        row(Fault::Throttle(7), THROTTLED, "not_applied", &[]),
        row(Fault::Status(429, "TooManyRequestsException"), THROTTLED, "not_applied", &[]),
        refused(400, "InvalidParameterException"),
        refused(404, "ResourceNotFoundException"),
        // The guard's own rights are not the caller's.
        row(Fault::Status(403, "AccessDeniedException"), UNAVAILABLE, "not_applied", &[]),
        row(Fault::Status(403, "ExpiredTokenException"), UNAVAILABLE, "not_applied", &[]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_09_a_change() {
    let rows = changes();
    let guard = start(rows.len()).await;
    let desk = guard.caller("IdentityDesk");
    let mut expected = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let agent = user(number + 1);
        guard.stage.connect.fail_next(UPDATE, row.fault.clone());
        let answer = ask(&desk, &change(&agent), SOON).await;
        assert_eq!(said(&answer), row.answer, "{:?}\n{}", row.fault, guard.log());
        if answer.status == 429 {
            assert!(answer.header("retry-after").is_some(), "{:?}", row.fault);
        }
        expected.extend(everybody(&agent, row.told));
    }
    for (number, row) in rows.iter().enumerate() {
        let agent = user(number + 1);
        recorded(&guard, &agent, row.effect).await;
        assert_eq!(received(&guard, UPDATE, &agent), 1, "{:?} was sent again", row.fault);
    }
    expected.sort();
    assert_eq!(everything_told(&guard).await, expected);
    whole(&guard);
}

/// The head is there, the body does not end: bounded by the time between two parts of a body.
#[tokio::test(flavor = "multi_thread")]
async fn fault_09_a_change_whose_answer_trickles() {
    let guard = start(1).await;
    guard.stage.connect.fail_next(UPDATE, Fault::SlowBody(HOUR));
    let answer = ask(&guard.caller("IdentityDesk"), &change(&user(1)), Duration::from_secs(30)).await;
    assert_eq!(said(&answer), UNKNOWN, "{}", guard.log());
    recorded(&guard, &user(1), "inferred_applied").await;
    assert_eq!(received(&guard, UPDATE, &user(1)), 1);
    assert_eq!(everything_told(&guard).await.len(), 8);
}

/// The read before a change goes wrong: nothing is decided, nothing is sent, and nobody is told.
#[tokio::test(flavor = "multi_thread")]
async fn fault_09_the_read_before_a_change() {
    let rows: Vec<(Fault, Said)> = vec![
        (Fault::CloseBefore, UNAVAILABLE),
        (Fault::ResetAfter, UNAVAILABLE),
        (Fault::Hang, UNAVAILABLE),
        (Fault::Garbage, UNAVAILABLE),
        (Fault::Truncated, UNAVAILABLE),
        (Fault::LongHead, UNAVAILABLE),
        (Fault::LongBody, UNAVAILABLE),
        (Fault::Interim(1000), UNAVAILABLE),
        (Fault::Body("<html>".into()), UNAVAILABLE),
        (Fault::Body("{}".into()), UNAVAILABLE),
        (Fault::Redirect, UNAVAILABLE),
        (Fault::Status(500, "InternalServiceException"), UNAVAILABLE),
        (Fault::Status(403, "AccessDeniedException"), UNAVAILABLE),
        (Fault::Throttle(7), THROTTLED),
        (Fault::Status(429, "TooManyRequestsException"), THROTTLED),
    ];
    let guard = start(rows.len()).await;
    let desk = guard.caller("IdentityDesk");
    for (number, (fault, expected)) in rows.iter().enumerate() {
        let agent = user(number + 1);
        guard.stage.connect.fail_next("DescribeUser", fault.clone());
        let answer = ask(&desk, &change(&agent), SOON).await;
        assert_eq!(said(&answer), *expected, "{fault:?}\n{}", guard.log());
        assert_eq!(received(&guard, "DescribeUser", &agent), 1, "{fault:?} was asked again");
        if let Fault::Throttle(seconds) = fault {
            assert_eq!(answer.header("retry-after"), Some(&*seconds.to_string()));
        }
    }
    assert!(guard.stage.connect.updates().is_empty());
    assert!(guard.records().await.iter().all(|record| record.kind() != "intent"));
    assert!(everything_told(&guard).await.is_empty());
    whole(&guard);
}

/// What comes of a read and of a write that is no change of who somebody is. `None`: the answer is cut.
fn ordinary() -> Vec<(Fault, Option<Said>, Option<Said>)> {
    let both = |fault, said| (fault, Some(said), Some(said));
    let lost = |fault| (fault, Some(UNAVAILABLE), Some(UNKNOWN));
    vec![
        lost(Fault::CloseBefore),
        lost(Fault::CloseAfter),
        lost(Fault::ResetAfter),
        lost(Fault::Hang),
        lost(Fault::HangAfter),
        lost(Fault::Garbage),
        lost(Fault::LongHead),
        lost(Fault::Interim(1000)),
        lost(Fault::Redirect),
        (Fault::Truncated, None, None),
        both(Fault::Interim(4), (200, None)),
        both(Fault::LongBody, (200, None)),
        both(Fault::Body("<html>".into()), (200, None)),
        both(Fault::Status(500, "InternalServiceException"), UNKNOWN),
        both(Fault::Status(503, "ServiceUnavailableException"), UNAVAILABLE),
        both(Fault::Status(404, "ResourceNotFoundException"), (404, Some("ResourceNotFoundException"))),
        both(Fault::Throttle(7), THROTTLED),
        both(Fault::Status(429, "TooManyRequestsException"), (429, Some("TooManyRequestsException"))),
        both(Fault::Status(403, "AccessDeniedException"), UNAVAILABLE),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_09_an_ordinary_operation() {
    let rows = ordinary();
    let guard = start(rows.len()).await;
    let desk = guard.caller("IdentityDesk");
    for (number, (fault, of_read, of_write)) in rows.iter().enumerate() {
        let agent = user(number + 1);
        for (operation, request, expected) in
            [("DescribeUser", read(&agent), of_read), (ROUTING, write(&agent), of_write)]
        {
            guard.stage.connect.fail_next(operation, fault.clone());
            match expected {
                Some(expected) => {
                    let answer = ask(&desk, &request, SOON).await;
                    assert_eq!(said(&answer), *expected, "{operation} {fault:?}\n{}", guard.log());
                    if let Fault::Throttle(seconds) = fault {
                        assert_eq!(answer.header("retry-after"), Some(&*seconds.to_string()));
                    }
                }
                None => assert!(desk.send(&request).await.is_err(), "{operation} {fault:?} looks whole"),
            }
            assert_eq!(received(&guard, operation, &agent), 1, "{operation} {fault:?} was sent again");
        }
    }
    let count = rows.len() * 2;
    let ordinary = |agent: &User, records: &[crate::records::Record]| {
        records.iter().filter(|record| record.kind() == "ordinary" && record.is_of(&agent.id)).count()
    };
    let all = guard
        .recorded(|records| records.iter().filter(|record| record.kind() == "ordinary").count() == count)
        .await;
    assert!((1..=rows.len()).all(|number| ordinary(&user(number), &all) == 2));
    assert!(everything_told(&guard).await.is_empty());
    whole(&guard);
}
