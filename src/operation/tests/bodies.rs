//! Bodies and what becomes of them.

use super::{
    super::{
        Class, body_limit, recognise,
        testing::{REGION, caller, identity_info, request, sites},
    },
    FIRST, check, expand, verdict, why,
};
use crate::caller::Verified;

const NEW_USER: &str = r#"{"Username":"mary","SecurityProfileIds":["s-1"],"RoutingProfileId":"r-1"}"#;

#[test]
fn b1_to_b15_v8_bodies_of_the_guarded_operation() {
    let bodies = [
        (r#"{"IdentityInfo":{"Email":"m@example.com","Email":"n@example.com"}}"#, "400 form"),
        (r#"{"IdentityInfo":{"Email":"m@example.com","\u0045mail":"n@example.com"}}"#, "400 form"),
        (r#"{"IdentityInfo":{"FirstName":"a"},"IdentityInfo":{"FirstName":"b"}}"#, "400 form"),
        (r#"{"IdentityInfo":{"email":"m@example.com"}}"#, "400 form"),
        (r#"{"IdentityInfo":{"Email":"m@example.com","email":"m@example.com"}}"#, "400 form"),
        (r#"{"identityinfo":{"Email":"m@example.com"}}"#, "400 form"),
        (r#"{"IdentityInfo":{"FirstName":"a"},"More":1}"#, "400 form"),
        (r#"{"IdentityInfo":{"FirstName":"a","More":"1"}}"#, "400 form"),
        (r#"[["a"]]"#, "400 form"),
        (r#"{"IdentityInfo":["a"]}"#, "400 form"),
        (r#"{"IdentityInfo":"a"}"#, "400 form"),
        (r#"{"IdentityInfo":null}"#, "400 form"),
        (r#"{"IdentityInfo":{"Email":null}}"#, "400 form"),
        (r#"{"IdentityInfo":{"Email":1}}"#, "400 form"),
        (r#"{"IdentityInfo":{"Email":true}}"#, "400 form"),
        (r#"{"IdentityInfo":{"Email":{}}}"#, "400 form"),
        (r#"{"IdentityInfo":{"Email":[]}}"#, "400 form"),
        (r#"{"IdentityInfo":{"Email":""}}"#, "400 value"),
        (r#"{"IdentityInfo":{"FirstName":""}}"#, "400 value"),
        (r#"{"IdentityInfo":{"Mobile":null}}"#, "400 form"),
        (r#"{"IdentityInfo":{"Mobile":""}}"#, "change UpdateUserIdentityInfo user:U"),
        (r#"{"IdentityInfo":{"SecondaryEmail":""}}"#, "change UpdateUserIdentityInfo user:U"),
        (r#"{"IdentityInfo":{"\u0045mail":"m@example.com"}}"#, "change UpdateUserIdentityInfo user:U"),
        ("\u{feff}{\"IdentityInfo\":{\"FirstName\":\"a\"}}", "400 form"),
        (r#"{"IdentityInfo":{"FirstName":"a"}}{}"#, "400 form"),
        (r#"{"IdentityInfo":{"FirstName":"a"}}x"#, "400 form"),
        (r#"{"IdentityInfo":{"FirstName":"\ud800"}}"#, "400 form"),
        (r#"{"IdentityInfo":{"FirstName":"a\u0000"}}"#, "400 form"),
        (r#"{"IdentityInfo":{"FirstName":NaN}}"#, "400 form"),
        (r#"{"IdentityInfo":{"FirstName":"a",}}"#, "400 form"),
        (r"{'IdentityInfo':{}}", "400 form"),
        (r#"{"IdentityInfo":{}}"#, "400 form"),
        ("{}", "400 form"),
        ("null", "400 form"),
        ("\"\"", "400 form"),
        (r#"{"IdentityInfo":{"Email":"m@localhost"}}"#, "400 value"),
        (r#"{"IdentityInfo":{"SecondaryEmail":"u%evil.com@example.com"}}"#, "400 value"),
        (r#"{"IdentityInfo":{"Mobile":"206 555"}}"#, "400 value"),
        (r#"{"IdentityInfo":{"LastName":"a\u202eb"}}"#, "400 value"),
        ("", "400 form"),
    ];
    for (body, expected) in bodies {
        assert_eq!(verdict("POST", &identity_info(), body), expected, "{body}");
    }
    let deep = format!(r#"{{"IdentityInfo":{}}}"#, "[".repeat(10_000));
    assert_eq!(verdict("POST", &identity_info(), &deep), "400 form");
}

#[test]
fn b13_one_media_type() {
    let with = |fields: &[(&str, &str)]| {
        let request =
            request("POST", &identity_info(), fields, FIRST.as_bytes()).map_err(|refused| why(&refused))?;
        match recognise(Verified::for_tests(caller(), REGION, request), &sites()) {
            Ok(_) => Ok(()),
            Err(refused) => Err(why(&refused.why)),
        }
    };
    for value in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
    ] {
        assert_eq!(with(&[("content-type", value)]), Ok(()), "{value}");
    }
    for value in [
        "text/plain",
        "application/json;charset=utf-16",
        "application/json; charset=utf-8; x=y",
        "application/cbor",
        "application/x-amz-json-1.1",
        "application/jsonx",
        "",
    ] {
        assert_eq!(with(&[("content-type", value)]), Err("415".into()), "{value}");
    }
    assert_eq!(with(&[]), Err("415".into()));
}

#[test]
fn d12_bodies_of_create_user() {
    let with = |member: &str| {
        NEW_USER.replace(r#""RoutingProfileId":"r-1""#, &format!(r#""RoutingProfileId":"r-1",{member}"#))
    };
    let created = "change CreateUser username:mary";
    let rows = [
        (NEW_USER.to_owned(), created),
        (with(r#""IdentityInfo":{}"#), created),
        (with(r#""IdentityInfo":{"Email":"m@example.com"},"Password":"Abcdef12""#), created),
        (with(r#""PhoneConfig":{"PhoneType":"SOFT_PHONE","AutoAccept":true},"Tags":{"a":"b"}"#), created),
        (with(r#""HierarchyGroupId":"{A}/agent-group/h-1","DirectoryUserId":"d-1""#), created),
        (NEW_USER.replace("s-1", "{A}/security-profile/s-1"), created),
        (with(r#""IdentityInfo":{"Email":"m"}"#), "400 value"),
        (with(r#""IdentityInfo":{"Email":""}"#), "400 value"),
        (with(r#""IdentityInfo":{"email":"m@example.com"}"#), "400 form"),
        (with(r#""IdentityInfo":null"#), "400 form"),
        (with(r#""PhoneConfig":null"#), "400 form"),
        (with(r#""PhoneConfig":{"AutoAccept":null}"#), "400 form"),
        (with(r#""Tags":{"a":1}"#), "400 form"),
        (with(r#""Password":"short1A""#), "400 value"),
        (with(r#""Password":"alllower12""#), "400 value"),
        (with(r#""Password":"With Space12""#), "400 value"),
        (with(r#""HierarchyGroupId":"{A}/queue/h-1""#), "400 value"),
        (with(r#""Unknown":"x""#), "400 form"),
        (with(r#""username":"x""#), "400 form"),
        (NEW_USER.replace(r#"["s-1"]"#, "[]"), "400 value"),
        (NEW_USER.replace(r#"["s-1"]"#, r#""s-1""#), "400 form"),
        (NEW_USER.replace(r#"["s-1"]"#, r#"["s-1","s-1"]"#), "400 value"),
        (NEW_USER.replace(r#"["s-1"]"#, r#"["s-1","{A}/security-profile/s-1"]"#), "400 value"),
        (NEW_USER.replace("s-1", "*"), "400 value"),
        (NEW_USER.replace("\"mary\"", "\"mary@example\""), "400 value"),
        (
            NEW_USER.replace("\"mary\"", "\"mary@example.com\""),
            "change CreateUser username:mary%40example.com",
        ),
        (NEW_USER.replace("\"mary\"", "\"\""), "400 value"),
        (NEW_USER.replace("\"mary\"", "\"ma ry\""), "400 value"),
        (NEW_USER.replace(r#","RoutingProfileId":"r-1""#, ""), "400 form"),
        (NEW_USER.replace(r#""Username":"mary","#, ""), "400 form"),
        (NEW_USER.replace(r#""SecurityProfileIds":["s-1"],"#, ""), "400 form"),
    ];
    for (body, expected) in rows {
        assert_eq!(verdict("PUT", "/users/{I}", &body), expected, "{body}");
    }
}

#[test]
fn sensitive_bodies_are_typed_or_written_anew() {
    check(&[
        (
            "POST",
            "/users/{I}/{U}/security-profiles",
            r#"{"SecurityProfileIds":["s-1"]}"#,
            "change UpdateUserSecurityProfiles user:U",
        ),
        ("POST", "/users/{I}/{U}/security-profiles", r#"{"SecurityProfileIds":["s-1"],"x":1}"#, "400 form"),
        ("POST", "/users/{I}/{U}/security-profiles", r#"{"SecurityProfileIds":["s/1"]}"#, "400 value"),
        ("POST", "/users/{I}/{U}/security-profiles", "{}", "400 form"),
        (
            "PUT",
            "/security-profiles/{I}",
            r#"{"SecurityProfileName":"n","Permissions":["Users.Edit"]}"#,
            "change CreateSecurityProfile other:CreateSecurityProfile",
        ),
        ("PUT", "/security-profiles/{I}", r#"{"SecurityProfileName":"n","Permissions":[1]}"#, "400 form"),
        (
            "PUT",
            "/security-profiles/{I}",
            r#"{"SecurityProfileName":"n","Permissions":["a b"]}"#,
            "400 value",
        ),
        ("PUT", "/security-profiles/{I}", r#"{"SecurityProfileName":""}"#, "400 value"),
        ("PUT", "/security-profiles/{I}", r#"{"Permissions":[]}"#, "400 form"),
        (
            "POST",
            "/security-profiles/{I}/s-1",
            r#"{"Description":"d"}"#,
            "change UpdateSecurityProfile security-profile:s-1",
        ),
        (
            "POST",
            "/security-profiles/{I}/{A}%2Fsecurity-profile%2Fs-1",
            "{}",
            "change UpdateSecurityProfile security-profile:s-1",
        ),
        ("POST", "/security-profiles/{I}/s-1", r#"{"SecurityProfileName":"n"}"#, "400 form"),
        (
            "POST",
            "/authentication-profiles/{I}/a-1",
            r#"{"AllowedIps":["192.0.2.0/24"],"PeriodicSessionDuration":60}"#,
            "change UpdateAuthenticationProfile other:UpdateAuthenticationProfile/a-1",
        ),
        ("POST", "/authentication-profiles/{I}/a-1", r#"{"AllowedIps":"192.0.2.0/24"}"#, "400 form"),
        (
            "PUT",
            "/instance/{I}/approved-origin",
            r#"{"Origin":"https://example.com"}"#,
            "change AssociateApprovedOrigin other:AssociateApprovedOrigin",
        ),
        ("PUT", "/instance/{I}/approved-origin", r#"{"origin":"https://example.com"}"#, "400 form"),
        (
            "PUT",
            "/instance/{I}/security-key",
            r#"{"Key":"k"}"#,
            "change AssociateSecurityKey other:AssociateSecurityKey",
        ),
        ("PUT", "/instance/{I}/security-key", r#"{"Key":"k","x":null}"#, "400 form"),
        ("PUT", "/instance/{I}/security-key", r#"{"Key":"k","x":1}"#, "400 form"),
        (
            "POST",
            "/users/{I}/{U}/hierarchy",
            r#"{"HierarchyGroupId":"h-1"}"#,
            "change UpdateUserHierarchy user:U",
        ),
        ("POST", "/users/{I}/{U}/hierarchy", r#"{"HierarchyGroupId":null}"#, "400 form"),
        ("POST", "/users/{I}/{U}/hierarchy", r#"{"a":{"b":1,"b":2}}"#, "400 form"),
        (
            "DELETE",
            "/instance/{I}/approved-origin?origin=https%3A%2F%2Fexample.com",
            "",
            "change DisassociateApprovedOrigin other:DisassociateApprovedOrigin",
        ),
        ("DELETE", "/instance/{I}/approved-origin?Origin=x", "", "400 form"),
        ("DELETE", "/instance/{I}/approved-origin?origin=x&origin=y", "", "400 form"),
        ("DELETE", "/rules/{I}/r.1", "", "400 value"),
        ("DELETE", "/users/{I}/{U}", "{}", "400 form"),
    ]);
}

#[test]
fn a_list_is_as_long_as_may_be_and_no_longer() {
    let list = |count: usize| -> String {
        let items: Vec<String> = (0..count).map(|at| format!("\"p-{at}\"")).collect();
        items.join(",")
    };
    let profiles = |count| format!(r#"{{"SecurityProfileIds":[{}]}}"#, list(count));
    let permissions = |count| format!(r#"{{"Permissions":[{}]}}"#, list(count));
    check(&[
        ("POST", "/users/{I}/{U}/security-profiles", &profiles(0), "400 value"),
        (
            "POST",
            "/users/{I}/{U}/security-profiles",
            &profiles(10),
            "change UpdateUserSecurityProfiles user:U",
        ),
        ("POST", "/users/{I}/{U}/security-profiles", &profiles(11), "400 value"),
        (
            "POST",
            "/security-profiles/{I}/s-1",
            &permissions(500),
            "change UpdateSecurityProfile security-profile:s-1",
        ),
        ("POST", "/security-profiles/{I}/s-1", &permissions(501), "400 value"),
    ]);
}

#[test]
fn b11_body_limits_by_class() {
    let limits = |class: Class| match class {
        Class::Identity => 1,
        Class::Sensitive => 2,
        Class::Forbidden => 3,
        Class::Write => 4,
        Class::Read => 5,
    };
    let limit = |method: &str, target: &str| {
        body_limit(&request(method, &expand(target), &[], b"").unwrap().head, &limits)
    };
    assert_eq!(limit("POST", "/users/{I}/{U}/identity-info"), 1);
    assert_eq!(limit("POST", "/users/{A}/{U}/identity-info"), 1);
    assert_eq!(limit("POST", "/users/{A}/{U}/security-profiles"), 2);
    assert_eq!(limit("POST", "/users/{I}/{U}/security-profiles"), 2);
    assert_eq!(limit("POST", "/auth/code/{I}"), 3);
    assert_eq!(limit("POST", "/vocabulary-remove/{I}/v"), 4);
    assert_eq!(limit("POST", "/search-users"), 5);
    assert_eq!(limit("POST", "/tags/{A}%2Fqueue%2Fq"), 4);
    assert_eq!(limit("POST", "/tags/{A}%2Fagent%2Fu"), 2);
    assert_eq!(limit("POST", "/tags/x"), 2);
    assert_eq!(limit("GET", "/users/{I}/{U}"), 0);
    assert_eq!(limit("DELETE", "/users/{I}/{U}"), 0);
    assert_eq!(limit("POST", "/unknown"), 1);
}
