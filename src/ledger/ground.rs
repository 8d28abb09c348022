//! On which ground a request was decided: the rules or the code, as its record has them.

use serde::Deserialize;

use super::{
    Ledger, LedgerFault,
    record::{BasisPart, RefusalPart, RequestPart},
};
use crate::store::{Location, Reader};

/// What is read of a record here.
#[derive(Deserialize)]
struct Decided {
    request: Option<RequestPart>,
    basis: Option<BasisPart>,
    refusal: Option<RefusalPart>,
}

impl Ledger {
    /// The rules that a request rests on, or the code and the rule that refused it, in words; none when nothing is
    /// recorded of it. Reads every record.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn ground(url: &str, request_id: &str) -> Result<Option<String>, LedgerFault> {
        let reader = Reader::open(&Location::read(url)?)?;
        let mut found = None;
        let read = reader
            .each_record(|row| {
                if let Ok(decided) = serde_json::from_slice::<Decided>(&row.bytes)
                    && decided.request.as_ref().is_some_and(|request| request.id == request_id)
                {
                    found = decided.words().or(found.take());
                }
            })
            .await;
        reader.close().await;
        read?;
        Ok(found)
    }
}

impl Decided {
    fn words(&self) -> Option<String> {
        if let Some(refusal) = &self.refusal {
            let rule = refusal.rule.as_ref().zip(refusal.place.as_ref());
            return Some(match rule {
                Some((rule, place)) => format!("{} {rule} ({})", refusal.code, file(place)),
                None => refusal.code.clone(),
            });
        }
        let mut rules: Vec<String> = self
            .basis
            .iter()
            .flat_map(|basis| &basis.grounds)
            .map(|ground| format!("{} ({})", ground.rule, file(&ground.place)))
            .collect();
        rules.dedup();
        (!rules.is_empty()).then(|| rules.join(", "))
    }
}

/// `file:line` without the folders.
fn file(place: &str) -> &str {
    place.rsplit('/').next().unwrap_or(place)
}
