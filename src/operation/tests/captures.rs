//! What real clients sent: aws-cli, boto3 and the SDKs for JavaScript and Rust, as `tests/data/captures.tsv` says.

use std::{fs, path::Path};

use super::super::{
    InstanceId, Site, Sites, Why, recognise,
    testing::{INSTANCE, REGION, caller},
};
use crate::{
    caller::Verified,
    wire::{Head, WireRequest},
};

/// The first request among recorded bytes; none when `wire` refuses it.
fn read(bytes: &[u8]) -> Option<WireRequest> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let mut lines = std::str::from_utf8(&bytes[..end]).unwrap().split("\r\n");
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap(), first.next().unwrap());
    let fields: Vec<(&str, &str)> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    let length = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
    let fields = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
    let head = Head::read(method, target, fields, caller().origin).ok()?;
    Some(WireRequest { head, body: bytes[end + 4..][..length].to_vec().into() })
}

/// The site that the clients were pointed at.
fn recorded() -> Sites {
    Sites::new(vec![Site {
        name: "recorded".into(),
        partition: "aws".into(),
        account: "123456789012".into(),
        region: REGION.into(),
        instances: InstanceId::read(INSTANCE).into_iter().collect(),
    }])
}

fn verdict(request: WireRequest) -> (&'static str, String) {
    match recognise(Verified::for_tests(caller(), REGION, request), &recorded()) {
        Ok(asked) => {
            let target = asked.operation().target();
            let ids = target.instance.as_ref().zip(target.user());
            let ids = ids
                .map_or(String::new(), |(instance, user)| format!("{}/{}", instance.as_str(), user.as_str()));
            ("ok", format!("{} {ids}", asked.operation().route().operation))
        }
        Err(refused) => {
            let verdict = match refused.why {
                Why::OperationUnknown => "operation-unknown".to_owned(),
                Why::OperationForbidden => "operation-forbidden".to_owned(),
                Why::NotServed => "not-served".to_owned(),
                Why::Malformed(malformed) => malformed.error.name().to_owned(),
            };
            ("operation", verdict)
        }
    }
}

#[test]
fn d8_what_real_clients_send_is_recognised_or_refused_as_the_table_says() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let table = fs::read_to_string(data.join("captures.tsv")).unwrap();
    let (mut recognised, mut refused) = (0, 0);
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let [file, stage, expected, _] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        if stage != "ok" && stage != "operation" {
            continue;
        }
        let Some(request) = read(&fs::read(data.join("captures").join(file)).unwrap()) else {
            assert_eq!(stage, "operation", "{file}");
            continue;
        };
        assert_eq!(verdict(request), (stage, expected.to_owned()), "{file}");
        *(if stage == "ok" { &mut recognised } else { &mut refused }) += 1;
    }
    assert!(recognised >= 25 && refused >= 8, "{recognised} and {refused}");
}
