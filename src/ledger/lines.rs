//! Every record as it was written, for whoever reads the past: what is sealed beside it, where the keys are given.

use std::collections::HashMap;

use serde_json::Value;

use crate::{
    secret::Seal,
    store::{Location, Reader},
};

use super::{
    Ledger, LedgerFault,
    person::DataKey,
    record::{Envelope, SealedPart},
};

/// A record, read.
pub struct Line {
    /// The record, member by member.
    pub record: Value,
    /// What is sealed in it; none where there is nothing, where no key opens it, and where the person was erased.
    pub inputs: Option<Value>,
}

impl Ledger {
    /// Reads every record of every chain in order, as of one moment, and opens what is sealed with these keys. Only reads: a
    /// guard may be running. Gives how many rows are no records.
    pub async fn each_line(
        url: &str,
        seal: Option<&Seal>,
        mut each: impl FnMut(Line),
    ) -> Result<u64, LedgerFault> {
        let reader = Reader::open(&Location::read(url)?)?;
        let read = lines(&reader, seal, &mut each).await;
        reader.close().await;
        read
    }
}

async fn lines(
    reader: &Reader,
    seal: Option<&Seal>,
    each: &mut impl FnMut(Line),
) -> Result<u64, LedgerFault> {
    let mut keys = HashMap::new();
    if let Some(seal) = seal {
        for row in reader.people().await? {
            keys.extend(DataKey::open(seal, &row).ok().map(|key| (row.token, key)));
        }
    }
    let mut unread = 0;
    reader
        .each_record(|row| {
            let record: Result<Value, _> = serde_json::from_slice(&row.bytes);
            let Ok(record) = record else {
                unread += 1;
                return;
            };
            let inputs = opened(&record, &keys);
            each(Line { record, inputs });
        })
        .await?;
    Ok(unread)
}

fn opened(record: &Value, keys: &HashMap<String, DataKey>) -> Option<Value> {
    let part: SealedPart = serde_json::from_value(record.get("inputs")?.clone()).ok()?;
    let place: Envelope = serde_json::from_value(record.clone()).ok()?;
    let inputs = keys.get(&part.person)?.unseal(&place.chain, place.seq, &part)?;
    serde_json::to_value(inputs).ok()
}
