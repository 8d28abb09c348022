//! What callers say of their requests: all of it signed, or nothing.

use super::*;

fn noted(notes: &[(&str, &str)]) -> Result<Vec<(String, String)>, Unverified> {
    let draft = notes.iter().fold(Draft::update(), |draft, (name, value)| draft.with(name, value));
    let verified = draft.signed().verify()?;
    Ok(verified.caller().notes.clone().into_iter().collect())
}

#[test]
fn notes_are_the_signed_headers_of_that_name() {
    let ticket = ("x-guard-ticket".to_owned(), "SEC-1042".to_owned());
    assert_eq!(noted(&[("X-Guard-Ticket", "SEC-1042"), ("x-other", "1")]), Ok(vec![ticket]));
    assert_eq!(noted(&[]), Ok(vec![]));
    assert_eq!(noted(&[("x-guard", "1")]), Ok(vec![]));
}

#[test]
fn s2_a_note_that_is_not_signed_is_refused() {
    let refused = Draft::update().signed().with("x-guard-ticket", "SEC-1042").refused();
    assert_eq!(refused, Unverified::SignedHeaders("x-guard-ticket".to_owned()));
    let added = Draft::update().with("x-guard-ticket", "SEC-1").signed();
    let changed = added.edited("x-guard-ticket", |_| "SEC-2".to_owned());
    assert_eq!(changed.refused(), Unverified::Signature);
}

#[test]
fn v7_a_note_has_one_reading() {
    let note = |name: &str| Err(Unverified::Note(name.to_owned()));
    assert!(noted(&[("x-guard-ticket", &"a".repeat(256))]).is_ok());
    // A signature does not tell one space from two.
    for value in ["", "a b", "a\tb", &"a".repeat(257)] {
        assert_eq!(noted(&[("x-guard-ticket", value)]), note("x-guard-ticket"), "{value:?}");
    }
    let doubled = Draft::update().with("x-guard-ticket", "1").signed().with("x-guard-ticket", "2").refused();
    assert_eq!(doubled, Unverified::SignedHeaders("x-guard-ticket".to_owned()));
    let long = format!("x-guard-{}", "n".repeat(57));
    assert_eq!(noted(&[(&long, "1")]), note(long.get(..64).unwrap()));
    let names: Vec<String> = (0..9).map(|at| format!("x-guard-{at}")).collect();
    let all: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    assert_eq!(noted(&all[..8]).map(|notes| notes.len()), Ok(8));
    assert_eq!(noted(&all), note("x-guard-8"));
}

#[test]
fn v7_a_doubled_note_of_an_unsigned_request_is_refused() {
    let headers = Headers::read([("x-guard-a", &b"1"[..]), ("x-guard-a", &b"1"[..])]).unwrap();
    let refused = crate::caller::notes::notes(&headers);
    assert_eq!(refused, Err(Unverified::Note("x-guard-a".to_owned())));
}
