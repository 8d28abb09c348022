//! Connect's rates: reads, shares of them, changes.

use super::{super::state::NO_SHARE_WAIT, *};

#[test]
fn connect_counts_by_operation_account_and_region() {
    let (limiter, _) = settled();
    for _ in 0..5 {
        admitted(&limiter, by_role("Desk", &START_CHAT)).unwrap();
    }
    let refused = admitted(&limiter, by_role("Other", &START_CHAT)).unwrap_err();
    assert_eq!(refused, Limited { bucket: Bucket::Connect, wait: Duration::from_millis(500) });
    admitted(&limiter, by_role("Desk", &LIST_QUEUES)).unwrap();
    let desk = "arn:aws:iam::111122223333:role/Desk";
    admitted(&limiter, thing(desk, &START_CHAT, "us-west-2")).unwrap();
    let mut elsewhere = by_role("Desk", &START_CHAT);
    elsewhere.target.account = "444455556666".into();
    admitted(&limiter, elsewhere).unwrap();
}

#[test]
fn an_operation_with_a_rate_of_its_own_has_it() {
    let mut rates = Rates::default();
    rates.connect.operations.insert("StartChatContact".into(), Rate { per_second: 20.0, burst: 40 });
    let (limiter, clock) = limiter(&rates);
    clock.advance(Duration::from_secs(10));
    for _ in 0..40 {
        admitted(&limiter, by_role("Desk", &START_CHAT)).unwrap();
    }
    admitted(&limiter, by_role("Desk", &START_CHAT)).unwrap_err();
}

#[test]
fn g6_connects_buckets_start_half_full() {
    let (limiter, _) = limiter(&Rates::default());
    // Half of 5, rounded up: with one less, the first look at a user would have to wait for what is left for changes.
    for _ in 0..3 {
        admitted(&limiter, by_role("Desk", &LIST_QUEUES)).unwrap();
    }
    assert_eq!(admitted(&limiter, by_role("Desk", &LIST_QUEUES)).unwrap_err().bucket, Bucket::Connect);
}

#[test]
fn one_caller_has_a_share_of_the_guards_reads() {
    let (limiter, clock) = settled();
    for _ in 0..2 {
        admitted(&limiter, by_role("Poller", &DESCRIBE_USER)).unwrap();
    }
    let refused = admitted(&limiter, by_role("Poller", &DESCRIBE_USER)).unwrap_err();
    assert_eq!(refused, Limited { bucket: Bucket::CallerReads, wait: Duration::from_secs(1) });
    admitted(&limiter, by_role("Other", &DESCRIBE_USER)).unwrap();
    clock.advance(Duration::from_secs(1));
    admitted(&limiter, by_role("Poller", &DESCRIBE_USER)).unwrap();
    assert_eq!(limiter.stats().limited, [0, 0, 0, 1, 0]);
}

#[test]
fn without_a_share_a_guards_read_is_refused_and_others_are_not() {
    let (limiter, _) = limiter(&Rates { caller_read_share: 0.0, ..Rates::default() });
    let refused = admitted(&limiter, by_role("Desk", &DESCRIBE_USER)).unwrap_err();
    assert_eq!(refused, Limited { bucket: Bucket::CallerReads, wait: NO_SHARE_WAIT });
    admitted(&limiter, by_role("Desk", &LIST_QUEUES)).unwrap();
}

/// However many callers poll however fast, a change gets its two reads within a second, again and again.
#[test]
fn polling_never_starves_changes() {
    let (limiter, clock) = settled();
    let step = Duration::from_millis(10);
    let (mut waited, mut done) = (Duration::ZERO, 0);
    while done < 100 {
        for poller in 0..50 {
            let _ = admitted(&limiter, by_role(&format!("Poller{poller}"), &DESCRIBE_USER));
        }
        if limiter.reserve(by_role("Desk", &UPDATE_IDENTITY), &[(DESCRIBE, 2)]).is_ok() {
            done += 1;
            waited = Duration::ZERO;
        } else {
            waited += step;
            assert!(waited <= Duration::from_secs(1), "waited {waited:?}");
        }
        clock.advance(step);
    }
}

/// Whoever only asks for what is refused, as fast as he can, leaves room for the changes of another.
#[test]
fn g4_changes_in_vain_never_starve_others() {
    let (limiter, clock) = settled();
    let in_vain = || by_role("Vain", &UPDATE_IDENTITY);
    for _ in 0..5 {
        assert!(limiter.reserve(by_role("Other", &START_CHAT), &[]).is_ok());
        limiter.in_vain(&in_vain().caller);
    }
    let (_, refused) = limiter.reserve(in_vain(), &[(DESCRIBE, 2)]).err().unwrap();
    assert_eq!(refused, Limited { bucket: Bucket::CallerReads, wait: Duration::from_secs(2) });
    let step = Duration::from_millis(10);
    let (mut waited, mut done) = (Duration::ZERO, 0);
    while done < 20 {
        if limiter.reserve(in_vain(), &[(DESCRIBE, 2)]).is_ok() {
            limiter.in_vain(&in_vain().caller);
        }
        if limiter.reserve(by_role("Desk", &UPDATE_IDENTITY), &[(DESCRIBE, 2)]).is_ok() {
            done += 1;
            waited = Duration::ZERO;
        } else {
            waited += step;
            assert!(waited <= Duration::from_secs(4), "waited {waited:?}");
        }
        clock.advance(step);
    }
}

#[test]
fn a_drained_bucket_serves_a_change_before_any_polling() {
    let (limiter, clock) = settled();
    assert!(limiter.reserve(by_role("Desk", &UPDATE_IDENTITY), &[(DESCRIBE, 5)]).is_ok());
    clock.advance(Duration::from_secs(1));
    assert_eq!(
        admitted(&limiter, by_role("Poller", &DESCRIBE_USER)).unwrap_err(),
        Limited { bucket: Bucket::Connect, wait: Duration::from_millis(500) }
    );
    assert!(limiter.reserve(by_role("Desk", &UPDATE_IDENTITY), &[(DESCRIBE, 2)]).is_ok());
}

#[test]
fn a_change_takes_all_or_none() {
    let (limiter, clock) = settled();
    limiter.own_reads("111122223333", "us-east-1", &[(DESCRIBE, 4)]).unwrap();
    let reads = [(DESCRIBE, 2), ("SearchUsers", 5)];
    let (_, refused) = limiter.reserve(by_role("Desk", &UPDATE_IDENTITY), &reads).map(drop).unwrap_err();
    assert_eq!(refused, Limited { bucket: Bucket::Connect, wait: Duration::from_millis(500) });
    // Neither the other read nor the operation itself was charged.
    limiter.own_reads("111122223333", "us-east-1", &[("SearchUsers", 5)]).unwrap();
    limiter.own_reads("111122223333", "us-east-1", &[("UpdateUserIdentityInfo", 5)]).unwrap();
    clock.advance(Duration::from_secs(3));
    assert!(limiter.reserve(by_role("Desk", &UPDATE_IDENTITY), &reads).is_ok());
    limiter.own_reads("111122223333", "us-east-1", &[("SearchUsers", 1)]).unwrap_err();
}

#[test]
fn reads_named_twice_are_added_up() {
    let (limiter, _) = settled();
    limiter.own_reads("111122223333", "us-east-1", &[(DESCRIBE, 3), (DESCRIBE, 2)]).unwrap();
    limiter.own_reads("111122223333", "us-east-1", &[(DESCRIBE, 1)]).unwrap_err();
    limiter.own_reads("111122223333", "us-east-1", &[(DESCRIBE, 0)]).unwrap();
}

#[test]
fn a_change_that_needs_more_than_the_burst_is_possible() {
    let (limiter, clock) = settled();
    let reads = [("ListSecurityProfilePermissions", 10)];
    assert!(limiter.reserve(by_role("Desk", &UPDATE_IDENTITY), &reads).is_ok());
    let refused = limiter.own_reads("111122223333", "us-east-1", &reads).unwrap_err();
    assert_eq!(refused.wait, Duration::from_secs(5));
    clock.advance(refused.wait);
    limiter.own_reads("111122223333", "us-east-1", &reads).unwrap();
}

#[test]
fn a_change_is_charged_to_connect_once_only() {
    let (limiter, _) = settled();
    for _ in 0..50 {
        admitted(&limiter, by_role("Desk", &UPDATE_IDENTITY)).unwrap();
    }
    for _ in 0..5 {
        assert!(limiter.reserve(by_role("Desk", &UPDATE_IDENTITY), &[]).is_ok());
    }
    assert!(limiter.reserve(by_role("Desk", &UPDATE_IDENTITY), &[]).is_err());
}

#[test]
fn what_is_refused_comes_back() {
    let (limiter, _) = limiter(&Rates { caller: Rate { per_second: 1.0, burst: 1 }, ..Rates::default() });
    assert_eq!(limiter.admit(by_role("Desk", &LIST_QUEUES)).ok().unwrap().into_inner().route, &LIST_QUEUES);
    let (back, _) = limiter.admit(by_role("Desk", &START_CHAT)).map(drop).unwrap_err();
    assert_eq!(back.route, &START_CHAT);
}
