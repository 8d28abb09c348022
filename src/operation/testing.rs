//! For the tests of this and later modules: requests as a verified caller sends them.

use crate::{
    caller::{Arn, Caller, Principal, Proof, Verified},
    wire::{Head, Origin, RequestId, WireRequest},
};

use super::{Asked, Change, InstanceId, Operation, Ordinary, Site, Sites, Unrecognised, Why, recognise};

/// The instance of [`sites`].
pub(crate) const INSTANCE: &str = "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111";

/// A user's id.
pub(crate) const USER: &str = "87654321-2222-1234-1234-111234567891";

/// The Region of [`sites`].
pub(crate) const REGION: &str = "us-east-1";

/// One site with one instance.
pub(crate) fn sites() -> Sites {
    Sites::new(vec![Site {
        name: "main".into(),
        partition: "aws".into(),
        account: "111122223333".into(),
        region: REGION.into(),
        instances: InstanceId::read(INSTANCE).into_iter().collect(),
    }])
}

/// Somebody in the role `IdentityDesk`.
pub(crate) fn caller() -> Caller {
    Caller {
        principal: Principal {
            arn: Arn::read("arn:aws:iam::111122223333:role/IdentityDesk").unwrap(),
            unique_id: None,
        },
        proof: Proof::GuardKey { key_id: "GKEXAMPLEEXAMPLE2345".into() },
        origin: Origin {
            request_id: RequestId::from("00000000-0000-4000-8000-000000000000"),
            source: [192, 0, 2, 1].into(),
            user_agent: None,
        },
        notes: std::collections::BTreeMap::new(),
    }
}

/// A request with these header fields beside `host`.
pub(crate) fn request(
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
    body: &[u8],
) -> Result<WireRequest, Why> {
    let host = [("host", &b"guard.example.com"[..])];
    let fields = host.into_iter().chain(fields.iter().map(|(name, value)| (*name, value.as_bytes())));
    let head = Head::read(method, target, fields, caller().origin).map_err(Why::Malformed)?;
    Ok(WireRequest { head, body: body.to_vec().into() })
}

/// What [`caller`] asks for with this request; a body is `application/json`.
#[expect(clippy::result_large_err, reason = "as `recognise`")]
pub(crate) fn asked(method: &str, target: &str, body: &str) -> Result<Asked, Unrecognised> {
    asked_with(method, target, &[], body)
}

#[expect(clippy::result_large_err, reason = "as `recognise`")]
fn asked_with(
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
    body: &str,
) -> Result<Asked, Unrecognised> {
    let media: &[_] = if body.is_empty() { &[] } else { &[("content-type", "application/json")] };
    let fields = [media, fields].concat();
    let request = request(method, target, &fields, body.as_bytes()).map_err(|why| Unrecognised {
        caller: caller(),
        route: None,
        why,
    })?;
    recognise(Verified::for_tests(caller(), REGION, request), &sites())
}

/// The change that this request asks for.
pub(crate) fn change(method: &str, target: &str, body: &str) -> Change {
    change_with(method, target, &[], body)
}

/// The change that this request with these header fields asks for.
pub(crate) fn change_with(method: &str, target: &str, fields: &[(&str, &str)], body: &str) -> Change {
    match asked_with(method, target, fields, body).map(|asked| asked.into_parts().2) {
        Ok(Operation::Change(change)) => change,
        Ok(Operation::Ordinary(_)) => panic!("{method} {target} is an ordinary operation"),
        Err(refused) => panic!("{method} {target}: {:?}", refused.why),
    }
}

/// The ordinary operation that this request asks for.
pub(crate) fn ordinary(method: &str, target: &str, body: &str) -> Ordinary {
    match asked(method, target, body).map(|asked| asked.into_parts().2) {
        Ok(Operation::Ordinary(ordinary)) => ordinary,
        Ok(Operation::Change(_)) => panic!("{method} {target} is a change"),
        Err(refused) => panic!("{method} {target}: {:?}", refused.why),
    }
}

/// The target of `UpdateUserIdentityInfo` for [`USER`].
pub(crate) fn identity_info() -> String {
    format!("/users/{INSTANCE}/{USER}/identity-info")
}
