//! Proofs that prove nothing.

use connect_guard::demo::caller::Caller;

use super::{Octets, Row, all_refused, allowed, raw, recorded, replaced, signed, target, with};
use crate::running::{Running, identity_path, roomy, user};

#[tokio::test(flavor = "multi_thread")]
async fn a_proofs_that_prove_nothing() {
    let aged = |seconds: i64| -> Octets {
        Box::new(move |caller, now, request| {
            caller.sign(&request, now + jiff::SignedDuration::from_secs(seconds)).unwrap()
        })
    };
    let as_another = |change: fn(&mut Caller)| -> Octets {
        Box::new(move |caller, now, request| {
            let mut caller = caller.clone();
            change(&mut caller);
            caller.sign(&request, now).unwrap()
        })
    };
    let unsigned = |name: &'static str| -> Octets {
        signed(move |request| {
            request.signed.retain(|(field, _)| field != name);
            request.unsigned.push((name.into(), "application/json".into()));
        })
    };
    let presigned = "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a&X-Amz-Signature=b";
    let rows = vec![
        Row("A1 none", replaced("authorization: ", "x-authorization: "), &[403]),
        Row("A1 empty", replaced("AWS4-HMAC-SHA256", ""), &[400, 403]),
        Row("A2 content-type not signed", unsigned("content-type"), &[403]),
        Row("A2 x-amz-target not signed", with("x-amz-target: a"), &[400, 403]),
        Row("A2 x-amz-meta not signed", with("x-amz-meta: a"), &[403]),
        Row("A3 no hash", with("x-amz-content-sha256: UNSIGNED-PAYLOAD"), &[403]),
        Row(
            "A3 streamed",
            signed(|request| {
                let value = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD".into();
                request.signed.push(("x-amz-content-sha256".into(), value));
            }),
            &[400, 403],
        ),
        Row("A4 in the query", target(format!("{}{presigned}", identity_path(&user(1).id))), &[400, 403]),
        Row(
            "A4 in the query only",
            raw(format!("GET /{presigned} HTTP/1.1\r\nhost: localhost\r\n\r\n")),
            &[403],
        ),
        Row("A5 another service", replaced("/connect/aws4_request", "/s3/aws4_request"), &[403]),
        Row("A5 another Region", as_another(|caller| caller.region = "eu-west-1".into()), &[403]),
        Row("A6 too old", aged(-310), &[403]),
        Row("A6 from the future", aged(310), &[403]),
        Row("A9 SigV4a", replaced("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), &[400, 403]),
        Row("A9 small letters", replaced("AWS4-HMAC-SHA256", "aws4-hmac-sha256"), &[400, 403]),
        Row("A9 a bearer", replaced("AWS4-HMAC-SHA256 ", "Bearer "), &[400, 403]),
        Row("A10 an unknown key", as_another(|caller| caller.key_id = "AKIDUNKNOWN".into()), &[403]),
        Row("A10 a wrong secret", as_another(|caller| caller.secret.push('x')), &[403]),
        Row("A11 a session token", with("x-amz-security-token: t"), &[403]),
        Row("V7 two proofs", with("authorization: AWS4-HMAC-SHA256 a"), &[400]),
        Row("V7 two dates", with("x-amz-date: 20261121T161102Z"), &[400]),
    ];
    assert!(recorded(&all_refused(rows).await).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a10_an_unknown_key_and_a_wrong_secret_look_alike() {
    let guard = Running::with(roomy([user(1)])).await;
    let desk = guard.caller("IdentityDesk");
    let unknown = Caller { key_id: format!("GK{}", "A".repeat(18)), ..desk.clone() };
    let wrong = Caller { secret: "x".repeat(40), ..desk };
    let mut answers = Vec::new();
    for caller in [unknown, wrong] {
        let answer = caller.send(&allowed()).await.unwrap();
        answers.push((answer.status, answer.error().map(str::to_owned), answer.text()));
    }
    assert_eq!(answers[0], answers[1]);
}
