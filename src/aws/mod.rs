//! What AWS has to be told so that nobody goes past the guard: its roles, service control policies, alarms; and whom that
//! would stop. Written from the configuration and the policy that the guard serves with. Calls nobody and reads nothing:
//! what is written is for people to review and to hand in.
//!
//! What a policy of AWS cannot close, README.md says.

mod alarm;
mod document;
mod fault;
mod impact;
mod level;
mod plan;
mod reference;
mod resource;
mod role;
mod scp;
mod template;
mod yaml;

pub use alarm::Alarm;
pub use document::Form;
pub use fault::AwsFault;
pub use impact::{Done, Impact, Way};
pub use level::Level;
pub use plan::Plan;
pub use role::{GuardRole, Roles};
pub use template::{alarm_template, role_template, scp_template};
pub use yaml::yaml;

#[cfg(test)]
mod tests;
