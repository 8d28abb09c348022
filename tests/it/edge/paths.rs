//! Paths that only look like the operation.

use connect_guard::demo::{caller::Request, stage::INSTANCE};

use super::{Octets, Row, denied, known, row, signed, stranger, target};
use crate::running::{Running, identity_path, own_address, roomy, user};

/// The path of the operation with something in place of something else.
fn path(from: &str, to: &str) -> Octets {
    let path = identity_path(&user(1).id);
    assert!(path.contains(from));
    target(path.replacen(from, to, 1))
}

/// Paths that have no one reading.
fn unread(rows: Vec<(&'static str, Octets)>) -> Vec<Row> {
    rows.into_iter().map(|(what, octets)| stranger(what, octets, &[400])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn d1_encoded_slashes() {
    denied(unread(vec![
        ("an encoded slash", path("/identity", "%2Fidentity")),
        ("in small letters", path("/identity", "%2fidentity")),
        ("twice encoded", path("/identity", "%252Fidentity")),
        ("three times", path("/identity", "%25252Fidentity")),
        ("a backslash", path("/identity", "\\identity")),
        ("an encoded backslash", path("/identity", "%5Cidentity")),
        ("before the users", path("/users/", "%2Fusers/")),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d2_dots() {
    denied(unread(vec![
        ("up", path("/users/", "/users/../users/")),
        ("here", path("/users/", "/./users/")),
        ("encoded", path("/users/", "/%2E%2E/users/")),
        ("encoded in small letters", path("/users/", "/%2e%2e/users/")),
        ("half encoded", path("/users/", "/.%2E/users/")),
        ("three", path("/users/", "/.../users/")),
        ("with a parameter", path("/users/", "/..;/users/")),
        ("at the end", path("/identity-info", "/identity-info/..")),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d3_empty_segments() {
    denied(unread(vec![
        ("at the beginning", path("/users/", "//users/")),
        ("in between", path("/users/", "/users//")),
        ("at the end", path("/identity-info", "/identity-info/")),
        ("no slash", target("users/x/y/identity-info")),
        ("nothing", target("")),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d4_parameters_queries_and_fragments() {
    denied(vec![
        stranger("a parameter", path("/identity-info", "/identity-info;x=1"), &[400]),
        known("a query", path("/identity-info", "/identity-info?x=1"), &[400]),
        stranger("an empty query", path("/identity-info", "/identity-info?"), &[400]),
        stranger("a fragment", path("/identity-info", "/identity-info#f"), &[400]),
        stranger("an encoded question mark", path("/identity-info", "/identity-info%3fx"), &[400]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d5_case() {
    denied(vec![
        row("of the beginning", path("/users/", "/Users/"), &[400, 403]),
        row("of all", path("/users/", "/USERS/"), &[400, 403]),
        row("of the end", path("identity-info", "IDENTITY-INFO"), &[400, 403]),
        row("of a letter", path("identity-info", "identity-Info"), &[400, 403]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d6_letters_that_need_no_escape() {
    denied(unread(vec![
        ("a hyphen", path("identity-info", "identity%2Dinfo")),
        ("a letter", path("identity", "%69dentity")),
        ("of the beginning", path("/users", "/%75sers")),
        ("of an id", path("8765", "%38765")),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d7_other_letters() {
    denied(vec![
        stranger("overlong", path("/identity", "%c0%af/identity"), &[400]),
        stranger("overlong, large", path("/identity", "%C0%AFidentity"), &[400]),
        row("full width", path("identity", "%EF%BD%89dentity"), &[400, 403]),
        stranger("NUL", path("/identity", "%00/identity"), &[400]),
        stranger("a line end", path("/identity", "%0A/identity"), &[400]),
        stranger("a broken escape", path("/identity", "%2/identity"), &[400]),
        stranger("a percent sign", path("/identity", "%/identity"), &[400]),
        stranger("an escape of Windows", path("/identity", "%u002Fidentity"), &[400]),
    ])
    .await;
}

/// An instance's ARN is the instance, or it is refused: it is never another one to the policy.
#[tokio::test(flavor = "multi_thread")]
async fn d8_an_instance_by_its_arn() {
    let of = |region: &str, account: &str| {
        format!("arn%3Aaws%3Aconnect%3A{region}%3A{account}%3Ainstance%2F{INSTANCE}")
    };
    denied(vec![
        row("of another account", path(INSTANCE, &of("us-east-1", "444455556666")), &[400, 403]),
        row("of another Region", path(INSTANCE, &of("eu-west-1", "111122223333")), &[400, 403]),
        row(
            "with something after it",
            path(INSTANCE, &format!("{}%2Fx", of("us-east-1", "111122223333"))),
            &[400],
        ),
    ])
    .await;
    let guard = Running::with(roomy([user(1)])).await;
    let mut request = Request::update_identity(INSTANCE, &user(1).id, &[("Email", &own_address(&user(1)))]);
    request.target = request.target.replacen(INSTANCE, &of("us-east-1", "111122223333"), 1);
    let answer = guard.caller("IdentityDesk").send(&request).await.unwrap();
    assert_eq!(answer.status, 200, "{} {}", answer.text(), guard.log());
    assert_eq!(guard.stage.connect.updates()[0].target, identity_path(&user(1).id));
    // Who may not, may not by this name either.
    let target = request.target;
    let other = Request {
        target,
        ..Request::update_identity(INSTANCE, &user(1).id, &[("Email", "kim@example.com")])
    };
    let refused = guard.caller("HelpDesk").send(&other).await.unwrap();
    assert_eq!(refused.status, 403, "{}", refused.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn d9_what_is_no_instance() {
    denied(vec![
        row("an alias", path(INSTANCE, "example"), &[400, 403]),
        row("in large letters", path(INSTANCE, &INSTANCE.to_uppercase()), &[400, 403]),
        row("too long", path(INSTANCE, &"a".repeat(101)), &[400, 403]),
        row("another one", path(INSTANCE, "b2c3d4e5-6789-01ab-cdef-EXAMPLE22222"), &[400, 403]),
        row("a blank at the end", path(INSTANCE, &format!("{INSTANCE}%20")), &[400, 403]),
        row("braces", path(INSTANCE, &format!("%7B{INSTANCE}%7D")), &[400, 403]),
        row("no hyphens", path(INSTANCE, &INSTANCE.replace('-', "")), &[400, 403]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d10_what_is_no_user() {
    let id = user(1).id;
    let arn = |instance: &str, resource: &str| {
        format!("arn%3Aaws%3Aconnect%3Aus-east-1%3A111122223333%3Ainstance%2F{instance}%2F{resource}%2F{id}")
    };
    denied(vec![
        row("a star", path(&id, "*"), &[400]),
        row("an encoded star", path(&id, "%2A"), &[400]),
        row("an address", path(&id, "mary%40example.com"), &[400]),
        row("a dot", path(&id, "."), &[400]),
        row("two dots", path(&id, ".."), &[400]),
        row("nothing", path(&id, ""), &[400]),
        row("a blank", path(&id, "%20"), &[400]),
        row(
            "an ARN of another instance",
            path(&id, &arn("b2c3d4e5-6789-01ab-cdef-EXAMPLE22222", "agent")),
            &[400, 403],
        ),
        row("an ARN of something else", path(&id, &arn(INSTANCE, "queue")), &[400]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v6_one_spelling_of_a_path() {
    denied(vec![
        // Each of these has the signature of the path itself.
        stranger("two slashes", path("/users/", "//users/"), &[400]),
        stranger("a dot", path("/users/", "/./users/"), &[400]),
        stranger("there and back", path("/users/", "/x/../users/"), &[400]),
        stranger("a question mark", path("/identity-info", "/identity-info?"), &[400]),
        // And each of these resembles it.
        row("something before it", path("/users/", "/x/users/"), &[400, 403]),
        row("something after it", path("/identity-info", "/identity-info/x"), &[400, 403]),
        row("less of it", path("/identity-info", "/identity"), &[400, 403]),
        row("another version of it", path("/users/", "/v1/users/"), &[400, 403]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v2_a_member_of_a_query_in_two_spellings() {
    let of = |query: &str| {
        let target = format!("/users-summary/{INSTANCE}?{query}");
        signed(move |request| {
            request.method = "GET".into();
            request.target.clone_from(&target);
            request.body.clear();
            request.signed.clear();
        })
    };
    denied(vec![
        row("twice", of("maxResults=1&maxResults=2"), &[400]),
        stranger("in two cases", of("maxResults=1&MaxResults=2"), &[400]),
        stranger("through an escape", of("maxResults=1&%6DaxResults=2"), &[400]),
        row("one that is not known", of("maxResults=1&principal=arn"), &[400]),
        stranger("without a name", of("=1"), &[400]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c12_an_operation_in_a_field() {
    let to = |service: &'static str| {
        signed(move |request| {
            request.target = "/".into();
            let value = format!("{service}.UpdateUserIdentityInfo");
            request.signed.push(("x-amz-target".into(), value));
        })
    };
    denied(vec![
        row("signed", to("AmazonConnectService"), &[400, 403]),
        row("of another service", to("AmazonConnect"), &[400, 403]),
        row("at the root", target("/"), &[403]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c13_other_protocols() {
    let rpc = "/service/AmazonConnectService/operation/UpdateUserIdentityInfo";
    let form = |target: &'static str| {
        signed(move |request| {
            request.target = target.into();
            request.body = b"Action=UpdateUserIdentityInfo&Version=2017-08-08".to_vec();
            request.signed = vec![("content-type".into(), "application/x-www-form-urlencoded".into())];
        })
    };
    let cbor = signed(move |request| {
        request.target = rpc.into();
        request.body = b"\xa0".to_vec();
        request.signed = vec![
            ("content-type".into(), "application/cbor".into()),
            ("smithy-protocol".into(), "rpc-v2-cbor".into()),
        ];
    });
    denied(vec![
        row("by its path", target(rpc), &[403]),
        row("CBOR", cbor, &[400, 403, 415]),
        row("the query protocol", target("/?Action=UpdateUserIdentityInfo"), &[400, 403]),
        row("in the body", form("/"), &[403, 415]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c11_methods_and_paths_in_fields() {
    let of = |name: &'static str, value: &'static str| {
        signed(move |request| {
            request.method = "GET".into();
            request.body.clear();
            request.signed.push((name.into(), value.into()));
        })
    };
    let other = |name: &'static str| {
        signed(move |request| {
            let path = request.target.clone();
            request.target = "/nothing".into();
            request.signed.push((name.into(), path));
        })
    };
    denied(vec![
        row("X-HTTP-Method-Override", of("x-http-method-override", "POST"), &[400, 403, 405]),
        row("X-HTTP-Method", of("x-http-method", "POST"), &[400, 403, 405]),
        row("X-Method-Override", of("x-method-override", "POST"), &[400, 403, 405]),
        row("X-Original-URL", other("x-original-url"), &[403]),
        row("X-Rewrite-URL", other("x-rewrite-url"), &[403]),
        row("_method", target("/nothing?_method=POST"), &[400, 403]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c15_bodies_where_none_is_expected() {
    let read = |body: Vec<u8>| {
        signed(move |request| {
            request.method = "GET".into();
            request.target = format!("/users/{INSTANCE}/{}", user(1).id);
            request.body.clone_from(&body);
        })
    };
    let delete = signed(|request| {
        request.method = "DELETE".into();
        request.target = format!("/users/{INSTANCE}/{}", user(1).id);
    });
    denied(vec![
        row("a read", read(br#"{"IdentityInfo":{"Email":"a@b.cd"}}"#.to_vec()), &[400, 413]),
        row("a read, and too much", read(vec![b' '; 2 * 1024 * 1024]), &[400, 413]),
        row("a removal", delete, &[400, 403, 413]),
    ])
    .await;
}
