//! What is built from a change or an ordinary operation, byte for byte.

use super::super::{
    ChangeKind, Field, Operation, SensitiveBody, UserId, Wanted,
    testing::{INSTANCE, REGION, USER, asked, caller, change, identity_info, ordinary, request, sites},
};
use crate::{caller::Verified, operation::recognise, wire::RequestTarget};

const ARN: &str = "arn:aws:connect:us-east-1:111122223333:instance/a1b2c3d4-5678-90ab-cdef-EXAMPLE11111";

fn text(body: &[u8]) -> &str {
    std::str::from_utf8(body).unwrap()
}

#[test]
fn b17_the_body_is_written_anew() {
    let body = "{ \"IdentityInfo\" :\n{\"Email\": \"MARY+x@Example.COM\", \"FirstName\": \"Zo\\u00eb\", \"Mobile\":\"\"} }";
    let built = change("POST", &identity_info(), body).build();
    assert_eq!(built.method, "POST");
    assert_eq!(built.target, identity_info());
    assert_eq!(built.headers, [("content-type", "application/json".to_owned())]);
    assert_eq!(
        text(&built.body),
        r#"{"IdentityInfo":{"FirstName":"Zoë","Email":"MARY+x@Example.COM","Mobile":""}}"#
    );
}

#[test]
fn i8_what_is_built_does_not_show_its_body() {
    let built = change("POST", &identity_info(), r#"{"IdentityInfo":{"Email":"m@example.com"}}"#).build();
    assert_eq!(format!("{built:?}"), format!("POST {} ({} octets)", identity_info(), built.body.len()));
}

#[test]
fn d8_arns_are_built_as_bare_ids() {
    let arn = RequestTarget::encode(ARN);
    let target = format!("/users/{arn}/{arn}%2Fagent%2F{USER}/identity-info");
    let body = r#"{"IdentityInfo":{"FirstName":"Mary"}}"#;
    let by_arn = change("POST", &target, body);
    let by_id = change("POST", &identity_info(), body);
    assert_eq!(by_arn.build(), by_id.build());
    assert_eq!(by_arn.target(), by_id.target());
    assert_eq!(by_id.target().to_string(), format!("aws/111122223333/us-east-1/{INSTANCE}/user:{USER}"));
    assert_eq!(
        ordinary("GET", &format!("/users/{arn}/{arn}%2Fagent%2F{USER}"), "").path(),
        format!("/users/{INSTANCE}/{USER}")
    );
}

#[test]
fn a_new_user_is_built_in_one_order() {
    let body = format!(
        r#"{{"Tags":{{"b":"1","a":"2"}},"RoutingProfileId":"{ARN}/routing-profile/r-1","Password":"Abcdef12",
        "SecurityProfileIds":["s-2","{ARN}/security-profile/s-1"],"IdentityInfo":{{"Email":"m@example.com"}},
        "PhoneConfig":{{"PhoneType":"SOFT_PHONE"}},"Username":"mary"}}"#
    );
    let change = change("PUT", &format!("/users/{INSTANCE}"), &body);
    let ChangeKind::Create(new_user) = change.kind() else { panic!("another kind") };
    assert_eq!(new_user.username, "mary");
    assert_eq!(change.grants(), ["s-2", "s-1"]);
    assert_eq!(change.permissions(), None);
    assert_eq!(change.members(), ["Tags"]);
    assert!(new_user.password.is_some());
    assert!(
        matches!(change.identity().unwrap().wanted(Field::Email), Some(Wanted::Set(text)) if text == "m@example.com")
    );
    assert_eq!(
        text(&change.build().body),
        concat!(
            r#"{"Username":"mary","Password":"Abcdef12","IdentityInfo":{"Email":"m@example.com"},"#,
            r#""SecurityProfileIds":["s-2","s-1"],"RoutingProfileId":"r-1","PhoneConfig":{"PhoneType":"SOFT_PHONE"},"#,
            r#""Tags":{"a":"2","b":"1"}}"#
        )
    );
}

#[test]
fn what_a_change_grants_is_told() {
    let profiles = change(
        "POST",
        &format!("/users/{INSTANCE}/{USER}/security-profiles"),
        &format!(r#"{{"SecurityProfileIds":["{ARN}/security-profile/s-1","s-2"]}}"#),
    );
    assert_eq!(profiles.grants(), ["s-1", "s-2"]);
    assert!(matches!(profiles.kind(), ChangeKind::Sensitive(_)));
    assert_eq!(text(&profiles.build().body), r#"{"SecurityProfileIds":["s-1","s-2"]}"#);

    let entity = format!(
        r#"{{"EntityArn":"{ARN}/agent/{USER}","EntityType":"USER","SecurityProfiles":[{{"Id":"s-1"}},{{"Id":"s-2"}}]}}"#
    );
    let entity = change("POST", &format!("/associate-security-profiles/{INSTANCE}"), &entity);
    assert_eq!(entity.grants(), ["s-1", "s-2"]);
    assert_eq!(entity.target().user().map(UserId::as_str), Some(USER));
    assert!(
        text(&entity.build().body)
            .starts_with(r#"{"SecurityProfiles":[{"Id":"s-1"},{"Id":"s-2"}],"EntityType""#)
    );

    let body = r#"{"Permissions":["Users.Edit","Users.View"],"Description":"d","SecurityProfileName":"n"}"#;
    let profile = change("PUT", &format!("/security-profiles/{INSTANCE}"), body);
    assert_eq!(profile.permissions(), Some(&["Users.Edit".to_owned(), "Users.View".to_owned()][..]));
    assert!(profile.grants().is_empty());
    assert!(profile.members().is_empty());
    let wider = r#"{"SecurityProfileName":"n","TagRestrictedResources":["User"],"AllowedAccessControlTags":{"a":"b"}}"#;
    let wider = change("PUT", &format!("/security-profiles/{INSTANCE}"), wider);
    assert_eq!(wider.members(), ["AllowedAccessControlTags", "TagRestrictedResources"]);
    let ChangeKind::Sensitive(SensitiveBody::Profile(body)) = profile.kind() else { panic!("not a profile") };
    assert_eq!(body.name.as_deref(), Some("n"));
    assert_eq!(
        text(&profile.build().body),
        r#"{"SecurityProfileName":"n","Description":"d","Permissions":["Users.Edit","Users.View"]}"#
    );
}

#[test]
fn queries_and_headers_are_those_of_the_operation() {
    let target =
        format!("/instance/{INSTANCE}/approved-origin?clientToken=t%20u&origin=https%3A%2F%2Fexample.com");
    let built = change("DELETE", &target, "").build();
    assert_eq!(
        built.target,
        format!("/instance/{INSTANCE}/approved-origin?origin=https%3A%2F%2Fexample.com&clientToken=t%20u")
    );
    assert_eq!((built.headers.len(), built.body.len()), (0, 0));

    let arn = RequestTarget::encode(ARN);
    let target =
        format!("/traffic-distribution-group/g-1/user?UserId={arn}%2Fagent%2F{USER}&InstanceId={arn}");
    let built = change("DELETE", &target, "").build();
    assert_eq!(
        built.target,
        format!("/traffic-distribution-group/g-1/user?UserId={USER}&InstanceId={INSTANCE}")
    );

    let target = format!("/users/{INSTANCE}/{USER}/notifications/n-1");
    let fields = [
        ("content-type", "application/json"),
        ("x-amz-last-modified-region", "us-east-1"),
        ("x-amz-other", "x"),
        ("x-forwarded-host", "evil.example"),
    ];
    let request = request("POST", &target, &fields, br#"{"Status":"READ"}"#).unwrap();
    let asked = recognise(Verified::for_tests(caller(), REGION, request), &sites()).ok().unwrap();
    let (_, _, Operation::Change(change)) = asked.into_parts() else { panic!("not a change") };
    let expected = [
        ("x-amz-last-modified-region", "us-east-1".to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    assert_eq!(change.build().headers, expected);
}

#[test]
fn a_header_of_an_operation_has_1_to_256_characters() {
    let target = format!("/users/{INSTANCE}/{USER}/notifications/n-1");
    for (length, taken) in [(0, false), (1, true), (256, true), (257, false)] {
        let region = "r".repeat(length);
        let fields = [("content-type", "application/json"), ("x-amz-last-modified-region", &region)];
        let request = request("POST", &target, &fields, br#"{"Status":"READ"}"#).unwrap();
        let asked = recognise(Verified::for_tests(caller(), REGION, request), &sites());
        assert_eq!(asked.is_ok(), taken, "{length}");
    }
}

#[test]
fn an_ordinary_body_is_passed_on_as_signed() {
    let body = format!("{{ \"InstanceId\" : \"{INSTANCE}\", \"b\":1,\"a\":[ ] }}");
    let search = ordinary("POST", "/search-users", &body);
    assert_eq!(text(search.body()), body);
    assert_eq!(search.headers(), [("content-type", "application/json".to_owned())]);
    assert_eq!(search.path(), "/search-users");
    let listed = ordinary("GET", &format!("/users-summary/{INSTANCE}?maxResults=5"), "");
    assert_eq!(listed.path(), format!("/users-summary/{INSTANCE}?maxResults=5"));
    assert!(listed.headers().is_empty() && listed.body().is_empty());
    let removed = ordinary("POST", &format!("/vocabulary-remove/{INSTANCE}/v"), "{}");
    assert!(removed.headers().is_empty() && removed.body().is_empty());
}

#[test]
fn what_makes_the_attempt_is_carried_along() {
    let asked = asked("GET", &format!("/users/{INSTANCE}/{USER}"), "").ok().unwrap();
    assert_eq!(asked.caller().principal, caller().principal);
    assert_eq!(asked.operation().route().operation, "DescribeUser");
    assert_eq!(asked.operation().target().user().map(UserId::as_str), Some(USER));
    assert_eq!(asked.into_parts().1.body, crate::secret::Digest::of(b""));
}
