//! What `policy check` says beyond what a load says: rules that do nothing, reach far, end soon, or have no test. Advice
//! alone: a guard loads the policy without a word of it.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use crate::{
    clock::Now,
    diagnostic::Faults,
    operation::{Class, DELETE_USER, Field, InstanceIn, Route},
    policy::{
        Policy, PolicyFiles, Trial,
        binding::{Binding, Template},
        differences::{Shadows, may_share},
        pattern::Pattern,
        rule::{Allow, Deny, NO_INSTANCE, Scope},
    },
};

use super::{
    Draft, Placed, drafted,
    lint::{creates, is_blunt, warn},
    scope::reached,
    trial::{place, tried},
};

/// A rule that ends within so long is told.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
/// A pattern for roles with fewer characters of its own is wide.
const FEW: usize = 4;

/// Advice about files that load; none about files that do not.
pub(in crate::policy) fn advice(files: &PolicyFiles, now: Now) -> Faults {
    let Ok((draft, _)) = drafted(files, now) else { return Faults::new() };
    let advised = Advised::of(&draft);
    let (rules, mut tests) = draft.compiled(files);
    let policy = Policy::on_trial(rules);
    if place(&policy, &mut tests).fatal() {
        return Faults::new();
    }
    let trials: Vec<Trial> = tests.iter().map(|test| tried(&policy, test)).collect();
    advised.advice(&trials, now)
}

/// The rules that are advised on, in the order in which they are written.
pub(super) struct Advised {
    allow: Vec<Placed<Allow>>,
    monitor: Vec<Placed<Allow>>,
    deny: Vec<Placed<Deny>>,
}

impl Advised {
    /// Those of these files.
    pub(super) fn of(draft: &Draft) -> Self {
        Self { allow: draft.allow.clone(), monitor: draft.monitor.clone(), deny: draft.deny.clone() }
    }

    /// Advice, with how the tests ended.
    pub(super) fn advice(&self, trials: &[Trial], now: Now) -> Faults {
        let tested = trials.iter().flat_map(|trial| &trial.rules).map(|rule| &*rule.id).collect();
        advice_on(self, &tested, now)
    }
}

fn advice_on(draft: &Advised, tested: &BTreeSet<&str>, now: Now) -> Faults {
    let mut faults = Faults::new();
    let denies: Vec<&Deny> =
        draft.deny.iter().map(|placed| &placed.what).filter(|deny| !is_blunt(deny)).collect();
    let mut shadows = Shadows::of(&denies);
    let creators: Vec<&Allow> =
        draft.allow.iter().map(|placed| &placed.what).filter(|allow| creates(allow)).collect();
    for placed in &draft.allow {
        let allow = &placed.what;
        ends_soon(placed, &allow.scope, now, &mut faults);
        nowhere(placed, &mut faults);
        if let Some(deny) = shadows.over(allow) {
            let message = format!("`{}` can never apply: `{}` denies all of it", allow.rule.id, deny.id);
            warn(placed, &mut faults, "shadowed", message, format!("the deny is at {}", deny.place));
        }
        wide(placed, &mut faults);
        unpinned(placed, &mut faults);
        begun_anew(placed, &creators, &mut faults);
        if !tested.contains(&*allow.rule.id) {
            let message = format!("no test is allowed by `{}`", allow.rule.id);
            warn(placed, &mut faults, "untested", message, "write a [[test]] that it allows".to_owned());
        }
    }
    for placed in &draft.monitor {
        let monitor = &placed.what;
        ends_soon(placed, &monitor.scope, now, &mut faults);
        if !tested.contains(&*monitor.rule.id) {
            let message = format!("no test is let through by `{}`", monitor.rule.id);
            warn(
                placed,
                &mut faults,
                "untested",
                message,
                "write a [[test]] that it lets through".to_owned(),
            );
        }
    }
    for placed in &draft.deny {
        let deny = &placed.what;
        ends_soon(placed, &deny.scope, now, &mut faults);
        if !tested.contains(&*deny.rule.id) {
            let message = format!("no test is refused by `{}`", deny.rule.id);
            warn(placed, &mut faults, "untested", message, "write a [[test]] that it refuses".to_owned());
        }
    }
    faults
}

fn ends_soon<T>(placed: &Placed<T>, scope: &Scope, now: Now, faults: &mut Faults) {
    let Some(ends) = scope.conditions.ends else { return };
    if now.timestamp() < ends && ends <= now.plus(SOON).timestamp() {
        let message = format!("the rule ends soon: its last day is {}", crate::policy::words::last_day(ends));
        warn(placed, faults, "ends-soon", message, "give it a later day, or let it end".to_owned());
    }
}

/// A rule whose operations and instances do not go together.
fn nowhere(placed: &Placed<Allow>, faults: &mut Faults) {
    let scope = &placed.what.scope;
    let routes = reached(&scope.actions);
    let without = scope.instances.contains(NO_INSTANCE);
    let needs = |instance: InstanceIn| !matches!(instance, InstanceIn::None | InstanceIn::ResourceArn);
    let only_without = without && scope.instances.len() == 1;
    if only_without && routes.iter().all(|route| needs(route.instance)) {
        let message = format!("`{}` can never apply: its operations have an instance", placed.what.rule.id);
        warn(placed, faults, "never-applies", message, "name the instances".to_owned());
    } else if !without && routes.iter().all(|route| route.instance == InstanceIn::None) {
        let message = format!("`{}` can never apply: its operations have no instance", placed.what.rule.id);
        warn(placed, faults, "never-applies", message, "write instances = [\"none\"]".to_owned());
    }
}

/// A rule that reaches further than most mean it to.
fn wide(placed: &Placed<Allow>, faults: &mut Faults) {
    let allow = &placed.what;
    let everybody = allow.scope.users.is_empty() && allow.scope.user_ids.is_empty();
    let any = matches!(allow.binding, Some(Binding::AnyIn(_)));
    if any && everybody && beyond_creation(allow, |route| route.class == Class::Identity).is_some() {
        let message = format!("`{}` lets any account be pointed at any mailbox of a domain", allow.rule.id);
        let hint = "use email_from or email_directory, or name `users`";
        warn(placed, faults, "wide-address", message, hint.to_owned());
    }
    let open = |pattern: &&Pattern| {
        pattern.to_string().rsplit_once('@').is_none_or(|(_, domain)| domain.contains('*'))
    };
    if let (Some(Binding::From(Template::Username)), Some(pattern)) =
        (&allow.binding, allow.usernames.patterns.iter().find(open))
    {
        let message =
            format!("`{}` lets whoever creates a user choose its address: `{pattern}`", allow.rule.id);
        let hint = "name the domain in `usernames`, as in \"*@example.com\", or in email_from";
        warn(placed, faults, "wide-address", message, hint.to_owned());
    }
    if let (true, true, Some(route)) =
        (everybody, !allow.usernames.is_empty(), beyond_creation(allow, |route| route.class < Class::Write))
    {
        let message = format!("`usernames` of `{}` does not narrow {}", allow.rule.id, route.action());
        let hint = "name `users`, or put what is created into a rule of its own";
        warn(placed, faults, "creation-only", message, hint.to_owned());
    }
    let literal = |pattern: &Pattern| pattern.to_string().chars().filter(|each| *each != '*').count();
    if let Some((_, pattern)) = allow.scope.callers.roles.iter().find(|(_, role)| literal(role) < FEW) {
        let message = format!("`{}` names callers by `{pattern}`, which many roles may match", allow.rule.id);
        warn(placed, faults, "wide-callers", message, "name the roles".to_owned());
    }
}

/// An operation of a rule besides `CreateUser`, which alone `usernames` narrows.
fn beyond_creation(allow: &Allow, holds: impl Fn(&Route) -> bool) -> Option<&'static Route> {
    let routes = reached(&allow.scope.actions);
    routes.into_iter().find(|route| route.operation != "CreateUser" && holds(route))
}

/// A role that is deleted and made again by somebody else has the same ARN, and another unique id.
fn unpinned(placed: &Placed<Allow>, faults: &mut Faults) {
    let allow = &placed.what;
    let callers = &allow.scope.callers;
    let role = !callers.roles.is_empty() || callers.exact.iter().any(|arn| arn.contains(":role/"));
    let conditions = &allow.scope.conditions;
    let pinned = !conditions.unique_ids.is_empty() || conditions.permission_set.is_some();
    if role && !pinned && allow.fields.contains(&Field::Email) {
        let message = format!("`{}` lets a role set Email by its name alone", allow.rule.id);
        let hint = "add unique_ids: whoever may delete and make the role again would have the same name";
        warn(placed, faults, "no-unique-id", message, hint.to_owned());
    }
}

/// A caller who may delete a user and create one of the same name gives that login another address, or a password, without
/// a rule for a change of either.
fn begun_anew(placed: &Placed<Allow>, creators: &[&Allow], faults: &mut Faults) {
    let allow = &placed.what;
    if !allow.scope.actions.iter().any(|action| action.is(DELETE_USER, Class::Sensitive)) {
        return;
    }
    if let Some(creator) = creators.iter().find(|creator| may_share(&creator.scope, &allow.scope)) {
        let message =
            format!("a caller of `{}` may delete a user and create one of the same name", allow.rule.id);
        let hint = format!(
            "let other callers create users: the login gets another address so; `{}` at {} creates them",
            creator.rule.id, creator.rule.place
        );
        warn(placed, faults, "delete-and-create", message, hint);
    }
}
