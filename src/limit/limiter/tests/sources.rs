//! Failed proofs and sessions of a source.

use super::*;

#[test]
fn g2_failed_proofs_are_charged_to_their_source_alone() {
    let (limiter, clock) = limiter(&Rates::default());
    let (bad, good) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
    for _ in 0..20 {
        limiter.may_try(bad, None).unwrap();
        let _ = limiter.failed(bad, None);
    }
    let refused = limiter.may_try(bad, None).unwrap_err();
    assert_eq!(refused, Limited { bucket: Bucket::Source, wait: Duration::from_secs(1) });
    // Looking and failing when there is nothing left make it no worse.
    let _ = limiter.failed(bad, None);
    limiter.may_try(good, None).unwrap();
    clock.advance(Duration::from_secs(1));
    limiter.may_try(bad, None).unwrap();
    assert_eq!(limiter.stats().limited, [1, 0, 0, 0, 0]);
}

#[test]
fn g2_trying_charges_nothing() {
    let (limiter, _) = limiter(&Rates::default());
    for _ in 0..1000 {
        limiter.may_try("192.0.2.1".parse().unwrap(), None).unwrap();
    }
    assert_eq!(limiter.stats(), LimiterStats::default());
}

#[test]
fn g9_addresses_of_one_network_share_a_bucket() {
    let (limiter, _) = limiter(&Rates::default());
    for n in 0..20_u128 {
        let _ = limiter.failed(std::net::Ipv6Addr::from_bits((0x2001_0db8 << 96) | n).into(), None);
    }
    limiter.may_try("2001:db8::ffff:1".parse().unwrap(), None).unwrap_err();
    limiter.may_try("2001:db8:0:1::1".parse().unwrap(), None).unwrap();
}

#[test]
fn g3_o7_unknown_sources_are_refused_when_no_more_can_be_kept() {
    let (limiter, clock) = limiter(&Rates { keys: 2, ..Rates::default() });
    for source in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        let _ = limiter.failed(source.parse().unwrap(), None);
    }
    assert_eq!(limiter.stats().keys, 2);
    limiter.may_try("192.0.2.1".parse().unwrap(), None).unwrap();
    limiter.may_try("192.0.2.3".parse().unwrap(), None).unwrap_err();
    clock.advance(Duration::from_secs(1));
    limiter.may_try("192.0.2.3".parse().unwrap(), None).unwrap();
}

#[test]
fn g9_a_known_key_is_heard_whatever_others_fail_with_at_its_source() {
    let (limiter, clock) = limiter(&Rates::default());
    let (nat, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
    for _ in 0..20 {
        limiter.may_try(nat, None).unwrap();
        limiter.failed(nat, None).unwrap();
    }
    limiter.may_try(nat, None).unwrap_err();
    limiter.may_try(nat, Some("one")).unwrap();
    // Guessing at a known key ends as soon, and is answered as for one that is not known.
    for _ in 0..20 {
        limiter.may_try(nat, Some("one")).unwrap();
        assert_eq!(limiter.failed(nat, Some("one")).unwrap_err().bucket, Bucket::Source);
    }
    limiter.may_try(nat, Some("one")).unwrap_err();
    // At this source only, and of this key only.
    limiter.may_try(nat, Some("two")).unwrap();
    limiter.may_try(other, Some("one")).unwrap();
    limiter.may_try(other, None).unwrap();
    clock.advance(Duration::from_secs(1));
    limiter.may_try(nat, Some("one")).unwrap();
    limiter.may_try(nat, None).unwrap();
}

#[test]
fn a10_the_rate_does_not_tell_whether_a_key_is_known() {
    // What a stranger sees who fails as one key and then as another: the same, whichever of them is known.
    let seen = |keys: [Option<&str>; 2]| {
        let (limiter, _) = limiter(&Rates::default());
        let source = "192.0.2.1".parse().unwrap();
        let mut seen = Vec::new();
        for key in keys {
            for _ in 0..30 {
                let tried = limiter.may_try(source, key).and_then(|()| limiter.failed(source, key));
                seen.push(tried.map_err(|limited| limited.wait));
            }
        }
        seen
    };
    let strange = seen([None, None]);
    assert_eq!(strange.iter().filter(|one| one.is_ok()).count(), 20);
    for keys in
        [[Some("one"), None], [None, Some("one")], [Some("one"), Some("two")], [Some("one"), Some("one")]]
    {
        assert_eq!(seen(keys), strange, "{keys:?}");
    }
}

#[test]
fn heads_that_no_key_makes_right_are_charged_apart() {
    let (limiter, clock) = limiter(&Rates::default());
    let (nat, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
    for _ in 0..20 {
        limiter.ill_formed(nat).unwrap();
    }
    let refused = limiter.ill_formed(nat).unwrap_err();
    assert_eq!(refused, Limited { bucket: Bucket::Source, wait: Duration::from_secs(1) });
    assert_eq!(limiter.stats().limited[0], 1);
    // Nobody who tries a proof waits for it.
    limiter.may_try(nat, Some("one")).unwrap();
    limiter.may_try(nat, None).unwrap();
    limiter.ill_formed(other).unwrap();
    clock.advance(Duration::from_secs(1));
    limiter.ill_formed(nat).unwrap();
    // Where failed proofs have used up their rate it is answered as an unknown key is, whichever it names.
    for _ in 0..20 {
        let _ = limiter.failed(other, None);
    }
    assert_eq!(limiter.ill_formed(other), limiter.may_try(other, None));
    limiter.ill_formed(other).unwrap_err();
}

#[test]
fn g3_pairs_of_source_and_key_are_bounded() {
    let (limiter, _) = limiter(&Rates { keys: 2, ..Rates::default() });
    let source = |last: u8| IpAddr::from([192, 0, 2, last]);
    for last in 1..=50 {
        let _ = limiter.failed(source(last), Some("one"));
    }
    assert!(limiter.stats().keys <= 4);
    limiter.may_try(source(51), Some("one")).unwrap_err();
}

#[test]
fn sessions_of_one_principal_at_one_source_are_so_many() {
    let (limiter, clock) = limiter(&Rates::default());
    let desk = Principal {
        arn: Arn::read("arn:aws:sts::111122223333:assumed-role/Desk/kim").unwrap(),
        unique_id: None,
    };
    let other = Principal { arn: Arn::read("arn:aws:iam::111122223333:role/Lead").unwrap(), unique_id: None };
    let [here, there] = ["192.0.2.1", "198.51.100.1"].map(|address| address.parse().unwrap());
    for _ in 0..SESSIONS.burst {
        limiter.may_have_session(&desk, here).unwrap();
    }
    let refused = limiter.may_have_session(&desk, here).unwrap_err();
    assert_eq!(refused.bucket, Bucket::Caller);
    // Nobody else waits for it, and a fleet that starts does not either.
    limiter.may_have_session(&desk, there).unwrap();
    limiter.may_have_session(&other, here).unwrap();
    clock.advance(refused.wait);
    limiter.may_have_session(&desk, here).unwrap();
}
