//! The relay's own file: as written, and as meant. A relay stands beside an application, and has nothing in common with a
//! guard's configuration but the way it is read.

use std::{collections::BTreeSet, ffi::OsString, net::SocketAddr, path::PathBuf, time::Duration};

use super::{Located, LogFormat, Overrides, parse, raw, read};
use crate::{
    clock::Now,
    diagnostic::{Faults, Source},
    relay::RelayOptions,
    secret::SecretRef,
};

/// A relay's configuration.
pub(crate) struct RelayFile {
    /// Where the application calls it.
    pub(crate) listen: RelayListen,
    /// Where it is asked whether it lives and is ready; none: nowhere.
    pub(crate) status: Option<SocketAddr>,
    /// How long what is under way may take when it is told to stop.
    pub(crate) drain: Duration,
    /// The relay itself.
    pub(crate) relay: RelayOptions,
    /// The form of logs.
    pub(crate) log: LogFormat,
}

/// Where the application calls it.
pub(crate) struct RelayListen {
    /// Where.
    pub(crate) at: RelayAt,
    /// Certificate and key; none: plain HTTP, on this machine alone.
    pub(crate) tls: Option<(Located<PathBuf>, Located<SecretRef>)>,
    /// Names by which it may be called, besides addresses and `localhost`: lower case.
    pub(crate) hosts: BTreeSet<String>,
}

/// An address or a socket in the file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RelayAt {
    /// TCP.
    Address(SocketAddr),
    /// A Unix socket.
    Socket {
        /// Its file.
        path: PathBuf,
        /// The file's permissions: who may connect.
        mode: u32,
    },
}

impl RelayFile {
    /// Reads a relay's configuration, as [`super::Config::read`] does a guard's. Of the environment the form of logs counts.
    pub(crate) fn read(source: &Source, overrides: &Overrides, now: Now) -> Result<(Self, Faults), Faults> {
        let raw = parse::parse::<raw::relay::Raw>(source)?;
        read::Reader::new(source, overrides, now).relay_file(&raw)
    }
}

/// What of the environment says whose sessions these are, and where they are kept: for `credentials` alone.
pub(crate) struct Person {
    /// `$XDG_CACHE_HOME`, or `$HOME/.cache`; none: neither is set to an absolute path.
    pub(crate) cache: Option<PathBuf>,
    /// What chooses among AWS identities: sessions had under one are not used under another.
    pub(crate) chosen: Vec<(String, OsString)>,
}

impl Person {
    /// Whether keys stand in the environment, which the SDK takes before everything else.
    pub(crate) fn has_keys(&self) -> bool {
        self.chosen.iter().any(|(name, _)| name == "AWS_ACCESS_KEY_ID")
    }

    /// As the environment says.
    #[expect(clippy::disallowed_methods, reason = "the one place where this command's variables are read")]
    pub(crate) fn of_environment() -> Self {
        let absolute =
            |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let cache = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
        let chosen = CHOOSING.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var_os(name)?)));
        Self { cache, chosen: chosen.collect() }
    }
}

/// Variables by which the AWS SDK chooses an identity. No secret is among them.
const CHOOSING: [&str; 9] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];
