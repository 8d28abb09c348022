//! The door by which `fuzz` reaches what is private. Without the feature `fuzzing`, which nothing that is shipped has, there
//! is none.

pub use crate::{
    clock::Now,
    diagnostic::Source,
    ledger::fuzzing::proven,
    notify::fuzzing::{Ended, mail, webhook},
    operation::fuzzing::{identity, new_user},
    secret::{Digest, Secret},
    session::fuzzing::identified,
    sigv4::{AuthorizationFault, Claimed},
};
