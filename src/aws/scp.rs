//! Service control policies: what nobody but the guard may do, in whole accounts. They only take away: beside them an account
//! needs `FullAWSAccess` or another policy that allows.
//!
//! `connect:GetFederationToken` is never denied: agents sign in with it.

use serde_json::Value;

use super::{
    AwsFault, Form, Level, Plan,
    alarm::{PREFIX, TOPIC},
    document::{Fit, Statement, documents},
    level::{EMERGENCY, TAGS},
    plan::RoleArn,
};

/// Octets of a service control policy, as it is handed in:
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>.
const MOST: usize = 5_120;
/// How many can be attached to an account, beside the one that allows.
const ATTACHED: usize = 4;

/// What changes a role, or lends it to a machine.
const ROLE_CHANGES: [&str; 14] = [
    "AttachRolePolicy",
    "CreateRole",
    "DeleteRole",
    "DeleteRolePermissionsBoundary",
    "DeleteRolePolicy",
    "DetachRolePolicy",
    "PassRole",
    "PutRolePermissionsBoundary",
    "PutRolePolicy",
    "TagRole",
    "UntagRole",
    "UpdateAssumeRolePolicy",
    "UpdateRole",
    "UpdateRoleDescription",
];
/// What lends a user to somebody, or changes what it may do.
const USER_CHANGES: [&str; 9] = [
    "AddUserToGroup",
    "AttachUserPolicy",
    "CreateAccessKey",
    "CreateLoginProfile",
    "DeleteUserPermissionsBoundary",
    "PutUserPolicy",
    "UpdateAccessKey",
    "UpdateLoginProfile",
    "UpdateUser",
];
/// What changes a managed policy.
const POLICY_CHANGES: [&str; 5] =
    ["CreatePolicy", "CreatePolicyVersion", "DeletePolicy", "DeletePolicyVersion", "SetDefaultPolicyVersion"];
/// What silences an alarm.
const RULE_CHANGES: [&str; 5] = ["DeleteRule", "DisableRule", "PutRule", "PutTargets", "RemoveTargets"];
/// What takes the alarms' topic, or those who are told by it, away from them.
pub(super) const TOPIC_CHANGES: [&str; 7] = [
    "AddPermission",
    "DeleteTopic",
    "PutDataProtectionPolicy",
    "RemovePermission",
    "SetSubscriptionAttributes",
    "SetTopicAttributes",
    "Unsubscribe",
];
/// What lets others in by a provider that a role trusts. Whom roles trust is not known here: it is said of all of them.
pub(super) const PROVIDER_CHANGES: [&str; 3] =
    ["AddClientIDToOpenIDConnectProvider", "UpdateOpenIDConnectProviderThumbprint", "UpdateSAMLProvider"];

impl Plan<'_> {
    /// The service control policies of a level, in this form.
    ///
    /// # Errors
    /// Nobody is named as the guard or as keeper of its roles; or more than fits.
    pub fn scp(&self, level: Level, form: Form) -> Result<Vec<Value>, AwsFault> {
        let fit = Fit { what: "a service control policy", most: MOST, form };
        let found = documents(self.denied(level)?, fit)?;
        if found.len() > ATTACHED {
            let (what, count) = ("service control policies", found.len());
            return Err(AwsFault::TooMany { what, count, most: ATTACHED });
        }
        Ok(found)
    }

    fn denied(&self, level: Level) -> Result<Vec<Statement>, AwsFault> {
        let allowed = self.allowed()?;
        let keepers = self.keepers()?;
        let partition = self.partition();
        let everywhere = || vec!["*".to_owned()];
        let mut found = vec![
            Statement::deny("OnlyTheGuard", of("connect", level.operations()), everywhere()).unless(&allowed),
        ];
        if level.has_tags() {
            let of_any = |what: &str| format!("arn:{partition}:connect:*:*:instance/*/{what}/*");
            let tagged = vec![of_any("agent"), of_any("security-profile")];
            found.push(Statement::deny("OnlyTheGuardTags", of("connect", TAGS), tagged).unless(&allowed));
        }
        let emergency: Vec<&str> = self.options.break_glass.as_deref().into_iter().collect();
        found.push(
            Statement::deny("NoEmergencySignIn", vec![EMERGENCY.to_owned()], everywhere()).unless(&emergency),
        );
        found.extend(self.guards_elsewhere()?);
        found.extend(self.kept(&keepers));
        Ok(found)
    }

    /// The guard's roles, used outside of the guard's networks.
    fn guards_elsewhere(&self) -> Result<Option<Statement>, AwsFault> {
        let mut arns: Vec<&str> = self.guards()?;
        arns.extend(self.roles().iter().map(|role| role.arn));
        arns.sort_unstable();
        arns.dedup();
        Ok(self.only_from_networks().map(|deny| deny.when("ArnEquals", "aws:PrincipalArn", arns)))
    }

    /// Everybody whom these policies except, the guard's roles, their policies and the alarms: as they are. Whoever could change
    /// one of them, could become it.
    fn kept(&self, keepers: &[&str]) -> Vec<Statement> {
        let partition = self.partition();
        let roles = self.roles();
        let principals: Vec<&str> = self.options.principals.iter().map(String::as_str).collect();
        let own: Vec<String> = roles.iter().map(|role| role.arn.to_owned()).collect();
        let lent: Vec<String> = principals
            .iter()
            .filter(|arn| RoleArn::read(arn).is_some())
            .map(|arn| (*arn).to_owned())
            .collect();
        let mut found = Vec::new();
        let assume = || vec!["sts:AssumeRole".to_owned()];
        if !own.is_empty() && !principals.is_empty() {
            found.push(Statement::deny("OnlyTheGuardAssumes", assume(), own).unless(&principals));
        }
        if !lent.is_empty() {
            found.push(Statement::deny("NobodyActsAsTheGuard", assume(), lent).unless(keepers));
        }
        let (named, users): (Vec<&str>, Vec<&str>) =
            self.named().into_iter().partition(|arn| RoleArn::read(arn).is_some());
        let kept =
            [("KeepRoles", of("iam", ROLE_CHANGES), named), ("KeepUsers", of("iam", USER_CHANGES), users)];
        for (sid, actions, arns) in kept {
            let arns: Vec<String> = arns.into_iter().map(str::to_owned).collect();
            if !arns.is_empty() {
                found.push(Statement::deny(sid, actions, arns).unless(keepers));
            }
        }
        let policies: Vec<String> = roles.iter().map(RoleArn::policies).collect();
        if !policies.is_empty() {
            found.push(Statement::deny("KeepPolicies", of("iam", POLICY_CHANGES), policies).unless(keepers));
        }
        let providers = ["oidc-provider", "saml-provider"];
        let providers = providers.map(|kind| format!("arn:{partition}:iam::*:{kind}/*")).to_vec();
        found.push(Statement::deny("KeepProviders", of("iam", PROVIDER_CHANGES), providers).unless(keepers));
        let alarms = vec![format!("arn:{partition}:events:*:*:rule/{PREFIX}*")];
        found.push(Statement::deny("KeepRules", of("events", RULE_CHANGES), alarms).unless(keepers));
        // Its subscriptions are named below it.
        let topics = ["", ":*"].map(|below| format!("arn:{partition}:sns:*:*:{TOPIC}{below}")).to_vec();
        found.push(Statement::deny("KeepTopic", of("sns", TOPIC_CHANGES), topics).unless(keepers));
        found
    }
}

fn of<'a>(service: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    names.into_iter().map(|name| format!("{service}:{name}")).collect()
}
