//! Methods, paths and queries, and what becomes of them.

use super::{
    super::{
        Class, Unrecognised, Why, recognise,
        testing::{INSTANCE, USER, asked, caller, request, sites},
    },
    ARN, FIRST, check, expand, verdict,
};
use crate::{
    caller::Verified,
    wire::{ErrorType, RequestTarget},
};

#[test]
fn v6_d1_to_d7_one_path_or_none() {
    let guarded = "change UpdateUserIdentityInfo user:U";
    check(&[
        ("POST", "/users/{I}/{U}/identity-info", FIRST, guarded),
        ("POST", "/users/{I}/{U}/identity-info/", FIRST, "400 form"),
        ("POST", "/users/{I}/{U}/identity-info/x", FIRST, "unknown"),
        ("POST", "/users/{I}//identity-info", FIRST, "400 form"),
        ("POST", "//users/{I}/{U}/identity-info", FIRST, "400 form"),
        ("POST", "/users/{I}/../identity-info", FIRST, "400 form"),
        ("POST", "/users/{I}/./identity-info", FIRST, "400 form"),
        ("POST", "/users/{I}/.../identity-info", FIRST, "400 form"),
        ("POST", "/users/{I}/%2e%2e/identity-info", FIRST, "400 form"),
        ("POST", "/users/{I}/x/../{U}/identity-info", FIRST, "400 form"),
        ("POST", "/users/{I}/{U}%2Fidentity-info", FIRST, "400 form"),
        ("POST", "/users/{I}%2F{U}/identity-info", FIRST, "400 form"),
        ("POST", "/users/{I}/{U}%252Fx/identity-info", FIRST, "400 form"),
        ("POST", "/users/{I}/{U}%5Cx/identity-info", FIRST, "400 form"),
        ("POST", "/users/{I}/{U}/identity-info;x=1", FIRST, "400 form"),
        ("POST", "/users/{I}/{U}/identity-info?x=1", FIRST, "400 form"),
        ("POST", "/users/{I}/{U}/identity-info?", FIRST, "400 form"),
        ("POST", "/users/{I}/{U}/identity-info#f", FIRST, "400 form"),
        ("POST", "/Users/{I}/{U}/identity-info", FIRST, "unknown"),
        ("POST", "/users/{I}/{U}/IDENTITY-INFO", FIRST, "unknown"),
        ("POST", "/users/{I}/{U}/identity%2Dinfo", FIRST, "400 form"),
        ("POST", "/users/{I}/{U}/%69dentity-info", FIRST, "400 form"),
        ("POST", "/users/{I}/{U}%00/identity-info", FIRST, "400 form"),
        ("POST", "/users/{I}/{U}%0A/identity-info", FIRST, "400 form"),
        ("POST", "/users/{I}/%EF%BC%91/identity-info", FIRST, "400 value"),
        ("POST", "http://guard.example.com/users/{I}/{U}/identity-info", FIRST, "400 form"),
        ("POST", "/", FIRST, "unknown"),
        ("POST", "/service/AmazonConnectService/operation/UpdateUserIdentityInfo", FIRST, "unknown"),
    ]);
}

#[test]
fn c14_other_methods_on_the_guarded_path() {
    check(&[
        ("GET", "/users/{I}/{U}/identity-info", "", "unknown"),
        ("PUT", "/users/{I}/{U}/identity-info", FIRST, "unknown"),
        ("DELETE", "/users/{I}/{U}/identity-info", "", "unknown"),
        ("PATCH", "/users/{I}/{U}/identity-info", FIRST, "405"),
        ("post", "/users/{I}/{U}/identity-info", FIRST, "400 form"),
    ]);
}

#[test]
fn d8_d9_d10_one_target_however_it_is_spelt() {
    let guarded = "change UpdateUserIdentityInfo user:U";
    check(&[
        ("POST", "/users/{A}/{U}/identity-info", FIRST, guarded),
        ("POST", "/users/{I}/{A}%2Fagent%2F{U}/identity-info", FIRST, guarded),
        ("POST", "/users/{A}/{A}%2Fagent%2F{U}/identity-info", FIRST, guarded),
        ("POST", "/users/{I}/{A}%2Fuser%2F{U}/identity-info", FIRST, "400 value"),
        ("POST", "/users/{I}/{A}/identity-info", FIRST, "400 value"),
        ("POST", "/users/{A}%2Fagent%2F{U}/{U}/identity-info", FIRST, "400 value"),
        ("POST", "/users/{I}/*/identity-info", FIRST, "400 form"),
        ("POST", "/users/{I}/%2A/identity-info", FIRST, "400 value"),
        ("POST", "/users/{I}/mary%40example.com/identity-info", FIRST, "400 value"),
        ("POST", "/users/{I}/a_b/identity-info", FIRST, "400 value"),
        ("POST", "/users/other/{U}/identity-info", FIRST, "not served"),
        ("POST", "/users/A1B2C3D4-5678-90AB-CDEF-EXAMPLE11111/{U}/identity-info", FIRST, "not served"),
        ("GET", "/users/{A}/{A}%2Fagent%2F{U}", "", "ordinary DescribeUser user:U"),
        ("DELETE", "/users/{I}/{U}", "", "change DeleteUser user:U"),
    ]);
    let long = format!("/users/{}/{USER}/identity-info", "a".repeat(101));
    assert_eq!(verdict("POST", &long, FIRST), "400 value");
    for (from, to) in
        [("us-east-1", "us-west-2"), ("111122223333", "123456789012"), ("arn:aws:", "arn:aws-cn:")]
    {
        let arn = RequestTarget::encode(&ARN.replace(from, to));
        assert_eq!(
            verdict("POST", &format!("/users/{arn}/{USER}/identity-info"), FIRST),
            "400 value",
            "{to}"
        );
        let user = format!("/users/{INSTANCE}/{arn}%2Fagent%2F{USER}/identity-info");
        assert_eq!(verdict("POST", &user, FIRST), "400 value", "{to}");
    }
    let other = RequestTarget::encode(&ARN.replace("a1b2", "b1b2"));
    let user = format!("/users/{INSTANCE}/{other}%2Fagent%2F{USER}/identity-info");
    assert_eq!(verdict("POST", &user, FIRST), "400 value");
}

#[test]
fn who_is_affected_is_the_target_wherever_it_is_named() {
    let profiles = |kind: &str, arn: &str| {
        format!(r#"{{"SecurityProfiles":[{{"Id":"s-1"}}],"EntityType":"{kind}","EntityArn":"{arn}"}}"#)
    };
    let user = format!("{ARN}/agent/{USER}");
    let agent = "arn:aws:wisdom:us-east-1:111122223333:ai-agent/x/y";
    check(&[
        (
            "POST",
            "/associate-security-profiles/{I}",
            &profiles("USER", &user),
            "change AssociateSecurityProfiles user:U",
        ),
        (
            "POST",
            "/disassociate-security-profiles/{I}",
            &profiles("USER", &user),
            "change DisassociateSecurityProfiles user:U",
        ),
        ("POST", "/associate-security-profiles/{I}", &profiles("AI_AGENT", &user), "400 value"),
        ("POST", "/associate-security-profiles/{I}", &profiles("USER", agent), "400 value"),
        ("POST", "/associate-security-profiles/{I}", &profiles("user", &user), "400 value"),
        (
            "POST",
            "/associate-security-profiles/{I}",
            &profiles("USER", &user.replace("a1b2", "b1b2")),
            "400 value",
        ),
        (
            "PUT",
            "/traffic-distribution-group/g-1/user",
            r#"{"InstanceId":"{A}","UserId":"{A}/agent/u-1"}"#,
            "change AssociateTrafficDistributionGroupUser user:u-1",
        ),
        ("PUT", "/traffic-distribution-group/g-1/user", r#"{"UserId":"u-1"}"#, "400 form"),
        (
            "PUT",
            "/traffic-distribution-group/g-1/user",
            r#"{"InstanceId":"{A}","UserId":"u-1","userId":"u-2"}"#,
            "400 form",
        ),
        (
            "POST",
            "/disassociate-security-profiles/{I}",
            &profiles("USER", &user).replace("{\"Sec", "{\"entityArn\":\"x\",\"Sec"),
            "400 form",
        ),
        (
            "POST",
            "/associate-security-profiles/{I}",
            &profiles("USER", &user.replace("us-east-1", "us-west-2")),
            "400 value",
        ),
        (
            "PUT",
            "/instance",
            r#"{"IdentityManagementType":"SAML"}"#,
            "change CreateInstance other:CreateInstance",
        ),
        ("PUT", "/traffic-distribution-group/g-1/user", r#"{"InstanceId":"{A}"}"#, "400 form"),
        (
            "DELETE",
            "/traffic-distribution-group/g-1/user?UserId=u-1&InstanceId={I}",
            "",
            "change DisassociateTrafficDistributionGroupUser user:u-1",
        ),
        ("DELETE", "/traffic-distribution-group/g-1/user?InstanceId={I}", "", "400 form"),
        ("DELETE", "/traffic-distribution-group/g-1/user?UserId=u-1", "", "400 form"),
        ("DELETE", "/traffic-distribution-group/g-1/user?UserId=u-1&InstanceId=other", "", "not served"),
        (
            "PUT",
            "/traffic-distribution/g-1",
            "{}",
            "change UpdateTrafficDistribution other:UpdateTrafficDistribution/g-1",
        ),
    ]);
    let verdict = verdict("POST", "/associate-security-profiles/{I}", &profiles("AI_AGENT", agent));
    assert!(verdict.starts_with("change AssociateSecurityProfiles resource:arn%3Aaws%3Awisdom"), "{verdict}");
}

#[test]
fn an_arn_stands_for_an_id_of_its_own_kind() {
    check(&[
        ("DELETE", "/rules/{I}/{A}%2Frule%2Fr-1", "", "change DeleteRule other:DeleteRule/r-1"),
        ("DELETE", "/rules/{I}/{A}%2Fqueue%2Fr-1", "", "400 value"),
        (
            "POST",
            "/authentication-profiles/{I}/{A}%2Fauthentication-profile%2Fa-1",
            r#"{"AllowedIps":[]}"#,
            "change UpdateAuthenticationProfile other:UpdateAuthenticationProfile/a-1",
        ),
        (
            "POST",
            "/queues/{I}/{A}%2Fqueue%2Fq-1/disassociate-email-addresses",
            "{}",
            "change DisassociateQueueEmailAddresses other:DisassociateQueueEmailAddresses/q-1",
        ),
        (
            "POST",
            "/email-addresses/{I}/{A}%2Femail-address%2Fe-1/associate-alias",
            "{}",
            "change AssociateEmailAddressAlias other:AssociateEmailAddressAlias/e-1",
        ),
        ("DELETE", "/users/{I}/{A}%2Fagent%2F{U}", "", "change DeleteUser user:U"),
        (
            "PUT",
            "/traffic-distribution/arn%3Aaws%3Aconnect%3Aus-east-1%3A111122223333%3Atraffic-distribution-group%2Fg-1",
            "{}",
            "change UpdateTrafficDistribution other:UpdateTrafficDistribution/g-1",
        ),
        // What an ARN may end in, and the id of a user may not.
        ("DELETE", "/users/{I}/{A}%2Fagent%2Fu_1", "", "400 value"),
        (
            "DELETE",
            "/traffic-distribution-group/g-1/user?UserId={A}%2Fagent%2Fu_1&InstanceId={I}",
            "",
            "400 value",
        ),
    ]);
}

#[test]
fn tagging_is_a_change_for_users_and_security_profiles_and_a_write_elsewhere() {
    let tags = r#"{"tags":{"a":"b"}}"#;
    check(&[
        ("POST", "/tags/{A}%2Fagent%2F{U}", tags, "change TagResource user:U"),
        ("POST", "/tags/{A}%2Fsecurity-profile%2Fs-1", tags, "change TagResource security-profile:s-1"),
        ("POST", "/tags/{A}%2Fagent%2F{U}", r#"{"tags":{"a":1}}"#, "400 form"),
        ("POST", "/tags/{A}%2Fagent%2F{U}", r#"{"Tags":{"a":"b"}}"#, "400 form"),
        ("DELETE", "/tags/{A}%2Fagent%2F{U}?tagKeys=a", "", "change UntagResource user:U"),
        ("POST", "/tags/{I}", tags, "400 value"),
        ("POST", "/tags/arn%3Aaws%3Alex%3Aus-east-1%3A111122223333%3Abot%2FB", tags, "400 value"),
        (
            "POST",
            "/tags/arn%3Aaws%3Aconnect%3Aus-west-2%3A111122223333%3Aphone-number%2Fp",
            tags,
            "400 value",
        ),
    ]);
    let kind = |method: &str, target: &str, body: &str| {
        verdict(method, target, body).chars().take(20).collect::<String>()
    };
    assert_eq!(kind("POST", "/tags/{A}%2Fqueue%2Fq-1", tags), "ordinary TagResource");
    assert_eq!(kind("POST", "/tags/{A}", tags), "ordinary TagResource");
    assert_eq!(kind("DELETE", "/tags/{A}%2Fqueue%2Fq-1?tagKeys=a", ""), "ordinary UntagResour");
    assert_eq!(kind("POST", "/tags/{A}%2FAgent%2F{U}", tags), "change TagResource r");
    assert_eq!(kind("POST", "/tags/{A}%2Fqueue%2Fagent%2F{U}", tags), "change TagResource r");
    let asked = asked("POST", &expand("/tags/{A}%2Fqueue%2Fq-1"), tags).ok().unwrap();
    assert_eq!(
        (asked.operation().class(), asked.operation().route().class),
        (Class::Write, Class::Sensitive)
    );
}

#[test]
fn forbidden_and_unknown_operations_whatever_they_carry() {
    check(&[
        ("GET", "/user/federate/{I}", "", "forbidden"),
        ("GET", "/user/federate/*?x=y", "", "400 form"),
        ("GET", "/user/federate/other", "", "forbidden"),
        ("POST", "/auth/code/{I}", "{}", "forbidden"),
        ("GET", "/nothing/{I}", "", "unknown"),
    ]);
}

#[test]
fn ordinary_operations_find_their_instance() {
    check(&[
        ("POST", "/search-users", r#"{"InstanceId":"{A}"}"#, "ordinary SearchUsers other:"),
        ("POST", "/search-users", r#"{"InstanceId":"other"}"#, "not served"),
        ("POST", "/search-users", r#"{"InstanceId":null}"#, "400 form"),
        ("POST", "/search-users", r#"{"InstanceId":"{A}","instanceId":"other"}"#, "400 form"),
        ("POST", "/search-users", r#"{"InstanceId":"{A}","InstanceId":"other"}"#, "400 form"),
        ("POST", "/search-users", "", "400 form"),
        ("POST", "/search-users", "[]", "400 form"),
        ("POST", "/phone-number/list", r#"{"TargetArn":"{A}"}"#, "ordinary ListPhoneNumbersV2 other:"),
        ("POST", "/phone-number/list", r#"{"TargetArn":"{A}","InstanceId":"{A}"}"#, "400 value"),
        ("POST", "/phone-number/list", r#"{"TargetArn":"{A}/agent/u"}"#, "400 value"),
        ("POST", "/phone-number/list", "{}", "ordinary ListPhoneNumbersV2 other:"),
        (
            "GET",
            "/traffic-distribution-groups?instanceId={I}",
            "",
            "ordinary ListTrafficDistributionGroups other:",
        ),
        ("GET", "/traffic-distribution-groups?instanceId=other", "", "not served"),
        ("GET", "/traffic-distribution-groups", "", "ordinary ListTrafficDistributionGroups other:"),
        ("GET", "/instance", "", "ordinary ListInstances other:"),
        ("GET", "/views/{I}/x%3A%24SAVED", "", "ordinary DescribeView other:x%3A%24SAVED"),
        (
            "GET",
            "/views/{I}/{A}%2Fview%2Fx",
            "",
            &format!("ordinary DescribeView other:{}", expand("{A}%2Fview%2Fx")),
        ),
        ("GET", "/views/{I}/arn%3Aaws%3Aconnect%3Aus-east-1%3A111122223333%3Ainstance%2Fi", "", "400 value"),
        ("GET", "/views/{I}/a%3Fb", "", "400 value"),
        ("POST", "/vocabulary-remove/{I}/v", "{}", "ordinary DeleteVocabulary other:v"),
        ("POST", "/vocabulary-remove/{I}/v", "", "ordinary DeleteVocabulary other:v"),
        ("POST", "/vocabulary-remove/{I}/v", r#"{"a":1}"#, "400 form"),
        ("GET", "/users/{I}/{U}", "{}", "400 form"),
    ]);
    let other =
        format!("/views/{INSTANCE}/{}%2Fview%2Fx", RequestTarget::encode(&ARN.replace("a1b2", "b1b2")));
    assert_eq!(verdict("GET", &other, ""), "400 value");
}

#[test]
fn the_region_of_the_signature_and_the_instance_select_the_site() {
    let request = request("GET", &format!("/users/{INSTANCE}/{USER}"), &[], b"").unwrap();
    let refused = recognise(Verified::for_tests(caller(), "us-west-2", request), &sites()).err().unwrap();
    assert_eq!(refused.why, Why::NotServed);
    assert_eq!(refused.why.error(), ErrorType::AccessDenied);
}

#[test]
fn every_refusal_keeps_who_asked_and_the_route_that_was_found() {
    for (method, target, body, operation) in [
        ("GET", "/nothing", "", None),
        ("GET", "/user/federate/x", "", Some("GetFederationToken")),
        ("POST", "/users/x/y/identity-info", FIRST, Some("UpdateUserIdentityInfo")),
        ("POST", "/users/x/y/identity-info", "[]", Some("UpdateUserIdentityInfo")),
    ] {
        let Unrecognised { caller: kept, route, .. } = asked(method, target, body).err().unwrap();
        assert_eq!(kept.principal, caller().principal);
        assert_eq!(route.map(|route| route.operation), operation);
    }
}

#[test]
fn ending_all_sessions_is_a_change_as_ending_one_is() {
    let all = "/auth/sessions/delete-all-entity-sessions";
    check(&[
        (
            "POST",
            all,
            r#"{"InstanceId":"a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"}"#,
            "change DeleteAllEntitySessions other:DeleteAllEntitySessions",
        ),
        (
            "POST",
            all,
            r#"{"InstanceId":"{A}"}"#,
            "change DeleteAllEntitySessions other:DeleteAllEntitySessions",
        ),
        ("POST", all, "{}", "400 form"),
        ("DELETE", "/auth/sessions/{I}/s-1", "", "change DeleteSession other:DeleteSession/s-1"),
    ]);
}

#[test]
fn metrics_are_of_the_instance_whose_arn_is_in_the_body() {
    let ours = r#"{"ResourceArn":"{A}","StartTime":1}"#;
    let metrics =
        asked("POST", "/metrics/data", &ours.replace("{A}", ARN)).unwrap_or_else(|_| panic!("refused"));
    let instance = metrics.operation().target().instance.as_ref();
    assert_eq!(instance.map(crate::operation::InstanceId::as_str), Some(INSTANCE));
    check(&[
        ("POST", "/metrics/data", ours, "ordinary GetMetricDataV2 other:"),
        ("POST", "/metrics/data", r#"{"StartTime":1}"#, "400 form"),
        ("POST", "/metrics/data", r#"{"ResourceArn":1}"#, "400 form"),
        ("POST", "/metrics/data", r#"{"ResourceArn":"a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"}"#, "400 value"),
        ("POST", "/metrics/data", r#"{"ResourceArn":"{A}/queue/q-1"}"#, "400 value"),
        ("POST", "/metrics/data", r#"{"ResourceArn":"{A}","resourceArn":"{A}"}"#, "400 form"),
        (
            "POST",
            "/metrics/data",
            r#"{"ResourceArn":"arn:aws:connect:us-east-1:111122223333:instance/a1b2c3d4-5678-90ab-cdef-EXAMPLE22222"}"#,
            "not served",
        ),
    ]);
}
