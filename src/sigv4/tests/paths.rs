//! Nine odd paths, signed by botocore: both directions give botocore's signature.

use std::{fs, path::Path};

use jiff::Timestamp;

use crate::{clock::Now, secret::Secret};

use super::super::{Claimed, Credentials, Signable, sign, verify};

const HEADERS: [(&str, &str); 4] = [
    ("content-type", "application/json"),
    ("host", "connect.us-east-1.amazonaws.com"),
    ("x-amz-date", "20261118T110640Z"),
    ("x-amz-security-token", "TOKEN"),
];

#[test]
fn s1_odd_paths_have_the_signatures_of_botocore() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sigv4-paths/paths.tsv");
    let text = fs::read_to_string(file).unwrap();
    let secret = Secret::new(b"secret".to_vec());
    let now = Now::from("2026-11-18T11:06:40Z".parse::<Timestamp>().unwrap());
    let credentials = Credentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret: secret.clone(),
        session_token: Some(Secret::new(b"TOKEN".to_vec())),
    };
    let mut count = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (target, signature) = line.split_once('\t').unwrap();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261118/us-east-1/connect/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature={signature}"
        );
        let received = Signable { method: "POST", target, headers: &HEADERS, body: b"{}" };
        let claimed = Claimed::read(&authorization).ok().unwrap();
        assert_eq!(verify(&claimed, received, "20261118T110640Z", &secret), Ok(()), "{target}");

        let to_send = Signable { headers: &HEADERS[..2], ..received };
        let mut added = sign(to_send, &credentials, "us-east-1", "connect", now).unwrap();
        added.sort();
        assert_eq!(
            added,
            [
                ("authorization", authorization),
                ("x-amz-date", "20261118T110640Z".to_owned()),
                ("x-amz-security-token", "TOKEN".to_owned())
            ],
            "{target}"
        );
        count += 1;
    }
    assert_eq!(count, 9);
}
