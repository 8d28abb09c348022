//! Why the store could not be opened, read or written.

use std::{error::Error, fmt, path::PathBuf};

use crate::secret::SecretError;

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
    /// Something in the schema is not as this program makes it: its kind and name.
    Altered(String),
    /// The chain does not end where it was left.
    Moved {
        /// Where it was left.
        expected: u64,
        /// Where it ends.
        found: u64,
    },
    /// The transaction was given up before its end, because it took too long.
    Late,
    /// The server may say that something is on disk before it is, and no sentence accepts that.
    Forgets {
        /// By which setting.
        setting: &'static str,
        /// What it is.
        found: String,
    },
    /// Others may put something into the schema, or have something in it, that the guard's statements would run.
    Shared {
        /// Which.
        schema: String,
        /// Who.
        role: String,
    },
    /// Another process continues the chain.
    Taken {
        /// Which.
        chain: String,
    },
    /// The password of the server could not be read.
    Secret(SecretError),
    /// The password of the server is not text.
    NotText,
    /// The environment has a variable for clients of the server that would have a part in it.
    Surroundings(&'static str),
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
    /// It begins neither with `sqlite:` nor with `postgres:`.
    Scheme,
    /// It names no file.
    NoFile,
    /// The value of this parameter is not a number of bytes.
    Bytes(String),
    /// There is no such parameter.
    Unknown(String),
    /// It holds a password.
    Password,
    /// It names no user.
    NoUser,
    /// It names no host.
    NoHost,
    /// It names a host, and the directory of a socket.
    TwoHosts,
    /// It names no database.
    NoDatabase,
    /// Its port is none.
    Port,
    /// It has `%` or `#`.
    Escaped,
    /// The value of this parameter is not an absolute path.
    Relative(String),
    /// This cannot be the name of a schema.
    Schema(String),
    /// There is no such `sslmode`.
    Mode(String),
    /// Its `sslmode` is too weak for a network.
    Weak(Weak),
    /// It does not say by which roots the server's certificate is verified.
    NoRoots,
    /// Of `sslcert` and `sslkey` it has one only.
    HalfOwn,
}

/// What a weak `sslmode` leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weak {
    /// Who reads it.
    Disable,
    /// Who answers.
    Anybody,
    /// Whose server answers: any with a certificate of the same roots.
    AnyName,
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

    /// Whether the disk of a server is full (`53100`).
    pub(super) fn is_full(&self) -> bool {
        let Self::Database { source, .. } = self else { return false };
        source.as_database_error().is_some_and(|error| error.code().is_some_and(|code| code == "53100"))
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
            Self::Tables(_) | Self::Schema { .. } | Self::Altered(_) => "tables",
            Self::Moved { .. } => "moved",
            Self::Late => "timeout",
            Self::Row(_) => "row",
            Self::Forgets { .. } => "forgets",
            Self::Shared { .. } => "schema",
            Self::Taken { .. } => "taken",
            Self::Secret(_) | Self::NotText => "password",
            Self::Surroundings(_) => "environment",
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
            Self::Altered(what) => {
                write!(f, "its {what} is none that this program makes: somebody altered the store")
            }
            Self::Moved { expected, found } => {
                write!(f, "the chain was left at record {expected} and ends at record {found}")
            }
            Self::Late => f.write_str("given up: it took too long"),
            Self::Row(what) => write!(f, "a row of `{what}` is not of a known form"),
            Self::Schema { found: Some(found), known } if found > known => write!(
                f,
                "its tables are of version {found}, and this program knows version {known}\n\
                 hint: a later version of the program made them: use that one, or put back a copy of before"
            ),
            Self::Schema { found: Some(found), known } => {
                write!(f, "its tables are of version {found}, and this program knows version {known}")
            }
            Self::Schema { found: None, .. } => f.write_str("it holds no ledger"),
            Self::Forgets { setting, found } => write!(
                f,
                "`{setting}` of the server is `{found}`: the ledger would not outlive its crash\n\
                 hint: set it to `on`, or accept this with a sentence in `store.ephemeral`"
            ),
            Self::Shared { schema, role } => write!(
                f,
                "`{role}` may create in the schema `{schema}`, or owns something in it: what is there runs as the guard\n\
                 hint: a schema of the guard's own: `CREATE SCHEMA guard AUTHORIZATION ROLE`, and `schema=guard` in `store.url`"
            ),
            Self::Taken { chain } => {
                write!(f, "another process continues the chain `{chain}`: this one was away for too long")
            }
            Self::Secret(error) => error.fmt(f),
            Self::NotText => f.write_str("the password is not text"),
            Self::Surroundings(name) => write!(
                f,
                "a variable `PG*` of the environment sets `{name}`\n\
                 hint: unset it; what counts stands in `store.url`"
            ),
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
            Self::Secret(error) => Some(error),
            Self::Unfit { .. }
            | Self::Held(_)
            | Self::Medium { .. }
            | Self::Replaced(_)
            | Self::Altered(_)
            | Self::Moved { .. }
            | Self::Late
            | Self::Row(_)
            | Self::Forgets { .. }
            | Self::Shared { .. }
            | Self::Taken { .. }
            | Self::NotText
            | Self::Surroundings(_)
            | Self::Schema { .. } => None,
        }
    }
}

impl fmt::Display for UrlFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("it begins with `sqlite:` or `postgres:`"),
            Self::NoFile => f.write_str("it names a file"),
            Self::Bytes(name) => write!(f, "`{name}` is a number of bytes"),
            Self::Unknown(name) => write!(f, "unknown parameter `{name}`"),
            Self::Password => f.write_str("a password is in a file of its own: `password_file=/path`"),
            Self::NoUser => f.write_str("it names a user"),
            Self::NoHost => f.write_str("it names one host"),
            Self::TwoHosts => f.write_str("it names one host, or the directory of a socket"),
            Self::NoDatabase => f.write_str("it names a database"),
            Self::Port => f.write_str("a port is a number from 1 to 65535"),
            Self::Escaped => f.write_str("`%` and `#` have no meaning in it"),
            Self::Relative(name) => write!(f, "`{name}` is an absolute path"),
            Self::Schema(name) => write!(f, "`{name}` is no schema: 1 to 63 characters of a-z 0-9 _"),
            Self::Mode(mode) => write!(f, "there is no `sslmode={mode}`"),
            Self::Weak(weak) => weak.fmt(f),
            Self::NoRoots => f.write_str("`sslrootcert` names the roots by which the server is verified"),
            Self::HalfOwn => f.write_str("`sslcert` and `sslkey` go together"),
        }
    }
}

impl Error for UrlFault {}

impl fmt::Display for Weak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disable => {
                "without TLS anybody on the way reads and writes the ledger: `sslmode=verify-full`"
            }
            Self::Anybody => "this `sslmode` takes any server for the ledger's: `sslmode=verify-full`",
            Self::AnyName => {
                "this `sslmode` takes any server of the same roots for the ledger's: `sslmode=verify-full`"
            }
        })
    }
}

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
