//! For where and when a signature holds: service, Region, day, the window around now, and the host.

use super::*;

#[test]
fn a5_service_region_terminator_and_day_of_the_scope() {
    let draft = Draft::update().signed();
    for (from, to, what) in [
        ("/connect/", "/s3/", "service"),
        ("/connect/", "/connect-fips/", "service"),
        ("/us-east-1/", "/us-west-2/", "Region"),
        ("/us-east-1/", "/us-east-11/", "Region"),
        ("/20261121/", "/20261120/", "day"),
        ("/20261121/", "/20261122/", "day"),
    ] {
        assert_eq!(draft.clone().claiming(from, to).refused(), Unverified::Scope(what), "{from} {to}");
    }
    for (from, to) in [("/aws4_request", "/aws4_reques"), ("/connect/", "/Connect/"), ("/us-", "/US-")] {
        let refused = draft.clone().claiming(from, to).refused();
        assert!(matches!(refused, Unverified::Authorization(_) | Unverified::Scope(_)), "{to}");
    }
}

#[test]
fn a5_a_right_signature_for_another_scope_is_refused_too() {
    let at = |region, service| Draft::update().signed_for(KEY, SECRET, region, service, now());
    assert_eq!(at("us-east-1", "s3").refused(), Unverified::Scope("service"));
    assert_eq!(at("us-west-2", "connect").refused(), Unverified::Scope("Region"));
    assert_eq!(at("eu-central-1", "connect").verify().ok().unwrap().region(), "eu-central-1");
    let moved = at("us-east-1", "connect").claiming("/us-east-1/", "/eu-central-1/");
    assert_eq!(moved.refused(), Unverified::Signature);
}

#[test]
fn v4_a6_three_hundred_seconds_either_way_and_not_one_more() {
    let draft = Draft::update().signed();
    for (seconds, expected) in [
        (-86_400, Some(Unverified::Future)),
        (-301, Some(Unverified::Future)),
        (-300, None),
        (-299, None),
        (0, None),
        (299, None),
        (300, None),
        (301, Some(Unverified::Stale)),
        (86_400, Some(Unverified::Stale)),
    ] {
        assert_eq!(draft.verify_at(&ring(), later(seconds)).err(), expected, "{seconds}");
    }
    let just_over = later(300).plus(SignedDuration::from_millis(1));
    assert_eq!(draft.verify_at(&ring(), just_over).err(), Some(Unverified::Stale));
}

#[test]
fn v4_the_day_of_the_scope_is_that_of_the_signature_across_midnight() {
    let before: Now = "2026-11-21T23:59:59Z".parse::<Timestamp>().unwrap().into();
    let after = before.plus(SignedDuration::from_secs(2));
    let draft = Draft::update().signed_for(KEY, SECRET, "us-east-1", "connect", before);
    assert!(draft.verify_at(&ring(), after).is_ok());
}

#[test]
fn v4_the_date_is_strict_and_date_alone_is_none() {
    let draft = Draft::update().signed();
    for value in [
        "",
        "20261121",
        "2026-11-21T16:11:02Z",
        "20261121T161102",
        "20261121T161102z",
        "20261121T161160Z",
        "20261131T161102Z",
    ] {
        assert_eq!(
            draft.clone().edited("x-amz-date", |_| value.to_owned()).refused(),
            Unverified::Date,
            "{value}"
        );
    }
    let absent = draft.without("x-amz-date");
    assert_eq!(absent.refused(), Unverified::Date);
    assert_eq!(absent.with("date", "Sat, 21 Nov 2026 16:11:02 GMT").refused(), Unverified::Date);
}

#[test]
fn a6_date_and_x_amz_date_say_the_same() {
    let draft = Draft::update().signed();
    for same in ["Sat, 21 Nov 2026 16:11:02 GMT", "20261121T161102Z"] {
        assert!(draft.clone().with("date", same).verify().is_ok(), "{same}");
    }
    for other in
        ["Sat, 21 Nov 2026 16:11:03 GMT", "20261121T161101Z", "Fri, 21 Nov 2026 16:11:02 GMT", "", "now"]
    {
        assert_eq!(draft.clone().with("date", other).refused(), Unverified::Date, "{other}");
    }
    let twice = draft.with("date", "20261121T161102Z").with("date", "20261121T161102Z");
    assert_eq!(twice.refused(), Unverified::Date);
}

#[test]
fn s14_a_signature_for_another_host_is_refused() {
    let hosts = names(["Guard.example.com", "other.example.com:8443", "[2001:db8::1]", "192.0.2.1"]);
    let ring = ring_of(desks(), names(["us-east-1"]), hosts).unwrap();
    let at = |host: &str| {
        let draft = Draft::update().without("host").with("host", host).signed();
        draft.verify_at(&ring, now()).err()
    };
    for ours in [
        "guard.example.com",
        "GUARD.example.com",
        "guard.example.com:443",
        "guard.example.com:8443",
        "other.example.com:8443",
        "[2001:db8::1]",
        "[2001:db8::1]:8443",
        "192.0.2.1:80",
    ] {
        assert_eq!(at(ours), None, "{ours}");
    }
    for not_ours in [
        "connect.us-east-1.amazonaws.com",
        "guard.example.com.",
        "a.guard.example.com",
        "guard.example.com.evil.example",
        "guard.example.com:x",
        "guard.example.com:443:443",
        "other.example.com",
        "other.example.com:443",
        "other.example.com:8443:1",
        "2001:db8::1",
        "192.0.2.10",
        "x@guard.example.com",
    ] {
        assert_eq!(at(not_ours), Some(Unverified::Host), "{not_ours}");
    }
}

#[test]
fn s14_the_host_is_bound_even_when_any_is_taken() {
    let draft = Draft::update().signed();
    for host in ["connect.us-east-1.amazonaws.com", "guard.example.com:443", "guard.example.co"] {
        assert_eq!(
            draft.clone().edited("host", |_| host.to_owned()).refused(),
            Unverified::Signature,
            "{host}"
        );
    }
}
