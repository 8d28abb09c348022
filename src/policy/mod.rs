//! The policy: rules in TOML, compiled once, asked twice. [`screen()`] asks whether any rule could allow this caller to do
//! this; [`Admitted::decide`](crate::limit::Admitted) asks, with what is true now, whether every field whose value would
//! change is allowed. Pure: what can fail, fails at load.
//!
//! Deny by default; a `[[deny]]` beats every `[[allow]]`; order and duplicates change nothing. One snapshot decides a
//! request: [`Screened`] holds the policy it was screened with. The language is explained in `policies/README.md`.

mod admission;
mod binding;
mod case;
mod code;
mod compile;
mod decide;
mod differences;
mod emergency;
mod expiring;
mod explain;
mod files;
mod format;
mod freeze;
mod grant;
mod hours;
mod index;
mod judge;
mod manifest;
mod miss;
mod past;
mod pattern;
mod permission_set;
mod permit;
mod place;
mod probe;
mod protected;
mod question;
mod reach;
mod report;
mod rule;
mod schema;
mod screen;
mod screening;
mod signature;
mod signers;
mod snapshot;
mod suggest;
mod terms;
mod ticket;
mod trials;
mod who_can;
mod words;

#[cfg(test)]
mod tests;

pub use code::{Code, Refusal, Refused, RuleRef};
pub use decide::{Given, Known, Looked, Recall};
pub use differences::{Difference, Differences};
pub use expiring::{Expiring, Side};
pub use explain::{Explanation, Said, Traced};
pub use files::{DirectoryFile, PolicyFiles};
pub use format::formatted;
pub use freeze::{Freeze, FreezeScope, FreezeScopeFault};
pub use miss::Miss;
pub use past::{Judged, Logged, Past, Recalled, Unsaid};
pub(crate) use pattern::Pattern;
pub use permit::{Basis, FieldChange, Ground, Permit, QuotaClaim, QuotaOf};
pub use place::Ambiguous;
pub use probe::Probe;
pub use report::{Denied, Overview, Written};
pub use schema::schema;
pub use screen::{Next, Screened, Undecided, screen};
pub use signers::Signers;
pub use snapshot::Policy;
pub use suggest::Suggestions;
pub use terms::{Terms, epoch_in};
pub use trials::{Failure, Trial, advice, trials};
pub use who_can::{Capability, Query};
