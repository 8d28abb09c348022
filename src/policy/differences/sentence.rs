//! What is left of a rule, as a sentence.

use std::collections::BTreeSet;

use crate::{
    operation::{Class, Field},
    policy::{
        rule::{Action, Allow, Deny, NO_INSTANCE},
        words::{self, counted},
    },
};

use super::{
    Difference,
    claim::{Body, Caller, Claim, Matter, Operations},
    search::{Otherwise, Rest},
};

/// As many callers, operations or instances are written out; more are counted.
const MOST: usize = 50;

/// What happened to what a rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// An allow is there that was not.
    Granted,
    /// An allow is there no more.
    Withdrawn,
    /// A deny is there that was not.
    Denied,
    /// A deny is there no more.
    DenyEnded,
}

/// The sentence.
pub(super) fn of_rest(rest: &Rest<'_, '_>, change: Change) -> Difference {
    let several = rest.callers.len() > 1;
    let verb = match (change, several) {
        (Change::Granted, _) => "may now",
        (Change::Withdrawn, _) => "may no longer",
        (Change::Denied, false) => "is now denied",
        (Change::Denied, true) => "are now denied",
        (Change::DenyEnded, false) => "is no longer denied",
        (Change::DenyEnded, true) => "are no longer denied",
    };
    let (what, mut conditions) = match rest.claim.body {
        Body::Allow(allow) => (deed(rest), allow_conditions(allow, rest)),
        Body::Deny(deny) => (denied(rest), deny_conditions(deny)),
    };
    if rest.otherwise == Otherwise::InPart {
        conditions.push(remark(change).to_owned());
    }
    Difference {
        who: who(&rest.callers),
        what: format!("{verb} {what}"),
        where_: place(&rest.places),
        conditions,
        rule: Some(rest.claim.rule.clone()),
    }
}

/// What else there is on the other side of the change.
fn remark(change: Change) -> &'static str {
    match change {
        Change::Granted => "allowed on other terms before",
        Change::Withdrawn => "still allowed on other terms",
        Change::Denied => "denied on other terms before",
        Change::DenyEnded => "still denied on other terms",
    }
}

fn who(callers: &[Caller<'_>]) -> String {
    let shown = callers.iter().take(MOST).map(|caller| match caller {
        Caller::Anyone => "everybody".to_owned(),
        Caller::Exact(arn) => format!("`{arn}`"),
        Caller::Roles(account, pattern) => format!("`{account}{pattern}`"),
    });
    counted(shown.collect(), callers.len())
}

fn place(places: &[Option<&str>]) -> String {
    let named: Vec<&str> = places.iter().copied().flatten().collect();
    let without = named.contains(&NO_INSTANCE);
    let shown = named.iter().filter(|place| **place != NO_INSTANCE).take(MOST);
    let shown: Vec<String> = shown.map(|place| format!("`{place}`")).collect();
    let all = named.len() - usize::from(without);
    match (all, without) {
        (0, true) => "without an instance".to_owned(),
        (0, false) => "on every instance".to_owned(),
        (1, false) => format!("on the instance {}", counted(shown, all)),
        (_, false) => format!("on the instances {}", counted(shown, all)),
        (_, true) => format!("on the instances {} and without an instance", counted(shown, all)),
    }
}

fn deed(rest: &Rest<'_, '_>) -> String {
    let actions = actions(rest.claim, &rest.operations);
    let fields = |of: fn(&Matter) -> Option<Field>| {
        let names: Vec<String> = rest.matters.iter().filter_map(of).map(|field| field.to_string()).collect();
        (!names.is_empty()).then(|| counted(names.clone(), names.len()))
    };
    let set = fields(|matter| if let Matter::Set(field) = matter { Some(*field) } else { None });
    let removed = fields(|matter| if let Matter::Remove(field) = matter { Some(*field) } else { None });
    let has = |matter| rest.matters.contains(&matter);
    let mut deeds = Vec::new();
    if has(Matter::Create) {
        deeds.push("create users".to_owned());
    }
    if has(Matter::Give) {
        deeds.push("give security profiles".to_owned());
    }
    if has(Matter::Permit) {
        deeds.push("give permissions to security profiles".to_owned());
    }
    deeds.extend(set.map(|fields| format!("set {fields}")));
    deeds.extend(removed.map(|fields| format!("remove {fields}")));
    if deeds.is_empty() {
        let identity = rest.operations.iter().all(|(route, _)| route.class == Class::Identity);
        let unchanged = if identity { " with values that are there already" } else { "" };
        return format!("call {actions}{unchanged}");
    }
    let all = deeds.len();
    format!("{} with {actions}", counted(deeds, all))
}

fn denied(rest: &Rest<'_, '_>) -> String {
    let fields: Vec<String> = rest
        .matters
        .iter()
        .filter_map(
            |matter| if let Matter::DenyField(field) = matter { Some(field.to_string()) } else { None },
        )
        .collect();
    let everything = rest.operations.is_everything();
    match (everything, fields.is_empty()) {
        (true, true) => "every operation".to_owned(),
        (true, false) => format!("every change of {}", fields.join(" or ")),
        (false, true) => actions(rest.claim, &rest.operations),
        (false, false) => {
            format!("{} that changes {}", actions(rest.claim, &rest.operations), fields.join(" or "))
        }
    }
}

/// Operations as the rule writes them where that is what they are, and one by one otherwise.
fn actions(claim: &Claim<'_>, operations: &Operations) -> String {
    let mut left = operations.clone();
    let mut shown = BTreeSet::new();
    for action in &claim.scope.actions {
        let Action::Wild(prefix, _) = action else { continue };
        let reached = Claim::operations_of(action);
        if reached.without(operations).is_empty() {
            shown.insert(format!("connect:{prefix}* ({} operations)", reached.iter().count()));
            left = left.without(&reached);
        }
    }
    shown.extend(left.iter().map(|(route, class)| {
        let of = if class == route.class { "" } else { " (of what is neither user nor security profile)" };
        format!("connect:{}{of}", route.operation)
    }));
    let all = shown.len();
    counted(shown.into_iter().take(MOST).collect(), all)
}

fn allow_conditions(allow: &Allow, rest: &Rest<'_, '_>) -> Vec<String> {
    let has = |matter| rest.matters.contains(&matter);
    let address =
        rest.matters.iter().any(|matter| matches!(matter, Matter::Set(field) if field.is_address()));
    let mut conditions = words::of_users(&allow.scope);
    if address {
        conditions.extend(words::of_binding(allow));
    }
    if has(Matter::Create) {
        conditions.push(words::of_usernames(allow));
        conditions.push(words::of_password(allow).to_owned());
    }
    if has(Matter::Create) || has(Matter::Give) {
        conditions.push(words::of_grants(allow));
    }
    if has(Matter::Permit) {
        conditions.push(words::of_permissions(allow));
    }
    conditions.extend(words::of_limits(allow));
    conditions.extend(words::of_conditions(&allow.scope.conditions));
    conditions
}

fn deny_conditions(deny: &Deny) -> Vec<String> {
    let mut conditions = words::of_users(&deny.scope);
    if !deny.domains.is_empty() {
        conditions.push(format!("only to addresses at {}", words::quoted(&deny.domains.iter().collect())));
    }
    conditions.extend(words::of_conditions(&deny.scope.conditions));
    conditions
}
