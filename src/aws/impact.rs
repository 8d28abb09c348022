//! Whom a service control policy would have stopped, by what `CloudTrail` recorded.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    AwsFault, Level, Plan,
    level::{EMERGENCY, TAGS},
};

/// What was done, and would be denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// How often.
    pub count: u64,
    /// When first.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
}

/// By which way somebody came: what has to be changed before the policy comes into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// A stack: `AWS::Connect::User` and its kind.
    CloudFormation,
    /// Terraform.
    Terraform,
    /// Provisioning: by the words of role, session or agent.
    Scim,
    /// Somebody signed in with IAM Identity Center.
    IdentityCenter,
    /// None of these.
    Direct,
}

/// What is told of, and stops nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    /// The guard's own calls.
    Guard,
    /// The role for emergencies.
    BreakGlass,
    /// Whoever is exempt.
    Exempt,
    /// Service-linked roles and services of AWS, the admin website among them: no such policy binds them.
    Unbound,
    /// Calls that were denied already.
    Denied,
    /// Tags of what is neither a user nor a security profile.
    OtherTags,
}

/// Adds up.
pub struct Impact<'c> {
    level: Level,
    guards: Vec<&'c str>,
    break_glass: Option<&'c str>,
    exempt: Vec<&'c str>,
    stopped: BTreeMap<(Way, String), BTreeMap<String, Done>>,
    left: BTreeMap<Left, u64>,
}

impl Way {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::CloudFormation => "cloudformation",
            Self::Terraform => "terraform",
            Self::Scim => "scim",
            Self::IdentityCenter => "identity-center",
            Self::Direct => "direct",
        }
    }

    fn of(event: &Value, principal: &str) -> Self {
        let said =
            |pointer| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_lowercase();
        let agent = said("/userAgent");
        let by = [said("/userIdentity/invokedBy"), said("/sourceIPAddress"), agent.clone()];
        if by.iter().any(|by| by.contains("cloudformation.amazonaws.com")) {
            return Self::CloudFormation;
        }
        if agent.contains("terraform") {
            return Self::Terraform;
        }
        if [said("/userIdentity/arn"), agent].iter().any(|text| text.contains("scim")) {
            return Self::Scim;
        }
        if principal.contains("/AWSReservedSSO_") { Self::IdentityCenter } else { Self::Direct }
    }
}

impl Left {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Guard => "calls of the guard",
            Self::BreakGlass => "calls of the role for emergencies",
            Self::Exempt => "calls of exempt principals",
            Self::Unbound => {
                "calls of AWS services and service-linked roles, which no service control policy binds"
            }
            Self::Denied => "calls that were denied already",
            Self::OtherTags => "tags of what is neither a user nor a security profile",
        }
    }
}

impl<'c> Impact<'c> {
    /// Of a level.
    ///
    /// # Errors
    /// Nobody is named as the guard.
    pub fn of(plan: &Plan<'c>, level: Level) -> Result<Self, AwsFault> {
        Ok(Self {
            level,
            guards: plan.guards()?,
            break_glass: plan.options.break_glass.as_deref(),
            exempt: plan.options.exempt.iter().map(|(principal, _)| principal.as_str()).collect(),
            stopped: BTreeMap::new(),
            left: BTreeMap::new(),
        })
    }

    /// An event of Connect, and when it was. What is about nothing of the level is passed over.
    pub fn add(&mut self, event: &Value, at: Timestamp) {
        let Some(operation) = event.get("eventName").and_then(Value::as_str) else { return };
        let is_tag = TAGS.contains(&operation);
        let is_emergency = EMERGENCY.strip_prefix("connect:") == Some(operation);
        let is_of_level = self.level.operations().contains(&operation) || (is_tag && self.level.has_tags());
        if !is_of_level && !is_emergency {
            return;
        }
        let principal = principal(event);
        if let Some(left) = self.left_out(event, principal.as_deref(), operation) {
            let count = self.left.entry(left).or_default();
            *count = count.saturating_add(1);
            return;
        }
        let principal = principal.unwrap_or_else(|| "an unnamed principal".to_owned());
        let who = (Way::of(event, &principal), principal);
        let actions = self.stopped.entry(who).or_default();
        let done = actions.entry(format!("connect:{operation}"));
        let done = done.or_insert(Done { count: 0, first: at, last: at });
        done.count = done.count.saturating_add(1);
        done.first = done.first.min(at);
        done.last = done.last.max(at);
    }

    /// Whoever would be stopped: by which way and who, and each action.
    pub fn stopped(&self) -> &BTreeMap<(Way, String), BTreeMap<String, Done>> {
        &self.stopped
    }

    /// What stops nobody, and how much of it there is.
    pub fn left(&self) -> &BTreeMap<Left, u64> {
        &self.left
    }

    fn left_out(&self, event: &Value, principal: Option<&str>, operation: &str) -> Option<Left> {
        let is_emergency = !self.level.operations().contains(&operation) && !TAGS.contains(&operation);
        if event.get("errorCode").and_then(Value::as_str).is_some_and(|code| code.contains("AccessDenied")) {
            return Some(Left::Denied);
        }
        if event.pointer("/userIdentity/type").and_then(Value::as_str) == Some("AWSService")
            || principal.is_some_and(|arn| arn.contains(":role/aws-service-role/"))
            || is_service_linked(event)
        {
            return Some(Left::Unbound);
        }
        if TAGS.contains(&operation) && !may_be_guarded(event) {
            return Some(Left::OtherTags);
        }
        let principal = principal?;
        if self.break_glass == Some(principal) {
            return Some(Left::BreakGlass);
        }
        // That sign-in is nobody's but the role's for emergencies.
        if is_emergency {
            return None;
        }
        if self.guards.contains(&principal) {
            return Some(Left::Guard);
        }
        self.exempt.contains(&principal).then_some(Left::Exempt)
    }
}

/// As `aws:PrincipalArn` has it: of a session the role, with its path; of a user, a federated user or the root its own ARN.
fn principal(event: &Value) -> Option<String> {
    let text = |pointer| event.pointer(pointer).and_then(Value::as_str);
    let issuer = text("/userIdentity/sessionContext/sessionIssuer/arn").filter(|arn| arn.contains(":role/"));
    issuer.or_else(|| text("/userIdentity/arn")).map(str::to_owned)
}

/// Where the issuer is not told, the name of the role has to do.
fn is_service_linked(event: &Value) -> bool {
    let arn = event.pointer("/userIdentity/arn").and_then(Value::as_str).unwrap_or_default();
    arn.contains(":assumed-role/AWSServiceRoleFor")
}

/// Whether what is tagged is a user or a security profile, or could be: what is not told counts.
fn may_be_guarded(event: &Value) -> bool {
    let asked = event.get("requestParameters");
    let arn = asked.and_then(|asked| asked.get("resourceArn").or_else(|| asked.get("ResourceArn")));
    let Some(arn) = arn.and_then(Value::as_str) else { return true };
    let arn = arn.to_lowercase().replace("%2f", "/");
    arn.contains("/agent/") || arn.contains("/security-profile/") || !arn.starts_with("arn")
}
