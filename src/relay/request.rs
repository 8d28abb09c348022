//! What the application sent, taken apart and written anew. Pure.
//!
//! Only what is listed here goes on. What the application signed with (`authorization`, `x-amz-security-token`,
//! `x-amz-date`, `x-amz-content-sha256`), cookies, what is meant for the next hop only and everything that is not listed
//! stay here.

use std::{collections::BTreeSet, net::IpAddr, sync::LazyLock};

use bytes::Bytes;

use crate::{
    caller::{Unverified, notes},
    operation::{lookup, routes},
    sigv4::Claimed,
    wire::{ErrorType, Head, Malformed, Occurs, WireRequest},
};

/// Fields that go on and are signed; with them those that operations of Connect have ([`MEMBERS`]).
const SIGNED: [&str; 4] = ["accept", "amz-sdk-invocation-id", "amz-sdk-request", "content-type"];
/// Fields of operations, such as `x-amz-last-modified-time`.
static MEMBERS: LazyLock<BTreeSet<&'static str>> =
    LazyLock::new(|| routes().iter().flat_map(|route| route.headers.iter().copied()).collect());
const SERVICE: &str = "connect";
/// What browsers add and programs do not. The relay signs for whoever reaches it: a page that a browser of this machine
/// shows must not.
const BROWSERS: [&str; 4] = ["origin", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site"];

/// A request as it will be sent, but for `host` and the signature. Has no `Debug`: it holds a body.
pub(super) struct Rebuilt {
    pub(super) method: &'static str,
    pub(super) target: String,
    /// Signed.
    pub(super) headers: Vec<(&'static str, String)>,
    /// What the application tells the policy, such as `x-guard-ticket`. Signed as well; names and values.
    pub(super) notes: Vec<(String, String)>,
    /// Not signed, as with every AWS client.
    pub(super) agent: Option<String>,
    pub(super) body: Bytes,
    /// The Region that the application signed for; none: it did not sign.
    pub(super) region: Option<String>,
}

/// Whether this is a request for Connect, by its head: nothing of the body has been asked for yet. What the gateway would
/// refuse of a head that this relay signs is refused here by the same reading, so that no application spends what the
/// gateway allows to fail from here.
///
/// # Errors
/// 400 or 403; what the application should do is said.
pub(super) fn check(head: &Head, hosts: &BTreeSet<String>) -> Result<(), Malformed> {
    if BROWSERS.iter().any(|name| head.headers.occurs(name) != Occurs::Absent) {
        let why = "requests of browsers are not forwarded";
        return Err(Malformed::with(ErrorType::AccessDenied, why));
    }
    if !is_ours(head, hosts) {
        let why = "`host` is neither an address, nor `localhost`, nor one of the relay's `hosts`";
        return Err(Malformed::with(ErrorType::AccessDenied, why));
    }
    region(head)?;
    notes(&head.headers).map_err(refused)?;
    Ok(())
}

/// The request that is sent in this one's place.
///
/// # Errors
/// As [`check`].
pub(super) fn rebuild(request: WireRequest) -> Result<Rebuilt, Malformed> {
    let WireRequest { head, body } = request;
    let mut headers = Vec::new();
    for name in SIGNED.iter().chain(MEMBERS.iter()) {
        match head.headers.occurs(name) {
            Occurs::Absent => {}
            Occurs::One(value) => headers.push((*name, value.to_owned())),
            Occurs::Many => {
                return Err(Malformed::form(format!("header `{name}` occurs more than once")));
            }
        }
    }
    let agent = match head.headers.occurs("user-agent") {
        Occurs::One(value) => Some(value.to_owned()),
        Occurs::Absent | Occurs::Many => None,
    };
    let region = region(&head)?;
    let notes = notes(&head.headers).map_err(refused)?.into_iter().collect();
    Ok(Rebuilt {
        method: head.method.as_str(),
        target: head.target.raw().to_owned(),
        headers,
        notes,
        agent,
        body,
        region,
    })
}

/// The operation's name, for the log: paths name people's accounts.
pub(super) fn operation(head: &Head) -> &'static str {
    lookup(head.method, &head.target).map_or("unknown", |(route, _)| route.operation)
}

/// The Region of the application's own signature, which is not looked at otherwise.
fn region(head: &Head) -> Result<Option<String>, Malformed> {
    let value = match head.headers.occurs("authorization") {
        Occurs::Absent => return Ok(None),
        Occurs::One(value) => value,
        Occurs::Many => return Err(Malformed::form("header `authorization` occurs more than once")),
    };
    let claimed = Claimed::read(value).map_err(|fault| Malformed::form(fault.to_string()))?;
    if claimed.service != SERVICE {
        return Err(Malformed::form(format!(
            "the request is signed for `{}`: this is a relay for Connect, set `AWS_ENDPOINT_URL_CONNECT` alone",
            claimed.service
        )));
    }
    Ok(Some(claimed.region.to_owned()))
}

/// As the gateway would say it.
fn refused(unverified: Unverified) -> Malformed {
    Malformed::with(unverified.error(), unverified.to_string())
}

/// Whether whoever asks means this relay: a name that somebody else's name system made this address of does not.
fn is_ours(head: &Head, hosts: &BTreeSet<String>) -> bool {
    let Occurs::One(host) = head.headers.occurs("host") else { return false };
    let host = host.to_ascii_lowercase();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host.as_str(),
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name == "localhost"
        || address.parse::<IpAddr>().is_ok()
        || hosts.contains(name)
        || hosts.contains(host.as_str())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::wire::{Origin, RequestId};

    const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20270312/eu-central-1/connect/aws4_request, \
        SignedHeaders=host;x-amz-date, Signature=45fdeca29a2a3b25f1acf1507feff383ad71143a55ada61d80e5ac0348fe873e";

    fn head(fields: &[(&str, &str)]) -> Head {
        let origin = Origin::new(RequestId::from("r"), Ipv4Addr::LOCALHOST.into(), None);
        let fields = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
        Head::read("POST", "/users/a/b/identity-info", fields, origin).unwrap()
    }

    fn rebuilt(fields: &[(&str, &str)]) -> Rebuilt {
        rebuild(WireRequest { head: head(fields), body: Bytes::from_static(b"{}") }).ok().unwrap()
    }

    fn checked(fields: &[(&str, &str)]) -> Result<(), Malformed> {
        check(&head(fields), &BTreeSet::from(["relay.example.com".to_owned()]))
    }

    #[test]
    fn only_what_is_listed_goes_on() {
        let rebuilt = rebuilt(&[
            ("Host", "127.0.0.1:8080"),
            ("Authorization", SIGNATURE),
            ("X-Amz-Security-Token", "secret-token"),
            ("X-Amz-Date", "20270312T100000Z"),
            ("X-Amz-Content-Sha256", "abc"),
            ("X-Amz-Meta-Secret", "secret-token"),
            ("Cookie", "secret-token"),
            ("Proxy-Authorization", "secret-token"),
            ("X-Forwarded-For", "192.0.2.1"),
            ("Connection", "x-guard-ticket"),
            ("User-Agent", "aws-cli/1"),
            ("Content-Type", "application/json"),
            ("Amz-Sdk-Invocation-Id", "i-1"),
            ("Amz-Sdk-Request", "attempt=2; max=3"),
            ("X-Amz-Last-Modified-Region", "eu-central-1"),
            ("X-Guard-Ticket", "SEC-1"),
        ]);
        assert_eq!(
            rebuilt.headers,
            [
                ("amz-sdk-invocation-id", "i-1".to_owned()),
                ("amz-sdk-request", "attempt=2; max=3".to_owned()),
                ("content-type", "application/json".to_owned()),
                ("x-amz-last-modified-region", "eu-central-1".to_owned()),
            ]
        );
        assert_eq!(rebuilt.notes, [("x-guard-ticket".to_owned(), "SEC-1".to_owned())]);
        assert_eq!(rebuilt.agent.as_deref(), Some("aws-cli/1"));
        assert_eq!(rebuilt.region.as_deref(), Some("eu-central-1"));
        assert_eq!((rebuilt.method, rebuilt.target.as_str()), ("POST", "/users/a/b/identity-info"));
        assert_eq!(rebuilt.body, "{}");
    }

    #[test]
    fn a_request_that_is_not_signed_has_no_region() {
        assert_eq!(rebuilt(&[("Host", "localhost")]).region, None);
    }

    #[test]
    fn requests_for_other_services_are_told_so() {
        let other = SIGNATURE.replace("/connect/", "/s3/");
        let fault = checked(&[("host", "localhost"), ("authorization", &other)]).unwrap_err();
        assert_eq!(fault.error, ErrorType::InvalidRequest);
        assert!(fault.why.contains("AWS_ENDPOINT_URL_CONNECT"), "{fault}");
        assert!(checked(&[("host", "localhost"), ("authorization", "Bearer abc")]).is_err());
    }

    #[test]
    fn browsers_and_rebound_names_are_refused() {
        for host in ["127.0.0.1:8080", "[::1]:8080", "localhost", "LOCALHOST:1", "relay.example.com:8080"] {
            assert!(checked(&[("host", host)]).is_ok(), "{host}");
            for name in BROWSERS {
                assert!(checked(&[("host", host), (name, "null")]).is_err(), "{name}");
            }
        }
        for host in ["example.com", "localhost.example.com", "relay.example.com.example.org", ""] {
            assert!(checked(&[("host", host)]).is_err(), "{host}");
        }
        assert!(checked(&[]).is_err());
    }

    #[test]
    fn notes_are_bounded_and_there_once() {
        for value in ["", "a b", "a\tb", &"x".repeat(257)] {
            let fault = checked(&[("host", "localhost"), ("x-guard-ticket", value)]).unwrap_err();
            assert_eq!(fault.error, ErrorType::InvalidRequest, "{value:?}");
            assert_eq!(fault.why, Unverified::Note("x-guard-ticket".into()).to_string());
        }
        let twice = [("host", "localhost"), ("x-guard-ticket", "1"), ("X-Guard-Ticket", "1")];
        assert!(checked(&twice).is_err());
        let long = format!("x-guard-{}", "n".repeat(57));
        assert!(checked(&[("host", "localhost"), (&long, "1")]).is_err());
        let names: Vec<String> = (0..9).map(|number| format!("x-guard-{number}")).collect();
        let mut fields = vec![("host", "localhost")];
        fields.extend(names.iter().map(|name| (name.as_str(), "1")));
        assert!(checked(&fields).is_err());
        fields.pop();
        assert!(checked(&fields).is_ok());
    }
}
