//! Whatever a legal request looks like: signed, it verifies; changed in a signed part, it does not.

use jiff::Timestamp;
use proptest::{collection, prelude::*};

use crate::{clock::Now, secret::Secret};

use super::{
    super::{Claimed, Credentials, Mismatch, Signable, sign},
    recorded::Recorded,
};

const SECRET: &str = "SECRETEXAMPLE";

/// A signed request as it would arrive, and what it claims.
fn arrived(
    mut request: Recorded,
    token: Option<&str>,
    region: &str,
    service: &str,
    seconds: i64,
) -> (Recorded, Claimed<'static>) {
    let credentials = Credentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret: Secret::new(SECRET.as_bytes().to_vec()),
        session_token: token.map(|token| Secret::new(token.as_bytes().to_vec())),
    };
    let headers = request.fields();
    let signable =
        Signable { method: &request.method, target: &request.target, headers: &headers, body: &request.body };
    let now = Now::from(Timestamp::from_second(seconds).unwrap());
    let added = sign(signable, &credentials, region, service, now).unwrap();
    request.headers.extend(added.into_iter().map(|(name, value)| (name.to_owned(), value)));
    let claimed = request.claimed().unwrap();
    (request, claimed)
}

fn requests() -> impl Strategy<Value = Recorded> {
    let segment = "([A-Za-z0-9._~-]|%[2-7][0-9A-F]|%C3%A9){1,12}";
    let path = collection::vec(segment, 0..5).prop_map(|segments| format!("/{}", segments.join("/")));
    let query =
        proptest::option::of("[a-z]{1,5}=([A-Za-z0-9._~-]|%2B|%20|%C3%A9){0,8}(&[A-Z]{1,5}=[a-z]{0,3})?");
    let value = "[!-~é]([ -~é]{0,30}[!-~é])?";
    let headers = collection::btree_map("(x-amz-|x-|amz-sdk-)[a-z0-9-]{1,10}q", value, 0..6);
    let method = prop::sample::select(vec!["GET", "POST", "PUT", "DELETE"]);
    let body = collection::vec(any::<u8>(), 0..200);
    (method, path, query, headers, body).prop_map(|(method, path, query, headers, body)| {
        let target = query.map_or(path.clone(), |query| format!("{path}?{query}"));
        let mut headers: Vec<(String, String)> = headers.into_iter().collect();
        headers.push(("host".to_owned(), "connect.us-east-1.amazonaws.com:8443".to_owned()));
        Recorded { file: String::new(), method: method.to_owned(), target, headers, body }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_signed_verifies_in_any_order_of_headers(
        request in requests(),
        token in proptest::option::of("[A-Za-z0-9+/=]{1,40}"),
        region in "[a-z]{2}-[a-z]{4,9}-[1-9]",
        service in "[a-z]{3,12}",
        seconds in 0i64..4_102_444_800,
        turn in any::<prop::sample::Index>(),
    ) {
        let (mut request, claimed) = arrived(request, token.as_deref(), &region, &service, seconds);
        let turn = turn.index(request.headers.len());
        request.headers.rotate_left(turn);
        request.headers.push(("user-agent".to_owned(), "not signed".to_owned()));
        prop_assert_eq!(request.verify(&claimed, SECRET), Ok(()));
        prop_assert_eq!(&claimed.region, &region);
        prop_assert_eq!(&claimed.service, &service);
    }

    #[test]
    fn what_is_changed_does_not(
        request in requests(),
        which in any::<prop::sample::Index>(),
        bit in 0u32..8,
    ) {
        let (request, claimed) = arrived(request, Some("TOKENEXAMPLE"), "us-east-1", "connect", 1_795_277_462);
        prop_assert_eq!(request.verify(&claimed, SECRET), Ok(()));

        for (index, (name, value)) in request.headers.iter().enumerate() {
            if name == "authorization" {
                continue;
            }
            let mut changed = request.clone();
            changed.headers[index].1 = format!("{value}x");
            prop_assert_eq!(changed.verify(&claimed, SECRET), Err(Mismatch), "{}", name);
            let mut absent = request.clone();
            absent.headers.remove(index);
            prop_assert_eq!(absent.verify(&claimed, SECRET), Err(Mismatch), "no {}", name);
        }
        let mut changed = request.clone();
        if changed.body.is_empty() {
            changed.body.push(0);
        } else {
            let place = which.index(changed.body.len());
            changed.body[place] ^= 1 << bit;
        }
        prop_assert_eq!(changed.verify(&claimed, SECRET), Err(Mismatch), "the body");

        let mut changed = claimed.clone();
        changed.signature[which.index(32)] ^= 1 << bit;
        prop_assert_eq!(request.verify(&changed, SECRET), Err(Mismatch), "the signature");

        // With a dot segment after it, what is put in front is taken away again: the same canonical path.
        let dots = request.target.split(['/', '?']).any(|segment| segment == "..");
        let front = (!dots).then(|| format!("/x{}", request.target));
        for target in [format!("{}x", request.target)].into_iter().chain(front) {
            let changed = Recorded { target, ..request.clone() };
            prop_assert_eq!(changed.verify(&claimed, SECRET), Err(Mismatch), "{}", changed.target);
        }
        let changed = Recorded { method: format!("{}S", request.method), ..request.clone() };
        prop_assert_eq!(changed.verify(&claimed, SECRET), Err(Mismatch), "the method");
        prop_assert_eq!(request.verify(&claimed, "secretexample"), Err(Mismatch), "the secret");
    }

    #[test]
    fn verifying_never_panics(
        method in ".{0,6}",
        target in ".{0,40}",
        headers in collection::vec((".{0,12}", ".{0,20}"), 0..5),
        names in collection::vec("[a-z-]{0,8}", 0..4),
        date in ".{0,18}",
    ) {
        let mut headers = headers;
        headers.push(("host".to_owned(), "example.com".to_owned()));
        headers.push(("x-amz-date".to_owned(), date));
        let mut signed_headers: Vec<&str> = names.iter().map(String::as_str).collect();
        let given = headers.clone();
        signed_headers.extend(given.iter().map(|(name, _)| name.as_str()));
        let claimed = Claimed {
            access_key_id: "AKIDEXAMPLE",
            date: "20261121",
            region: "us-east-1",
            service: "connect",
            signed_headers,
            signature: [0; 32],
        };
        let request = Recorded { file: String::new(), method, target, headers, body: Vec::new() };
        prop_assert_eq!(request.verify(&claimed, SECRET), Err(Mismatch));
    }
}
