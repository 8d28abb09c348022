//! What real clients sent: aws-cli, boto3 and the SDKs for JavaScript and Rust, with the key they were given.

use std::{fs, path::Path};

use super::{super::Proof, *};

/// A recorded request and what is to become of it.
struct Capture {
    file: String,
    /// Which module says the last word; `wire` has said it already.
    stage: String,
    /// The error type of a refusal.
    verdict: String,
    request: WireRequest,
}

impl Capture {
    /// Every capture that `wire` lets through, by the table beside them.
    fn all() -> Vec<Self> {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let table = fs::read_to_string(data.join("captures.tsv")).unwrap();
        let mut all = Vec::new();
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let [file, stage, verdict, _] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            if stage != "wire" {
                let bytes = fs::read(data.join("captures").join(file)).unwrap();
                // What `operation` would refuse, `wire` may refuse before it: some ids have characters of neither.
                let Some(request) = read(&bytes) else {
                    assert_eq!(stage, "operation", "{file}");
                    continue;
                };
                let (file, stage, verdict) = (file.to_owned(), stage.to_owned(), verdict.to_owned());
                all.push(Self { file, stage, verdict, request });
            }
        }
        all
    }
}

/// The first request among recorded bytes; none when `wire` refuses it.
fn read(bytes: &[u8]) -> Option<WireRequest> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let mut lines = std::str::from_utf8(&bytes[..end]).unwrap().split("\r\n");
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap(), first.next().unwrap());
    let fields: Vec<(&str, &str)> = lines.map(|line| line.split_once(':').unwrap()).collect();
    let origin = Origin { request_id: "1".into(), source: "192.0.2.7".parse().unwrap(), user_agent: None };
    let length = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.map_or(0, |(_, value)| value.trim().parse().unwrap());
    let fields = fields.iter().map(|(name, value)| (*name, value.trim().as_bytes()));
    let head = Head::read(method, target, fields, origin).ok()?;
    Some(WireRequest { head, body: bytes[end + 4..][..length].to_vec().into() })
}

/// The recorded clients had a key that no guard issues: this ring is made without the checks on ids and secrets.
fn recorded() -> KeyRing {
    unchecked(key("AKIDEXAMPLE", "SECRETEXAMPLE", "Recorded"))
}

fn signed_at(request: &WireRequest) -> Now {
    match request.head.headers.occurs("x-amz-date") {
        crate::wire::Occurs::One(date) => crate::sigv4::instant(date).unwrap().into(),
        crate::wire::Occurs::Absent | crate::wire::Occurs::Many => now(),
    }
}

#[test]
fn s1_every_capture_is_verified_or_refused_as_the_table_says() {
    let (mut served, mut unserved, mut refused) = (0, 0, 0);
    for Capture { file, stage, verdict, request } in Capture::all() {
        let at = signed_at(&request);
        match recorded().verify(request, at) {
            Ok(proof) => {
                assert_eq!(proof.caller().principal, principal("Recorded"));
                assert_eq!(proof.caller().proof, Proof::GuardKey { key_id: "AKIDEXAMPLE".to_owned() });
                assert!(proof.attempt().invocation.is_some(), "{file}");
                match stage.as_str() {
                    "ok" => served += 1,
                    "operation" => unserved += 1,
                    other => panic!("{file}: verified, and not refused by `{other}`"),
                }
            }
            Err(fault) => {
                assert_eq!(stage, "caller", "{file}: {fault}");
                assert_eq!(fault.error().name(), verdict, "{file}: {fault}");
                refused += 1;
            }
        }
    }
    assert_eq!((served, refused), (28, 3));
    assert!(unserved >= 20, "{unserved}");
}

#[test]
fn no_capture_verifies_later_altered_or_under_another_secret() {
    let key = key("AKIDEXAMPLE", "SECRETEXAMPLe", "Recorded");
    let other = unchecked(key);
    for Capture { file, request, .. } in
        Capture::all().into_iter().filter(|capture| capture.stage != "caller")
    {
        let at = signed_at(&request);
        assert_eq!(other.verify(request.clone(), at).err(), Some(Unverified::Signature), "{file}");
        let tomorrow = at.plus(SignedDuration::from_hours(24));
        assert_eq!(recorded().verify(request.clone(), tomorrow).err(), Some(Unverified::Stale), "{file}");
        let mut longer = request.body.to_vec();
        longer.push(b' ');
        let altered = WireRequest { head: request.head, body: longer.into() };
        let fault = recorded().verify(altered, at).err();
        assert!(matches!(fault, Some(Unverified::Signature | Unverified::ContentHash)), "{file}");
    }
}
