//! Records, looked for beside a running guard, and by one that starts.

use std::collections::HashMap;

use super::{
    DeskStore, IntentRef, PersonRow, Reader, RecordRow, StoreError,
    dialect::Row,
    ops::{sealed, signed},
    statement::{Builder, query, query_scalar},
};

/// Records read by one statement.
const ROWS: usize = 500;

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
    /// With this text in it. No index says which: all that fit otherwise are read.
    pub(crate) text: Option<String>,
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

/// A record that fits: when it says it was written, and its place in the order in which all were.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    at: Option<String>,
    order: i64,
}

/// What one statement looks for of what is picked.
#[derive(Clone, Copy, Default)]
struct Part<'p> {
    /// By this one; otherwise by whom is picked.
    principal: Option<&'p str>,
    /// Of this kind; otherwise of those that are picked.
    kind: Option<&'p str>,
    /// Not before then: so many were found since.
    since: Option<&'p str>,
}

impl DeskStore {
    /// Records that fit, in the order in which they were written. Which they are an index says wherever it can; only those
    /// that are given are read.
    pub(crate) async fn records(&self, pick: &RecordPick) -> Result<Vec<WrittenRow>, StoreError> {
        if pick.after.is_some() {
            // What is new is little, and the first of it is given.
            let fits = self.some(pick, Part::default()).await?;
            return self.rows(&fits).await;
        }
        let mut fits = self.last(pick).await?;
        fits.reverse();
        self.rows(&fits).await
    }

    /// The last ones that fit, the last one first. Of a role those of each session are looked for as long as one could have any
    /// of them: so it is looked at as many as are given, and not at all of a role that has hundreds of thousands.
    async fn last(&self, pick: &RecordPick) -> Result<Vec<Fit>, StoreError> {
        let mut found = Vec::new();
        // What is about one user is little as well.
        if pick.subject.is_some() || pick.record.is_some() || pick.text.is_some() {
            return self.some(pick, Part::default()).await;
        }
        let kinds = self.kinds(pick).await?;
        let Some(PrincipalPick::OrBegins(arn, begin)) = &pick.principal else {
            self.of_kinds(pick, None, &kinds, &mut found).await?;
            return Ok(found);
        };
        self.of_kinds(pick, Some(arn), &kinds, &mut found).await?;
        for (principal, last) in self.sessions_of(begin).await? {
            if oldest(&found, pick.most).is_some_and(|oldest| oldest.at > last) {
                break;
            }
            self.of_kinds(pick, Some(&principal), &kinds, &mut found).await?;
        }
        Ok(found)
    }

    /// Adds the last ones of each of these kinds: no index has several in order.
    async fn of_kinds(
        &self,
        pick: &RecordPick,
        principal: Option<&str>,
        kinds: &[Option<String>],
        found: &mut Vec<Fit>,
    ) -> Result<(), StoreError> {
        for kind in kinds {
            let since = oldest(found, pick.most).and_then(|oldest| oldest.at.clone());
            let part = Part { principal, kind: kind.as_deref(), since: since.as_deref() };
            found.extend(self.some(pick, part).await?);
            found.sort_unstable_by(|a, b| b.cmp(a));
            found.truncate(usize::try_from(pick.most).unwrap_or(usize::MAX));
        }
        Ok(())
    }

    /// The kinds that are looked for one by one: those that are picked, all that there are where an operation is, and otherwise
    /// none by itself.
    async fn kinds(&self, pick: &RecordPick) -> Result<Vec<Option<String>>, StoreError> {
        if !pick.kinds.is_empty() {
            return Ok(pick.kinds.iter().cloned().map(Some).collect());
        }
        if pick.operation.is_none() {
            return Ok(vec![None]);
        }
        let all: Vec<String> = query_scalar(
            "WITH RECURSIVE k (kind) AS (SELECT MIN(kind) FROM records \
             UNION ALL SELECT (SELECT MIN(r.kind) FROM records r WHERE r.kind > k.kind) FROM k WHERE k.kind IS NOT NULL) \
             SELECT kind FROM k WHERE kind IS NOT NULL",
        )
        .fetch_all(self.pool())
        .await
        .map_err(StoreError::at("kinds"))?;
        Ok(all.into_iter().map(Some).collect())
    }

    /// These records, in this order.
    async fn rows(&self, fits: &[Fit]) -> Result<Vec<WrittenRow>, StoreError> {
        let order = self.pool().order();
        let mut rows = HashMap::with_capacity(fits.len());
        for fits in fits.chunks(ROWS) {
            let mut sql = Builder::new("SELECT ");
            sql.push(order).push(", chain, seq, bytes FROM records WHERE ").push(order).push(" IN (");
            for (n, fit) in fits.iter().enumerate() {
                sql.push(if n == 0 { "" } else { ", " }).push_bind(fit.order);
            }
            sql.push(")");
            for row in &sql.build().fetch_all(self.pool()).await.map_err(StoreError::at("records"))? {
                let row = written(row)?;
                rows.insert(row.order, row);
            }
        }
        // One may be closed into a segment meanwhile.
        Ok(fits.iter().filter_map(|fit| rows.remove(&fit.order)).collect())
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

    /// Records that fit, the last ones first; those after another one as they were written.
    async fn some(&self, pick: &RecordPick, part: Part<'_>) -> Result<Vec<Fit>, StoreError> {
        let (order, guesses) = (self.pool().order(), self.pool().guesses());
        let mut sql = Builder::new("SELECT ");
        sql.push(order).push(", at FROM records");
        let is_of_one =
            pick.principal.is_some() && !matches!(&pick.principal, Some(PrincipalPick::OrBegins(..)));
        let by_one = part.principal.is_some() || (is_of_one && pick.subject.is_none());
        // A planner that counted nothing takes another one.
        match (part.kind, &pick.operation) {
            (Some(_), _) if guesses && by_one => sql.push(" INDEXED BY records_by_principal_and_kind"),
            (Some(_), Some(_)) if guesses => sql.push(" INDEXED BY records_of_operation"),
            _ => &mut sql,
        };
        sql.push(" WHERE 1 = 1");
        // One index is led by, the most telling one: a planner that counted nothing cannot know which.
        let mut lead = pick.after.is_none() && pick.record.is_none();
        let mut column = |sql: &mut Builder<'_>, name: (&'static str, &'static str)| {
            let plain = std::mem::take(&mut lead) || !guesses;
            sql.push(" AND ").push(if plain { name.0 } else { name.1 });
        };
        if let Some(subject) = &pick.subject {
            column(&mut sql, ("subject", "+subject"));
            sql.push(" = ").push_bind(subject);
        }
        match (part.principal, &pick.principal) {
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
                sql.push(if guesses { " OR (+principal >= " } else { " OR (principal >= " });
                sql.push_bind(begin);
                sql.push(if guesses { " AND +principal < " } else { " AND principal < " });
                sql.push_bind(end).push("))");
            }
        }
        if let Some(kind) = part.kind {
            sql.push(" AND kind = ").push_bind(kind);
        } else if !pick.kinds.is_empty() {
            column(&mut sql, ("kind", "+kind"));
            sql.push(" IN (");
            for (n, kind) in pick.kinds.iter().enumerate() {
                sql.push(if n == 0 { "" } else { ", " }).push_bind(kind);
            }
            sql.push(")");
        }
        if let Some(operation) = &pick.operation {
            sql.push(" AND operation = ").push_bind(operation);
        }
        if let Some(since) = pick.since.as_deref().max(part.since) {
            sql.push(" AND at >= ").push_bind(since);
        }
        if let Some(until) = &pick.until {
            sql.push(" AND at < ").push_bind(until);
        }
        if let Some((chain, seq)) = &pick.record {
            sql.push(" AND chain = ").push_bind(chain).push(" AND seq = ").push_bind(signed(*seq));
        }
        if let Some(text) = &pick.text {
            sql.push(" AND ")
                .push(self.pool().place_of())
                .push("(bytes, ")
                .push_bind(text.as_bytes())
                .push(") > 0");
        }
        if let Some(after) = pick.after {
            sql.push(" AND ").push(order).push(" > ").push_bind(after).push(" ORDER BY ").push(order);
        } else {
            sql.push(" ORDER BY at DESC, ").push(order).push(" DESC");
        }
        sql.push(" LIMIT ").push_bind(i64::from(pick.most));
        let rows = sql.build().fetch_all(self.pool()).await.map_err(StoreError::at("records"))?;
        rows.iter().map(fit).collect()
    }

    /// The place of the last record in the order in which all were written; 0 where there is none.
    pub(crate) async fn last_written(&self) -> Result<i64, StoreError> {
        let mut sql = Builder::new("SELECT MAX(");
        sql.push(self.pool().order()).push(") FROM records");
        let row = sql.build().fetch_one(self.pool()).await.map_err(StoreError::at("records"))?;
        let last: Option<i64> = row.try_get(0).map_err(StoreError::at("records"))?;
        Ok(last.unwrap_or(0))
    }

    /// The records that are about these intents, in the order in which they were written.
    pub(crate) async fn of_intents(
        &self,
        intents: &[IntentRef],
    ) -> Result<Vec<(IntentRef, WrittenRow)>, StoreError> {
        let read = || StoreError::at("records");
        let order = self.pool().order();
        let mut found = Vec::new();
        for intents in intents.chunks(ROWS) {
            let mut sql = Builder::new("SELECT ");
            sql.push(order).push(
                ", chain, seq, bytes, intent_chain, intent_seq FROM records \
                 WHERE intent_seq IS NOT NULL AND (intent_chain, intent_seq) IN (VALUES ",
            );
            for (n, intent) in intents.iter().enumerate() {
                sql.push(if n == 0 { "(" } else { ", (" }).push_bind(&intent.chain);
                sql.push(", ").push_bind(signed(intent.seq)).push(")");
            }
            sql.push(") ORDER BY ").push(order);
            for row in &sql.build().fetch_all(self.pool()).await.map_err(read())? {
                let seq: i64 = row.try_get(5).map_err(read())?;
                let intent = IntentRef { chain: row.try_get(4).map_err(read())?, seq: seq.unsigned_abs() };
                found.push((intent, written(row)?));
            }
        }
        Ok(found)
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
    /// What the targets of the last intents are known by, and the intents' records.
    pub(crate) async fn last_targets(&self, most: u32) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let read = || StoreError::at("intents");
        let rows = query(
            "SELECT i.target, r.bytes FROM intents i JOIN records r ON r.chain = i.chain AND r.seq = i.seq \
             ORDER BY i.id DESC LIMIT $1",
        )
        .bind(i64::from(most))
        .fetch_all(self.pool())
        .await
        .map_err(read())?;
        rows.iter()
            .map(|row| Ok((row.try_get(0).map_err(read())?, row.try_get(1).map_err(read())?)))
            .collect()
    }

    /// The last record of any chain that says which policy is in force.
    pub(crate) async fn last_in_force(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let sql =
            "SELECT bytes FROM records WHERE kind IN ('start', 'policy') ORDER BY at DESC, seq DESC LIMIT 1";
        query_scalar(sql).fetch_optional(self.pool()).await.map_err(StoreError::at("records"))
    }
}

fn fit(row: &Row) -> Result<Fit, StoreError> {
    let read = || StoreError::at("records");
    Ok(Fit { order: row.try_get(0).map_err(read())?, at: row.try_get(1).map_err(read())? })
}

/// The oldest of those that were found, once they are as many as are given.
fn oldest(found: &[Fit], most: u32) -> Option<&Fit> {
    found.last().filter(|_| usize::try_from(most).is_ok_and(|most| found.len() >= most))
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
