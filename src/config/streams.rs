//! Who is brought every record, as meant.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use super::{HookPlace, Located};
use crate::{diagnostic::Place, ledger::Kind, notify::Facility, secret::SecretRef};

/// Somebody who is brought every record as it is made.
pub struct StreamPlace {
    /// Its name, under which the ledger knows how far it came.
    pub name: String,
    /// Where to.
    pub to: StreamReceiver,
    /// Whether an intent has to be taken before its change is sent.
    pub required: bool,
    /// For each step, and for an intent to be taken. Default 5 s.
    pub timeout: Duration,
    /// Only these kinds of records; all when empty.
    pub kinds: BTreeSet<Kind>,
    /// Where it stands.
    pub place: Place,
}

impl StreamPlace {
    /// For each step, unless the configuration says otherwise.
    pub const TIMEOUT: Duration = Duration::from_secs(5);
}

/// Who takes a stream.
pub enum StreamReceiver {
    /// Syslog over TLS.
    Syslog(Box<SyslogPlace>),
    /// A webhook.
    Webhook(Box<HookPlace>),
}

/// A receiver of syslog.
pub struct SyslogPlace {
    /// The name that its certificate has to have.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Trust these CAs (PEM) instead of the platform's.
    pub ca_file: Option<Located<PathBuf>>,
    /// Certificate chain and key that it is shown, PEM.
    pub certificate: Option<(Located<PathBuf>, Located<SecretRef>)>,
    /// Under which facility.
    pub facility: Facility,
}
