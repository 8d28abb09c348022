//! Which of Connect's operations a verified request asks for, as typed values: ids, changes, and what Connect says of a
//! user. Only [`recognise()`] makes an [`Asked`]; a change has another type than an ordinary operation from here on.

mod address;
mod answer;
mod arn;
mod asked;
mod body;
mod change;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod identity;
mod known;
mod labels;
mod new_user;
mod recognise;
mod route;
mod routes;
mod sensitive;
mod subject;
mod target;
mod user;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use address::{Address, AddressFault};
pub use answer::{
    AnswerFault, Page, read_channel_addresses, read_created_user, read_permissions, read_profile_name,
    read_users_named,
};
pub use asked::{Asked, Operation, Ordinary};
pub use change::{Built, Change, ChangeKind, Field, IdentityChange, NewUser, Wanted};
pub(crate) use identity::is_invisible;
pub use recognise::{Unrecognised, Why, body_limit, recognise};
pub use route::{Class, DELETE_USER, InstanceIn, Route, lookup, routes};
pub use sensitive::{ProfileBody, SensitiveBody};
pub use target::{InstanceId, Site, Sites, Subject, Target, UserId};
pub use user::{Directory, Effect, Identity, Look, Profile, Seen, User};
