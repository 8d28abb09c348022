//! What a signature of a policy directory is over: a line for each file, as `sha256sum` writes them. `revoked.toml` and
//! `deny.d` are not in it: they hold at once, and can only take away.

use crate::{
    diagnostic::{Fault, Faults, Source},
    secret::Digest,
};

use super::PolicyFiles;

impl PolicyFiles {
    /// SHA-256 and name of each file that the rules come from (`*.toml` but `revoked.toml`, `*.csv`), by name: 64
    /// hexadecimal digits, two spaces, the name, a line feed.
    ///
    /// # Errors
    /// A name that is not of visible ASCII characters, without `/` and `\`: it could stand for two lines.
    pub fn manifest(&self) -> Result<String, Faults> {
        let mut faults = Faults::new();
        let mut lines: Vec<(&str, Digest)> = Vec::new();
        for source in self.signed() {
            if is_plain(&source.local) {
                lines.push((&source.local, Digest::of(source.text.as_bytes())));
            } else {
                let message =
                    format!("the name of `{}` cannot stand in a manifest", source.name.escape_debug());
                faults.push(
                    Fault::bare(message).hint("name it with visible ASCII characters, without `/` and `\\`"),
                );
            }
        }
        lines.sort_unstable();
        let line = |(name, digest): &(&str, Digest)| [digest.hex(), "  ".into(), (*name).into(), "\n".into()];
        let text: String = lines.iter().flat_map(line).collect();
        if faults.is_empty() { Ok(text) } else { Err(faults) }
    }

    fn signed(&self) -> impl Iterator<Item = &Source> {
        self.rules.iter().chain(self.directories.iter().map(|file| &file.source))
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'\\'))
}
