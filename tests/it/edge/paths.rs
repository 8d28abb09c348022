//! Paths that only look like the operation.

use connect_guard::demo::stage::INSTANCE;

use super::{Row, all_refused, recorded, signed, target};
use crate::running::{identity_path, user};

#[tokio::test(flavor = "multi_thread")]
async fn d_paths_that_only_look_like_the_operation() {
    let id = user(1).id;
    let path = identity_path(&id);
    let rows = vec![
        Row("D1 an encoded slash", target(path.replacen("/identity", "%2Fidentity", 1)), &[400, 403]),
        Row("D1 twice encoded", target(path.replacen("/identity", "%252Fidentity", 1)), &[400, 403]),
        Row("D1 an encoded backslash", target(path.replacen("/identity", "%5Cidentity", 1)), &[400, 403]),
        Row("D2 dots", target(path.replacen("/users/", "/users/../users/", 1)), &[400]),
        Row("D2 a dot", target(path.replacen("/users/", "/./users/", 1)), &[400]),
        Row("D2 encoded dots", target(path.replacen("/users/", "/%2e%2e/users/", 1)), &[400]),
        Row("D3 two slashes", target(format!("/{path}")), &[400]),
        Row("D3 an empty segment", target(path.replacen("/users/", "/users//", 1)), &[400]),
        Row("D3 a slash at the end", target(format!("{path}/")), &[400]),
        Row("D4 a parameter", target(format!("{path};x=1")), &[400, 403]),
        Row("D4 a query", target(format!("{path}?x=1")), &[400]),
        Row("D4 an empty query", target(format!("{path}?")), &[400]),
        Row("D5 case", target(path.replacen("/users/", "/Users/", 1)), &[400, 403]),
        Row("D5 case of the end", target(path.replacen("identity-info", "IDENTITY-INFO", 1)), &[400, 403]),
        Row("D6 an encoded hyphen", target(path.replacen("identity-info", "identity%2Dinfo", 1)), &[400]),
        Row("D6 an encoded letter", target(path.replacen("identity", "%69dentity", 1)), &[400]),
        Row("D7 overlong", target(path.replacen("/identity", "%c0%af/identity", 1)), &[400]),
        Row("D7 NUL", target(path.replacen("/identity", "%00/identity", 1)), &[400]),
        Row("D7 a line end", target(path.replacen("/identity", "%0a/identity", 1)), &[400]),
        Row("D9 an alias", target(path.replacen(INSTANCE, "example", 1)), &[400, 403]),
        Row("D10 a star", target(path.replacen(&id, "*", 1)), &[400]),
        Row("D10 an address", target(path.replacen(&id, "mary%40example.com", 1)), &[400]),
        Row(
            "D10 an ARN of another instance",
            target(path.replacen(
                &id,
                &format!("arn%3Aaws%3Aconnect%3Aus-east-1%3A111122223333%3Ainstance%2Fother%2Fagent%2F{id}"),
                1,
            )),
            &[400],
        ),
        Row(
            "C11 override",
            signed(|r| {
                r.method = "GET".into();
                r.body.clear();
                r.signed.push(("x-http-method-override".into(), "POST".into()));
            }),
            &[400, 403, 405],
        ),
        Row(
            "C13 the query protocol",
            signed(|r| {
                r.target = "/?Action=UpdateUserIdentityInfo".into();
            }),
            &[400, 403],
        ),
        Row("C14 PUT", signed(|r| r.method = "PUT".into()), &[403, 405]),
        Row("C14 DELETE", signed(|r| r.method = "DELETE".into()), &[400, 403, 405]),
        Row(
            "C15 GET with a body",
            signed(|r| {
                r.method = "GET".into();
                r.target = format!("/users/{INSTANCE}/{}", user(1).id);
            }),
            &[400, 413],
        ),
    ];
    let recorded = recorded(&all_refused(rows).await).await;
    assert!(recorded.contains(&"D4 a query") && recorded.contains(&"D9 an alias"), "{recorded:?}");
}
