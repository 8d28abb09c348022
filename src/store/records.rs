//! Records, looked for beside a running guard, and by one that starts.

use super::{
    DeskStore, PersonRow, Reader, RecordRow, StoreError,
    dialect::Row,
    ops::{sealed, signed},
    statement::{Builder, query, query_scalar},
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
        let order = self.pool().order();
        let mut sql = Builder::new("SELECT ");
        sql.push(order).push(", chain, seq, bytes FROM records WHERE 1 = 1");
        for (column, value) in [("operation", &pick.operation), ("subject", &pick.subject)] {
            if let Some(value) = value {
                sql.push(" AND ").push(column).push(" = ").push_bind(value);
            }
        }
        if !pick.kinds.is_empty() {
            sql.push(" AND kind IN (");
            for (n, kind) in pick.kinds.iter().enumerate() {
                sql.push(if n == 0 { "" } else { ", " }).push_bind(kind);
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
            sql.push(" AND ").push(order).push(" > ").push_bind(after).push(" ORDER BY ").push(order);
        } else {
            sql.push(" ORDER BY at DESC, ").push(order).push(" DESC");
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
        let mut sql = Builder::new("SELECT MAX(");
        sql.push(self.pool().order()).push(") FROM records");
        let row = sql.build().fetch_one(self.pool()).await.map_err(StoreError::at("records"))?;
        let last: Option<i64> = row.try_get(0).map_err(StoreError::at("records"))?;
        Ok(last.unwrap_or(0))
    }

    /// The records that are about an intent, in the order in which they were written.
    pub(crate) async fn of_intent(&self, chain: &str, seq: u64) -> Result<Vec<WrittenRow>, StoreError> {
        let order = self.pool().order();
        let mut sql = Builder::new("SELECT ");
        sql.push(order).push(", chain, seq, bytes FROM records WHERE intent_chain = ").push_bind(chain);
        sql.push(" AND intent_seq = ").push_bind(signed(seq)).push(" ORDER BY ").push(order);
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
}

impl Reader {
    /// The last record of any chain that says which policy is in force.
    pub(crate) async fn last_in_force(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let sql =
            "SELECT bytes FROM records WHERE kind IN ('start', 'policy') ORDER BY at DESC, seq DESC LIMIT 1";
        query_scalar(sql).fetch_optional(self.pool()).await.map_err(StoreError::at("records"))
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
