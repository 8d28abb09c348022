//! What a verified caller asks for.

use bytes::Bytes;

use crate::caller::{Attempt, Caller};

use super::{Change, Class, Route, Target};

/// What a verified caller asks for. Made by [`super::recognise()`] only, spent by value.
#[must_use]
pub struct Asked {
    pub(super) caller: Caller,
    pub(super) attempt: Attempt,
    pub(super) operation: Operation,
}

/// By the class of this request, which is the route's but for tagging: an [`Ordinary`] never holds a guarded one.
pub enum Operation {
    /// Identity or sensitive.
    Change(Change),
    /// Read or write.
    Ordinary(Ordinary),
}

/// An ordinary operation: what is passed on. Only its body is passed on as bytes; its hash was signed by the caller.
pub struct Ordinary {
    pub(super) route: &'static Route,
    pub(super) class: Class,
    pub(super) target: Target,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
}

impl Asked {
    /// Who asks.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// For what.
    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    /// Spends it.
    pub fn into_parts(self) -> (Caller, Attempt, Operation) {
        (self.caller, self.attempt, self.operation)
    }
}

impl Operation {
    /// The route.
    pub fn route(&self) -> &'static Route {
        match self {
            Self::Change(change) => change.route(),
            Self::Ordinary(ordinary) => ordinary.route,
        }
    }

    /// The class of this request.
    pub fn class(&self) -> Class {
        match self {
            Self::Change(change) => change.class(),
            Self::Ordinary(ordinary) => ordinary.class,
        }
    }

    /// The target.
    pub fn target(&self) -> &Target {
        match self {
            Self::Change(change) => change.target(),
            Self::Ordinary(ordinary) => &ordinary.target,
        }
    }
}

impl Ordinary {
    /// The route.
    pub fn route(&self) -> &'static Route {
        self.route
    }

    /// Read or write. Tagging what is neither a user nor a security profile is a write, whatever its route says.
    pub fn class(&self) -> Class {
        self.class
    }

    /// The target.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Path and query, built anew from the parsed values.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The operation's header members as the caller signed them, and `content-type: application/json` where there is a
    /// body.
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }

    /// The body as signed by the caller.
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}
