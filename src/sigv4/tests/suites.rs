//! The published vectors: 38 of aws-c-auth and 34 of botocore. Every one is run; those that are signed with other
//! settings, or are no request the guard would read, are named, and must be refused.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use crate::{clock::Now, secret::Secret};

use super::{
    super::{Claimed, Credentials, Signable, SigningFault, sign},
    recorded::Recorded,
};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

const DOUBLED: &str = "a header is there twice: refused, where the vector joins the values";
const SPACE: &str = "a space in the target is no HTTP: refused, where the vector encodes it first";
const UNNORMALISED: &str = "signed with path normalisation off, as only S3 does";

const REFUSED_C_AUTH: [(&str, &str); 10] = [
    ("get-header-key-duplicate", DOUBLED),
    ("get-header-value-order", DOUBLED),
    ("get-relative-relative-unnormalized", UNNORMALISED),
    ("get-relative-unnormalized", UNNORMALISED),
    ("get-slash-dot-slash-unnormalized", UNNORMALISED),
    ("get-slash-pointless-dot-unnormalized", UNNORMALISED),
    ("get-slash-unnormalized", UNNORMALISED),
    ("get-slashes-unnormalized", UNNORMALISED),
    ("get-space-normalized", SPACE),
    ("get-space-unnormalized", SPACE),
];

const REFUSED_BOTOCORE: [(&str, &str); 3] =
    [("get-header-key-duplicate", DOUBLED), ("get-header-value-order", DOUBLED), ("get-space", SPACE)];

/// A vector: the request to sign, the token to sign it with, and the claim that should come out.
struct Vector {
    name: String,
    request: Recorded,
    token: Option<String>,
    claimed: Claimed<'static>,
}

fn c_auth() -> Vec<Vector> {
    let folder = "sigv4-aws-c-auth/v4";
    folders(folder)
        .into_iter()
        .map(|name| {
            let file = |file: &str| format!("{folder}/{name}/{file}");
            let mut request = Recorded::read(&file("request.txt"));
            let signed = Recorded::read(&file("header-signed-request.txt"));
            let context: serde_json::Value = serde_json::from_str(&text(&file("context.json"))).unwrap();
            assert_eq!(context["credentials"]["secret_access_key"], SECRET, "{name}");
            let signature = text(&file("header-signature.txt"));
            let claimed = signed.claimed().unwrap();
            assert_eq!(hex::encode(claimed.signature), signature.trim(), "{name}");
            let omitted = context["omit_session_token"] == true;
            let token = context["credentials"]["token"].as_str().filter(|_| !omitted).map(str::to_owned);
            // With `sign_body` the hash of the body is a header like any other: it stands in the signed request only.
            if let Some(hash) = signed.value("x-amz-content-sha256") {
                request.headers.push(("x-amz-content-sha256".to_owned(), hash.to_owned()));
            }
            Vector { name, request, token, claimed }
        })
        .collect()
}

fn botocore() -> Vec<Vector> {
    let folder = "sigv4-botocore/aws4_testsuite";
    let mut names = folders(folder);
    for group in ["normalize-path", "post-sts-token"] {
        names.retain(|name| name != group);
        names.extend(folders(&format!("{folder}/{group}")).into_iter().map(|name| format!("{group}/{name}")));
    }
    names
        .into_iter()
        .map(|path| {
            let name = path.rsplit('/').next().unwrap().to_owned();
            let mut request = Recorded::read(&format!("{folder}/{path}/{name}.req"));
            let claimed =
                Claimed::read(text(&format!("{folder}/{path}/{name}.authz")).leak().trim()).ok().unwrap();
            let signed = Recorded::read(&format!("{folder}/{path}/{name}.sreq"));
            request.headers.retain(|(field, _)| field != "x-amz-date" && field != "x-amz-security-token");
            let token = signed.value("x-amz-security-token").map(str::to_owned);
            let token = token.filter(|_| claimed.signed_headers.contains(&"x-amz-security-token"));
            Vector { name, request, token, claimed }
        })
        .collect()
}

#[test]
fn a12_the_vectors_of_aws_c_auth() {
    run(&c_auth(), 38, &REFUSED_C_AUTH);
}

#[test]
fn a12_the_vectors_of_botocore() {
    run(&botocore(), 34, &REFUSED_BOTOCORE);
}

/// Signs each vector anew and verifies its own signature: both succeed, or the vector is in `refused` and neither does.
fn run(vectors: &[Vector], count: usize, refused: &[(&str, &str)]) {
    assert_eq!(vectors.len(), count);
    let names: BTreeSet<&str> = vectors.iter().map(|vector| vector.name.as_str()).collect();
    assert_eq!(names.len(), count);
    assert!(refused.iter().all(|(name, _)| names.contains(name)));
    let secret = Secret::new(SECRET.as_bytes().to_vec());
    let now = Now::from("2015-08-30T12:36:00Z".parse::<Timestamp>().unwrap());
    for Vector { name, request, token, claimed } in vectors {
        let fields = request.fields();
        let to_send = Signable {
            method: &request.method,
            target: &request.target,
            headers: &fields,
            body: &request.body,
        };
        let credentials = Credentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret: secret.clone(),
            session_token: token.as_ref().map(|token| Secret::new(token.clone().into_bytes())),
        };
        let signed = sign(to_send, &credentials, "us-east-1", "service", now);

        let mut received = request.clone();
        received.headers.push(("x-amz-date".to_owned(), "20150830T123600Z".to_owned()));
        received.headers.extend(token.clone().map(|token| ("x-amz-security-token".to_owned(), token)));
        let verdict = received.verify(claimed, SECRET);

        let Some((_, why)) = refused.iter().find(|(refused, _)| refused == name) else {
            let signed = signed
                .unwrap_or_else(|fault| panic!("{name}: {fault}: {:?}", std::error::Error::source(&fault)));
            let ours = &signed.iter().find(|(field, _)| *field == "authorization").unwrap().1;
            let ours = Claimed::read(ours).ok().unwrap();
            assert_eq!(ours.signed_headers, claimed.signed_headers, "{name}");
            assert_eq!(hex::encode(ours.signature), hex::encode(claimed.signature), "{name}");
            assert_eq!(verdict, Ok(()), "{name}");
            continue;
        };
        assert!(verdict.is_err(), "{name} verifies, though {why}");
        match *why {
            DOUBLED => assert!(matches!(signed, Err(SigningFault::Doubled(_))), "{name}"),
            SPACE => assert!(matches!(signed, Err(SigningFault::Form(_))), "{name}"),
            _ => assert!(signed.is_ok(), "{name} is signed, with another signature"),
        }
    }
}

fn folders(path: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(data(path))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn text(path: &str) -> String {
    fs::read_to_string(data(path)).unwrap()
}

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(path)
}
