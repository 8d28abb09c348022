//! Over many requests: what holds whatever is sent.

use proptest::prelude::*;

use super::*;

/// Flips bits of one byte, so that it differs for certain.
fn flip(bytes: &mut [u8], at: prop::sample::Index, bits: u8) {
    if !bytes.is_empty() {
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_altered_body_verifies(at in any::<prop::sample::Index>(), bits in 1u8.., with_hash in any::<bool>()) {
        let draft = Draft::update();
        let hash = crate::secret::Digest::of(&draft.body).hex();
        let mut draft = if with_hash { draft.with("x-amz-content-sha256", &hash) } else { draft }.signed();
        flip(&mut draft.body, at, bits);
        let expected = if with_hash { Unverified::ContentHash } else { Unverified::Signature };
        prop_assert_eq!(draft.refused(), expected);
    }

    #[test]
    fn no_altered_signature_verifies(at in 0usize..64, digit in 0u8..16) {
        let draft = Draft::update().signed();
        let (rest, signature) = draft.value("authorization").rsplit_once('=').unwrap();
        let mut digits: Vec<char> = signature.chars().collect();
        let digit = char::from_digit(digit.into(), 16).unwrap();
        let same = digits[at] == digit;
        digits[at] = digit;
        let altered = format!("{rest}={}", digits.iter().collect::<String>());
        let verified = draft.edited("authorization", |_| altered.clone()).verify();
        prop_assert_eq!(verified.is_ok(), same);
    }

    #[test]
    fn v4_the_window_is_the_same_for_every_second(offset in -700_000i64..700_000) {
        let at = now().plus(SignedDuration::from_millis(offset));
        let expected = match offset {
            ..-300_000 => Some(Unverified::Future),
            -300_000..=300_000 => None,
            300_001.. => Some(Unverified::Stale),
        };
        prop_assert_eq!(Draft::update().signed().verify_at(&ring(), at).err(), expected);
    }

    #[test]
    fn the_order_of_headers_does_not_matter(order in Just((0..6).collect::<Vec<usize>>()).prop_shuffle()) {
        let draft = Draft::update().with("user-agent", "a").signed().with("amz-sdk-request", "attempt=1");
        let mut shuffled = draft.clone();
        prop_assert_eq!(draft.headers.len(), order.len());
        shuffled.headers = order.iter().map(|at| draft.headers[*at].clone()).collect();
        let (one, other) = (draft.verify().ok().unwrap(), shuffled.verify().ok().unwrap());
        prop_assert_eq!(one.attempt(), other.attempt());
        prop_assert_eq!(&one.caller().principal, &other.caller().principal);
    }

    #[test]
    fn s2_any_unsigned_x_amz_header_is_refused(rest in "[a-z0-9-]{1,20}") {
        let name = format!("x-amz-{rest}");
        let refused = Draft::update().signed().with(&name, "1").refused();
        let expected = if name == "x-amz-date" { Unverified::Date } else { Unverified::SignedHeaders(name) };
        prop_assert_eq!(refused, expected);
    }

    #[test]
    fn a10_no_secret_but_the_keys_own_signs_for_it(key_id in "GK[A-Z2-7]{18}|[A-Za-z0-9_-]{1,32}", secret in "[!-~]{1,64}") {
        prop_assume!(secret != SECRET && secret != OTHER_SECRET);
        for key_id in [key_id.as_str(), KEY, OTHER_KEY] {
            let refused = Draft::update().signed_by(key_id, &secret).refused();
            prop_assert!(matches!(refused, Unverified::Signature | Unverified::AwsKey));
        }
    }

    #[test]
    fn s10_no_altered_token_is_a_session(at in any::<prop::sample::Index>(), with in "[A-Za-z0-9_-]") {
        let keys = sessions::keys(&[("k1", 1)]);
        let issued = keys.issue(&sessions::session(sessions::SESSION)).unwrap();
        let at = at.index(issued.token.len());
        let mut altered = issued.token.clone();
        altered.replace_range(at..=at, &with);
        prop_assert_eq!(keys.open(&altered, now()).is_ok(), altered == issued.token);
        prop_assert_eq!(keys.open(issued.token.get(..at).unwrap(), now()).ok(), None);
        prop_assert_eq!(keys.open(&format!("{}{with}", issued.token), now()).ok(), None);
    }

    #[test]
    fn s10_every_session_comes_back_as_it_was_issued(
        id in "GS[A-Z2-7]{18}",
        role in "[A-Za-z0-9+=,.@_-]{1,64}",
        unique_id in prop::option::of("AROA[A-Z0-9]{17}"),
        seconds in 1i64..=43_200,
        claims in prop::collection::btree_map("[a-z:/.\u{e9}]{1,20}", "\\PC{0,20}", 0..=8),
        label in prop::option::of("[A-Za-z0-9_+=,.@-]{2,64}"),
        subject in "\\PC{0,40}",
    ) {
        let issuer = "https://issuer.example.com".to_owned();
        let session = crate::caller::Session {
            id,
            principal: Principal { unique_id, ..principal(&role) },
            voucher: crate::caller::Voucher::WebIdentity { issuer, subject },
            expires: later(seconds),
            claims,
            label,
            ..sessions::session(sessions::SESSION)
        };
        let keys = sessions::keys(&[("k1", 1)]);
        let issued = keys.issue(&session).unwrap();
        prop_assert!(issued.token.len() <= 4096);
        prop_assert_eq!(issued.secret.expose().len(), 43);
        prop_assert_eq!(keys.open(&issued.token, later(seconds)), Ok(session));
    }

    #[test]
    fn s10_no_text_is_a_session_or_panics(text in "[A-Za-z0-9_-]{0,300}|\\PC{0,100}", rest in prop::collection::vec(any::<u8>(), 0..200)) {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let keys = sessions::keys(&[("k1", 1)]);
        let framed = URL_SAFE_NO_PAD.encode([&[1, 2, b'k', b'1'][..], &rest].concat());
        prop_assert_eq!(keys.open(&text, now()).ok(), None);
        prop_assert_eq!(keys.open(&framed, now()).ok(), None);
    }

    #[test]
    fn no_text_in_authorization_verifies_or_panics(value in "(AWS4-HMAC-SHA256 )?[ -~]{0,200}") {
        let refused = Draft::update().signed().edited("authorization", |_| value.clone()).refused();
        prop_assert!(matches!(refused, Unverified::Authorization(_) | Unverified::Missing));
    }

    #[test]
    fn no_text_in_the_date_or_host_panics(date in "[ -~]{0,20}", host in "[ -~]{0,40}") {
        let hosts = ring_of(desks(), names(["us-east-1"]), names(["guard.example.com"])).unwrap();
        let draft = Draft::update().signed();
        drop(draft.clone().edited("x-amz-date", |_| date.clone()).verify());
        let elsewhere = draft.edited("host", |_| host.clone()).verify_at(&hosts, now());
        prop_assert!(elsewhere.is_err() || host.trim() == "guard.example.com");
    }
}
