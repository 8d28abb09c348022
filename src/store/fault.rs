//! Why the store could not be opened, read or written.

use std::{error::Error, fmt, path::PathBuf};

/// Why the store could not be opened, read or written.
#[derive(Debug)]
pub enum StoreError {
    /// The URL is not one of a store.
    Url(UrlFault),
    /// The directory or a file of the store is not fit: owner, mode, kind.
    Unfit {
        /// Which.
        path: PathBuf,
        /// Why.
        why: Unfit,
    },
    /// Another process has it.
    Held(PathBuf),
    /// The medium forgets, or is reached over a network, and no sentence accepts that.
    Medium {
        /// Which.
        path: PathBuf,
        /// What it is.
        medium: &'static str,
    },
    /// A file of the store vanished or was replaced while it was open.
    Replaced(PathBuf),
    /// The file system said no.
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database said no.
    Database {
        /// In which step.
        step: &'static str,
        /// Why.
        source: sqlx::Error,
    },
    /// The tables could not be made or are of another version.
    Tables(sqlx::migrate::MigrateError),
    /// The chain does not end where it was left.
    Moved {
        /// Where it was left.
        expected: u64,
        /// Where it ends.
        found: u64,
    },
    /// The transaction was given up before its end, because it took too long.
    Late,
    /// A row is not of the form that this version writes.
    Row(&'static str),
    /// Its tables are of another version of the program: it is not read beside a running guard.
    Schema {
        /// The version of its tables; none where there are no tables.
        found: Option<i64>,
        /// The version that this program knows.
        known: i64,
    },
}

/// Why a URL is not one of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UrlFault {
    /// It does not begin with `sqlite:`.
    Scheme,
    /// It names no file.
    NoFile,
    /// The value of this parameter is not a number of bytes.
    Bytes(String),
    /// There is no such parameter.
    Unknown(String),
}

/// Why a directory or a file of the store is not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It is not a directory.
    NotADirectory,
    /// Others may write in the directory, and so replace the store.
    Open,
    /// It is not a file.
    NotAFile,
    /// Others may read or write the file.
    Mode,
    /// It has another name as well.
    Linked,
}

impl StoreError {
    /// For `map_err`: the database said no in this step.
    pub(super) fn at(step: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { step, source }
    }

    /// A stable word for it, for status.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Url(_) => "url",
            Self::Unfit { .. } => "unfit",
            Self::Held(_) => "held",
            Self::Medium { .. } => "medium",
            Self::Replaced(_) => "replaced",
            Self::Io { .. } => "io",
            Self::Database { .. } => "database",
            Self::Tables(_) | Self::Schema { .. } => "tables",
            Self::Moved { .. } => "moved",
            Self::Late => "timeout",
            Self::Row(_) => "row",
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(fault) => write!(f, "store url: {fault}"),
            Self::Unfit { path, why } => write!(f, "`{}` {why}", path.display()),
            Self::Held(path) => write!(f, "another process has the store: `{}` is locked", path.display()),
            Self::Medium { path, medium } => write!(
                f,
                "`{}` is on {medium}: the ledger would not outlive it, or could not be locked\n\
                 hint: put it on a local disk, or accept this with a sentence in `store.ephemeral`",
                path.display()
            ),
            Self::Replaced(path) => write!(f, "`{}` vanished or was replaced", path.display()),
            Self::Io { path, source } => write!(f, "`{}`: {source}", path.display()),
            Self::Database { step, source } => write!(f, "{step}: {source}"),
            Self::Tables(source) => write!(f, "tables: {source}"),
            Self::Moved { expected, found } => {
                write!(f, "the chain was left at record {expected} and ends at record {found}")
            }
            Self::Late => f.write_str("given up: it took too long"),
            Self::Row(what) => write!(f, "a row of `{what}` is not of a known form"),
            Self::Schema { found: Some(found), known } => {
                write!(f, "its tables are of version {found}, and this program knows version {known}")
            }
            Self::Schema { found: None, .. } => f.write_str("it holds no ledger"),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Database { source, .. } => Some(source),
            Self::Tables(source) => Some(source),
            Self::Url(fault) => Some(fault),
            Self::Unfit { .. }
            | Self::Held(_)
            | Self::Medium { .. }
            | Self::Replaced(_)
            | Self::Moved { .. }
            | Self::Late
            | Self::Row(_)
            | Self::Schema { .. } => None,
        }
    }
}

impl fmt::Display for UrlFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("it begins with `sqlite:`"),
            Self::NoFile => f.write_str("it names a file"),
            Self::Bytes(name) => write!(f, "`{name}` is a number of bytes"),
            Self::Unknown(name) => write!(f, "unknown parameter `{name}`"),
        }
    }
}

impl Error for UrlFault {}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotADirectory => "is not a directory",
            Self::Open => "may be written by others: anybody could replace the store in it",
            Self::NotAFile => "is not a file",
            Self::Mode => "may be read or written by others: its mode is to be 0600 or 0640",
            Self::Linked => "has another name as well",
        })
    }
}
