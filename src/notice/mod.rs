//! What to tell whom. Pure: from a permit or a refusal to a plan, from a plan and a finding to deliveries, from a
//! delivery to text and HTML. Who is told is settled *before* the change, from what was true before it.

mod facts;
mod found;
mod neutral;
mod plan;
mod render;
mod view;

pub use facts::{ChangedField, Facts, Matter, RecordRef, Untold};
pub use found::{Became, Confirmation, Finding, Later, Shows};
pub(crate) use neutral::ascii;
pub use plan::{Audience, Delivery, Held, Kind, Plan, PlanFault, Routing, Urgency};
pub use render::{RenderFault, Rendered, Templates};

#[cfg(test)]
pub(crate) mod tests;
