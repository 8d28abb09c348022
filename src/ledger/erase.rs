//! Erasing a person, by an operator: their data keys go, and with them everything that is sealed under them, in the store and
//! in every copy of it. The chain still verifies: its hashes are over sealed bytes. Who erased, and why, is on record.

use crate::{
    operation::Target,
    secret::HashKey,
    store::{Check, Done, LeftRow, Misfit, Op, Verdict},
};

use super::{
    Desk, LedgerFault, Operator,
    desk_chain::{CHAIN, Draft},
    parts,
    person::{DataKey, new_person},
    record::{Body, Inputs, Kind, RefusalPart},
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

    /// Whether a guard that wrote here has its own data key under this hash key, as it has since it first told something of
    /// itself: under another hash key nobody is found, the guard included.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn knows_a_guard(&self, hash: &HashKey) -> Result<bool, LedgerFault> {
        let chains = self.store.chains().await?;
        for chain in &chains {
            if self.store.left(&hash.hash("guard", chain.as_bytes()).hex()).await?.known {
                return Ok(true);
            }
        }
        Ok(chains.is_empty())
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
        // Why is sealed as what the guard says of itself is: it is no part of what is erased.
        let itself = hash.hash("guard", CHAIN.as_bytes()).hex();
        let itself =
            new_person(&self.seal, itself).map_err(|why| LedgerFault::Kept(Misfit::seal("data key")(why)))?;
        let erased = self.store.tokens_of(&person).await?;
        let checks = vec![Check::Over { person: person.clone() }];
        let seal = self.seal.clone();
        let (operator, about) = (who.part(), parts::target(target).0);
        let inputs = Inputs { words: Some(reason.to_owned()), ..Inputs::default() };
        let draft = Draft {
            kind: Kind::Erasure,
            person: Some(itself),
            checks,
            make: Box::new(move |place| {
                let row = place.person.as_ref().ok_or(Misfit::Missing("data key"))?;
                let key = DataKey::open(&seal, row).map_err(Misfit::seal("data key"))?;
                let is_free = place.verdict == Verdict::Clear;
                let refusal = (!is_free).then(|| RefusalPart {
                    code: "busy".into(),
                    rule: None,
                    place: None,
                    fields: Vec::new(),
                });
                let body = Body {
                    target: Some(about),
                    refusal,
                    erased: if is_free { erased } else { Vec::new() },
                    inputs: Some(key.seal(CHAIN, place.seq, &inputs)?),
                    operator: Some(operator),
                    ..Body::default()
                };
                Ok((body, if is_free { vec![Op::Erase { person }] } else { Vec::new() }))
            }),
        };
        Ok(matches!(self.write(draft).await?, Done::Written(_)))
    }
}

/// The name under which tables know a target.
fn name(hash: &HashKey, target: &Target) -> String {
    hash.hash("target", target.to_string().as_bytes()).hex()
}
