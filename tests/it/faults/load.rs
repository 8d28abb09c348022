//! Too much at once: who finds no place is told so at once, and when to come back.

use std::time::{Duration, Instant};

use connect_guard::demo::{caller::Caller, connect::Fault, stage::Setting};

use super::{THROTTLED, UNAVAILABLE, ask, change, read, received, said, setting, write};
use crate::running::{Running, WIDE, user};

/// Less than the guard waits for Connect.
const AT_ONCE: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn as_many_requests_as_may_be_are_under_way_to_connect() {
    let mut setting = setting(2);
    setting.upstream = "in_flight = 1\nanswer_timeout = \"20s\"".into();
    let guard = Running::with(setting).await;
    let desk = guard.caller("IdentityDesk");
    guard.stage.connect.fail_next("DescribeUser", Fault::Hang);
    let (first, held) = (desk.clone(), read(&user(1)));
    let waiting = tokio::spawn(async move { first.send(&held).await });
    guard.stage.connect.wait_for(1, "DescribeUser").await;
    for request in [read(&user(2)), write(&user(2)), change(&user(2))] {
        let answer = ask(&desk, &request, AT_ONCE).await;
        assert_eq!(said(&answer), UNAVAILABLE, "{}", guard.log());
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.header("x-amz-retry-after"), Some("1000"));
    }
    assert_eq!(received(&guard, "DescribeUser", &user(2)), 0);
    assert!(guard.log().contains("overloaded"), "{}", guard.log());
    waiting.abort();
}

/// Twenty proofs that fail are what a source has. Somebody else at the same address (behind one NAT) has a known key, and
/// is heard all the same; whoever guesses at a known key is not.
#[tokio::test(flavor = "multi_thread")]
async fn proofs_that_fail_shut_out_nobody_else_at_the_same_address() {
    let more = WIDE.lines().filter(|line| !line.starts_with("failures")).collect::<Vec<_>>().join("\n");
    let guard = Running::with(Setting { more, ..setting(1) }).await;
    let (help, desk) = (guard.caller("HelpDesk"), guard.caller("IdentityDesk"));
    let stranger = Caller { key_id: "GKAAAAAAAAAAAAAAAAAA".into(), ..help.clone() };
    let guesser = Caller { secret: desk.secret.chars().rev().collect(), ..desk.clone() };
    let begun = Instant::now();
    let refused = refused_until_limited(&stranger).await;
    // One a second is given back.
    let given_back = usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    assert!((20..=20 + given_back).contains(&refused), "{refused}");
    assert_eq!(said(&ask(&help, &read(&user(1)), AT_ONCE).await), (200, None), "{}", guard.log());
    // The source has nothing left: a wrong signature under a known key is answered as that of an unknown one.
    assert!(refused_until_limited(&guesser).await < 10);
    assert_eq!(said(&ask(&help, &read(&user(1)), AT_ONCE).await), (200, None), "{}", guard.log());
    assert_eq!(said(&ask(&desk, &read(&user(1)), AT_ONCE).await), (200, None), "{}", guard.log());
}

/// How many proofs fail as proofs until the rate is used up; a little is given back meanwhile.
async fn refused_until_limited(caller: &Caller) -> usize {
    let mut refused = 0;
    loop {
        let answer = ask(caller, &read(&user(1)), AT_ONCE).await;
        match said(&answer) {
            (403, Some("InvalidSignatureException")) => refused += 1,
            THROTTLED => {
                assert!(answer.header("retry-after").is_some());
                return refused;
            }
            other => panic!("{other:?}"),
        }
    }
}
