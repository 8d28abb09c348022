//! A rule without its id, reason and place: callers, operations, instances and matters, each of which can be asked for by
//! itself, and the terms that all of them share.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use crate::{
    operation::{Class, Field, InstanceIn, Route, routes},
    policy::{
        RuleRef,
        pattern::Pattern,
        rule::{Action, Allow, Callers, Deny, Scope},
        words,
    },
};

/// Operations with the class they are asked in. Tagging is sensitive for users and security profiles and a write for
/// anything else, so it stands here twice.
static VARIANTS: LazyLock<Vec<(&'static Route, Class)>> = LazyLock::new(|| {
    let twice =
        |route: &&'static Route| route.instance == InstanceIn::ResourceArn && route.class == Class::Sensitive;
    let written = routes().iter().filter(twice).map(|route| (route, Class::Write));
    routes().iter().map(|route| (route, route.class)).chain(written).collect()
});

/// A caller that a rule names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Caller<'p> {
    /// Everybody: a deny without callers.
    Anyone,
    /// A user or a role.
    Exact(&'p str),
    /// Roles of an account.
    Roles(&'p str, &'p Pattern),
}

/// What is allowed or denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Matter {
    /// The operation by itself; of `UpdateUserIdentityInfo`, with values that are there already.
    Perform,
    /// That a user is created.
    Create,
    /// That security profiles are given.
    Give,
    /// That a security profile has permissions.
    Permit,
    /// That a field is set.
    Set(Field),
    /// That a field is emptied.
    Remove(Field),
    /// A deny of everything.
    Deny,
    /// A deny where a field would change.
    DenyField(Field),
}

/// A set of operations, by their place among [`VARIANTS`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Operations(Vec<u64>);

/// What the rule was.
#[derive(Clone, Copy)]
pub(super) enum Body<'p> {
    Allow(&'p Allow),
    Deny(&'p Deny),
}

/// A rule without its id, reason and place.
pub(super) struct Claim<'p> {
    pub(super) rule: &'p RuleRef,
    pub(super) scope: &'p Scope,
    pub(super) body: Body<'p>,
    pub(super) callers: Vec<Caller<'p>>,
    pub(super) operations: Operations,
    /// Instances; none is every one.
    pub(super) places: BTreeSet<Option<&'p str>>,
    pub(super) matters: BTreeSet<Matter>,
}

/// Every operation with each class it may be asked in.
pub(in crate::policy) fn variants() -> impl Iterator<Item = (&'static Route, Class)> {
    VARIANTS.iter().copied()
}

impl Operations {
    /// Those of which it holds.
    fn all(holds: impl Fn(&Route, Class) -> bool) -> Self {
        let mut words = vec![0_u64; VARIANTS.len().div_ceil(64)];
        for (word, chunk) in words.iter_mut().zip(VARIANTS.chunks(64)) {
            for (bit, (route, class)) in chunk.iter().enumerate() {
                if holds(route, *class) {
                    *word |= 1 << bit;
                }
            }
        }
        Self(words)
    }

    /// Those that are in both.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(one, other)| one & other).collect())
    }

    /// Those that are in one of them.
    pub(super) fn or(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(one, other)| one | other).collect())
    }

    /// Those that are not in the other.
    pub(super) fn without(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(one, other)| one & !other).collect())
    }

    /// Whether all of them are in the other.
    pub(super) fn are_within(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(one, other)| one & !other == 0)
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Whether it is every operation there is.
    pub(super) fn is_everything(&self) -> bool {
        *self == Self::all(|_, _| true)
    }

    /// The operations.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static Route, Class)> {
        VARIANTS.iter().enumerate().filter(|(at, _)| self.has(*at)).map(|(_, variant)| *variant)
    }

    fn has(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }
}

impl Matter {
    /// The operations that it is a matter of.
    pub(super) fn operations(self) -> &'static Operations {
        static KNOWN: LazyLock<BTreeMap<Matter, Operations>> = LazyLock::new(|| {
            let fields = Field::ALL.into_iter();
            let of = |field| [Matter::Set(field), Matter::Remove(field), Matter::DenyField(field)];
            let whole = [Matter::Perform, Matter::Create, Matter::Give, Matter::Permit, Matter::Deny];
            fields.flat_map(of).chain(whole).map(|matter| (matter, matter.reached())).collect()
        });
        static NONE: Operations = Operations(Vec::new());
        KNOWN.get(&self).unwrap_or(&NONE)
    }

    fn reached(self) -> Operations {
        Operations::all(|route, _| match self {
            Self::Perform => Self::given_by(route) == Self::Perform,
            Self::Create | Self::Give | Self::Permit => Self::given_by(route) == self,
            Self::Set(_) => route.class == Class::Identity,
            Self::Remove(_) => route.class == Class::Identity && route.operation != "CreateUser",
            Self::Deny | Self::DenyField(_) => true,
        })
    }

    /// What an operation gives, for which rules have closed lists.
    fn given_by(route: &Route) -> Self {
        match route.operation {
            "CreateUser" => Self::Create,
            "UpdateUserSecurityProfiles" | "AssociateSecurityProfiles" => Self::Give,
            "CreateSecurityProfile" | "UpdateSecurityProfile" => Self::Permit,
            _ => Self::Perform,
        }
    }
}

impl<'p> Claim<'p> {
    /// What an `[[allow]]` claims.
    pub(super) fn of_allow(allow: &'p Allow) -> Self {
        let whole = [Matter::Perform, Matter::Create, Matter::Give, Matter::Permit].into_iter();
        let set = allow.fields.iter().map(|field| Matter::Set(*field));
        let remove = allow.remove.iter().map(|field| Matter::Remove(*field));
        Self::of(&allow.rule, &allow.scope, Body::Allow(allow), whole.chain(set).chain(remove).collect())
    }

    /// What a `[[deny]]` claims.
    pub(super) fn of_deny(deny: &'p Deny) -> Self {
        let matters = if deny.fields.is_empty() {
            BTreeSet::from([Matter::Deny])
        } else {
            deny.fields.iter().map(|field| Matter::DenyField(*field)).collect()
        };
        Self::of(&deny.rule, &deny.scope, Body::Deny(deny), matters)
    }

    /// The operations of one of its actions.
    pub(super) fn operations_of(action: &Action) -> Operations {
        Operations::all(|route, class| action.is(route.operation, class))
    }

    fn of(rule: &'p RuleRef, scope: &'p Scope, body: Body<'p>, matters: BTreeSet<Matter>) -> Self {
        let operations = if scope.actions.is_empty() {
            Operations::all(|_, _| true)
        } else {
            Operations::all(|route, class| {
                scope.actions.iter().any(|action| action.is(route.operation, class))
            })
        };
        let places = if scope.instances.is_empty() {
            BTreeSet::from([None])
        } else {
            scope.instances.iter().map(|instance| Some(instance.as_str())).collect()
        };
        Self { rule, scope, body, callers: callers(&scope.callers), operations, places, matters }
    }

    /// Everything it says, in one order: two claims with one outline say the same.
    pub(super) fn outline(&self) -> String {
        let scope = self.scope;
        let ids: BTreeSet<&String> = scope.user_ids.iter().collect();
        let about = format!(
            "{:?} {:?} {:?} {:?} {:?} {ids:?} {:?} {:?} {:?} {:?} {:?}",
            self.callers,
            self.operations,
            self.places,
            self.matters,
            scope.users.written(),
            scope.users.is_empty(),
            scope.conditions.unique_ids,
            scope.conditions.permission_set,
            scope.conditions.hours.as_ref().map(words::hours),
            scope.conditions.ends,
        );
        let terms = match self.body {
            Body::Deny(deny) => format!("{:?}", deny.domains.iter().collect::<BTreeSet<_>>()),
            Body::Allow(allow) => format!(
                "{:?} {} {:?} {:?} {:?} {:?} {:?} {:?} {} {:?} {:?} {:?} {:?}",
                allow.binding.as_ref().map(words::binding),
                allow.plus.is_some(),
                allow.restore,
                allow.usernames.written(),
                allow.grants.iter().collect::<BTreeSet<_>>(),
                allow.permissions.iter().collect::<BTreeSet<_>>(),
                allow.members.iter().collect::<BTreeSet<_>>(),
                allow.password,
                allow.protected.is_some(),
                allow.quota,
                allow.own,
                allow.ticket.as_ref().map(|ticket| (&ticket.header, &ticket.pattern)),
                allow.mode,
            ),
        };
        format!("{about} {terms}")
    }
}

/// The callers, one by one.
pub(super) fn callers(callers: &Callers) -> Vec<Caller<'_>> {
    if callers.is_empty() {
        return vec![Caller::Anyone];
    }
    let exact = callers.exact.iter().map(|arn| Caller::Exact(arn));
    let roles = callers.roles.iter().map(|(account, role)| Caller::Roles(account, role));
    let mut found: Vec<Caller<'_>> = exact.chain(roles).collect();
    found.sort_unstable();
    found
}
