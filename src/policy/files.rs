//! The files of a policy directory, as text. Reading them from disk is not this module's business.

use crate::{clock::Now, diagnostic::Source};

/// The files of one policy directory, each already read.
#[derive(Debug, Clone, Default)]
pub struct PolicyFiles {
    /// `*.toml` of the directory itself, but `revoked.toml`, sorted by name.
    pub rules: Vec<Source>,
    /// `deny.d/*.toml`, sorted by name. An unreadable one is `Err` with why.
    pub deny: Vec<Result<Source, String>>,
    /// `revoked.toml`, when there is one.
    pub revoked: Option<Result<Source, String>>,
    /// `*.csv` of the directory: what `[directories]` may name.
    pub directories: Vec<DirectoryFile>,
    /// `policy.sig`, when there is one: looked at only where a policy has to be signed.
    pub signature: Option<Result<Source, String>>,
}

impl PolicyFiles {
    /// A directory of rules alone, each file with its name and text.
    pub fn of_rules<'t>(rules: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        let rules = rules.into_iter().map(|(name, text)| Source::new(name, text)).collect();
        Self { rules, ..Self::default() }
    }
}

/// A `username,address` file.
#[derive(Debug, Clone)]
pub struct DirectoryFile {
    /// Its text; the name is the file's.
    pub source: Source,
    /// When it was last written, for `max_age`.
    pub modified: Now,
}
