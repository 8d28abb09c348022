//! Answers that are STS's, and answers that somebody made look like it.

use bytes::Bytes;

use super::*;

const ACCOUNT: &str = "111122223333";
const ARN: &str = "arn:aws:sts::111122223333:assumed-role/IdentityDesk/kim";
const ID: &str = "AROACKCEVSQ6C2EXAMPLE:kim";

fn result(arn: &str, id: &str, account: &str) -> String {
    format!(
        "<GetCallerIdentityResult>\n    <Arn>{arn}</Arn>\n    <UserId>{id}</UserId>\n    \
         <Account>{account}</Account>\n  </GetCallerIdentityResult>"
    )
}

fn whole(inner: &str) -> String {
    format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  {inner}\n  \
         <ResponseMetadata>\n    <RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId>\n  \
         </ResponseMetadata>\n</GetCallerIdentityResponse>\n"
    )
}

fn answer(status: u16, kind: &str, body: &str) -> Answer {
    Answer {
        status,
        headers: vec![("content-type".into(), kind.into())],
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

fn read_at(region: &str, answer: &Answer) -> Result<Principal, AnswerFault> {
    read(answer, StsHost::of(region).unwrap(), |account| account == ACCOUNT)
}

fn read_body(body: &str) -> Result<Principal, AnswerFault> {
    read_at("us-east-1", &answer(200, "text/xml", body))
}

fn said(arn: &str, id: &str, account: &str) -> Result<Principal, AnswerFault> {
    read_body(&whole(&result(arn, id, account)))
}

#[test]
fn v1_an_answer_of_sts_proves_somebody() {
    let found = said(ARN, ID, ACCOUNT).unwrap();
    assert_eq!(found.arn.to_string(), ARN);
    assert_eq!(found.unique_id.as_deref(), Some("AROACKCEVSQ6C2EXAMPLE"));
    let user = said("arn:aws:iam::111122223333:user/desk/mary", "AIDACKCEVSQ6C2EXAMPLE", ACCOUNT).unwrap();
    assert_eq!(user.unique_id.as_deref(), Some("AIDACKCEVSQ6C2EXAMPLE"));
    let declared = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{}", whole(&result(ARN, ID, ACCOUNT)));
    assert!(read_body(&declared).is_ok());
}

#[test]
fn v1_other_statuses_and_types_prove_nobody() {
    let good = whole(&result(ARN, ID, ACCOUNT));
    for (status, fault) in [
        (403, AnswerFault::Refused),
        (400, AnswerFault::Rejected(400)),
        (301, AnswerFault::Status(301)),
        (307, AnswerFault::Status(307)),
        (201, AnswerFault::Status(201)),
        (204, AnswerFault::Status(204)),
        (500, AnswerFault::Status(500)),
    ] {
        assert_eq!(read_at("us-east-1", &answer(status, "text/xml", &good)), Err(fault), "{status}");
    }
    for kind in
        ["application/json", "text/html", "text/xml; charset=utf-16", "text/xmlx", "", "text/xml, a/b"]
    {
        assert_eq!(read_at("us-east-1", &answer(200, kind, &good)), Err(AnswerFault::ContentType), "{kind}");
    }
    let mut twice = answer(200, "text/xml", &good);
    twice.headers.push(("content-type".into(), "text/xml".into()));
    assert_eq!(read_at("us-east-1", &twice), Err(AnswerFault::ContentType));
    let none = Answer { headers: Vec::new(), ..answer(200, "", &good) };
    assert_eq!(read_at("us-east-1", &none), Err(AnswerFault::ContentType));
}

#[test]
fn v1_json_is_no_xml() {
    let json = r#"{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Account":"111122223333"}}}"#;
    assert_eq!(read_body(json), Err(AnswerFault::Xml));
    assert_eq!(read_body(""), Err(AnswerFault::Xml));
}

#[test]
fn v1_a_second_element_anywhere_refuses() {
    let one = result(ARN, ID, ACCOUNT);
    let good = whole(&one);
    for bad in [
        whole(&format!("{one}{one}")),
        whole(&format!("{one}<Error/>")),
        whole(&format!("<GetCallerIdentityResponse>{one}</GetCallerIdentityResponse>")),
        format!("<Outer>{good}</Outer>"),
        format!("{good}{good}"),
        format!("{good}trailing"),
        format!("{good}<!-- trailing -->"),
        format!("{good}<?pi?>"),
        format!("leading{good}"),
        good.replace("<Arn>", "<Arn>x</Arn><Arn>"),
        good.replace("<UserId>", "<UserId>x</UserId><UserId>"),
        good.replace("<Account>", "<Account>111122223333</Account><Account>"),
        good.replace("<Account>111122223333</Account>", ""),
        good.replace("<Arn>", "<Other>x</Other><Arn>"),
        good.replace("<Arn>", "text<Arn>"),
        good.replace("<Arn>", "<Arn><b/>"),
        good.replace("<Arn>", "<Arn a=\"b\">"),
        good.replace("<GetCallerIdentityResult>", "<GetCallerIdentityResult xmlns=\"urn:x\">"),
        good.replace("<GetCallerIdentityResult>", "<GetCallerIdentityResult xmlns:a=\"urn:x\" a:b=\"c\">"),
        good.replace("</ResponseMetadata>", "</ResponseMetadata><ResponseMetadata/>"),
        good.replace("<RequestId>", "<RequestId/><RequestId>"),
    ] {
        assert_ne!(bad, good);
        assert!(read_body(&bad).is_err(), "{bad}");
    }
}

#[test]
fn v1_the_namespace_is_that_of_sts() {
    let good = whole(&result(ARN, ID, ACCOUNT));
    for namespace in ["", "https://sts.amazonaws.com/doc/2011-06-16/", "https://example.com/"] {
        let bad = good.replace("https://sts.amazonaws.com/doc/2011-06-15/", namespace);
        assert_eq!(read_body(&bad), Err(AnswerFault::Shape("name")), "{namespace}");
    }
    assert!(read_body(&good.replace("GetCallerIdentity", "AssumeRole")).is_err());
}

#[test]
fn v1_no_document_type_no_references_no_comments() {
    let good = whole(&result(ARN, ID, ACCOUNT));
    for bad in [
        format!("<!DOCTYPE a [<!ENTITY e \"{ARN}\">]>{good}"),
        good.replace("kim</Arn>", "&#107;im</Arn>"),
        good.replace("kim</Arn>", "k<!-- -->im</Arn>"),
        good.replace("kim</Arn>", "k<![CDATA[im]]></Arn>"),
        good.replace("<Arn>", "<?x y?><Arn>"),
    ] {
        assert_ne!(bad, good);
        assert_eq!(read_body(&bad), Err(AnswerFault::Xml), "{bad}");
    }
}

#[test]
fn v1_too_long_or_too_deep_is_refused() {
    let good = whole(&result(ARN, ID, ACCOUNT));
    assert_eq!(read_body(&(good.clone() + &" ".repeat(BODY_MAX))), Err(AnswerFault::TooLong));
    let deep = format!("{}{}", "<a>".repeat(5_000), "</a>".repeat(5_000));
    assert_eq!(read_body(&deep), Err(AnswerFault::Xml));
}

#[test]
fn s16_root_federated_users_and_bare_roles_are_nobody() {
    for (arn, id) in [
        ("arn:aws:iam::111122223333:root", "111122223333"),
        ("arn:aws:sts::111122223333:federated-user/kim", "111122223333:kim"),
        ("arn:aws:iam::111122223333:role/IdentityDesk", "AROACKCEVSQ6C2EXAMPLE"),
        ("arn:aws:sts::111122223333:assumed-role/a/b/kim", ID),
        (" arn:aws:sts::111122223333:assumed-role/IdentityDesk/kim", ID),
        ("", ID),
    ] {
        assert!(said(arn, id, ACCOUNT).is_err(), "{arn}");
    }
}

#[test]
fn s16_the_unique_id_is_that_of_the_principal() {
    for id in [
        "AROACKCEVSQ6C2EXAMPLE",
        "AROACKCEVSQ6C2EXAMPLE:mary",
        "AROACKCEVSQ6C2EXAMPLE:kim:kim",
        "AIDACKCEVSQ6C2EXAMPLE:kim",
        "aroackcevsq6c2example:kim",
        "AROA:kim",
        ":kim",
        "",
    ] {
        assert_eq!(
            said(ARN, id, ACCOUNT).err(),
            Some(match id {
                "" => AnswerFault::Shape("value"),
                _ => AnswerFault::UniqueId,
            }),
            "{id}"
        );
    }
    let user = "arn:aws:iam::111122223333:user/mary";
    assert_eq!(said(user, "AROACKCEVSQ6C2EXAMPLE", ACCOUNT), Err(AnswerFault::UniqueId));
}

#[test]
fn s16_accounts_and_partitions_fit() {
    assert_eq!(said(ARN, ID, "444455556666"), Err(AnswerFault::Account));
    let other = ARN.replace(ACCOUNT, "444455556666");
    assert_eq!(said(&other, ID, "444455556666"), Err(AnswerFault::Account));
    let china = answer(200, "text/xml", &whole(&result(ARN, ID, ACCOUNT)));
    assert_eq!(read_at("cn-north-1", &china), Err(AnswerFault::Partition));
    let there = ARN.replace("arn:aws:", "arn:aws-cn:");
    let there = answer(200, "text/xml;charset=UTF-8", &whole(&result(&there, ID, ACCOUNT)));
    assert!(read_at("cn-north-1", &there).is_ok());
}
