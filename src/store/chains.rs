//! Chains as a whole: where each ends, whether anything new is in one, single records of them; and steps of an operator, on
//! a chain that no guard continues.

use std::collections::BTreeMap;

use super::{
    Append, DeskStore, Done, Head, Location, Reader, RecordRow, StoreError,
    append::{head, one},
    desk::BUSY,
    dialect::On,
    insertion::Insertion,
    migrate,
    ops::signed,
    read::record_row,
    statement::{Builder, query, query_scalar},
};

/// Records read by their keys at once.
const KEYS: usize = 500;

/// Where every chain ends, by their names in order. One look into the key for each chain, however long they are.
pub(super) async fn heads(mut on: On<'_>) -> Result<Vec<(String, Head)>, StoreError> {
    let (mut found, mut last) = (Vec::new(), String::new());
    while let Some(chain) = after(on.again(), &last).await? {
        let end = head(on.again(), &chain).await?;
        last.clone_from(&chain);
        found.push((chain, end));
    }
    Ok(found)
}

/// The name of the next chain.
async fn after(on: On<'_>, chain: &str) -> Result<Option<String>, StoreError> {
    query_scalar("SELECT MIN(chain) FROM records WHERE chain > $1")
        .bind(chain)
        .fetch_one(on)
        .await
        .map_err(StoreError::at("chains"))
}

impl Reader {
    /// Refuses a store with anything in its schema that this program does not make.
    pub(crate) async fn unaltered(&self) -> Result<(), StoreError> {
        migrate::unaltered(self.pool()).await
    }

    /// Where every chain ends.
    pub(crate) async fn heads(&self) -> Result<Vec<(String, Head)>, StoreError> {
        let mut snapshot = self.pool().snapshot().await.map_err(StoreError::at("chains"))?;
        heads((&mut snapshot).into()).await
    }

    /// Whether a chain has records after this one that are of another kind than those that say where chains end.
    pub(crate) async fn has_news(&self, chain: &str, seq: u64) -> Result<bool, StoreError> {
        let found: Option<i64> =
            query_scalar("SELECT 1 FROM records WHERE chain = $1 AND seq > $2 AND kind <> 'heads' LIMIT 1")
                .bind(chain)
                .bind(signed(seq))
                .fetch_optional(self.pool())
                .await
                .map_err(StoreError::at("records"))?;
        Ok(found.is_some())
    }

    /// One record.
    pub(crate) async fn record(&self, chain: &str, seq: u64) -> Result<Option<RecordRow>, StoreError> {
        let read = || StoreError::at("record");
        let row = query("SELECT bytes FROM records WHERE chain = $1 AND seq = $2")
            .bind(chain)
            .bind(signed(seq))
            .fetch_optional(self.pool())
            .await
            .map_err(read())?;
        let Some(row) = row else { return Ok(None) };
        let bytes = row.try_get(0).map_err(read())?;
        Ok(Some(RecordRow { chain: chain.to_owned(), seq: signed(seq), bytes }))
    }

    /// The first record of a chain that is there; none of an empty one.
    pub(crate) async fn begins(&self, chain: &str) -> Result<Option<u64>, StoreError> {
        let first: Option<i64> = query_scalar("SELECT MIN(seq) FROM records WHERE chain = $1")
            .bind(chain)
            .fetch_one(self.pool())
            .await
            .map_err(StoreError::at("records"))?;
        Ok(first.map(i64::unsigned_abs))
    }

    /// Every record after these of their chains, and all of other chains, as of one moment; until `each` says no.
    pub(crate) async fn each_record_after(
        &self,
        known: &BTreeMap<String, i64>,
        mut each: impl FnMut(RecordRow) -> bool,
    ) -> Result<(), StoreError> {
        let read = || StoreError::at("records");
        let mut snapshot = self.pool().snapshot().await.map_err(read())?;
        let mut chain = String::new();
        while let Some(next) = after((&mut snapshot).into(), &chain).await? {
            let mut seq = known.get(&next).copied().unwrap_or(i64::MIN);
            chain = next;
            loop {
                let rows = query(
                    "SELECT chain, seq, bytes FROM records WHERE chain = $1 AND seq > $2 ORDER BY seq LIMIT 500",
                )
                .bind(&chain)
                .bind(seq)
                .fetch_all(&mut snapshot)
                .await
                .map_err(read())?;
                if rows.is_empty() {
                    break;
                }
                for row in &rows {
                    let row = record_row(row)?;
                    seq = row.seq;
                    if !each(row) {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// The records that say something of other records, of all chains: heads, segments, starts and stops. The last of them
    /// may have been written while they are read.
    pub(crate) async fn each_proof(&self, mut each: impl FnMut(&[u8])) -> Result<(), StoreError> {
        let read = || StoreError::at("records");
        // Which they are is asked once: no order of theirs is that of an index.
        let keys = query(
            "SELECT chain, seq FROM records WHERE kind IN \
                 ('heads', 'segment', 'start', 'stop', 'reveal', 'erasure', 'restore', 'rekey')",
        )
        .fetch_all(self.pool())
        .await
        .map_err(read())?;
        for keys in keys.chunks(KEYS) {
            let mut sql = Builder::new("SELECT bytes FROM records WHERE (chain, seq) IN (VALUES ");
            for (n, key) in keys.iter().enumerate() {
                let chain: String = key.try_get(0).map_err(read())?;
                let seq: i64 = key.try_get(1).map_err(read())?;
                sql.push(if n == 0 { "(" } else { ", (" }).push_bind(chain);
                sql.push(", ").push_bind(seq).push(")");
            }
            sql.push(")");
            for row in &sql.build().fetch_all(self.pool()).await.map_err(read())? {
                each(row.try_get(0).map_err(read())?);
            }
        }
        Ok(())
    }
}

impl DeskStore {
    /// The same connections, for whoever reads chains.
    pub(crate) fn reader(&self) -> Reader {
        Reader::new(self.pool().clone())
    }

    /// Whether the store is a file, which can be copied.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.location(), Location::File(_))
    }

    /// Copies the whole store, which is a file, as of one moment, into an empty file; a guard may be running.
    pub(crate) async fn copy(&self, to: &str) -> Result<(), StoreError> {
        query("VACUUM INTO $1").bind(to).execute(self.pool()).await.map_err(StoreError::at("copy"))?;
        Ok(())
    }

    /// Does a step of an operator on a chain that no guard continues: on disk when this returns.
    pub(crate) async fn step(&self, chain: &str, append: Append) -> Result<Done, StoreError> {
        let write = || StoreError::at("record");
        let mut connection = self.location().beside(BUSY).await?;
        connection.begin().await.map_err(write())?;
        let mut end = head(&mut connection, chain).await?;
        let mut insertion = Insertion::default();
        let done = one(&mut connection, chain, &mut end, &mut insertion, append).await?;
        insertion.write(&mut connection, chain).await?;
        connection.commit().await.map_err(write())?;
        connection.close().await.map_err(write())?;
        Ok(done)
    }
}
