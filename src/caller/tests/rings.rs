//! What a ring is made of, and what a proven key may still not do.

use super::*;

fn fault(keys: Vec<GuardKey>) -> KeyRingFault {
    ring_of(keys, names(["us-east-1"]), names([])).err().expect("there is a ring")
}

#[test]
fn a_ring_without_keys_knows_nobody() {
    let ring = ring_of(Vec::new(), names(["us-east-1"]), names([])).unwrap();
    assert_eq!(Draft::update().signed().verify_at(&ring, now()).err(), Some(Unverified::Signature));
}

#[test]
fn a_ring_without_regions_is_none() {
    assert_eq!(ring_of(desks(), names([]), names([])).err(), Some(KeyRingFault::NoRegion));
}

#[test]
fn ids_are_those_of_issued_keys_and_unique() {
    for id in [
        "",
        "AKIDEXAMPLE",
        "AKIAIOSFODNN7EXAMPLE",
        "GKAAAAAAAAAAAAAAAAA",
        "GKAAAAAAAAAAAAAAAAA1",
        "gkAAAAAAAAAAAAAAAAA2",
    ] {
        assert_eq!(fault(vec![key(id, SECRET, "R")]), KeyRingFault::KeyId(id.to_owned()));
    }
    let twice = vec![key(KEY, SECRET, "R"), key(KEY, OTHER_SECRET, "S")];
    assert_eq!(fault(twice), KeyRingFault::Doubled(KEY.to_owned()));
}

#[test]
fn s12_secrets_are_long_visible_and_each_ones_own() {
    let of = |secret: &str| ring_of(vec![key(KEY, secret, "R")], names(["us-east-1"]), names([])).err();
    assert_eq!(of(&"a".repeat(32)), None);
    assert_eq!(of(&"a".repeat(31)), Some(KeyRingFault::ShortSecret(KEY.to_owned())));
    for secret in [format!("{SECRET}\n"), format!(" {SECRET}"), format!("{SECRET}\u{e9}"), "\0".repeat(40)] {
        assert_eq!(of(&secret), Some(KeyRingFault::SecretForm(KEY.to_owned())), "{secret:?}");
    }
    let shared = vec![key(KEY, SECRET, "R"), key(OTHER_KEY, SECRET, "S")];
    assert_eq!(fault(shared), KeyRingFault::SharedSecret(OTHER_KEY.to_owned()));
}

#[test]
fn s14_hosts_are_names_or_addresses() {
    for host in ["", "https://guard.example.com", "guard.example.com/", "*.example.com", "a b", "m@guard"] {
        let ring = ring_of(desks(), names(["us-east-1"]), names([host]));
        assert_eq!(ring.err(), Some(KeyRingFault::Host(host.to_owned())));
    }
}

#[test]
fn every_fault_of_a_ring_says_something_of_its_own() {
    let id = || KEY.to_owned();
    let faults = [
        KeyRingFault::Doubled(id()),
        KeyRingFault::KeyId(id()),
        KeyRingFault::ShortSecret(id()),
        KeyRingFault::SecretForm(id()),
        KeyRingFault::SharedSecret(id()),
        KeyRingFault::NoRegion,
        KeyRingFault::Host(id()),
    ];
    let said: BTreeSet<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), faults.len());
    assert!(said.iter().all(|sentence| !sentence.contains(SECRET)));
}

#[test]
fn a11_a_key_holds_through_its_last_moment_and_no_longer() {
    let mut key = key(KEY, SECRET, "IdentityDesk");
    key.expires = later(10).timestamp();
    let ring = ring_of(vec![key], names(["us-east-1"]), names([])).unwrap();
    let draft = Draft::update().signed();
    let over = Unverified::Expired { key_id: KEY.to_owned() };
    assert_eq!(draft.verify_at(&ring, later(10)).err(), None);
    assert_eq!(
        draft.verify_at(&ring, later(10).plus(SignedDuration::from_millis(1))).err(),
        Some(over.clone())
    );
    assert_eq!(draft.verify_at(&ring, later(11)).err(), Some(over));
}

#[test]
fn a_key_is_used_from_its_networks_only() {
    let mut key = key(KEY, SECRET, "IdentityDesk");
    key.networks = vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
    let ring = ring_of(vec![key], names(["us-east-1"]), names([])).unwrap();
    let from = |source: &'static str| {
        let mut draft = Draft::update().signed();
        draft.source = source;
        draft.verify_at(&ring, now()).err()
    };
    for inside in ["192.0.2.0", "192.0.2.255", "::ffff:192.0.2.7", "2001:db8:1::1"] {
        assert_eq!(from(inside), None, "{inside}");
    }
    for outside in ["192.0.3.1", "2001:db9::1", "::1", "127.0.0.1", "::192.0.2.7"] {
        let source = outside.parse().unwrap();
        assert_eq!(from(outside), Some(Unverified::Network { key_id: KEY.to_owned(), source }), "{outside}");
    }
    let mapped = Some(Unverified::Network { key_id: KEY.to_owned(), source: "192.0.3.1".parse().unwrap() });
    assert_eq!(from("::ffff:192.0.3.1"), mapped);
}

#[test]
fn an_issued_key_can_be_used() {
    let (key_id, secret) = GuardKey::issue(std::array::from_fn(|at| u8::try_from(at * 5).unwrap()));
    let text = secret.expose_str().unwrap().to_owned();
    let ring = ring_of(vec![key(&key_id, &text, "R")], names(["us-east-1"]), names([])).unwrap();
    assert!(Draft::update().signed_by(&key_id, &text).verify_at(&ring, now()).is_ok());
}
