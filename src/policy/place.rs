//! In which place an instance is that a question names by its bare id. A request always has an ARN, and rules may name
//! that alone; so whoever asks by hand is answered for the ARN that the policy names, or told to write one.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
};

use crate::operation::InstanceId;

use super::{
    Policy,
    case::Case,
    rule::{Allow, Deny, Scope},
};

/// The ARNs of instances that rules name, by their ids.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(HashMap<String, BTreeSet<String>>);

/// That an instance was asked for by its id alone, and rules name it by several ARNs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ambiguous {
    /// The id.
    pub id: String,
    /// The ARNs, of which there are two or more.
    pub arns: BTreeSet<String>,
}

impl Places {
    /// Those of these rules.
    pub(super) fn of<'r>(
        allows: impl IntoIterator<Item = &'r Allow>,
        denies: impl IntoIterator<Item = &'r Deny>,
    ) -> Self {
        let mut places = Self::default();
        let allows = allows.into_iter().map(|allow| &allow.scope);
        for scope in allows.chain(denies.into_iter().map(|deny| &deny.scope)) {
            places.add(scope);
        }
        places
    }

    fn add(&mut self, scope: &Scope) {
        for arn in &scope.instances {
            if let Some(id) = InstanceId::of_arn(arn) {
                self.0.entry(id.as_str().to_owned()).or_default().insert(arn.clone());
            }
        }
    }
}

impl Policy {
    /// Gives a question about an instance by its bare id the one ARN that rules name of that id. Without such an ARN
    /// nothing depends on it.
    pub(super) fn place(&self, case: &mut Case) -> Result<(), Ambiguous> {
        let (Some(id), None) = (&case.instance, &case.instance_arn) else { return Ok(()) };
        let emergency = Places::of([], &self.emergency().deny);
        let mut arns: BTreeSet<&String> = [&self.rules().places, &emergency]
            .into_iter()
            .filter_map(|places| places.0.get(id))
            .flatten()
            .collect();
        if arns.len() > 1 {
            return Err(Ambiguous { id: id.clone(), arns: arns.into_iter().cloned().collect() });
        }
        case.instance_arn = arns.pop_first().cloned();
        Ok(())
    }
}

impl Ambiguous {
    /// What to do about it.
    pub const HINT: &'static str = "write the ARN of the instance that is meant";
}

impl fmt::Display for Ambiguous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arns: Vec<String> = self.arns.iter().map(|arn| format!("`{arn}`")).collect();
        write!(f, "`{}` is one instance of several that rules name: {}", self.id, arns.join(", "))
    }
}

impl std::error::Error for Ambiguous {}

/// Whether an instance that rules name, as an id or an ARN, may be the one that is asked for, as an id or an ARN.
pub(super) fn may_be_one(named: &str, asked: &str) -> bool {
    let is_of = |arn: &str, id: &str| InstanceId::of_arn(arn).is_some_and(|of| of.as_str() == id);
    named == asked || is_of(named, asked) || is_of(asked, named)
}
