//! What `connect-guard demo` runs on: an embedded Connect, an embedded mailbox, a caller, and the story told with them.

pub mod caller;
pub mod certificates;
pub mod connect;
pub mod mailbox;
pub mod process;
pub mod stage;
pub mod story;
pub mod sts;
