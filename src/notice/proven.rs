//! How somebody was proven, in the words of records and notices.

use crate::caller::{Proof, Voucher};

/// What stands for a text that could be an address or a name.
const HIDDEN: &str = "~";

/// `guard-key:ID`, `session:ID VOUCHER`, `certificate:NAME`. The name that a session was asked for with is proof of
/// nothing, and that is said: `session:ID VOUCHER as NAME(unverified)`.
pub fn proven(proof: &Proof) -> String {
    said(proof, str::to_owned)
}

/// The same, with `~` for each part that could be an address.
pub(crate) fn proven_shown(proof: &Proof) -> String {
    said(proof, shown)
}

/// What vouches for a session, with `~` for each part that could be an address.
pub(crate) fn vouched_shown(voucher: &Voucher) -> String {
    vouched(voucher, shown)
}

/// A text, or `~` where it could be an address.
pub(crate) fn shown(text: &str) -> String {
    if text.contains('@') { HIDDEN.to_owned() } else { text.to_owned() }
}

fn said(proof: &Proof, part: fn(&str) -> String) -> String {
    match proof {
        Proof::GuardKey { .. } => proof.to_string(),
        Proof::Session(session) => {
            let label = session.label.as_deref().map(|label| format!(" as {}(unverified)", part(label)));
            format!("session:{} {}{}", session.id, vouched(&session.voucher, part), label.unwrap_or_default())
        }
        Proof::Certificate { name, .. } => format!("certificate:{}", part(name)),
    }
}

fn vouched(voucher: &Voucher, part: fn(&str) -> String) -> String {
    match voucher {
        Voucher::Sts => voucher.to_string(),
        Voucher::WebIdentity { issuer, subject } => {
            format!("web-identity:{}#{}", part(issuer), part(subject))
        }
        Voucher::Certificate { name, .. } => format!("certificate:{}", part(name)),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use jiff::Timestamp;

    use super::*;
    use crate::{
        caller::{Arn, Principal, Session},
        secret::Digest,
    };

    fn session(voucher: Voucher, label: Option<&str>) -> Proof {
        let arn = Arn::read("arn:aws:iam::111122223333:role/Desk").unwrap();
        Proof::Session(Arc::new(Session {
            id: "GSEXAMPLEEXAMPLE2345".into(),
            principal: Principal { arn, unique_id: None },
            voucher,
            issued: Timestamp::UNIX_EPOCH.into(),
            expires: Timestamp::UNIX_EPOCH.into(),
            claims: BTreeMap::new(),
            label: label.map(str::to_owned),
        }))
    }

    #[test]
    fn a_proof_is_said_and_what_could_be_an_address_is_not_shown() {
        let fingerprint = Digest::of(b"");
        let web = |subject: &str| Voucher::WebIdentity {
            issuer: "https://issuer.example.com".into(),
            subject: subject.into(),
        };
        let certificate =
            |name: &str| Proof::Certificate { name: name.into(), fingerprint, claims: Arc::default() };
        for (proof, whole, seen) in [
            (
                session(Voucher::Sts, None),
                "session:GSEXAMPLEEXAMPLE2345 sts",
                "session:GSEXAMPLEEXAMPLE2345 sts",
            ),
            (
                session(web("kim@example.com"), Some("lee@example.com")),
                "session:GSEXAMPLEEXAMPLE2345 web-identity:https://issuer.example.com#kim@example.com \
                 as lee@example.com(unverified)",
                "session:GSEXAMPLEEXAMPLE2345 web-identity:https://issuer.example.com#~ as ~(unverified)",
            ),
            (
                session(web("repo:x"), Some("ci")),
                "session:GSEXAMPLEEXAMPLE2345 web-identity:https://issuer.example.com#repo:x as ci(unverified)",
                "session:GSEXAMPLEEXAMPLE2345 web-identity:https://issuer.example.com#repo:x as ci(unverified)",
            ),
            (
                session(Voucher::Certificate { name: "spiffe://example.com/desk".into(), fingerprint }, None),
                "session:GSEXAMPLEEXAMPLE2345 certificate:spiffe://example.com/desk",
                "session:GSEXAMPLEEXAMPLE2345 certificate:spiffe://example.com/desk",
            ),
            (certificate("CN=kim@example.com"), "certificate:CN=kim@example.com", "certificate:~"),
            (Proof::GuardKey { key_id: "GKEXAMPLE".into() }, "guard-key:GKEXAMPLE", "guard-key:GKEXAMPLE"),
        ] {
            assert_eq!((proven(&proof).as_str(), proven_shown(&proof).as_str()), (whole, seen));
        }
    }
}
