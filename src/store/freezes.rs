//! Freezes: set, lifted, and which are in force.

use super::{
    FreezeRow, IntentRef, NewFreeze, Reader, StoreError,
    dialect::{Connection, Row},
    ops::{sealed, signed},
    statement::query,
};

/// The columns of a [`FreezeRow`].
const COLUMNS: &str = "f.id, f.chain, f.seq, f.scope, f.account, f.at, f.key_id, f.sealed, r.bytes FROM freezes f \
                       JOIN records r ON r.chain = f.chain AND r.seq = f.seq";

/// The record `(chain, seq)` sets a freeze.
pub(super) async fn set(
    connection: &mut Connection,
    (chain, seq): (&str, u64),
    new: NewFreeze,
) -> Result<(), StoreError> {
    query(
        "INSERT INTO freezes (id, chain, seq, scope, account, at, key_id, sealed) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(new.id)
    .bind(chain)
    .bind(signed(seq))
    .bind(new.scope)
    .bind(new.account)
    .bind(new.at)
    .bind(new.reason.key_id)
    .bind(new.reason.bytes)
    .execute(connection)
    .await
    .map_err(StoreError::at("freeze"))?;
    Ok(())
}

/// The record `(chain, seq)` lifts a freeze.
pub(super) async fn lift(
    connection: &mut Connection,
    (chain, seq): (&str, u64),
    id: &str,
) -> Result<(), StoreError> {
    query("UPDATE freezes SET lifted_chain = $1, lifted_seq = $2 WHERE id = $3 AND lifted_seq IS NULL")
        .bind(chain)
        .bind(signed(seq))
        .bind(id)
        .execute(connection)
        .await
        .map_err(StoreError::at("freeze"))?;
    Ok(())
}

/// A freeze, when it is in force.
pub(super) async fn in_force(connection: &mut Connection, id: &str) -> Result<Option<FreezeRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} WHERE f.id = $1 AND f.lifted_seq IS NULL");
    let row = query(sqlx::AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::at("freeze"))?;
    row.as_ref().map(freeze).transpose()
}

impl Reader {
    /// The freezes in force, in the order in which they were set.
    pub(crate) async fn freezes(&self) -> Result<Vec<FreezeRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} WHERE f.lifted_seq IS NULL ORDER BY f.at, f.id");
        let rows = query(sqlx::AssertSqlSafe(sql))
            .fetch_all(self.pool())
            .await
            .map_err(StoreError::at("freezes"))?;
        rows.iter().map(freeze).collect()
    }

    /// The records of the freezes in force, where there is a table of them.
    pub(crate) async fn frozen_by(&self) -> Result<Vec<IntentRef>, StoreError> {
        let read = || StoreError::at("freezes");
        if !self.pool().has_table("freezes").await.map_err(read())? {
            return Ok(Vec::new());
        }
        let rows = query("SELECT chain, seq FROM freezes WHERE lifted_seq IS NULL")
            .fetch_all(self.pool())
            .await
            .map_err(read())?;
        rows.iter()
            .map(|row| {
                let seq: i64 = row.try_get(1).map_err(read())?;
                Ok(IntentRef { chain: row.try_get(0).map_err(read())?, seq: seq.unsigned_abs() })
            })
            .collect()
    }
}

fn freeze(row: &Row) -> Result<FreezeRow, StoreError> {
    let read = || StoreError::at("freezes");
    let seq: i64 = row.try_get(2).map_err(read())?;
    Ok(FreezeRow {
        id: row.try_get(0).map_err(read())?,
        record: IntentRef { chain: row.try_get(1).map_err(read())?, seq: seq.unsigned_abs() },
        scope: row.try_get(3).map_err(read())?,
        account: row.try_get(4).map_err(read())?,
        at: row.try_get(5).map_err(read())?,
        reason: sealed(row.try_get(6).map_err(read())?, row.try_get(7).map_err(read())?),
        bytes: row.try_get(8).map_err(read())?,
    })
}
