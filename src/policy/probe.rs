//! One question put to a policy by hand: what `policy explain` and the benchmark ask. No token comes of it.

use crate::diagnostic::Faults;

use super::{Basis, Policy, Refusal, case::Case, compile};

/// One question and what is true when it is asked, written as a `[[test]]`; what it expects is not asked.
#[derive(Clone)]
pub struct Probe(Case);

impl Probe {
    /// Reads a text with one `[[test]]`.
    ///
    /// # Errors
    /// Every fault of it.
    pub fn read(text: &str) -> Result<Self, Faults> {
        compile::probe(text).map(Self)
    }
}

impl Policy {
    /// What this policy answers: the grounds, or why not. Directory files count as fresh.
    ///
    /// # Errors
    /// The refusal.
    pub fn answer(&self, probe: &Probe) -> Result<Basis, Refusal> {
        compile::verdict(self, &probe.0).map(|grant| grant.basis)
    }
}
