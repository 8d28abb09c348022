//! Who is who: the guard's roles, as whom it runs, who keeps the roles, who is exempt.

use std::collections::BTreeMap;

use crate::{
    config::{AwsOptions, Config},
    operation::Site,
    upstream::{CredentialSource, SessionNames},
};

use super::{AwsFault, document::Statement};

/// What the documents are made from.
pub struct Plan<'c> {
    pub(super) options: &'c AwsOptions,
    pub(super) places: Vec<Place<'c>>,
    /// Who is told of alarms by mail.
    pub(super) mail: Vec<String>,
}

/// One upstream.
pub(super) struct Place<'c> {
    pub(super) site: &'c Site,
    pub(super) roles: Option<PlaceRoles<'c>>,
}

/// The roles of one upstream.
pub(super) struct PlaceRoles<'c> {
    /// For changes and for what the guard reads itself.
    pub(super) changes: RoleArn<'c>,
    /// For ordinary operations; none: the same.
    pub(super) ordinary: Option<RoleArn<'c>>,
    pub(super) external_id: Option<&'c str>,
    pub(super) names: SessionNames,
}

/// A role's ARN in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RoleArn<'c> {
    pub(super) arn: &'c str,
    pub(super) partition: &'c str,
    pub(super) account: &'c str,
    /// `/`, or `/a/b/`.
    pub(super) path: &'c str,
    pub(super) name: &'c str,
}

impl<'c> RoleArn<'c> {
    /// A role as the configuration has checked it.
    pub(super) fn read(arn: &'c str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let (Some("arn"), Some(partition), Some("iam"), Some(""), Some(account), Some(resource)) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        let after = resource.strip_prefix("role")?;
        let (path, name) = after.split_at_checked(after.rfind('/')?.checked_add(1)?)?;
        Some(Self { arn, partition, account, path, name })
    }

    /// The ARNs of the policies of its own, as a pattern.
    pub(super) fn policies(&self) -> String {
        let Self { partition, account, path, name, .. } = self;
        format!("arn:{partition}:iam::{account}:policy{path}{name}-*")
    }
}

impl<'c> Plan<'c> {
    /// From a configuration.
    pub fn of(config: &'c Config) -> Self {
        let places = config.upstream.iter().map(|options| {
            let roles = match &options.credentials {
                CredentialSource::Role { arn, ordinary, external_id, names } => {
                    RoleArn::read(arn).map(|changes| PlaceRoles {
                        changes,
                        ordinary: ordinary.as_deref().and_then(RoleArn::read),
                        external_id: external_id.as_deref(),
                        names: *names,
                    })
                }
                CredentialSource::Chain | CredentialSource::Profile(_) => None,
            };
            Place { site: &options.site, roles }
        });
        let mail = config.mail.security.iter().map(ToString::to_string).collect();
        Self { options: &config.aws, places: places.collect(), mail }
    }

    /// Who makes changes: the upstreams' roles, and where one names none, the guard's own principals.
    pub(super) fn guards(&self) -> Result<Vec<&'c str>, AwsFault> {
        let mut found = Vec::new();
        for place in &self.places {
            match &place.roles {
                Some(roles) => found.push(roles.changes.arn),
                None if self.options.principals.is_empty() => return Err(AwsFault::NoPrincipal),
                None => found.extend(self.options.principals.iter().map(String::as_str)),
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Every role that the guard assumes, each once.
    pub(super) fn roles(&self) -> Vec<RoleArn<'c>> {
        let roles = self.places.iter().filter_map(|place| place.roles.as_ref());
        let mut found: Vec<RoleArn<'c>> =
            roles.flat_map(|roles| [Some(roles.changes), roles.ordinary].into_iter().flatten()).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Who may change the guard's roles.
    pub(super) fn keepers(&self) -> Result<Vec<&'c str>, AwsFault> {
        let admins = self.options.admins.iter().map(String::as_str);
        let found: Vec<&str> = admins.chain(self.options.break_glass.as_deref()).collect();
        if found.is_empty() { Err(AwsFault::NoKeeper) } else { Ok(found) }
    }

    /// Everybody who is named, the guard's roles first.
    pub(super) fn named(&self) -> Vec<&'c str> {
        let AwsOptions { principals, admins, break_glass, exempt, .. } = self.options;
        let mut found: Vec<&str> = self.roles().iter().map(|role| role.arn).collect();
        found.extend(principals.iter().chain(break_glass).chain(admins).map(String::as_str));
        found.extend(exempt.iter().map(|(principal, _)| principal.as_str()));
        found
    }

    /// Who may do what is the guard's: the guard, the role for emergencies, and whoever is exempt.
    pub(super) fn allowed(&self) -> Result<Vec<&'c str>, AwsFault> {
        let mut found = self.guards()?;
        found.extend(self.options.break_glass.as_deref());
        found.extend(self.options.exempt.iter().map(|(principal, _)| principal.as_str()));
        Ok(found)
    }

    /// The partition of the first upstream.
    pub(super) fn partition(&self) -> &'c str {
        self.places.first().map_or("aws", |place| place.site.partition.as_str())
    }

    /// Whether the guard's roles are of use in some networks only.
    pub fn is_bound_to_a_network(&self) -> bool {
        !self.networks().is_empty()
    }

    /// The Regions in which alarms have to be: those of the instances, and the one in which IAM is recorded.
    pub fn regions(&self) -> Vec<&'c str> {
        let global = match self.partition() {
            "aws-cn" => "cn-north-1",
            "aws-us-gov" => "us-gov-west-1",
            _ => "us-east-1",
        };
        let mut found: Vec<&str> = self.places.iter().map(|place| place.site.region.as_str()).collect();
        found.push(global);
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The keys of the guard's networks and their values; none where it may be anywhere.
    pub(super) fn networks(&self) -> BTreeMap<&'static str, Vec<String>> {
        let AwsOptions { vpcs, vpc_endpoints, networks, .. } = self.options;
        let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
        let all = [
            ("aws:SourceIp", networks),
            ("aws:SourceVpc", vpcs.clone()),
            ("aws:SourceVpce", vpc_endpoints.clone()),
        ];
        all.into_iter().filter(|(_, values)| !values.is_empty()).collect()
    }

    /// What is refused outside of the guard's networks. All conditions of a statement must hold, and a negated one holds
    /// where its key is not there: so being in one of the networks is enough, and being in none that can be seen is not.
    /// What a service of AWS does on behalf of the guard comes from the service's own place.
    pub(super) fn only_from_networks(&self) -> Option<Statement> {
        let networks = self.networks();
        if networks.is_empty() {
            return None;
        }
        let all = || vec!["*".to_owned()];
        let mut deny = Statement::deny("OnlyFromTheGuardsNetworks", all(), all());
        for (key, values) in networks {
            let operator = if key == "aws:SourceIp" { "NotIpAddress" } else { "StringNotEquals" };
            deny = deny.when(operator, key, values);
        }
        Some(deny.when("BoolIfExists", "aws:ViaAWSService", "false"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_may_have_a_path() {
        let read = |arn| RoleArn::read(arn).map(|role| (role.account, role.path, role.name, role.policies()));
        let policies = |middle: &str| format!("arn:aws:iam::111122223333:policy{middle}ConnectGuard-*");
        assert_eq!(
            read("arn:aws:iam::111122223333:role/guards/ConnectGuard"),
            Some(("111122223333", "/guards/", "ConnectGuard", policies("/guards/")))
        );
        assert_eq!(
            read("arn:aws:iam::111122223333:role/ConnectGuard"),
            Some(("111122223333", "/", "ConnectGuard", policies("/")))
        );
        assert_eq!(read("arn:aws:iam::111122223333:user/mary"), None);
    }
}
