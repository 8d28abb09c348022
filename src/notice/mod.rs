//! What to tell whom. Pure: from a permit, a refusal or an event of the guard itself to deliveries, from a delivery to
//! text, HTML and a payload. Who is told of a change is settled *before* it, from what was true before it.

mod built_in;
mod check;
mod delivery;
mod engine;
mod event;
mod facts;
mod fold;
mod found;
mod kind;
mod members;
mod neutral;
mod payload;
mod plan;
mod proven;
mod render;
mod routing;
mod sample;
mod subject;
mod view;

pub use delivery::{About, Delivery, Told};
pub use engine::RenderFault;
pub use event::Event;
pub use facts::{ChangedField, Facts, Matter, RecordRef, Untold};
pub use fold::Refusals;
pub use found::{Became, Confirmation, Finding, Later, PassedFor, Shows};
pub use kind::{Audience, Channel, Kind, Severity, Urgency, WordFault};
pub(crate) use neutral::ascii;
pub use plan::{Held, Plan, PlanFault};
pub use proven::proven;
pub(crate) use proven::{proven_shown, shown, vouched_shown};
pub use render::{Rendered, TemplateFile, Templates};
pub use routing::{Before, Recipient, Route, Routing, RoutingFault};
pub use subject::Subject;

#[cfg(test)]
pub(crate) mod tests;
