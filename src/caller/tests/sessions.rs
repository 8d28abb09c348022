//! Session credentials: what verifies, what does not, and that nothing tells one from the other but the answer.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use std::{collections::BTreeMap, sync::Arc};

use crate::{
    caller::{
        IssueFault, Issued, Proof, Session, SessionFault, SessionKeys, SessionKeysFault, TokenFault, Voucher,
    },
    secret::{Digest, SealError},
};

use super::*;

pub(super) const SESSION: &str = "GSAAAAAAAAAAAAAAAAA2";
const OTHER_SESSION: &str = "GSAAAAAAAAAAAAAAAAA3";

fn secret(fill: u8) -> Secret {
    Secret::new(vec![fill; 32])
}

pub(super) fn keys(list: &[(&str, u8)]) -> SessionKeys {
    let list = list.iter().map(|(id, fill)| ((*id).to_owned(), secret(*fill))).collect();
    SessionKeys::new(list).ok().unwrap()
}

/// For fifteen minutes, vouched for by STS.
pub(super) fn session(id: &str) -> Session {
    let arn = Arn::read("arn:aws:sts::111122223333:assumed-role/IdentityDesk/mary").unwrap();
    Session {
        id: id.to_owned(),
        principal: Principal { arn, unique_id: Some("AROAEXAMPLEID".to_owned()) },
        voucher: Voucher::Sts,
        issued: now(),
        expires: later(900),
        claims: BTreeMap::from([("username".to_owned(), "mary.major@example.com".to_owned())]),
        label: Some("mary@example.com".to_owned()),
    }
}

fn ring_with(sessions: SessionKeys) -> KeyRing {
    let ring = Ring {
        keys: desks(),
        sessions: Some(Arc::new(sessions)),
        certificates: Vec::new(),
        regions: names(["us-east-1"]),
        hosts: names([]),
    };
    KeyRing::new(ring).unwrap()
}

/// Signed as an SDK signs with temporary credentials: the token is a signed header.
fn signed(key_id: &str, secret: &Secret, token: &str) -> Draft {
    Draft::update().with("x-amz-security-token", token).signed_by(key_id, secret.expose_str().unwrap())
}

fn signed_with(issued: &Issued) -> Draft {
    signed(&issued.access_key_id, &issued.secret, &issued.token)
}

fn refused(draft: &Draft, ring: &KeyRing) -> Option<Unverified> {
    draft.verify_at(ring, now()).err()
}

#[test]
fn s10_who_is_proven_is_whom_it_was_issued_to() {
    let session = session(SESSION);
    let issued = keys(&[("k1", 1)]).issue(&session).unwrap();
    assert_eq!((issued.access_key_id.as_str(), issued.expires), (SESSION, later(900)));
    // Another replica, with the same configuration.
    let ring = ring_with(keys(&[("k1", 1)]));
    let verified = signed_with(&issued).verify_at(&ring, now()).ok().unwrap();
    assert_eq!(verified.caller().principal, session.principal);
    assert_eq!(verified.caller().claim("username"), Some("mary.major@example.com"));
    // What the holder asked to be called is no claim.
    assert_eq!(verified.caller().claim("label"), None);
    assert_eq!(verified.caller().proof.to_string(), format!("session:{SESSION}:sts"));
    assert_eq!(verified.caller().proof, Proof::Session(Arc::new(session)));
}

#[test]
fn s10_every_kind_of_voucher_comes_back_as_it_was() {
    let keys = keys(&[("k1", 1)]);
    let (issuer, subject) = ("https://issuer.example.com".to_owned(), "system:a#b".to_owned());
    let fingerprint = Digest::of(b"certificate");
    let name = "spiffe://example.com/desk".to_owned();
    for (voucher, shown) in [
        (Voucher::Sts, "sts"),
        (Voucher::WebIdentity { issuer, subject }, "web-identity:https://issuer.example.com#system:a#b"),
        (Voucher::Certificate { name, fingerprint }, "certificate:spiffe://example.com/desk"),
    ] {
        assert_eq!(voucher.to_string(), shown);
        let session = Session { voucher, label: None, claims: BTreeMap::new(), ..session(SESSION) };
        assert_eq!(keys.open(&keys.issue(&session).unwrap().token, now()), Ok(session.clone()));
        let kind = shown.split(':').next().unwrap();
        assert_eq!(Proof::Session(session.into()).in_logs(), format!("session:{SESSION}:{kind}"));
    }
}

#[test]
fn a_ring_knows_its_keys_of_sessions_and_when_its_own_end() {
    let with = ring_with(keys(&[("k1", 1)]));
    assert!(with.sessions().is_some_and(|keys| keys.ids().eq(["k1"])));
    assert!(ring().sessions().is_none());
    let end = Timestamp::MAX.as_millisecond();
    let mut ends = ring().ends();
    ends.sort();
    let mut expected = [(KEY.to_owned(), end), (OTHER_KEY.to_owned(), end)];
    expected.sort();
    assert_eq!(ends, expected);
}

#[test]
fn a_subject_of_a_certificate_is_not_in_logs() {
    let in_logs = |name: &str| {
        let name = name.to_owned();
        Proof::Certificate { name, fingerprint: Digest::of(b""), claims: Arc::default() }.in_logs()
    };
    assert_eq!(in_logs("spiffe://example.com/desk"), "certificate:spiffe://example.com/desk");
    assert_eq!(in_logs("CN=mary.major@example.com"), "certificate:e3b0c44298fc1c14");
}

#[test]
fn a10_what_nobody_issued_is_what_an_unknown_key_is() {
    let ours = keys(&[("k1", 1)]);
    let issued = ours.issue(&session(SESSION)).unwrap();
    let other = ours.issue(&session(OTHER_SESSION)).unwrap();
    let ring = ring_with(keys(&[("k1", 1)]));
    let elsewhere = keys(&[("k1", 2)]).issue(&session(SESSION)).unwrap();
    let unknown = keys(&[("k9", 1)]).issue(&session(SESSION)).unwrap();
    let cut = issued.token.get(..issued.token.len() - 4).unwrap();
    let nobody = Secret::new(b"...........................................".to_vec());
    for (what, draft) in [
        ("the token of another guard", signed_with(&elsewhere)),
        ("a key that is not here", signed_with(&unknown)),
        ("the token of another session", signed(SESSION, &other.secret, &other.token)),
        ("another session's secret", signed(SESSION, &other.secret, &issued.token)),
        ("another session's token", signed(SESSION, &issued.secret, &other.token)),
        ("a wrong secret", signed(SESSION, &secret(b'x'), &issued.token)),
        ("nobody's secret", signed(SESSION, &nobody, &issued.token)),
        ("nobody's secret and token", signed(SESSION, &nobody, "AAAA")),
        ("a token cut short", signed(SESSION, &issued.secret, cut)),
        ("a longer token", signed(SESSION, &issued.secret, &format!("{}AAAA", issued.token))),
        ("a guard key's secret", signed(SESSION, &Secret::new(SECRET.as_bytes().to_vec()), &issued.token)),
    ] {
        assert_eq!(refused(&draft, &ring), Some(Unverified::Signature), "{what}");
        assert_eq!(ring.precheck(&draft.request().head, now()), Ok(()), "{what}: said before the signature");
    }
    assert_eq!(refused(&Draft::update().signed_by(UNKNOWN_KEY, SECRET), &ring), Some(Unverified::Signature));
    // A guard without session keys says the same.
    assert_eq!(refused(&signed_with(&issued), &super::ring()), Some(Unverified::Signature));
}

#[test]
fn a10_every_text_has_a_secret_to_compute_with_and_none_is_known() {
    let keys = keys(&[("k1", 1), ("k2", 2)]);
    let issued = keys.issue(&session(SESSION)).unwrap();
    let mut secrets = vec![issued.secret.expose().to_vec()];
    for text in ["", "A", "AAAA", "AQJrMQ", issued.token.get(1..).unwrap(), "not base64url: !"] {
        let (session, secret) = keys.unsealed(text);
        assert!(session.is_none(), "{text}");
        assert_eq!(secret.expose().len(), GuardKey::issue([1; GuardKey::RANDOM]).1.expose().len());
        secrets.push(secret.expose().to_vec());
    }
    let distinct: BTreeSet<_> = secrets.iter().collect();
    assert_eq!(distinct.len(), secrets.len());
}

#[test]
fn s10_a_token_goes_with_the_id_of_a_session_and_with_no_other() {
    let issued = keys(&[("k1", 1)]).issue(&session(SESSION)).unwrap();
    let ring = ring_with(keys(&[("k1", 1)]));
    let desk = Secret::new(SECRET.as_bytes().to_vec());
    let long = "A".repeat(4097);
    for (what, draft) in [
        ("a guard key", signed(KEY, &desk, &issued.token)),
        ("an unknown key", signed(UNKNOWN_KEY, &desk, &issued.token)),
        ("no token", Draft::update().signed_by(SESSION, issued.secret.expose_str().unwrap())),
        ("an empty token", signed(SESSION, &issued.secret, "")),
        ("padding", signed(SESSION, &issued.secret, &format!("{}=", issued.token))),
        (
            "another alphabet",
            signed(SESSION, &issued.secret, &format!("+{}", issued.token.get(1..).unwrap())),
        ),
        ("too long", signed(SESSION, &issued.secret, &long)),
    ] {
        assert_eq!(refused(&draft, &ring), Some(Unverified::Token), "{what}");
    }
    let unsigned = Draft::update()
        .signed_by(SESSION, issued.secret.expose_str().unwrap())
        .with("x-amz-security-token", &issued.token);
    assert_eq!(refused(&unsigned, &ring), Some(Unverified::SignedHeaders("x-amz-security-token".to_owned())));
}

#[test]
fn a11_a_session_holds_through_its_last_moment_and_only_its_owner_is_told() {
    let own = keys(&[("k1", 1)]);
    let issued = own.issue(&Session { expires: later(10), ..session(SESSION) }).unwrap();
    let ring = ring_with(keys(&[("k1", 1)]));
    let at = |draft: &Draft, now| draft.verify_at(&ring, now).err();
    let draft = signed_with(&issued);
    assert_eq!(at(&draft, later(10)), None);
    let over = later(10).plus(SignedDuration::from_millis(1));
    assert_eq!(at(&draft, over), Some(Unverified::Expired { key_id: SESSION.to_owned() }));
    let guessed = signed(SESSION, &secret(b'x'), &issued.token);
    assert_eq!(at(&guessed, over), Some(Unverified::Signature));
    assert_eq!(own.open(&issued.token, over), Err(TokenFault::Expired));
    assert!(own.open(&issued.token, later(10)).is_ok());
}

#[test]
fn s10_the_current_and_the_previous_key_verify_and_a_removed_one_does_not() {
    let old = keys(&[("k1", 1)]).issue(&session(SESSION)).unwrap();
    let rotated = keys(&[("k2", 2), ("k1", 1)]);
    let new = rotated.issue(&session(SESSION)).unwrap();
    assert!(keys(&[("k1", 1)]).open(&new.token, now()).is_err(), "the first key issues");
    let both = ring_with(rotated);
    assert_eq!(refused(&signed_with(&old), &both), None);
    assert_eq!(refused(&signed_with(&new), &both), None);
    let after = ring_with(keys(&[("k2", 2)]));
    assert_eq!(refused(&signed_with(&old), &after), Some(Unverified::Signature));
    assert_eq!(refused(&signed_with(&new), &after), None);
}

#[test]
fn s12_a_token_says_nothing_to_whom_it_passes_and_the_secret_is_not_in_it() {
    let issued = keys(&[("k1", 1)]).issue(&session(SESSION)).unwrap();
    let octets = URL_SAFE_NO_PAD.decode(&issued.token).unwrap();
    let holds = |text: &[u8]| octets.windows(text.len()).any(|window| window == text);
    for text in ["mary", "example.com", "IdentityDesk", "username", "sts", "AROAEXAMPLEID", SESSION] {
        assert!(!holds(text.as_bytes()), "{text}");
    }
    assert!(!holds(issued.secret.expose()));
    assert!(holds(b"k1"), "the key's own name is no secret");
}

#[test]
fn what_fails_is_charged_to_the_session_it_names() {
    let issued = keys(&[("k1", 1)]).issue(&session(SESSION)).unwrap();
    let ring = ring_with(keys(&[("k1", 1)]));
    let named = |draft: &Draft| ring.named(&draft.request().head).map(std::borrow::Cow::into_owned);
    assert_eq!(named(&signed(SESSION, &secret(b'x'), &issued.token)).as_deref(), Some(SESSION));
    assert_eq!(named(&signed(OTHER_SESSION, &secret(b'x'), &issued.token)), None);
    assert_eq!(named(&signed(SESSION, &secret(b'x'), "AAAA")), None);
    assert_eq!(named(&Draft::update().signed()).as_deref(), Some(KEY));
}

#[test]
fn only_sessions_that_may_be_are_issued() {
    let keys = keys(&[("k1", 1)]);
    let fault = |change: &dyn Fn(&mut Session)| {
        let mut session = session(SESSION);
        change(&mut session);
        keys.issue(&session).err()
    };
    let is = |fault| Some(IssueFault::Session(fault));
    assert_eq!(fault(&|_| ()), None);
    for id in ["", "GS", KEY, "ASIAIOSFODNN7EXAMPLE", "GSAAAAAAAAAAAAAAAAA1"] {
        assert_eq!(fault(&|session| session.id = id.to_owned()), is(SessionFault::Id));
    }
    assert_eq!(fault(&|session| session.expires = session.issued), is(SessionFault::Time));
    assert_eq!(fault(&|session| session.expires = later(12 * 3600)), None);
    assert_eq!(fault(&|session| session.expires = later(12 * 3600 + 1)), is(SessionFault::Time));
    let claims = |count: usize, name: &str, length: usize| {
        let one = |at| (format!("{name}{at:02}"), "v".repeat(length));
        (0..count).map(one).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(fault(&|session| session.claims = claims(16, "n", 10)), None);
    assert_eq!(fault(&|session| session.claims = claims(17, "n", 10)), is(SessionFault::Claims));
    assert_eq!(fault(&|session| session.claims = claims(1, "n", 257)), is(SessionFault::Claims));
    assert_eq!(fault(&|session| session.claims = claims(1, &"n".repeat(127), 1)), is(SessionFault::Claims));
    assert_eq!(fault(&|session| session.claims = claims(16, "n", 256)), Some(IssueFault::TooLong));
    // As long as may be, and longer by one character of a claim.
    let issued = |more: usize| {
        let mut session = session(SESSION);
        session.claims = claims(12, "n", 200);
        session.claims.insert("more".to_owned(), "v".repeat(more % 256));
        session.claims.insert("most".to_owned(), "v".repeat(more - more % 256));
        keys.issue(&session).map(|issued| issued.token.len())
    };
    let longest = (0..512).take_while(|more| issued(*more).is_ok()).last().unwrap();
    assert_eq!(issued(longest), Ok(4096));
    assert_eq!(issued(longest + 1), Err(IssueFault::TooLong));
    for label in ["", "a", "a b", "a\u{e9}", &"a".repeat(65)] {
        assert_eq!(fault(&|session| session.label = Some(label.to_owned())), is(SessionFault::Label));
    }
}

#[test]
fn s12_keys_of_sessions_are_long_and_each_of_its_own() {
    let made = |list: Vec<(&str, Secret)>| {
        SessionKeys::new(list.into_iter().map(|(id, secret)| (id.to_owned(), secret)).collect()).err()
    };
    assert_eq!(made(vec![("a", secret(1)), ("b", secret(2))]), None);
    assert!(matches!(made(vec![]), Some(SessionKeysFault::Key(_))));
    assert!(matches!(made(vec![("a b", secret(1))]), Some(SessionKeysFault::Key(_))));
    assert!(matches!(made(vec![("a", secret(1)), ("a", secret(2))]), Some(SessionKeysFault::Key(_))));
    assert_eq!(made(vec![("a", Secret::new(vec![1; 31]))]), Some(SessionKeysFault::Short("a".to_owned())));
    assert_eq!(
        made(vec![("a", secret(1)), ("b", secret(1))]),
        Some(SessionKeysFault::Shared("b".to_owned()))
    );
}

#[test]
fn what_else_is_sealed_opens_for_its_purpose_only_and_is_no_session() {
    let ours = keys(&[("k2", 2), ("k1", 1)]);
    let sealed = keys(&[("k1", 1)]).seal("nonce", b"text").unwrap();
    assert_eq!(ours.open_sealed("nonce", &sealed).ok().unwrap().expose(), b"text");
    for (keys, purpose, text) in [
        (&ours, "other", sealed.as_str()),
        (&ours, "token", &sealed),
        (&ours, "nonce", sealed.get(1..).unwrap()),
        (&ours, "nonce", ""),
        (&keys(&[("k1", 3)]), "nonce", &sealed),
        (&keys(&[("k9", 1)]), "nonce", &sealed),
    ] {
        assert_eq!(keys.open_sealed(purpose, text).err(), Some(SealError::Forged));
    }
    // A sealed text has one spelling: whoever counts its uses counts all of them.
    let alone = keys(&[("k1", 1)]);
    let mut octets = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
    for at in 0..octets.len() {
        octets[at] ^= 1;
        let altered = URL_SAFE_NO_PAD.encode(&octets);
        assert_eq!(alone.open_sealed("nonce", &altered).err(), Some(SealError::Forged), "octet {at}");
        octets[at] ^= 1;
    }
    assert_eq!(ours.open(&sealed, now()), Err(TokenFault::Forged));
    let token = ours.issue(&session(SESSION)).unwrap().token;
    assert_eq!(ours.open_sealed("token", &token).err(), Some(SealError::Forged));
}

#[test]
fn ids_are_fresh_and_of_sessions() {
    assert_eq!(Session::fresh_id([0; 12]), "GSAAAAAAAAAAAAAAAAAA");
    assert_eq!(Session::fresh_id([255; 12]), "GS777777777777777777");
    assert_eq!(
        Session::fresh_id([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0b1000, 0b0100_0001]),
        "GSBCCAAAAAAAAAAAAAAA"
    );
    assert!(Session::is_id(&Session::fresh_id(std::array::from_fn(|at| u8::try_from(at * 21).unwrap()))));
    assert!(!Session::is_id(KEY) && !GuardKey::is_id(SESSION));
}

#[test]
fn h_a_session_is_not_printed_with_what_is_personal() {
    let printed = format!("{:?}", session(SESSION));
    assert!(printed.contains(SESSION) && !printed.contains("example.com"), "{printed}");
}
