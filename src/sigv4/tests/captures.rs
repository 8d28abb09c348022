//! Every recorded request of every client: the signature itself, whatever the guard thinks of the request.

use super::recorded::Recorded;

/// The secret that the recorded clients were given.
pub(super) const SECRET: &str = "SECRETEXAMPLE";

/// Not signed: sent with `--no-sign-request`; and the preface of HTTP/2, which is no request of HTTP/1.1.
const UNSIGNED: [&str; 2] = ["captures/cli1-describe-nosign.raw", "captures/rust-https-alpn.raw"];

/// Signed, but not verified as sent: botocore and the signer differ in the normal form of a path that *ends* in a dot
/// segment. For `/users/I/.` botocore signs `/users/I`; the signer, after RFC 3986 section 5.2.4, signs `/users/I/`.
/// `wire` refuses such a target before a signature is looked at, so nothing is lost, and no second normal form is kept
/// for it. File and the path that botocore signed.
pub(super) const ENDS_IN_DOTS: [(&str, &str); 2] = [
    ("captures/boto3-describe-dot.raw", "/users/a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"),
    ("captures/boto3-describe-dotdot.raw", "/users"),
];

#[test]
fn every_signed_capture_verifies() {
    let captures = Recorded::captures();
    assert_eq!(captures.len(), 80);
    let (mut verified, mut otherwise, mut unsigned) = (0, 0, 0);
    for capture in &captures {
        let file = capture.file.as_str();
        let Some(claimed) = capture.claimed() else {
            assert!(UNSIGNED.contains(&file), "{file} is not signed");
            unsigned += 1;
            continue;
        };
        assert_eq!(claimed.access_key_id, "AKIDEXAMPLE", "{file}");
        assert_eq!(claimed.region, "us-east-1", "{file}");
        assert_eq!(claimed.service, "connect", "{file}");
        let verdict = capture.verify(&claimed, SECRET);
        if let Some((_, target)) = ENDS_IN_DOTS.iter().find(|(name, _)| *name == file) {
            assert!(verdict.is_err(), "{file} verifies as sent: it need not be named here any more");
            let as_signed = Recorded { target: (*target).to_owned(), ..capture.clone() };
            assert_eq!(as_signed.verify(&claimed, SECRET), Ok(()), "{file} as signed");
            otherwise += 1;
        } else {
            assert_eq!(verdict, Ok(()), "{file}");
            verified += 1;
        }
    }
    assert_eq!((verified, otherwise, unsigned), (76, 2, 2));
}

#[test]
fn no_capture_verifies_under_another_secret() {
    for capture in Recorded::captures() {
        if let Some(claimed) = capture.claimed() {
            for secret in ["", "SECRETEXAMPL", "SECRETEXAMPLE ", "secretexample"] {
                assert!(capture.verify(&claimed, secret).is_err(), "{} under `{secret}`", capture.file);
            }
        }
    }
}
