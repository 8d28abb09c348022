//! Why a record or what goes with it could not be made, or what is kept could not be read back.

use std::{error::Error, fmt};

use crate::secret::SealError;

/// Why a part of a record could not be made or read. Fails the step it belongs to, and no other. Says nothing of content.
#[derive(Debug)]
pub enum Misfit {
    /// It could not be sealed or opened.
    Seal {
        /// What.
        what: &'static str,
        /// Why.
        source: SealError,
    },
    /// It is not of the form that this version writes.
    Form {
        /// What.
        what: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// Another version of the program wrote it.
    Version {
        /// What.
        what: &'static str,
        /// The version it is of.
        found: u32,
        /// The version that this program knows.
        known: u32,
    },
    /// It is not there.
    Missing(&'static str),
}

impl Misfit {
    /// For `map_err`: this could not be sealed or opened.
    pub(crate) fn seal(what: &'static str) -> impl FnOnce(SealError) -> Self {
        move |source| Self::Seal { what, source }
    }

    /// For `map_err`: this is not of a known form.
    pub(crate) fn form(what: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |source| Self::Form { what, source }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seal { what, source } => write!(f, "{what}: {source}"),
            // The parser's own words may quote what it read.
            Self::Form { what, .. } => write!(f, "{what}: not of a known form"),
            Self::Version { what, found, known } => {
                write!(f, "{what}: it is of version {found}, and this program knows version {known}")
            }
            Self::Missing(what) => write!(f, "{what} is not there"),
        }
    }
}

impl Error for Misfit {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Seal { source, .. } => Some(source),
            Self::Form { source, .. } => Some(source),
            Self::Version { .. } | Self::Missing(_) => None,
        }
    }
}
