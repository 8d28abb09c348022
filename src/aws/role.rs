//! The roles that the guard assumes: who may, and what it may then do. Exactly what the configuration and the policy could
//! ever have it do, on exactly their instances.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::{
    clock::Now,
    operation::{Class, InstanceId, InstanceIn, Route, Site, routes},
    policy::Policy,
    upstream::SessionNames,
};

use super::{
    AwsFault, Plan,
    document::{Fit, Form, Statement, documents},
    level::TAGS,
    plan::{Place, PlaceRoles, RoleArn},
    resource::{Tagged, arns, dependent, is_of_instance, kinds, known, tagged},
};

/// The closed list of what the guard reads of its own accord.
const READS: [&str; 6] = [
    "DescribeInstance",
    "DescribeSecurityProfile",
    "DescribeUser",
    "ListSecurityProfilePermissions",
    "SearchEmailAddresses",
    "SearchUsers",
];
/// Octets of a managed policy without white space, and how many a role has unless AWS is asked for more:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
const MANAGED: Fit = Fit { what: "a managed policy", most: 6_144, form: Form::Minified };
const ATTACHED: usize = 10;
/// The name of the guard's own sessions.
const OWN: &str = "connect-guard";

/// The guard's roles.
pub struct Roles {
    /// In the order of their ARNs.
    pub roles: Vec<GuardRole>,
    /// What the documents leave open, in sentences.
    pub notes: Vec<String>,
}

/// A role with its policies.
pub struct GuardRole {
    /// The account it is to be made in.
    pub account: String,
    /// Its path.
    pub path: String,
    /// Its name.
    pub name: String,
    /// What it is for, in a few words.
    pub purpose: &'static str,
    /// Who may assume it.
    pub trust: Value,
    /// What it may do: managed policies by name.
    pub policies: Vec<(String, Value)>,
}

/// What a role is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Door {
    /// Changes, and what the guard reads itself.
    Changes,
    /// Ordinary operations.
    Ordinary,
}

/// Actions by the resources that they are granted on.
type Grants = BTreeMap<Vec<String>, BTreeSet<String>>;

impl Plan<'_> {
    /// The roles of the upstreams: all, or those of one account.
    ///
    /// # Errors
    /// An upstream without a role, nobody who assumes them, or more than fits.
    pub fn roles_for(&self, policy: &Policy, now: Now, account: Option<&str>) -> Result<Roles, AwsFault> {
        if let Some(place) = self.places.iter().find(|place| place.roles.is_none()) {
            return Err(AwsFault::NoRole { site: place.site.name.clone() });
        }
        if self.options.principals.is_empty() {
            return Err(AwsFault::NoPrincipal);
        }
        let mut found = Roles { roles: Vec::new(), notes: Vec::new() };
        let mut notes = BTreeSet::new();
        for role in self.roles() {
            if account.is_none_or(|account| account == role.account) {
                found.roles.push(self.role(role, policy, now, &mut notes)?);
            }
        }
        if let Some(account) = account.filter(|_| found.roles.is_empty()) {
            return Err(AwsFault::NoSuchAccount(account.to_owned()));
        }
        found.notes.extend(notes);
        Ok(found)
    }

    fn role(
        &self,
        role: RoleArn<'_>,
        policy: &Policy,
        now: Now,
        notes: &mut BTreeSet<String>,
    ) -> Result<GuardRole, AwsFault> {
        let mut policies = Vec::new();
        let mut purposes = Vec::new();
        for (door, sid, name) in
            [(Door::Changes, "Changes", "identity"), (Door::Ordinary, "Ordinary", "ordinary")]
        {
            let places: Vec<&Place<'_>> = self.places.iter().filter(|place| place.uses(role, door)).collect();
            if places.is_empty() {
                continue;
            }
            let mut statements = Vec::new();
            if door == Door::Changes {
                statements.extend(statements_of("Reads", reads(&places)));
            }
            statements.extend(statements_of(sid, passed(&places, door, policy, now, notes)));
            if statements.is_empty() {
                continue;
            }
            purposes.push(door);
            statements.extend(self.only_from_networks());
            let written = documents(statements, MANAGED)?;
            let several = written.len() > 1;
            policies.extend((1..).zip(written).map(|(number, document)| {
                let end = if several { format!("-{number}") } else { String::new() };
                (format!("{}-{name}{end}", role.name), document)
            }));
        }
        if policies.len() > ATTACHED {
            let count = policies.len();
            return Err(AwsFault::TooMany { what: "policies of a role", count, most: ATTACHED });
        }
        let purpose = match purposes.as_slice() {
            [Door::Ordinary] => "Connect Guard: ordinary operations of its callers",
            [Door::Changes] => "Connect Guard: changes of users and what concerns them",
            _ => "Connect Guard: everything it does in Connect",
        };
        Ok(GuardRole {
            account: role.account.to_owned(),
            path: role.path.to_owned(),
            name: role.name.to_owned(),
            purpose,
            trust: self.trust(role),
            policies,
        })
    }

    /// Who may assume a role: the guard's own principals, from its networks, as the upstreams do it.
    fn trust(&self, role: RoleArn<'_>) -> Value {
        let users: Vec<&PlaceRoles<'_>> = self
            .places
            .iter()
            .filter_map(|place| place.roles.as_ref())
            .filter(|roles| roles.changes == role || roles.ordinary == Some(role))
            .collect();
        let ids: BTreeSet<&str> = users.iter().filter_map(|roles| roles.external_id).collect();
        let mut equals = Map::new();
        if users.iter().all(|roles| roles.names == SessionNames::Fixed) {
            equals.insert("sts:RoleSessionName".into(), OWN.into());
        }
        if users.iter().all(|roles| roles.external_id.is_some()) {
            equals.insert("sts:ExternalId".into(), ids.into_iter().collect::<Vec<_>>().into());
        }
        let principal = json!({ "AWS": self.options.principals });
        let mut statements = Vec::new();
        // Each key would have to hold within one statement: any of the networks will do.
        let networks = self.networks();
        let ways: Vec<Option<(&str, Vec<String>)>> =
            if networks.is_empty() { vec![None] } else { networks.into_iter().map(Some).collect() };
        let sids = ["AssumedByTheGuard", "AssumedByTheGuard2", "AssumedByTheGuard3"];
        for (way, sid) in ways.into_iter().zip(sids) {
            let mut condition = Map::new();
            let mut equals = equals.clone();
            match way {
                Some((key @ "aws:SourceIp", values)) => {
                    condition.insert("IpAddress".into(), json!({ key: values }));
                }
                Some((key, values)) => {
                    equals.insert(key.into(), values.into());
                }
                None => {}
            }
            if !equals.is_empty() {
                condition.insert("StringEquals".into(), equals.into());
            }
            statements.push(trusted("sts:AssumeRole", condition, &principal, sid));
        }
        let named = |roles: &&PlaceRoles<'_>| roles.names == SessionNames::Caller { source_identity: true };
        if users.iter().any(named) {
            statements.push(trusted("sts:SetSourceIdentity", Map::new(), &principal, "NamedAfterTheCaller"));
        }
        json!({ "Statement": statements, "Version": "2012-10-17" })
    }
}

impl Place<'_> {
    fn uses(&self, role: RoleArn<'_>, door: Door) -> bool {
        self.roles.as_ref().is_some_and(|roles| match door {
            Door::Changes => roles.changes == role,
            Door::Ordinary => roles.ordinary.unwrap_or(roles.changes) == role,
        })
    }
}

fn trusted(action: &str, condition: Map<String, Value>, principal: &Value, sid: &str) -> Value {
    let mut found = Map::new();
    found.insert("Action".into(), action.into());
    if !condition.is_empty() {
        found.insert("Condition".into(), condition.into());
    }
    found.insert("Effect".into(), "Allow".into());
    found.insert("Principal".into(), principal.clone());
    found.insert("Sid".into(), sid.into());
    found.into()
}

/// The closed list, and what Connect asks of a caller beside it.
fn reads(places: &[&Place<'_>]) -> Grants {
    let mut grants = Grants::new();
    for place in places {
        let instances: Vec<&InstanceId> = place.site.instances.iter().collect();
        for operation in READS {
            grant(&mut grants, operation, &kinds(operation), place.site, &instances);
            beside(&mut grants, operation, place.site, &instances);
        }
    }
    grants
}

/// What the policy could let through by a door.
fn passed(
    places: &[&Place<'_>],
    door: Door,
    policy: &Policy,
    now: Now,
    notes: &mut BTreeSet<String>,
) -> Grants {
    let mut grants = Grants::new();
    for place in places {
        for route in routes() {
            let Some(kinds) = by(door, route) else { continue };
            let instances = reached(route, place.site, policy, now);
            let mut kinds = kinds;
            if route.instance == InstanceIn::ResourceArn {
                // What is tagged is of an instance or of none, as the rule says.
                let of_none = policy.may_reach(route, None, now);
                kinds.retain(|kind| if is_of_instance(kind) { !instances.is_empty() } else { of_none });
            } else if instances.is_empty() {
                continue;
            }
            if kinds.is_empty() {
                continue;
            }
            let operation = route.operation;
            grant(&mut grants, operation, &kinds, place.site, &instances);
            let left = beside(&mut grants, operation, place.site, &instances);
            if known(operation).is_none() {
                notes.insert(format!(
                    "the reference does not say what connect:{operation} is authorized on: it is granted on the \
                     instance and all below it"
                ));
            }
            if !left.is_empty() {
                notes.insert(format!(
                    "connect:{operation} also asks for {}: these reach into other services and are not granted",
                    left.join(", ")
                ));
            }
        }
    }
    grants
}

/// The kinds of resources that an operation reaches by a door; none where it does not take it.
fn by(door: Door, route: &Route) -> Option<Vec<&'static str>> {
    let is_tag = TAGS.contains(&route.operation);
    match (door, route.class) {
        (Door::Changes, Class::Sensitive) if is_tag => Some(tagged(route.operation, Tagged::Guarded)),
        (Door::Ordinary, Class::Sensitive) if is_tag => Some(tagged(route.operation, Tagged::Others)),
        (Door::Changes, Class::Identity | Class::Sensitive)
        | (Door::Ordinary, Class::Write | Class::Read) => Some(kinds(route.operation)),
        (Door::Changes, Class::Write | Class::Read)
        | (Door::Ordinary, Class::Identity | Class::Sensitive)
        | (_, Class::Forbidden) => None,
    }
}

/// The instances on which some rule names an operation. One that names no instance reaches all of them.
fn reached<'s>(route: &Route, site: &'s Site, policy: &Policy, now: Now) -> Vec<&'s InstanceId> {
    let Site { partition, account, region, instances, .. } = site;
    let is_reached = |id: &&InstanceId| {
        let id = id.as_str();
        let arn = format!("arn:{partition}:connect:{region}:{account}:instance/{id}");
        policy.may_reach(route, Some((id, &arn)), now)
    };
    match route.instance {
        InstanceIn::None if policy.may_reach(route, None, now) => instances.iter().collect(),
        InstanceIn::None => Vec::new(),
        InstanceIn::Path
        | InstanceIn::Body
        | InstanceIn::Query
        | InstanceIn::BodyArn
        | InstanceIn::ResourceArn => instances.iter().filter(is_reached).collect(),
    }
}

fn grant(grants: &mut Grants, operation: &str, kinds: &[&str], site: &Site, instances: &[&InstanceId]) {
    let mut resources: Vec<String> = kinds.iter().flat_map(|kind| arns(kind, site, instances)).collect();
    resources.sort_unstable();
    resources.dedup();
    if !resources.is_empty() {
        grants.entry(resources).or_default().insert(format!("connect:{operation}"));
    }
}

/// Grants what is needed beside an operation, and returns what is not granted.
fn beside(grants: &mut Grants, operation: &str, site: &Site, instances: &[&InstanceId]) -> Vec<&'static str> {
    let (granted, left) = dependent(operation);
    for action in granted {
        match action.strip_prefix("connect:") {
            Some(other) => grant(grants, other, &kinds(other), site, instances),
            None => {
                grants.entry(vec!["*".to_owned()]).or_default().insert(action.to_owned());
            }
        }
    }
    left
}

/// Statements of grants: what is granted the same actions is one.
fn statements_of(sid: &'static str, grants: Grants) -> Vec<Statement> {
    let mut merged: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
    for (resources, actions) in grants {
        merged.entry(actions.into_iter().collect()).or_default().extend(resources);
    }
    let each = |(actions, resources): (Vec<String>, BTreeSet<String>)| {
        Statement::allow(sid, actions, resources.into_iter().collect())
    };
    merged.into_iter().map(each).collect()
}
