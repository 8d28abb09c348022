//! Who can do what, to whom, to which address, until when: the allow rules that are in force as a table, with the denies
//! that may stand against each.

use std::collections::BTreeSet;

use crate::{
    caller::Principal,
    clock::Now,
    operation::{Address, Class, Field, Route},
};

use super::{
    Freeze, Policy, RuleRef,
    binding::{Ages, Binding, Bound, Holder, Template, names_of},
    differences::{Against, variants},
    place::may_be_one,
    question::{Asker, NOTHING},
    rule::{Action, Allow, Deny},
    words,
};

/// What is asked for; what is none is not asked.
#[derive(Clone, Default)]
pub struct Query {
    /// Rules that name this operation.
    pub action: Option<&'static Route>,
    /// Rules that let this field be set or emptied.
    pub field: Option<Field>,
    /// Rules that name this caller, whatever its unique id.
    pub caller: Option<Principal>,
    /// Rules that reach this instance. By an id those that name any ARN of it, too; by an ARN those that name its id.
    pub instance: Option<String>,
    /// Rules that are about this Username.
    pub user: Option<String>,
    /// Rules that let an address be this one; of this user, when one is asked for.
    pub address: Option<Address>,
}

/// What one rule lets its callers do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// The callers, as the rule writes them.
    pub callers: BTreeSet<String>,
    /// The operations, as the rule writes them.
    pub actions: BTreeSet<String>,
    /// The fields that may be set.
    pub fields: Vec<Field>,
    /// The fields that may be emptied.
    pub remove: Vec<Field>,
    /// The instances, as the rule writes them.
    pub instances: BTreeSet<String>,
    /// Which users, in words; none for all.
    pub users: Vec<String>,
    /// To which address, in words; none where no address may be set.
    pub address: Vec<String>,
    /// What else it depends on, in words, and the freezes in force that may stand against it.
    pub conditions: Vec<String>,
    /// The last day on which it holds, UTC; none without an end.
    pub until: Option<String>,
    /// The denies in force that may stand against it, in part or wholly.
    pub except: Vec<RuleRef>,
    /// The rule.
    pub rule: RuleRef,
}

impl Policy {
    /// What may be done by the rules in force, each as one capability, in the order of their ids. `[protected]` users are out
    /// of reach of all that do not say otherwise.
    pub fn who_can(&self, query: &Query, now: Now) -> Vec<Capability> {
        let in_force = |deny: &&Deny| deny.scope.conditions.ends.is_none_or(|ends| now.timestamp() < ends);
        let denies = self.rules().deny.iter().chain(&self.emergency().deny).filter(in_force);
        let denies = Against::of(denies);
        let mut found: Vec<Capability> = self
            .rules()
            .allow
            .iter()
            .chain(&self.rules().monitor)
            .filter(|allow| allow.scope.conditions.ends.is_none_or(|ends| now.timestamp() < ends))
            .filter(|allow| query.is_about(allow, now))
            .map(|allow| {
                let mut found = capability(allow, query, &denies);
                let frozen = self.freezes().iter().filter(|freeze| freeze.may_meet(allow));
                let told = |freeze: &Freeze| format!("frozen by `{}` ({})", freeze.id, freeze.scope);
                found.conditions.extend(frozen.map(told));
                found
            })
            .collect();
        found.sort_by(|one, other| one.rule.cmp(&other.rule));
        found
    }
}

impl Query {
    /// Whether a rule is about what is asked for: by the matchers that decide.
    fn is_about(&self, allow: &Allow, now: Now) -> bool {
        let scope = &allow.scope;
        let caller = self.caller.as_ref().is_none_or(|principal| {
            let arn = principal.arn.without_session();
            scope.callers.has(&Asker { principal, arn, key_id: None, issued: None, claims: &NOTHING })
        });
        let instance = self
            .instance
            .as_ref()
            .is_none_or(|instance| scope.instances.iter().any(|named| may_be_one(named, instance)));
        let user = self.user.as_ref().is_none_or(|user| scope.users.is_empty() || scope.users.has(user));
        let address = self.address.as_ref().is_none_or(|address| self.may_be(allow, address, now));
        caller && instance && user && address && self.is_about_operation_of(allow)
    }

    /// Whether one of its operations, in one of the classes it may be asked in, is asked for with the field and the user: a
    /// key that narrows one operation of a rule does not narrow the others.
    fn is_about_operation_of(&self, allow: &Allow) -> bool {
        let asked = |route: &Route| self.action.is_none_or(|action| action.operation == route.operation);
        let named =
            |route: &Route, class| allow.scope.actions.iter().any(|action| action.is(route.operation, class));
        let holds = |route: &Route| {
            let creates = route.operation == "CreateUser";
            let field = self.field.is_none_or(|field| {
                route.class == Class::Identity
                    && (allow.fields.contains(&field) || allow.remove.contains(&field) && !creates)
            });
            let user = !creates || self.user.as_ref().is_none_or(|user| allow.usernames.has(user));
            let address = self.address.is_none() || route.class == Class::Identity;
            field && user && address
        };
        variants().any(|(route, class)| asked(route) && named(route, class) && holds(route))
    }

    /// Whether an address could be this one. A template with names can give whatever the names are.
    fn may_be(&self, allow: &Allow, address: &Address, now: Now) -> bool {
        let Some(binding) = &allow.binding else { return false };
        let plain = !address.is_plus() || allow.plus.is_some();
        let set =
            allow.fields.iter().any(|field| field.is_address() && self.field.is_none_or(|one| one == *field));
        let reached = match (binding, &self.user) {
            (Binding::AnyIn(domains), _) => domains.contains(address.domain()),
            (Binding::Directory(directory), None) => {
                directory.addresses.values().any(|listed| listed == address)
            }
            (Binding::From(Template::Username), None) => true,
            (Binding::From(Template::Parts(_, domain)), None) => address.domain() == domain,
            (Binding::From(template), Some(_)) if names_of(template).next().is_some() => {
                binding.domains().is_none_or(|domains| domains.contains(&address.domain()))
            }
            (Binding::From(_) | Binding::Directory(_), Some(username)) => {
                let holder = Holder { username, first_name: None, last_name: None };
                binding.allows(address, &holder, now, Ages::Fresh) == Bound::Yes
            }
        };
        plain && set && reached
    }
}

fn capability(allow: &Allow, query: &Query, denies: &Against<'_>) -> Capability {
    let scope = &allow.scope;
    let only = |fields: &BTreeSet<Field>| -> Vec<Field> {
        fields.iter().copied().filter(|field| query.field.is_none_or(|one| one == *field)).collect()
    };
    let roles = scope.callers.roles.iter().map(|(account, role)| format!("{account}{role}"));
    let actions = scope.actions.iter().map(|action| match action {
        Action::Named(name) => format!("connect:{name}"),
        Action::Wild(prefix, _) => format!("connect:{prefix}*"),
    });
    let conditions = &scope.conditions;
    let lasting = super::rule::Conditions { ends: None, ..conditions.clone() };
    let fields = only(&allow.fields);
    let address =
        if fields.iter().any(|field| field.is_address()) { words::of_binding(allow) } else { Vec::new() };
    Capability {
        callers: scope.callers.exact.iter().cloned().chain(roles).collect(),
        actions: actions.collect(),
        fields,
        remove: only(&allow.remove),
        instances: scope.instances.iter().cloned().collect(),
        users: users(allow),
        address,
        conditions: words::of_limits(allow)
            .into_iter()
            .chain(words::of_conditions(&lasting))
            .chain(given(allow))
            .collect(),
        until: conditions.ends.map(words::last_day),
        except: denies.meeting(allow),
        rule: allow.rule.clone(),
    }
}

fn users(allow: &Allow) -> Vec<String> {
    let mut users = words::of_users(&allow.scope);
    if !allow.usernames.is_empty() {
        users.push(words::of_usernames(allow));
    }
    users
}

/// What it may give.
fn given(allow: &Allow) -> Vec<String> {
    let mut given = Vec::new();
    if !allow.usernames.is_empty() {
        given.push(words::of_password(allow).to_owned());
    }
    if !allow.grants.is_empty() {
        given.push(words::of_grants(allow));
    }
    if !allow.permissions.is_empty() {
        given.push(words::of_permissions(allow));
    }
    if !allow.members.is_empty() {
        given.push(words::of_members(allow));
    }
    given
}
