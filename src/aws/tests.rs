//! The documents for one configuration and policy, as reviewed. After a change: `RENEW_GOLDEN=1 cargo test --lib aws::`, then
//! read the difference.

use std::{fs, path::PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::{
    clock::Now,
    config::{Config, Overrides},
    diagnostic::Source,
    policy::{Policy, PolicyFiles},
};

const CONFIG: &str = include_str!("../../tests/cli/aws.in/config.toml");
const POLICY: &str = include_str!("../../tests/cli/aws.in/policies/desk.toml");
const GUARD: &str = "arn:aws:iam::111122223333:role/guards/connect-guard";

fn now() -> Now {
    Now::from("2027-03-12T10:00:00Z".parse::<Timestamp>().unwrap())
}

fn config(text: &str) -> Config {
    let read = Config::read(&Source::new("config.toml", text), &Overrides::default(), now());
    read.map_err(|faults| faults.plain()).unwrap().0
}

fn policy() -> Policy {
    Policy::compile(&PolicyFiles::of_rules([("desk.toml", POLICY)]), now())
        .map_err(|faults| faults.plain())
        .unwrap()
        .0
}

fn roles(config: &Config) -> Result<Roles, AwsFault> {
    Plan::of(config).roles_for(&policy(), now(), None)
}

fn golden(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/aws").join(name);
    if option_env!("RENEW_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{name} differs; look at it, then renew it");
}

#[test]
fn the_documents_are_as_reviewed() {
    let config = config(CONFIG);
    let plan = Plan::of(&config);
    golden("role.json", &format!("{:#}\n", role_template(&roles(&config).unwrap().roles)));
    for level in Level::ALL {
        let policies = plan.scp(level, Form::Minified).unwrap();
        golden(&format!("scp-{level}.json"), &format!("{:#}\n", scp_template(level, &policies)));
    }
    let alarms = alarm_template(&plan.alarms(Level::Privilege).unwrap(), plan.told());
    golden("alarm.json", &format!("{alarms:#}\n"));
    golden("alarm.yaml", &yaml(&alarms));
}

/// Every action that a role is granted.
fn granted(role: &GuardRole) -> Vec<String> {
    let statements = role.policies.iter().flat_map(|(_, document)| document["Statement"].as_array().unwrap());
    let allowed = statements.filter(|statement| statement["Effect"] == "Allow");
    let mut found: Vec<String> = allowed.flat_map(|statement| texts(&statement["Action"])).collect();
    found.sort();
    found.dedup();
    found
}

fn texts(value: &Value) -> Vec<String> {
    value.as_str().map_or_else(|| serde_json::from_value(value.clone()).unwrap(), |one| vec![one.to_owned()])
}

#[test]
fn a_role_may_do_what_the_policy_could_let_through_and_nothing_else() {
    let found = roles(&config(CONFIG)).unwrap().roles;
    let [changes, ordinary] = found.as_slice() else { panic!("two roles") };
    assert_eq!(
        granted(changes),
        [
            "connect:DescribeEmailAddress",
            "connect:DescribeInstance",
            "connect:DescribeSecurityProfile",
            "connect:DescribeUser",
            "connect:ListSecurityProfilePermissions",
            "connect:ListUserProficiencies",
            "connect:SearchEmailAddresses",
            "connect:SearchUsers",
            "connect:TagResource",
            "connect:UpdateUserConfig",
            "connect:UpdateUserIdentityInfo",
            "connect:UpdateUserSecurityProfiles",
            "ds:DescribeDirectories",
        ]
    );
    assert_eq!(
        granted(ordinary),
        [
            "connect:AssociateLexBot",
            "connect:DescribeUser",
            "connect:ListQueues",
            "connect:StartOutboundVoiceContact",
            "connect:TagResource",
        ]
    );
}

#[test]
fn what_only_one_instance_has_is_granted_there_only() {
    let found = roles(&config(CONFIG)).unwrap().roles;
    let statements = found[0].policies[0].1["Statement"].as_array().unwrap();
    let resources = |action: &str| {
        let named = statements.iter().filter(|one| texts(&one["Action"]).contains(&action.to_owned()));
        named.flat_map(|one| texts(&one["Resource"])).collect::<Vec<_>>()
    };
    let agent = |id: &str| {
        format!("arn:aws:connect:us-east-1:111122223333:instance/a1b2c3d4-5678-90ab-cdef-EXAMPLE{id}/agent/*")
    };
    assert_eq!(resources("connect:UpdateUserIdentityInfo"), [agent("11111")]);
    assert_eq!(resources("connect:DescribeUser"), [agent("11111"), agent("22222")]);
    assert!(resources("connect:UpdateUserSecurityProfiles").contains(&agent("22222")));
}

#[test]
fn with_one_role_it_has_both_parts() {
    let text = CONFIG.replace("ordinary_role = \"", "# ordinary_role = \"");
    let found = roles(&config(&text)).unwrap().roles;
    assert_eq!(found.len(), 1);
    let names: Vec<&str> = found[0].policies.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["connect-guard-identity", "connect-guard-ordinary"]);
}

#[test]
fn only_the_guard_assumes_a_role_as_it_does() {
    let trust = |text: &str| roles(&config(text)).unwrap().roles[0].trust.clone();
    let conditions = |trust: &Value| -> Vec<Value> {
        trust["Statement"].as_array().unwrap().iter().map(|one| one["Condition"].clone()).collect()
    };
    let plain = trust(CONFIG);
    assert_eq!(
        conditions(&plain),
        [
            json!({ "IpAddress": { "aws:SourceIp": ["203.0.113.0/24"] }, "StringEquals": { "sts:ExternalId": ["example"] } }),
            json!({ "StringEquals": { "aws:SourceVpce": ["vpce-0example"], "sts:ExternalId": ["example"] } }),
        ]
    );
    for statement in plain["Statement"].as_array().unwrap() {
        assert_eq!(
            statement["Principal"],
            json!({ "AWS": ["arn:aws:iam::111122223333:role/connect-guard-task"] })
        );
    }
    let fixed = CONFIG.replace("external_id ", "session_name = \"fixed\"\nexternal_id ");
    assert_eq!(conditions(&trust(&fixed))[0]["StringEquals"]["sts:RoleSessionName"], "connect-guard");
    let named = CONFIG.replace("external_id ", "source_identity = true\nexternal_id ");
    let last = trust(&named)["Statement"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["Action"], "sts:SetSourceIdentity");
}

#[test]
fn what_is_missing_is_told() {
    let fault = |text: &str| roles(&config(text)).err();
    let without = |key: &str| CONFIG.replace(&format!("\n{key} "), &format!("\n# {key} "));
    assert_eq!(fault(&without("principals ")), Some(AwsFault::NoPrincipal));
    let bare =
        without("role").replace("ordinary_role", "# ordinary_role").replace("external_id", "# external_id");
    assert_eq!(fault(&bare), Some(AwsFault::NoRole { site: "main".to_owned() }));
    let nobody = without("admins ").replace("break_glass ", "# break_glass ");
    let config = config(&nobody);
    assert_eq!(Plan::of(&config).scp(Level::Identity, Form::Spaced).err(), Some(AwsFault::NoKeeper));
}

#[test]
fn a_policy_that_is_too_long_is_told() {
    let exempt = |n: usize| {
        format!(
            "[[aws.exempt]]\nprincipal = \"arn:aws:iam::111122223333:role/{n:060}\"\nbecause = \"a b c\"\n"
        )
    };
    let many: String = (0..70).map(exempt).collect();
    let config = config(&CONFIG.replace("[mail]", &format!("{many}\n[mail]")));
    let fault = Plan::of(&config).scp(Level::Identity, Form::Minified).unwrap_err();
    assert!(matches!(fault, AwsFault::TooLong(_)), "{fault}");
}

#[test]
fn every_service_control_policy_fits() {
    let config = config(CONFIG);
    for level in Level::ALL {
        for form in [Form::Spaced, Form::Minified] {
            let policies = Plan::of(&config).scp(level, form).unwrap();
            assert!(policies.iter().all(|policy| form.written(policy).len() <= 5_120), "{level}");
            let text = json!(policies).to_string();
            assert!(text.contains(GUARD) && !text.contains("GetFederationToken"));
        }
    }
}

#[test]
fn the_role_for_ordinary_operations_is_exempt_from_nothing() {
    let config = config(CONFIG);
    let policies = json!(Plan::of(&config).scp(Level::Instance, Form::Minified).unwrap());
    for statement in policies.as_array().unwrap().iter().flat_map(|one| one["Statement"].as_array().unwrap())
    {
        let exempt = statement["Condition"]["ArnNotEquals"].to_string();
        assert!(!exempt.contains("connect-guard-ordinary"), "{statement}");
    }
}

/// Whoever is told may be told nothing any more, and a role may let in others, without either being changed itself.
#[test]
fn subscriptions_and_providers_are_kept_and_watched() {
    let config = config(CONFIG);
    let plan = Plan::of(&config);
    let denied = json!(plan.scp(Level::Identity, Form::Minified).unwrap()).to_string();
    let watched: Vec<_> =
        plan.alarms(Level::Identity).unwrap().into_iter().map(|alarm| alarm.pattern).collect();
    let watched = json!(watched).to_string();
    for (service, name) in [
        ("sns", "SetSubscriptionAttributes"),
        ("sns", "PutDataProtectionPolicy"),
        ("sns", "Unsubscribe"),
        ("iam", "UpdateSAMLProvider"),
        ("iam", "UpdateOpenIDConnectProviderThumbprint"),
        ("iam", "AddClientIDToOpenIDConnectProvider"),
    ] {
        assert!(denied.contains(&format!("\"{service}:{name}\"")), "{name}");
        assert!(watched.contains(&format!("\"{name}\"")), "{name}");
    }
    assert!(denied.contains("arn:aws:sns:*:*:connect-guard-alarm:*"));
}
