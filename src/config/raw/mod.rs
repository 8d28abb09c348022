//! The configuration as written: every key that exists, what it says, where it stands, and nothing else. Unknown keys are
//! faults. The reference is made of these definitions (`section`), so that there is no other list of keys.

mod aws;
mod callers;
mod ledger;
mod listen;
mod people;
pub(super) mod relay;
pub(super) mod section;

use std::path::PathBuf;

use serde_spanned::Spanned;

pub(super) use aws::{Aws, Limits, Rate, Upstream};
pub(super) use callers::{Caller, Certificate, Freeze, Session, Sts, TokenIssuer};
pub(super) use ledger::{Evidence, Keys, PolicyPlace, Retention, SealKey, Store, Stream};
pub(super) use listen::{Caps, Drain, Listen, Log, ProxyProtocol};
pub(super) use people::{Hook, Mail, Notify, Route};
use section::sections;

/// Text with its place.
pub(super) type Text = Spanned<String>;
/// A path with its place.
pub(super) type File = Spanned<PathBuf>;
/// A program and its arguments, with their place.
pub(super) type Words = Spanned<Vec<String>>;

sections! {
    Raw {
        /// Where the guard listens: for callers, for whoever wants a session, for whoever watches. At least one is a
        /// gateway.
        #[serde(default)]
        listen: Vec<Spanned<Listen>>,
        /// The rules. The section has to be there.
        policy: Option<Spanned<PolicyPlace>>,
        /// The ledger. The guard does not start without it, and makes no change while it cannot be written.
        store: Option<Spanned<Store>>,
        /// What seals and hashes in the ledger what concerns a person. The section has to be there.
        keys: Option<Spanned<Keys>>,
        /// Where Connect is, and as whom the guard calls it; at least one. The signature's Region and the instance select exactly
        /// one.
        #[serde(default)]
        upstream: Vec<Spanned<Upstream>>,
        /// Keys of callers.
        #[serde(default)]
        caller: Vec<Spanned<Caller>>,
        /// Sessions: credentials of minutes for whoever proves who they are.
        session: Option<Spanned<Session>>,
        /// Whom a client certificate stands for, where listeners ask for one. One that fits two of these is nobody's.
        #[serde(default)]
        certificate: Vec<Spanned<Certificate>>,
        /// Who may stop every change at once, and who may lift what somebody else stopped.
        freeze: Option<Spanned<Freeze>>,
        /// What `connect-guard aws` writes roles, service control policies and alarms from. The guard itself works
        /// without it.
        aws: Option<Spanned<Aws>>,
        /// How mail is handed in. Without somebody to tell, no change is made.
        mail: Option<Spanned<Mail>>,
        /// Who else is told what, and how.
        #[serde(default)]
        notify: Notify,
        /// Every record, brought to a SIEM as it is made.
        #[serde(default)]
        stream: Vec<Spanned<Stream>>,
        /// What proves the ledger: who keeps where its chains end.
        #[serde(default)]
        evidence: Evidence,
        /// When old records leave the store for sealed files that the chain binds.
        #[serde(default)]
        retention: Retention,
        /// How long ending may take once the guard is told to.
        #[serde(default)]
        drain: Drain,
        /// Rates, in memory, and how large a body may be.
        #[serde(default)]
        limits: Limits,
        /// Logs.
        #[serde(default)]
        log: Log,
    }
}
