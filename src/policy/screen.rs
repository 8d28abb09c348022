//! The first question: could any rule allow this caller to do this? Asked before anything is read or charged.

use std::sync::Arc;

use crate::{
    caller::{Attempt, Caller},
    clock::Now,
    limit::{Admitted, Charged},
    operation::{Address, Asked, Change, Class, Field, Look, Operation, Ordinary, Route, Target},
};

use super::{
    Basis, Given, Looked, Permit, Policy, Recall, Refusal, Refused,
    grant::Grant,
    judge::Judge,
    question::{Kind, Password, Question},
};

/// Some rule could allow it. Holds the policy it was screened with.
#[must_use]
pub struct Screened {
    policy: Arc<Policy>,
    asked: Asked,
    /// For an ordinary operation, which is decided here: on which ground it may pass.
    basis: Basis,
    at: Now,
}

/// A change that was admitted and waits for what is true now.
#[must_use]
pub struct Undecided {
    pub(super) policy: Arc<Policy>,
    pub(super) caller: Caller,
    pub(super) attempt: Attempt,
    pub(super) change: Change,
}

/// What comes after admission.
#[expect(clippy::large_enum_variant, reason = "made and taken apart once for each request")]
pub enum Next {
    /// A change: look first.
    Look(Undecided),
    /// An ordinary operation that a rule allows.
    Pass(Permit<Ordinary>),
}

/// Whether any rule could allow this caller to do this. An ordinary operation is decided here: no read is needed.
///
/// # Errors
/// `operation-forbidden`, `revoked`, `freeze`, `no-rule`; for an ordinary operation also `denied-by`.
pub fn screen(policy: &Arc<Policy>, asked: Asked, now: Now) -> Result<Screened, Box<Refused>> {
    let question = Question::of(asked.caller(), asked.operation());
    let judge = Judge::new(policy, &question, now);
    let verdict = judge.screen().and_then(|()| match question.kind {
        Kind::Ordinary => judge.pass(),
        Kind::Identity | Kind::Create | Kind::Sensitive => Ok(Grant::none()),
    });
    match verdict {
        Ok(Grant { basis, .. }) => Ok(Screened { policy: Arc::clone(policy), asked, basis, at: now }),
        Err(refusal) => {
            let (values, given) = (asked_values(&question), given(&question));
            let (caller, _, operation) = asked.into_parts();
            let (route, class, target) = (operation.route(), operation.class(), operation.target().clone());
            let change = match operation {
                Operation::Change(change) => Some(Box::new(change)),
                Operation::Ordinary(_) => None,
            };
            Err(Box::new(Refused {
                caller,
                route: Some(route),
                class: Some(class),
                target: Some(target),
                change,
                asked: values,
                given,
                looked: None,
                refusal,
                policy: policy.digest(),
            }))
        }
    }
}

impl Charged for Screened {
    fn caller(&self) -> &Caller {
        self.asked.caller()
    }
    fn route(&self) -> &'static Route {
        self.asked.operation().route()
    }
    fn class(&self) -> Class {
        self.asked.operation().class()
    }
    fn target(&self) -> &Target {
        self.asked.operation().target()
    }
}

impl Charged for Undecided {
    fn caller(&self) -> &Caller {
        &self.caller
    }
    fn route(&self) -> &'static Route {
        self.change.route()
    }
    fn class(&self) -> Class {
        self.change.class()
    }
    fn target(&self) -> &Target {
        self.change.target()
    }
}

impl Admitted<Screened> {
    /// A change has to be looked at; an ordinary operation may pass.
    pub fn next(self) -> Next {
        let Screened { policy, asked, basis, at } = self.into_inner();
        let (caller, attempt, operation) = asked.into_parts();
        match operation {
            Operation::Change(change) => Next::Look(Undecided { policy, caller, attempt, change }),
            Operation::Ordinary(ordinary) => Next::Pass(Permit {
                caller,
                attempt,
                operation: ordinary,
                looked: Looked::default(),
                differences: Vec::new(),
                basis,
                quotas: Vec::new(),
                policy: policy.digest(),
                emergency: policy.emergency_digest(),
                decided: at,
            }),
        }
    }
}

impl Undecided {
    /// The change.
    pub fn change(&self) -> &Change {
        &self.change
    }

    /// What makes a second arrival the same attempt.
    pub fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    /// What has to be read from Connect before it can be decided: the user always, permissions only where some are
    /// protected.
    pub fn look(&self) -> Look {
        let question = self.question();
        let target = self.change.target();
        let protected = self.protects();
        let identity = matches!(question.kind, Kind::Identity | Kind::Create);
        let concerned = question.profiles.iter().map(String::as_str).chain(question.profile);
        Look {
            instance: target.instance.clone().filter(|_| identity),
            user: target.user().cloned(),
            username: question.username.map(str::to_owned),
            profiles: if protected { concerned.map(str::to_owned).collect() } else { Vec::new() },
            permissions: protected && target.user().is_some(),
            addresses: wanted_addresses(&question),
        }
    }

    /// What the ledger has to be asked before it can be decided.
    pub fn recall(&self) -> Recall {
        let question = self.question();
        Recall {
            target: self.change.target().clone(),
            addresses: wanted_addresses(&question),
            permissions: self.protects() && question.user.is_some(),
        }
    }

    /// Who asks.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Gives it up, with a reason of another stage (the user is unknown to Connect).
    pub fn refuse(self, refusal: Refusal) -> Box<Refused> {
        self.refused(refusal, None)
    }

    /// Whether some permissions are protected.
    pub(super) fn protects(&self) -> bool {
        !self.policy.rules().protected.permissions.is_empty()
    }

    /// What the change asks.
    pub(super) fn question(&self) -> Question<'_> {
        Question::of_change(&self.caller, &self.change)
    }

    /// Gives it up, with what was looked at.
    pub(super) fn refused(self, refusal: Refusal, looked: Option<Looked>) -> Box<Refused> {
        let question = self.question();
        let (asked, given) = (asked_values(&question), given(&question));
        Box::new(Refused {
            route: Some(self.change.route()),
            class: Some(self.change.class()),
            target: Some(self.change.target().clone()),
            change: Some(Box::new(self.change)),
            asked,
            given,
            looked: looked.map(Box::new),
            refusal,
            policy: self.policy.digest(),
            caller: self.caller,
        })
    }
}

fn asked_values(question: &Question<'_>) -> Vec<(Field, Option<String>)> {
    question.wanted.iter().map(|(field, value)| (*field, value.map(str::to_owned))).collect()
}

pub(super) fn given(question: &Question<'_>) -> Given {
    Given {
        username: question.username.map(str::to_owned),
        password: match question.password {
            Password::Set => true,
            Password::Absent => false,
        },
        profiles: question.profiles.to_vec(),
        permissions: question.permissions.to_vec(),
        members: question.members.iter().map(|member| (*member).to_owned()).collect(),
    }
}

/// The addresses asked for; what is none is refused later.
fn wanted_addresses(question: &Question<'_>) -> Vec<Address> {
    let addresses = question.wanted.iter().filter(|(field, _)| field.is_address());
    addresses.filter_map(|(_, value)| Address::read((*value)?).ok()).collect()
}
