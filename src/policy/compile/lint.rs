//! What loads and is worth a look: rules that do nothing, rules that say the same, a policy without tests.

use std::collections::{BTreeSet, HashMap};

use crate::{
    diagnostic::{Fault, Faults},
    operation::{Class, Field},
    policy::{
        binding::{Binding, names_of},
        differences::may_share,
        rule::{Allow, Deny, Scope},
    },
};

use super::{Draft, Placed};

/// Notes warnings; never an error.
pub(super) fn lint(draft: &Draft, faults: &mut Faults) {
    if draft.allow.is_empty() && draft.monitor.is_empty() {
        let mut fault = Fault::bare("there is no `[[allow]]`: everything is refused");
        fault.severity = crate::diagnostic::Severity::Warning;
        faults.push(fault.hint("add rules, each with callers, actions and instances").code("no-allow"));
    }
    same(draft, faults);
    dead(draft, faults);
    given_names(draft, faults);
    unused_directories(draft, faults);
}

/// Allow rules that differ in nothing but id and place (F7).
fn same(draft: &Draft, faults: &mut Faults) {
    let mut known: HashMap<String, &Allow> = HashMap::new();
    for placed in &draft.allow {
        let allow = &placed.what;
        let other = *known.entry(said(allow)).or_insert(allow);
        if !std::ptr::eq(other, allow) {
            warn(
                placed,
                faults,
                "duplicate",
                format!("`{}` says the same as `{}`", allow.rule.id, other.rule.id),
                format!("remove one of them; the other is at {}", other.rule.place),
            );
        }
    }
}

/// All that a rule says, but for its id and place, in one order.
fn said(allow: &Allow) -> String {
    let Allow {
        rule: _,
        scope,
        fields,
        remove,
        binding,
        plus,
        restore,
        usernames,
        grants,
        permissions,
        members,
        password,
        protected,
        quota,
        own,
        ticket,
        mode,
    } = allow;
    let Scope { callers, actions, instances, users, user_ids, conditions } = scope;
    let binding = match binding {
        None => String::new(),
        Some(Binding::From(template)) => format!("{template:?}"),
        Some(Binding::Directory(directory)) => directory.name.clone(),
        Some(Binding::AnyIn(domains)) => format!("{domains:?}"),
    };
    let sets =
        [&callers.exact, instances, &users.exact, user_ids, &usernames.exact, grants, permissions, members];
    let sets = sets.map(|set| set.iter().collect::<BTreeSet<_>>());
    let patterns = (&callers.roles, &users.patterns, &usernames.patterns);
    let texts = (binding, plus, protected, own);
    let switches = (restore, password, quota, ticket, mode);
    format!("{sets:?} {patterns:?} {actions:?} {conditions:?} {fields:?} {remove:?} {texts:?} {switches:?}")
}

/// Allow rules that a deny without conditions covers wholly.
fn dead(draft: &Draft, faults: &mut Faults) {
    let blunt: Vec<&Deny> =
        draft.deny.iter().map(|placed| &placed.what).filter(|deny| is_blunt(deny)).collect();
    for placed in &draft.allow {
        if let Some(deny) = blunt.iter().find(|deny| covers(&deny.scope, &placed.what.scope)) {
            let message =
                format!("`{}` can never apply: `{}` denies all of it", placed.what.rule.id, deny.rule.id);
            warn(placed, faults, "shadowed", message, format!("the deny is at {}", deny.rule.place));
        }
    }
}

/// Whether a deny has no condition: those are looked at on every load.
pub(super) fn is_blunt(deny: &Deny) -> bool {
    let scope = &deny.scope;
    deny.fields.is_empty()
        && deny.domains.is_empty()
        && scope.users.is_empty()
        && scope.user_ids.is_empty()
        && scope.conditions == crate::policy::rule::Conditions::default()
        && scope.callers.roles.is_empty()
}

fn covers(deny: &Scope, allow: &Scope) -> bool {
    let actions = || {
        let denied = super::scope::reached(&deny.actions);
        super::scope::reached(&allow.actions).iter().all(|route| denied.contains(route))
    };
    let callers = deny.callers.is_empty()
        || (allow.callers.roles.is_empty() && allow.callers.exact.is_subset(&deny.callers.exact));
    let instances = deny.instances.is_empty() || allow.instances.is_subset(&deny.instances);
    callers && instances && (deny.actions.is_empty() || actions())
}

/// A caller who may change a name, and whose template depends on that name, may choose the address: the name, the address,
/// and the name back. That is no binding, so it is an error.
pub(super) fn chosen_names(draft: &Draft, faults: &mut Faults) {
    for (placed, field, setter) in choices(draft, changes) {
        let message = format!(
            "a caller of `{}` may set {field}, and then the address made from it",
            placed.what.rule.id
        );
        let place = placed.source.at(placed.span.clone());
        faults.push(Fault::error(message, place).hint(format!(
            "use {{username}} or a directory, or let other callers change names; {field} is set by `{}` at {}",
            setter.rule.id, setter.rule.place
        )));
    }
}

/// The same where a user is created: the address is that of the name which they are given.
fn given_names(draft: &Draft, faults: &mut Faults) {
    let worse: BTreeSet<&str> =
        choices(draft, changes).iter().map(|(placed, ..)| &*placed.what.rule.id).collect();
    for (placed, field, _) in choices(draft, creates) {
        if worse.contains(&*placed.what.rule.id) {
            continue;
        }
        let message =
            format!("a caller of `{}` gives the {field} that the address is made from", placed.what.rule.id);
        warn(placed, faults, "given-name", message, "use {username} or a directory".to_owned());
    }
}

/// The rules with a template over a name, that name, and a rule by which their callers may set it.
fn choices(draft: &Draft, how: fn(&Allow) -> bool) -> Vec<(&Placed<Allow>, Field, &Allow)> {
    let setters: Vec<&Allow> =
        draft.allow.iter().map(|placed| &placed.what).filter(|allow| how(allow)).collect();
    let chosen = |placed: &'_ Placed<Allow>| {
        let Some(Binding::From(template)) = &placed.what.binding else { return None };
        names_of(template).find_map(|field| {
            let sets = |allow: &&&Allow| {
                allow.fields.contains(&field) && may_share(&allow.scope, &placed.what.scope)
            };
            Some((field, *setters.iter().find(sets)?))
        })
    };
    let bound = draft.allow.iter().filter(|placed| how(&placed.what));
    bound.filter_map(|placed| chosen(placed).map(|(field, setter)| (placed, field, setter))).collect()
}

/// Whether it lets the identity of users be changed who are there already.
fn changes(allow: &Allow) -> bool {
    allow.scope.actions.iter().any(|action| action.is("UpdateUserIdentityInfo", Class::Identity))
}

/// Whether it lets users be created.
pub(super) fn creates(allow: &Allow) -> bool {
    allow.scope.actions.iter().any(|action| action.is("CreateUser", Class::Identity))
}

fn unused_directories(draft: &Draft, faults: &mut Faults) {
    let used: BTreeSet<&str> = draft
        .allow
        .iter()
        .filter_map(|placed| match &placed.what.binding {
            Some(Binding::Directory(directory)) => Some(directory.name.as_str()),
            Some(Binding::From(_) | Binding::AnyIn(_)) | None => None,
        })
        .collect();
    for (name, placed) in &draft.named_directories {
        if !used.contains(name.as_str()) {
            let message = format!("no rule uses the directory `{name}`");
            warn(placed, faults, "unused-directory", message, "remove it".to_owned());
        }
    }
}

/// Warns of what stands somewhere.
pub(super) fn warn<T>(
    placed: &Placed<T>,
    faults: &mut Faults,
    code: &'static str,
    message: String,
    hint: String,
) {
    let fault = Fault::warning(message, placed.source.at(placed.span.clone()));
    faults.push(fault.hint(hint).code(code));
}
