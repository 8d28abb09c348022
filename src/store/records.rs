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

/// A record that was found, and when it says it was written.
struct Found {
    at: Option<String>,
    row: WrittenRow,
}

impl DeskStore {
    /// Records that fit, in the order in which they were written.
    pub(crate) async fn records(&self, pick: &RecordPick) -> Result<Vec<WrittenRow>, StoreError> {
        let mut found = match &pick.principal {
            // What is new is little.
            _ if pick.after.is_some() => return self.some(pick, None, &pick.kinds).await.map(of_found),
            Some(PrincipalPick::OrBegins(arn, begin)) => self.of_role(pick, (arn, begin)).await?,
            None if pick.subject.is_none() && pick.record.is_none() && pick.kinds.len() > 1 => {
                let mut found = Vec::new();
                for kind in &pick.kinds {
                    let more = self.some(pick, None, std::slice::from_ref(kind)).await?;
                    newest(&mut found, more, pick.most);
                }
                found
            }
            Some(PrincipalPick::Exactly(_)) | None => self.some(pick, None, &pick.kinds).await?,
        };
        found.reverse();
        Ok(of_found(found))
    }

    /// The last records of a role: its own, and of each of its sessions as long as one could have any of them. So it is looked
    /// at as many as are given, and not at all of a role that has hundreds of thousands.
    async fn of_role(&self, pick: &RecordPick, (arn, begin): (&str, &str)) -> Result<Vec<Found>, StoreError> {
        let mut found = self.some(pick, Some(arn), &pick.kinds).await?;
        for (principal, last) in self.sessions_of(begin).await? {
            let full = usize::try_from(pick.most).is_ok_and(|most| found.len() >= most);
            if full && found.last().is_some_and(|oldest| oldest.at > last) {
                break;
            }
            let more = self.some(pick, Some(&principal), &pick.kinds).await?;
            newest(&mut found, more, pick.most);
        }
        Ok(found)
    }

    /// The principals that begin so, and when each was on record last, the latest first: two looks into the index for each.
    async fn sessions_of(&self, begin: &str) -> Result<Vec<(String, Option<String>)>, StoreError> {
        let read = || StoreError::at("callers");
        // `/` is followed by `0`: every text that begins with what ends in `/` is between the two.
        let end = format!("{}0", begin.trim_end_matches('/'));
        let rows = query(
            "WITH RECURSIVE p (principal) AS ( \
             SELECT MIN(principal) FROM records WHERE principal >= $1 AND principal < $2 \
             UNION ALL SELECT (SELECT MIN(r.principal) FROM records r \
             WHERE r.principal > p.principal AND r.principal < $2) FROM p WHERE p.principal IS NOT NULL) \
             SELECT principal, (SELECT MAX(r.at) FROM records r WHERE r.principal = p.principal) \
             FROM p WHERE principal IS NOT NULL",
        )
        .bind(begin)
        .bind(end)
        .fetch_all(self.pool())
        .await
        .map_err(read())?;
        let mut found = rows
            .iter()
            .map(|row| Ok((row.try_get(0).map_err(read())?, row.try_get(1).map_err(read())?)))
            .collect::<Result<Vec<(String, Option<String>)>, StoreError>>()?;
        found.sort_by(|(_, a), (_, b)| b.cmp(a));
        Ok(found)
    }

    /// Records that fit and are by this principal, or by whom `pick` says, the last ones first; those after another one as
    /// they were written.
    async fn some(
        &self,
        pick: &RecordPick,
        by: Option<&str>,
        kinds: &[String],
    ) -> Result<Vec<Found>, StoreError> {
        let order = self.pool().order();
        let mut sql = Builder::new("SELECT ");
        sql.push(order).push(", chain, seq, bytes, at FROM records WHERE 1 = 1");
        // One index is led by, the most telling one: a planner that counted nothing cannot know which.
        let mut lead = pick.after.is_none() && pick.record.is_none();
        let mut column = |sql: &mut Builder<'_>, name: (&'static str, &'static str)| {
            let plain = std::mem::take(&mut lead) || !self.pool().guesses();
            sql.push(" AND ").push(if plain { name.0 } else { name.1 });
        };
        if let Some(subject) = &pick.subject {
            column(&mut sql, ("subject", "+subject"));
            sql.push(" = ").push_bind(subject);
        }
        match (by, &pick.principal) {
            (None, None) => {}
            (Some(arn), _) => {
                column(&mut sql, ("principal", "+principal"));
                sql.push(" = ").push_bind(arn);
            }
            (None, Some(PrincipalPick::Exactly(arn))) => {
                column(&mut sql, ("principal", "+principal"));
                sql.push(" = ").push_bind(arn);
            }
            (None, Some(PrincipalPick::OrBegins(arn, begin))) => {
                let end = format!("{}0", begin.trim_end_matches('/'));
                column(&mut sql, ("(principal", "(+principal"));
                sql.push(" = ").push_bind(arn);
                sql.push(if self.pool().guesses() { " OR (+principal >= " } else { " OR (principal >= " });
                sql.push_bind(begin);
                sql.push(if self.pool().guesses() { " AND +principal < " } else { " AND principal < " });
                sql.push_bind(end).push("))");
            }
        }
        if !kinds.is_empty() {
            column(&mut sql, ("kind", "+kind"));
            sql.push(" IN (");
            for (n, kind) in kinds.iter().enumerate() {
                sql.push(if n == 0 { "" } else { ", " }).push_bind(kind);
            }
            sql.push(")");
        }
        if let Some(operation) = &pick.operation {
            sql.push(" AND operation = ").push_bind(operation);
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
        rows.iter().map(found).collect()
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

fn found(row: &Row) -> Result<Found, StoreError> {
    Ok(Found { row: written(row)?, at: row.try_get(4).map_err(StoreError::at("records"))? })
}

fn of_found(found: Vec<Found>) -> Vec<WrittenRow> {
    found.into_iter().map(|found| found.row).collect()
}

/// Adds what was found besides, and keeps the last ones, the last one first.
fn newest(found: &mut Vec<Found>, more: Vec<Found>, most: u32) {
    found.extend(more);
    found.sort_by(|a, b| (&b.at, b.row.order).cmp(&(&a.at, a.row.order)));
    found.truncate(usize::try_from(most).unwrap_or(usize::MAX));
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
