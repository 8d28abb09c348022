//! Erasing a person, by an operator: their data keys go, and with them everything that is sealed under them, in the store and
//! in every export of it. A copy of the whole store that was made before has the keys as well. The chain still verifies: its
//! hashes are over sealed bytes. Who erased, and why, is on record.

use crate::{
    operation::Target,
    secret::HashKey,
    store::{Check, Done, LeftRow, Op, Verdict},
};

use super::{
    Desk, LedgerFault, Operator,
    desk_chain::Draft,
    parts,
    record::{Body, Kind, RefusalPart},
};

/// What stands in the way of erasing a person, and what there is to erase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToErase {
    /// Whether there is a data key: without one nothing is sealed, or it was erased.
    pub known: bool,
    /// Changes that are open.
    pub open: u64,
    /// Changes that are watched: Connect accepted them, and no read has shown them yet.
    pub watched: u64,
    /// Notices that wait to be delivered.
    pub waiting: u64,
}

impl ToErase {
    /// Whether nothing stands in the way.
    pub fn is_free(&self) -> bool {
        self.open == 0 && self.watched == 0 && self.waiting == 0
    }
}

impl Desk {
    /// What there is of a person, and what stands in the way of erasing it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn to_erase(&self, hash: &HashKey, target: &Target) -> Result<ToErase, LedgerFault> {
        let LeftRow { known, open, watched, waiting } = self.store.left(&name(hash, target)).await?;
        Ok(ToErase { known, open, watched, waiting })
    }

    /// Erases a person: the data keys, what is known of addresses and permissions, settled notices, and remembered answers.
    /// A user goes with what stands under its Username, which `CreateUser` is recorded under. What happened is on record,
    /// with who and why. False when something is open, watched or queued: that is on record too.
    ///
    /// # Errors
    /// When it cannot be written: nothing is erased then.
    pub async fn erase(
        &self,
        hash: &HashKey,
        target: &Target,
        reason: &str,
        who: &Operator,
    ) -> Result<bool, LedgerFault> {
        let person = name(hash, target);
        let erased = self.store.tokens_of(&person).await?;
        let checks = vec![Check::Over { person: person.clone() }];
        let about = parts::target(target).0;
        let draft = self.reasoned(Kind::Erasure, hash, (reason, who), move |place, body| {
            let is_free = place.verdict == Verdict::Clear;
            let refusal = (!is_free).then(|| RefusalPart {
                code: "busy".into(),
                rule: None,
                place: None,
                fields: Vec::new(),
            });
            let erased = if is_free { erased } else { Vec::new() };
            let body = Body { target: Some(about), refusal, erased, ..body };
            (body, if is_free { vec![Op::Erase { person }] } else { Vec::new() })
        })?;
        let draft = Draft { checks, ..draft };
        Ok(matches!(self.write(draft).await?, Done::Written(_)))
    }

    /// Takes what was erased out of the files of the store: it stands in the log beside it until then. False while somebody
    /// reads what is older; then the same again takes it out.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn scrub(&self) -> Result<bool, LedgerFault> {
        Ok(self.store.scrub().await?)
    }
}

/// The name under which tables know a target.
pub(super) fn name(hash: &HashKey, target: &Target) -> String {
    hash.hash("target", target.to_string().as_bytes()).hex()
}
