//! Versions of the policy that were enforced: kept, so that a decision is explained by the text that decided.

use std::path::Path;

use crate::{
    crash::{Point, point},
    secret::{Digest, Seal},
    store::{Append, Composed, Done, Misfit, Op, PolicyFileRow, Step, Weight},
};

use super::{Ledger, Unwritten, core::Core, queue::Purpose, submit::unexpected};

const PURPOSE: &str = "policy file";

impl Ledger {
    /// Keeps a version of the policy directory under the digest that records name: the names and texts of its files,
    /// sealed. One that is there already is not written again. Of files other than `*.toml` only the digest is kept: a
    /// directory of addresses is not what a rule is explained by.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn keep_policy(&self, digest: Digest, files: &[(String, String)]) -> Result<(), Unwritten> {
        let policy = digest.hex();
        if self.read(self.inner.reader.has_policy(&policy)).await? {
            return Ok(());
        }
        let core = &self.inner.core;
        let files = files.iter().map(|file| row(core, file)).collect::<Result<_, _>>()?;
        let op = Op::Policy { policy, files };
        let step = Step::Append(Append {
            weight: Weight::Ordinary,
            person: None,
            checks: Vec::new(),
            compose: Box::new(move |_| Ok(Composed { record: None, ops: vec![op] })),
        });
        point(Point::KeepPolicy);
        let done = self.submit(step, Purpose::Plain).await?;
        point(Point::PolicyKept);
        if matches!(done, Done::Plain) { Ok(()) } else { Err(unexpected(done)) }
    }
}

impl Ledger {
    /// The names and texts of a version that was kept, as far as they are; none of a version that was not.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn kept_policy(&self, digest: &str) -> Result<Vec<(String, String)>, Unwritten> {
        let rows = self.read(self.inner.reader.policy_files(digest)).await?;
        let opened = rows.iter().map(|row| open(&self.inner.core.seal, row));
        Ok(opened.filter_map(|(name, text)| Some((name, text?))).collect())
    }
}

fn row(core: &Core, (name, text): &(String, String)) -> Result<PolicyFileRow, Misfit> {
    let kept = Path::new(name).extension().is_some_and(|extension| extension == "toml");
    let sealed = kept.then(|| core.seal.seal(PURPOSE, text.as_bytes()));
    Ok(PolicyFileRow {
        name: name.clone(),
        digest: Digest::of(text.as_bytes()).hex(),
        text: sealed.transpose().map_err(Misfit::seal(PURPOSE))?,
    })
}

/// The name and text of a file; no text where it is not kept, does not open, or is not what was kept.
pub(super) fn open(seal: &Seal, row: &PolicyFileRow) -> (String, Option<String>) {
    let text = row.text.as_ref().and_then(|sealed| {
        let plain = seal.open(PURPOSE, sealed).ok()?;
        plain.expose_str().filter(|text| Digest::of(text.as_bytes()).hex() == row.digest).map(str::to_owned)
    });
    (row.name.clone(), text)
}
