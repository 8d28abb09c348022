//! Old records that leave the store, once they are in a file that the chain binds: how far that may go, a row for each such
//! file, and the taking away, a few records at a time.

use super::{
    Reader, RecordRow, StoreError,
    dialect::Connection,
    ops::signed,
    read::record_row,
    statement::{query, query_scalar},
};

/// What stands beside the chain and refers to records of it: they stay as long as it does. The columns of a chain and a
/// number.
const BLOCKERS: [&str; 6] = [
    "SELECT MIN(seq) FROM intents WHERE chain = $1",
    "SELECT MIN(outcome_seq) FROM intents WHERE outcome_chain = $1",
    "SELECT MIN(seq) FROM outbox WHERE chain = $1",
    "SELECT MIN(seq) FROM sessions WHERE chain = $1",
    "SELECT MIN(seq) FROM freezes WHERE chain = $1",
    "SELECT MIN(lifted_seq) FROM freezes WHERE lifted_chain = $1",
];

/// Up to where a chain is in files.
const CLOSED: &str = "SELECT MAX(last) FROM segments WHERE chain = $1";

/// A part of a chain that is in a file.
pub(crate) struct NewSegment {
    /// The chain.
    pub(crate) chain: String,
    /// Its first record there.
    pub(crate) first: u64,
    /// Its last record there.
    pub(crate) last: u64,
}

/// Notes a segment, bound by the record `(chain, seq)`. From here on its records may be taken away.
pub(super) async fn close(
    connection: &mut Connection,
    (chain, seq): (&str, u64),
    segment: NewSegment,
) -> Result<(), StoreError> {
    query("INSERT INTO segments (chain, first, last, bound_chain, bound_seq) VALUES ($1, $2, $3, $4, $5)")
        .bind(segment.chain)
        .bind(signed(segment.first))
        .bind(signed(segment.last))
        .bind(chain)
        .bind(signed(seq))
        .execute(connection)
        .await
        .map_err(StoreError::at("segment"))?;
    Ok(())
}

/// Takes records away that are in segments, oldest first, and before that what refers to records older than `before` and is
/// over: changes that are closed, remembered by nobody, counted for no quota and watched no more; freezes that were lifted.
/// Gives whether there may be more.
pub(super) async fn prune(connection: &mut Connection, before: i64, most: i64) -> Result<bool, StoreError> {
    let forget = || StoreError::at("forget");
    let mut full = false;
    for sql in [
        "DELETE FROM intents WHERE id IN (SELECT i.id FROM intents i \
         WHERE i.state = 'closed' AND i.closed_at < $1 AND i.answer IS NULL \
         AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.intent = i.id) \
         AND NOT EXISTS (SELECT 1 FROM counts c WHERE c.intent = i.id) \
         AND NOT EXISTS (SELECT 1 FROM held h WHERE h.intent = i.id) \
         AND NOT EXISTS (SELECT 1 FROM wanted n WHERE n.intent = i.id) \
         AND NOT EXISTS (SELECT 1 FROM watches w WHERE w.intent = i.id) \
         ORDER BY i.closed_at LIMIT $2)",
        "DELETE FROM freezes WHERE id IN (SELECT id FROM freezes \
         WHERE lifted_seq IS NOT NULL AND at < $1 ORDER BY at LIMIT $2)",
    ] {
        let done = query(sql).bind(before).bind(most).execute(&mut *connection).await.map_err(forget())?;
        full |= done.rows_affected() >= most.unsigned_abs();
    }
    for chain in chains(connection).await? {
        full |= taken_away(connection, &chain, most).await?;
    }
    Ok(full)
}

/// Chains of which something is in files.
async fn chains(connection: &mut Connection) -> Result<Vec<String>, StoreError> {
    query_scalar("SELECT DISTINCT chain FROM segments")
        .fetch_all(connection)
        .await
        .map_err(StoreError::at("segments"))
}

/// Takes the first records of a chain away that are in the segment in which it begins, and looks at no others, however many
/// there are. Gives whether there may be more.
async fn taken_away(connection: &mut Connection, chain: &str, most: i64) -> Result<bool, StoreError> {
    let forget = || StoreError::at("forget");
    let begins: Option<i64> = query_scalar("SELECT MIN(seq) FROM records WHERE chain = $1")
        .bind(chain)
        .fetch_one(&mut *connection)
        .await
        .map_err(forget())?;
    let Some(begins) = begins else { return Ok(false) };
    // A row says so to whoever wrote it: what is taken away is what a record says that is in the chain.
    let part = "'\"segment\":{\"chain\":\"' || s.chain || '\",\"first\":' || s.first || ',\"last\":' || s.last || ','";
    let is_said = match connection {
        Connection::Sqlite(_) => format!("instr(b.bytes, CAST({part} AS BLOB)) > 0"),
        Connection::Postgres(_) => {
            format!("pg_catalog.\"position\"(b.bytes, convert_to({part}, 'UTF8')) > 0")
        }
    };
    let sql = format!(
        "SELECT MAX(s.last) FROM segments s JOIN records b ON b.chain = s.bound_chain AND b.seq = s.bound_seq \
         WHERE s.chain = $1 AND s.first <= $2 AND s.last >= $2 AND b.kind = 'segment' AND {is_said}"
    );
    let last: Option<i64> = query_scalar(sqlx::AssertSqlSafe(sql))
        .bind(chain)
        .bind(begins)
        .fetch_one(&mut *connection)
        .await
        .map_err(forget())?;
    let Some(last) = last else { return Ok(false) };
    let done = query("DELETE FROM records WHERE chain = $1 AND seq BETWEEN $2 AND $3")
        .bind(chain)
        .bind(begins)
        .bind(last.min(begins.saturating_add(most - 1)))
        .execute(connection)
        .await
        .map_err(forget())?;
    Ok(done.rows_affected() > 0)
}

impl Reader {
    /// Up to which record a chain is in segments: those may be gone. 0: none is.
    pub(crate) async fn closed(&self, chain: &str) -> Result<u64, StoreError> {
        let last: Option<i64> = query_scalar(CLOSED)
            .bind(chain)
            .fetch_one(self.pool())
            .await
            .map_err(StoreError::at("segments"))?;
        Ok(last.unwrap_or(0).unsigned_abs())
    }

    /// Which records of a chain, from its first on, are older than `before` (as records write times) and referred to by
    /// nothing: the first and the last of them, at most so many. Never the last record of the chain.
    pub(crate) async fn closable(
        &self,
        chain: &str,
        before: &str,
        most: u64,
    ) -> Result<Option<(u64, u64)>, StoreError> {
        let read = || StoreError::at("old records");
        let mut snapshot = self.pool().snapshot().await.map_err(read())?;
        let closed: Option<i64> =
            query_scalar(CLOSED).bind(chain).fetch_one(&mut snapshot).await.map_err(read())?;
        let first = closed.unwrap_or(0) + 1;
        let end: Option<i64> = query_scalar("SELECT MAX(seq) FROM records WHERE chain = $1")
            .bind(chain)
            .fetch_one(&mut snapshot)
            .await
            .map_err(read())?;
        let most = first.saturating_add(signed(most)).saturating_sub(1);
        let mut last = most.min(end.unwrap_or(0) - 1);
        let young: Option<i64> = query_scalar(
            "SELECT MIN(seq) FROM records WHERE chain = $1 AND seq BETWEEN $2 AND $3 AND at >= $4",
        )
        .bind(chain)
        .bind(first)
        .bind(last)
        .bind(before)
        .fetch_one(&mut snapshot)
        .await
        .map_err(read())?;
        last = last.min(young.unwrap_or(i64::MAX) - 1);
        for sql in BLOCKERS {
            let blocked: Option<i64> =
                query_scalar(sql).bind(chain).fetch_one(&mut snapshot).await.map_err(read())?;
            last = last.min(blocked.unwrap_or(i64::MAX) - 1);
        }
        Ok((first <= last).then(|| (first.unsigned_abs(), last.unsigned_abs())))
    }

    /// Records of a chain from one to another, at most so many.
    pub(crate) async fn between(
        &self,
        chain: &str,
        (first, last): (u64, u64),
        most: u32,
    ) -> Result<Vec<RecordRow>, StoreError> {
        let read = || StoreError::at("records");
        let rows = query(
            "SELECT chain, seq, bytes FROM records WHERE chain = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq LIMIT $4",
        )
        .bind(chain)
        .bind(signed(first))
        .bind(signed(last))
        .bind(i64::from(most))
        .fetch_all(self.pool())
        .await
        .map_err(read())?;
        rows.iter().map(record_row).collect()
    }
}
