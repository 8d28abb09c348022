//! Every record as it was written, for whoever reads the past: what is sealed beside it, where the keys are given.

use std::collections::HashMap;

use serde::Deserialize as _;
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

    /// Reads one record, and opens what is sealed in it with these keys. Only reads: a guard may be running.
    ///
    /// # Errors
    /// As [`Self::each_line`]; a row that is no record is as none.
    pub async fn line(
        url: &str,
        seal: Option<&Seal>,
        chain: &str,
        seq: u64,
    ) -> Result<Option<Line>, LedgerFault> {
        let reader = Reader::open(&Location::read(url)?)?;
        let read = line(&reader, seal, chain, seq).await;
        reader.close().await;
        read
    }
}

async fn line(
    reader: &Reader,
    seal: Option<&Seal>,
    chain: &str,
    seq: u64,
) -> Result<Option<Line>, LedgerFault> {
    let rows = reader.up_to(chain, seq, 1).await?;
    let row = rows.into_iter().find(|row| u64::try_from(row.seq) == Ok(seq));
    let Some(record) = row.and_then(|row| serde_json::from_slice::<Value>(&row.bytes).ok()) else {
        return Ok(None);
    };
    let inputs = opened(&record, &keys(reader, seal).await?);
    Ok(Some(Line { record, inputs }))
}

/// The keys of people that these keys open.
async fn keys(reader: &Reader, seal: Option<&Seal>) -> Result<HashMap<String, DataKey>, LedgerFault> {
    let Some(seal) = seal else { return Ok(HashMap::new()) };
    let people = reader.people().await?;
    Ok(people
        .into_iter()
        .filter_map(|row| Some((row.token.clone(), DataKey::open(seal, &row).ok()?)))
        .collect())
}

async fn lines(
    reader: &Reader,
    seal: Option<&Seal>,
    each: &mut impl FnMut(Line),
) -> Result<u64, LedgerFault> {
    let keys = keys(reader, seal).await?;
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
    let place = Envelope::deserialize(record).ok()?;
    let inputs = keys.get(&part.person)?.unseal(&place.chain, place.seq, &part)?;
    serde_json::to_value(inputs).ok()
}
