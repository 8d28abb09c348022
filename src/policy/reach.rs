//! Which operations the rules in force could ever let through, whoever asks: what the guard itself has to be allowed.

use crate::{
    clock::Now,
    operation::{Class, Route},
};

use super::{
    Policy,
    rule::{Allow, NO_INSTANCE},
};

impl Policy {
    /// Whether a rule in force names an operation on an instance, given by its id and its ARN; none for operations without
    /// one. Denies are not asked: they end. Operations that tag are asked for as what they are on a user and on anything else.
    pub fn may_reach(&self, route: &Route, instance: Option<(&str, &str)>, now: Now) -> bool {
        let in_force = |allow: &&Allow| allow.scope.conditions.ends.is_none_or(|ends| now.timestamp() < ends);
        let rules = self.rules().allow.iter().chain(&self.rules().monitor).filter(in_force);
        let is_in = |allow: &Allow| match instance {
            Some((id, arn)) => allow.scope.instances.contains(id) || allow.scope.instances.contains(arn),
            None => allow.scope.instances.contains(NO_INSTANCE),
        };
        let is_named =
            |allow: &Allow| allow.scope.actions.iter().any(|action| action.is(route.operation, route.class));
        route.class != Class::Forbidden && rules.filter(|allow| is_in(allow)).any(is_named)
    }
}
