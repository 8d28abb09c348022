//! Deliveries: put into their queue, claimed, given back, settled.
//!
//! **Folding.** Deliveries with one `fold` say the same kind of thing to the same recipient, again and again. The first
//! goes at once and opens a window of a minute; what comes in it waits for its end, and goes in one message then. That
//! opens the next window, twice as long, up to an hour; after a window in which nothing came the next one goes at once
//! again. Nothing is dropped. What went in one message is a batch from then on: a repeat is the same message.

use super::{
    Done, Letter, MessageRow, QueueRow, Reader, Settled, StoreError,
    dialect::{Connection, Row},
    ops::{sealed, signed},
    statement::{query, query_scalar},
};

/// The first window, milliseconds.
const FIRST: i64 = 60_000;
/// The longest window, milliseconds.
pub(crate) const LONGEST: i64 = 60 * 60_000;
/// Deliveries in one message at most.
const TOGETHER: i64 = 1_000;

/// The first that is due in a queue and not under way.
const FIRST_DUE: &str = "SELECT id, fold, batch FROM outbox WHERE state = 'due' AND channel = $1 AND urgency = $2 \
     AND due_at <= $3 AND claim_until <= $3 ORDER BY due_at, id LIMIT 1";
/// Whether something waits under a fold that was never claimed.
const WAITS: &str =
    "SELECT 1 FROM outbox WHERE fold = $1 AND state = 'due' AND batch IS NULL AND fold IS NOT NULL LIMIT 1";
/// What waits, by queue.
const WAITING: &str = "SELECT channel, urgency, COUNT(*), MIN(created_at) FROM outbox WHERE state = 'due' \
     GROUP BY channel, urgency ORDER BY channel, urgency";
/// What was given up, by queue.
const DEAD: &str =
    "SELECT channel, urgency, COUNT(*) FROM outbox WHERE state = 'dead' GROUP BY channel, urgency";

/// Puts a delivery that rests on the record `(chain, seq)` into its queue.
pub(super) async fn deliver(
    connection: &mut Connection,
    (chain, seq): (&str, u64),
    letter: Letter,
) -> Result<(), StoreError> {
    let due_at = match &letter.fold {
        Some(fold) => in_its_window(connection, fold, letter.at).await?,
        None => letter.at,
    };
    query(
        "INSERT INTO outbox \
         (chain, seq, person, channel, urgency, fold, state, due_at, created_at, key_id, sealed) \
         VALUES ($1, $2, $3, $4, $5, $6, 'due', $7, $8, $9, $10)",
    )
    .bind(chain)
    .bind(signed(seq))
    .bind(letter.person)
    .bind(letter.channel)
    .bind(letter.urgency)
    .bind(letter.fold)
    .bind(due_at)
    .bind(letter.at)
    .bind(letter.sealed.key_id)
    .bind(letter.sealed.bytes)
    .execute(connection)
    .await
    .map_err(StoreError::at("notice"))?;
    Ok(())
}

/// When a delivery is due that may be folded. One that goes at once opens a window.
async fn in_its_window(connection: &mut Connection, fold: &str, at: i64) -> Result<i64, StoreError> {
    let step = || StoreError::at("fold");
    let until: Option<i64> = query_scalar("SELECT until FROM folds WHERE fold = $1")
        .bind(fold)
        .fetch_optional(&mut *connection)
        .await
        .map_err(step())?;
    match until {
        // A window is never longer than the longest: one that seems to be was opened by a clock that went wrong.
        Some(until) if at < until && until <= at.saturating_add(LONGEST) => return Ok(until),
        Some(_) if waits(connection, fold).await? => return Ok(at),
        Some(_) | None => {}
    }
    query(
        "INSERT INTO folds (fold, span, until) VALUES ($1, $2, $3) \
         ON CONFLICT (fold) DO UPDATE SET span = excluded.span, until = excluded.until",
    )
    .bind(fold)
    .bind(FIRST)
    .bind(at.saturating_add(FIRST))
    .execute(connection)
    .await
    .map_err(step())?;
    Ok(at)
}

/// Whether something waits that was never claimed.
async fn waits(connection: &mut Connection, fold: &str) -> Result<bool, StoreError> {
    let found: Option<i64> =
        query_scalar(WAITS).bind(fold).fetch_optional(connection).await.map_err(StoreError::at("fold"))?;
    Ok(found.is_some())
}

/// Claims messages of one queue that are due, in the order in which they became due.
pub(super) async fn claim(
    connection: &mut Connection,
    (channel, urgency): (&str, i64),
    (now, until): (i64, i64),
    most: u32,
) -> Result<Done, StoreError> {
    let step = || StoreError::at("claim");
    let mut claimed = Vec::new();
    for _ in 0..most {
        let first = query(FIRST_DUE)
            .bind(channel)
            .bind(urgency)
            .bind(now)
            .fetch_optional(&mut *connection)
            .await
            .map_err(step())?;
        let Some(first) = first else { break };
        let id: i64 = first.try_get(0).map_err(step())?;
        let fold: Option<String> = first.try_get(1).map_err(step())?;
        let batch: Option<i64> = first.try_get(2).map_err(step())?;
        if let (Some(fold), None) = (&fold, batch) {
            gather(connection, id, fold, now).await?;
        }
        claimed.push(message(connection, id, until).await?);
    }
    Ok(Done::Claimed(claimed))
}

/// Makes a batch of what waits and is due under one fold, and opens the next window.
async fn gather(connection: &mut Connection, id: i64, fold: &str, now: i64) -> Result<(), StoreError> {
    let step = || StoreError::at("fold");
    query(
        "UPDATE outbox SET batch = $1 WHERE id IN (SELECT id FROM outbox WHERE fold = $2 AND state = 'due' \
         AND batch IS NULL AND fold IS NOT NULL AND due_at <= $3 ORDER BY due_at, id LIMIT $4)",
    )
    .bind(id)
    .bind(fold)
    .bind(now)
    .bind(TOGETHER)
    .execute(&mut *connection)
    .await
    .map_err(step())?;
    // While the window is open this was its first, which opened it.
    query(
        "UPDATE folds SET until = $1 + CASE WHEN span * 2 > $2 THEN $2 ELSE span * 2 END, \
         span = CASE WHEN span * 2 > $2 THEN $2 ELSE span * 2 END WHERE fold = $3 AND until <= $1",
    )
    .bind(now)
    .bind(LONGEST)
    .bind(fold)
    .execute(connection)
    .await
    .map_err(step())?;
    Ok(())
}

/// Claims a delivery, and the others of its batch.
async fn message(connection: &mut Connection, id: i64, until: i64) -> Result<MessageRow, StoreError> {
    let read = || StoreError::at("claim");
    let mut rows: Vec<Row> = Vec::new();
    for sql in [
        "UPDATE outbox SET claim_until = $1 WHERE id = $2 AND state = 'due' \
         RETURNING id, attempts, created_at, key_id, sealed",
        "UPDATE outbox SET claim_until = $1 WHERE batch = (SELECT batch FROM outbox WHERE id = $2) \
         AND id <> $2 AND state = 'due' RETURNING id, attempts, created_at, key_id, sealed",
    ] {
        rows.extend(query(sql).bind(until).bind(id).fetch_all(&mut *connection).await.map_err(read())?);
    }
    let mut parts = Vec::with_capacity(rows.len());
    for row in &rows {
        let id: i64 = row.try_get(0).map_err(read())?;
        let attempts: i64 = row.try_get(1).map_err(read())?;
        let created: i64 = row.try_get(2).map_err(read())?;
        let content = sealed(row.try_get(3).map_err(read())?, row.try_get(4).map_err(read())?);
        parts.push((id, attempts, created, content));
    }
    parts.sort_by_key(|(id, ..)| *id);
    let attempts = parts.iter().map(|(_, attempts, ..)| *attempts).max().unwrap_or(0);
    Ok(MessageRow {
        ids: parts.iter().map(|(id, ..)| *id).collect(),
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        first_at: parts.iter().map(|(_, _, created, _)| *created).min().unwrap_or(0),
        sealed: parts.into_iter().map(|(.., content)| content).collect(),
    })
}

/// Gives back what processes before this one had claimed: the store's lock proves that they are gone.
pub(super) async fn unclaim(connection: &mut Connection) -> Result<(), StoreError> {
    query("UPDATE outbox SET claim_until = 0 WHERE state = 'due' AND claim_until <> 0")
        .execute(connection)
        .await
        .map_err(StoreError::at("claims"))?;
    Ok(())
}

/// Gives a message back, to be tried again.
pub(super) async fn retry(connection: &mut Connection, id: i64, at: i64) -> Result<Done, StoreError> {
    for sql in [
        "UPDATE outbox SET due_at = $1, claim_until = 0, attempts = attempts + 1 \
         WHERE batch = (SELECT batch FROM outbox WHERE id = $2) AND id <> $2 AND state = 'due'",
        "UPDATE outbox SET due_at = $1, claim_until = 0, attempts = attempts + 1 \
         WHERE id = $2 AND state = 'due'",
    ] {
        query(sql).bind(at).bind(id).execute(&mut *connection).await.map_err(StoreError::at("delivery"))?;
    }
    Ok(Done::Plain)
}

/// A message is settled.
pub(super) async fn settle(
    connection: &mut Connection,
    id: i64,
    settled: Settled,
    at: i64,
) -> Result<(), StoreError> {
    let state = match settled {
        Settled::Delivered => "delivered",
        Settled::Dead => "dead",
    };
    for sql in [
        "UPDATE outbox SET state = $1, settled_at = $2, attempts = attempts + 1 \
         WHERE batch = (SELECT batch FROM outbox WHERE id = $3) AND id <> $3 AND state = 'due'",
        "UPDATE outbox SET state = $1, settled_at = $2, attempts = attempts + 1 WHERE id = $3",
    ] {
        query(sql)
            .bind(state)
            .bind(at)
            .bind(id)
            .execute(&mut *connection)
            .await
            .map_err(StoreError::at("delivery"))?;
    }
    Ok(())
}

/// Whether a delivery is settled, or gone.
pub(super) async fn is_settled(connection: &mut Connection, id: i64) -> Result<bool, StoreError> {
    let state: Option<String> = query_scalar("SELECT state FROM outbox WHERE id = $1")
        .bind(id)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::at("delivery"))?;
    Ok(state.as_deref() != Some("due"))
}

impl Reader {
    /// What waits in each queue, and what was given up. Reads indexes only.
    pub(crate) async fn queues(&self) -> Result<Vec<QueueRow>, StoreError> {
        let read = || StoreError::at("outbox");
        let mut all: Vec<QueueRow> = Vec::new();
        for row in query(WAITING).fetch_all(self.pool()).await.map_err(read())? {
            let waiting: i64 = row.try_get(2).map_err(read())?;
            all.push(QueueRow {
                channel: row.try_get(0).map_err(read())?,
                urgency: row.try_get(1).map_err(read())?,
                waiting: waiting.unsigned_abs(),
                oldest: row.try_get(3).map_err(read())?,
                dead: 0,
            });
        }
        for row in query(DEAD).fetch_all(self.pool()).await.map_err(read())? {
            let channel: String = row.try_get(0).map_err(read())?;
            let urgency: i64 = row.try_get(1).map_err(read())?;
            let dead = row.try_get::<i64>(2).map_err(read())?.unsigned_abs();
            match all.iter_mut().find(|queue| queue.channel == channel && queue.urgency == urgency) {
                Some(queue) => queue.dead = dead,
                None => all.push(QueueRow { channel, urgency, waiting: 0, oldest: None, dead }),
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::store::{Location, Medium, Writer};

    /// A store whose outbox holds a hundred thousand that wait, and some that were given up.
    async fn full(directory: &tempfile::TempDir) -> (Writer, Reader) {
        let url = format!("sqlite:{}", directory.path().join("ledger.db").display());
        let location = Location::read(&url).unwrap();
        let (mut writer, reader) =
            Writer::open(location, Medium::Any, Duration::from_secs(5), ("c", "o")).await.unwrap();
        writer
            .run(
                "PRAGMA foreign_keys = OFF; \
                 WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) \
                 INSERT INTO outbox (chain, seq, person, channel, urgency, state, due_at, created_at, key_id, sealed) \
                 SELECT 'c', i, 'p', 'hook:' || (i % 4), i % 2, CASE WHEN i % 100 = 0 THEN 'dead' ELSE 'due' END, \
                 i, i, 'k', zeroblob(500) FROM n; PRAGMA foreign_keys = ON; ANALYZE",
            )
            .await
            .unwrap();
        (writer, reader)
    }

    async fn plan(reader: &Reader, sql: &'static str) -> String {
        let rows = query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")));
        let rows = rows.fetch_all(reader.pool()).await.unwrap();
        rows.iter().map(|row| row.try_get::<String>(3).unwrap()).collect::<Vec<_>>().join("; ")
    }

    #[tokio::test]
    async fn a_full_outbox_is_counted_and_claimed_from_indexes() {
        let directory = tempfile::tempdir().unwrap();
        let (mut writer, reader) = full(&directory).await;
        for (sql, index) in [(WAITING, "COVERING INDEX outbox_waiting"), (DEAD, "COVERING INDEX outbox_dead")]
        {
            let plan = plan(&reader, sql).await;
            assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{plan}");
        }
        for (sql, index) in [(FIRST_DUE, "INDEX outbox_due"), (WAITS, "INDEX outbox_fold")] {
            let plan = plan(&reader, sql).await;
            assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{plan}");
        }
        let queues = reader.queues().await.unwrap();
        assert_eq!(queues.iter().map(|queue| queue.waiting).sum::<u64>(), 99_000);
        assert_eq!(queues.iter().map(|queue| queue.dead).sum::<u64>(), 1_000);
        assert_eq!((queues[0].oldest, &*queues[0].channel, queues.len()), (Some(4), "hook:0", 4));
        let head = writer.head("c").await.unwrap();
        let step = crate::store::Step::Claim {
            channel: "hook:1".into(),
            urgency: 1,
            now: 1_000_000,
            until: 2_000_000,
            most: 4,
        };
        let until = Instant::now() + Duration::from_secs(5);
        let done = writer.append("c", head, vec![step], until).await.unwrap().done;
        let Some(Done::Claimed(rows)) = done.into_iter().next() else { panic!() };
        assert_eq!(rows.iter().flat_map(|row| row.ids.clone()).collect::<Vec<_>>(), [1, 5, 9, 13]);
    }
}
