//! Alarms: rules of `EventBridge` over what `CloudTrail` records, told to one topic. They see what no policy can stop, and what
//! somebody allowed who should not have.

use serde_json::{Value, json};

use super::{
    AwsFault, Level, Plan,
    document::TooLong,
    level::{EMERGENCY, TAGS},
    plan::RoleArn,
    scp::{PROVIDER_CHANGES, TOPIC_CHANGES},
};

/// What the names of the rules begin with.
pub(super) const PREFIX: &str = "connect-guard-";
/// The topic's name.
pub(super) const TOPIC: &str = "connect-guard-alarm";
/// Characters of a rule's pattern: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>.
const MOST: usize = 2_048;
/// Names of operations in one rule: what keeps its pattern short.
const NAMES: usize = 24;

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    /// `connect-guard-bypass`.
    pub name: String,
    /// What it tells, in a sentence.
    pub description: &'static str,
    /// Which events.
    pub pattern: Value,
    /// Which of them reach the rule.
    pub state: &'static str,
}

/// Events that change something.
const CHANGES: &str = "ENABLED";
/// And those that only read.
const EVERYTHING: &str = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS";

impl Plan<'_> {
    /// The rules for a level.
    ///
    /// # Errors
    /// Nobody is named as the guard; or a pattern is too long.
    pub fn alarms(&self, level: Level) -> Result<Vec<Alarm>, AwsFault> {
        let mut found = self.bypasses(level)?;
        if level.has_tags() {
            found.push(self.tags()?);
        }
        found.extend(self.assumed());
        found.extend(self.emergencies());
        found.extend(self.changed());
        found.push(providers());
        found.push(organization());
        found.push(silenced());
        for alarm in &found {
            let octets = alarm.pattern.to_string().len();
            if octets > MOST {
                return Err(TooLong::of("a pattern of EventBridge", alarm.description, octets, MOST).into());
            }
        }
        Ok(found)
    }

    /// Who is told, by mail.
    pub fn told(&self) -> &[String] {
        &self.mail
    }

    /// Calls of Connect that are the guard's, by somebody else.
    fn bypasses(&self, level: Level) -> Result<Vec<Alarm>, AwsFault> {
        let guards = self.guards()?;
        let mut names = level.operations();
        names.extend(EMERGENCY.strip_prefix("connect:"));
        let chunks: Vec<&[&str]> = names.chunks(NAMES).collect();
        let several = chunks.len() > 1;
        let each = |(number, names): (usize, &&[&str])| Alarm {
            name: format!("{PREFIX}bypass{}", if several { format!("-{number}") } else { String::new() }),
            description: "somebody other than Connect Guard did what is the guard's",
            pattern: event(
                Some("aws.connect"),
                json!({
                    "$or": anybody_but(&guards),
                    "eventName": names,
                    "eventSource": ["connect.amazonaws.com"],
                }),
            ),
            state: CHANGES,
        };
        Ok((1..).zip(&chunks).map(each).collect())
    }

    /// Tags of users and security profiles. How requests of Connect name a resource in an event, and whether it is encoded
    /// there, is not documented: each way is looked for.
    fn tags(&self) -> Result<Alarm, AwsFault> {
        let ways: Vec<Value> = ["/agent/", "%2Fagent%2F", "/security-profile/", "%2Fsecurity-profile%2F"]
            .iter()
            .map(|part| json!({ "wildcard": format!("*{part}*") }))
            .collect();
        Ok(Alarm {
            name: format!("{PREFIX}tags"),
            description: "somebody other than Connect Guard tagged a user or a security profile",
            pattern: event(
                Some("aws.connect"),
                json!({
                    "$or": anybody_but(&self.guards()?),
                    "eventName": TAGS,
                    "eventSource": ["connect.amazonaws.com"],
                    "requestParameters": { "$or": [{ "ResourceArn": ways }, { "resourceArn": ways }] },
                }),
            ),
            state: CHANGES,
        })
    }

    /// The guard's roles, asked for by somebody else.
    fn assumed(&self) -> Option<Alarm> {
        let roles: Vec<&str> = self.roles().iter().map(|role| role.arn).collect();
        let principals: Vec<&str> = self.options.principals.iter().map(String::as_str).collect();
        (!roles.is_empty() && !principals.is_empty()).then(|| Alarm {
            name: format!("{PREFIX}assumed"),
            description: "somebody other than Connect Guard asked for a role of the guard",
            pattern: event(
                Some("aws.sts"),
                json!({
                    "$or": anybody_but(&principals),
                    "eventName": [{ "prefix": "AssumeRole" }],
                    "eventSource": ["sts.amazonaws.com"],
                    "requestParameters": { "roleArn": roles },
                }),
            ),
            state: EVERYTHING,
        })
    }

    /// Every use of the role for emergencies.
    fn emergencies(&self) -> Option<Alarm> {
        let role = self.options.break_glass.as_deref()?;
        Some(Alarm {
            name: format!("{PREFIX}break-glass"),
            description: "the role for emergencies is being used",
            pattern: event(
                None,
                json!({ "$or": [
                    { "userIdentity": { "sessionContext": { "sessionIssuer": { "arn": [role] } } } },
                    { "eventName": [{ "prefix": "AssumeRole" }], "requestParameters": { "roleArn": [role] } },
                ] }),
            ),
            state: EVERYTHING,
        })
    }

    /// Changes of the guard's roles and policies and of everybody else who is named, by whomever.
    fn changed(&self) -> Option<Alarm> {
        let everybody = self.named();
        let mut names: Vec<&str> =
            everybody.iter().filter_map(|arn| RoleArn::read(arn)).map(|role| role.name).collect();
        let mut users: Vec<&str> =
            everybody.iter().filter_map(|arn| arn.split_once(":user/")).map(|(_, user)| user).collect();
        users = users.iter().map(|user| user.rsplit('/').next().unwrap_or_default()).collect();
        names.sort_unstable();
        names.dedup();
        let roles = self.roles();
        let prefixes = roles.iter().map(RoleArn::policies);
        let arns: Vec<Value> =
            prefixes.map(|pattern| json!({ "prefix": pattern.trim_end_matches('*') })).collect();
        let policies: Vec<Value> =
            roles.iter().map(|role| json!({ "prefix": format!("{}-", role.name) })).collect();
        if names.is_empty() {
            return None;
        }
        let mut ways = vec![json!({ "requestParameters": { "roleName": names } })];
        if !users.is_empty() {
            ways.push(json!({ "requestParameters": { "userName": users } }));
        }
        if !arns.is_empty() {
            ways.push(json!({ "requestParameters": { "policyArn": arns } }));
            ways.push(json!({ "requestParameters": { "policyName": policies } }));
        }
        Some(Alarm {
            name: format!("{PREFIX}roles"),
            description: "a role or a policy of Connect Guard was changed, or somebody whom it is kept by",
            pattern: event(Some("aws.iam"), json!({ "$or": ways, "eventSource": ["iam.amazonaws.com"] })),
            state: CHANGES,
        })
    }
}

/// Changes of providers, by which roles let in whoever they vouch for.
fn providers() -> Alarm {
    Alarm {
        name: format!("{PREFIX}providers"),
        description: "a provider of identities was changed: roles that trust it may let in others",
        pattern: event(
            Some("aws.iam"),
            json!({ "eventName": PROVIDER_CHANGES, "eventSource": ["iam.amazonaws.com"] }),
        ),
        state: CHANGES,
    }
}

/// Changes of what binds accounts. Seen in the organization's management account only.
fn organization() -> Alarm {
    let names = [
        "DeletePolicy",
        "DetachPolicy",
        "DisablePolicyType",
        "LeaveOrganization",
        "MoveAccount",
        "RemoveAccountFromOrganization",
        "UpdatePolicy",
    ];
    Alarm {
        name: format!("{PREFIX}organization"),
        description: "a policy of the organization was changed, or an account taken out of its reach",
        pattern: event(
            Some("aws.organizations"),
            json!({ "eventName": names, "eventSource": ["organizations.amazonaws.com"] }),
        ),
        state: CHANGES,
    }
}

/// Changes of these alarms, and of the trails that they live by.
fn silenced() -> Alarm {
    let of = |source: &str, names: &[&str], more: Value| {
        let mut found = json!({ "eventName": names, "eventSource": [source] });
        if let (Some(found), Value::Object(more)) = (found.as_object_mut(), more) {
            found.extend(more);
        }
        found
    };
    let rule = json!([{ "prefix": PREFIX }]);
    let rules = ["DeleteRule", "DisableRule", "PutRule", "PutTargets", "RemoveTargets"];
    let named = json!({ "requestParameters": { "$or": [{ "name": rule }, { "rule": rule }] } });
    let topic = json!([{ "wildcard": format!("*:{TOPIC}*") }]);
    let told = json!({ "requestParameters": { "$or": [{ "resourceArn": topic }, { "subscriptionArn": topic }, { "topicArn": topic }] } });
    let trails = ["DeleteTrail", "PutEventSelectors", "StopLogging", "UpdateTrail"];
    let ways = [
        of("cloudtrail.amazonaws.com", &trails, json!({})),
        of("events.amazonaws.com", &rules, named),
        of("sns.amazonaws.com", &TOPIC_CHANGES, told),
    ];
    Alarm {
        name: format!("{PREFIX}silenced"),
        description: "an alarm of Connect Guard or a trail was changed",
        pattern: event(None, json!({ "$or": ways })),
        state: CHANGES,
    }
}

/// A pattern over events of `CloudTrail`.
fn event(source: Option<&str>, detail: Value) -> Value {
    let types = [
        "AWS API Call via CloudTrail",
        "AWS Console Action via CloudTrail",
        "AWS Service Event via CloudTrail",
    ];
    match source {
        Some(source) => json!({ "detail": detail, "detail-type": types, "source": [source] }),
        None => json!({ "detail": detail, "detail-type": types }),
    }
}

/// Everybody but these, whatever kind of identity an event tells of: a session by the role's ARN, a user by its own, and
/// whoever has neither.
fn anybody_but(principals: &[&str]) -> Vec<Value> {
    let is_role = |arn: &&&str| arn.contains(":role/");
    let roles: Vec<&&str> = principals.iter().filter(is_role).collect();
    let users: Vec<&&str> = principals.iter().filter(|arn| !is_role(arn)).collect();
    let issuer = |arn: Value| json!({ "sessionIssuer": { "arn": [arn] } });
    let nobody = issuer(json!({ "exists": false }));
    let session = if roles.is_empty() { json!({ "exists": true }) } else { json!({ "anything-but": roles }) };
    let mut found = vec![json!({ "userIdentity": { "sessionContext": issuer(session) } })];
    if users.is_empty() {
        found.push(json!({ "userIdentity": { "sessionContext": nobody } }));
    } else {
        let user = json!([{ "anything-but": users }]);
        found.push(json!({ "userIdentity": { "arn": user, "sessionContext": nobody } }));
        let nameless = json!([{ "exists": false }]);
        found.push(json!({ "userIdentity": { "arn": nameless, "sessionContext": nobody } }));
    }
    found
}
