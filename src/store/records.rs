//! Records, looked for beside a running guard, and records of whoever looks: on a chain of their own, since each guard
//! alone continues its own.

use sqlx::{Connection as _, QueryBuilder, Row as _, query};

use super::{
    DeskStore, Misfit, PersonRow, Place, RecordRow, StoreError, Verdict,
    append::head,
    desk::BUSY,
    dialect::{BEGIN, Database, ROW, Row},
    ops::{sealed, signed},
};

/// Which records are looked for: all that fit.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecordPick {
    /// Of these kinds; of any when empty.
    pub(crate) kinds: Vec<String>,
    /// Of this operation.
    pub(crate) operation: Option<String>,
    /// About this: the first id of the target.
    pub(crate) subject: Option<String>,
    /// By this principal.
    pub(crate) principal: Option<PrincipalPick>,
    /// Written then or later, as records write it.
    pub(crate) since: Option<String>,
    /// Written before then.
    pub(crate) until: Option<String>,
    /// This one.
    pub(crate) record: Option<(String, u64)>,
    /// Written after these: then the first, in the order in which they were written; otherwise the last.
    pub(crate) after: Option<i64>,
    /// So many at most.
    pub(crate) most: u32,
}

/// Which principals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PrincipalPick {
    /// This one.
    Exactly(String),
    /// This one, and all that begin so.
    OrBegins(String, String),
}

/// A record and when it was written among all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrittenRow {
    /// Its place in the order in which records were written.
    pub(crate) order: i64,
    /// The record.
    pub(crate) record: RecordRow,
}

impl DeskStore {
    /// Records that fit, in the order in which they were written.
    pub(crate) async fn records(&self, pick: &RecordPick) -> Result<Vec<WrittenRow>, StoreError> {
        let mut sql: QueryBuilder<Database> = QueryBuilder::new("SELECT ");
        sql.push(ROW).push(", chain, seq, bytes FROM records WHERE 1 = 1");
        for (column, value) in [("operation", &pick.operation), ("subject", &pick.subject)] {
            if let Some(value) = value {
                sql.push(" AND ").push(column).push(" = ").push_bind(value);
            }
        }
        if !pick.kinds.is_empty() {
            sql.push(" AND kind IN (");
            let mut kinds = sql.separated(", ");
            for kind in &pick.kinds {
                kinds.push_bind(kind);
            }
            sql.push(")");
        }
        match &pick.principal {
            None => {}
            Some(PrincipalPick::Exactly(arn)) => {
                sql.push(" AND principal = ").push_bind(arn);
            }
            Some(PrincipalPick::OrBegins(arn, begin)) => {
                // `/` is followed by `0`: every text that begins with what ends in `/` is between the two.
                let end = format!("{}0", begin.trim_end_matches('/'));
                sql.push(" AND (principal = ").push_bind(arn);
                sql.push(" OR (principal >= ").push_bind(begin);
                sql.push(" AND principal < ").push_bind(end).push("))");
            }
        }
        if let Some(since) = &pick.since {
            sql.push(" AND at >= ").push_bind(since);
        }
        if let Some(until) = &pick.until {
            sql.push(" AND at < ").push_bind(until);
        }
        if let Some((chain, seq)) = &pick.record {
            sql.push(" AND chain = ").push_bind(chain).push(" AND seq = ").push_bind(signed(*seq));
        }
        if let Some(after) = pick.after {
            sql.push(" AND ").push(ROW).push(" > ").push_bind(after).push(" ORDER BY ").push(ROW);
        } else {
            sql.push(" ORDER BY at DESC, ").push(ROW).push(" DESC");
        }
        sql.push(" LIMIT ").push_bind(i64::from(pick.most));
        let rows = sql.build().fetch_all(self.pool()).await.map_err(StoreError::at("records"))?;
        let mut found = rows.iter().map(written).collect::<Result<Vec<_>, _>>()?;
        if pick.after.is_none() {
            found.reverse();
        }
        Ok(found)
    }

    /// The place of the last record in the order in which all were written; 0 where there is none.
    pub(crate) async fn last_written(&self) -> Result<i64, StoreError> {
        let mut sql: QueryBuilder<Database> = QueryBuilder::new("SELECT MAX(");
        sql.push(ROW).push(") FROM records");
        let last: Option<i64> =
            sql.build_query_scalar().fetch_one(self.pool()).await.map_err(StoreError::at("records"))?;
        Ok(last.unwrap_or(0))
    }

    /// The records that are about an intent, in the order in which they were written.
    pub(crate) async fn of_intent(&self, chain: &str, seq: u64) -> Result<Vec<WrittenRow>, StoreError> {
        let mut sql: QueryBuilder<Database> = QueryBuilder::new("SELECT ");
        sql.push(ROW).push(", chain, seq, bytes FROM records WHERE intent_chain = ").push_bind(chain);
        sql.push(" AND intent_seq = ").push_bind(signed(seq)).push(" ORDER BY ").push(ROW);
        let rows = sql.build().fetch_all(self.pool()).await.map_err(StoreError::at("records"))?;
        rows.iter().map(written).collect()
    }

    /// The row of a person, by what the chain calls them.
    pub(crate) async fn person(&self, token: &str) -> Result<Option<PersonRow>, StoreError> {
        let read = || StoreError::at("person");
        let row = query("SELECT key_id, sealed FROM people WHERE token = $1")
            .bind(token)
            .fetch_optional(self.pool())
            .await
            .map_err(read())?;
        row.map(|row| {
            let key = sealed(row.try_get(0).map_err(read())?, row.try_get(1).map_err(read())?);
            Ok(PersonRow { token: token.to_owned(), key })
        })
        .transpose()
    }

    /// Appends a record to a chain that no guard continues: on disk when this returns.
    pub(crate) async fn append(
        &self,
        chain: &str,
        compose: impl FnOnce(&Place) -> Result<Vec<u8>, Misfit> + Send,
    ) -> Result<Result<(), Misfit>, StoreError> {
        let write = || StoreError::at("record");
        let mut connection = self.location().beside(BUSY).await?;
        query(BEGIN).execute(&mut connection).await.map_err(write())?;
        let end = head(&mut connection, chain).await?;
        let place = Place {
            seq: end.seq + 1,
            prev: end.hash,
            person: None,
            verdict: Verdict::Clear,
            intent: None,
            freeze: None,
        };
        let bytes = match compose(&place) {
            Ok(bytes) => bytes,
            Err(misfit) => return Ok(Err(misfit)),
        };
        query("INSERT INTO records (chain, seq, bytes) VALUES ($1, $2, $3)")
            .bind(chain)
            .bind(signed(place.seq))
            .bind(bytes)
            .execute(&mut connection)
            .await
            .map_err(write())?;
        query("COMMIT").execute(&mut connection).await.map_err(write())?;
        connection.close().await.map_err(write())?;
        Ok(Ok(()))
    }
}

fn written(row: &Row) -> Result<WrittenRow, StoreError> {
    let read = || StoreError::at("records");
    Ok(WrittenRow {
        order: row.try_get(0).map_err(read())?,
        record: RecordRow {
            chain: row.try_get(1).map_err(read())?,
            seq: row.try_get(2).map_err(read())?,
            bytes: row.try_get(3).map_err(read())?,
        },
    })
}
