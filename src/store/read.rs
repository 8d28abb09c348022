//! Reading: on connections of its own that cannot write, so it waits for no transaction.

use std::collections::BTreeSet;

use super::{
    AddressRow, AnswerRow, AttemptRow, IntentRef, Location, PersonRow, RecordRow, StoreError,
    addresses::IN_USE,
    dialect::{Pool, Row},
    ops::{sealed, signed, state},
    statement::{query, query_scalar},
};

/// Connections that only read.
#[derive(Clone)]
pub(crate) struct Reader {
    pool: Pool,
}

impl Reader {
    pub(super) fn new(pool: Pool) -> Self {
        Self { pool }
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Whether several guards may have a part in it.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.pool, Pool::Postgres(_))
    }

    /// Opens a store to read it, perhaps while another process writes it.
    pub(crate) fn open(location: &Location) -> Result<Self, StoreError> {
        Ok(Self::new(location.pool(std::time::Duration::from_secs(5), 1)?))
    }

    /// What is remembered of an attempt under one of its marks. Intents closed before `since` are forgotten.
    pub(crate) async fn attempt(
        &self,
        attempt: &str,
        marks: &[String],
        since: i64,
    ) -> Result<Option<AttemptRow>, StoreError> {
        for mark in marks {
            let row = query(
                "SELECT i.chain, i.seq, i.state, i.outcome_chain, i.outcome_seq, r.bytes, i.answer_key_id, \
                 i.answer, EXISTS (SELECT 1 FROM intents l WHERE l.target = i.target AND l.id > i.id) \
                 FROM attempts a JOIN intents i ON i.id = a.intent \
                 LEFT JOIN records r ON r.chain = i.outcome_chain AND r.seq = i.outcome_seq \
                 WHERE a.attempt = $1 AND a.mark = $2 AND (i.state <> 'closed' OR i.closed_at >= $3)",
            )
            .bind(attempt)
            .bind(mark)
            .bind(since)
            .fetch_optional(&self.pool)
            .await
            .map_err(StoreError::at("attempts"))?;
            if let Some(row) = row {
                return attempt_row(&row).map(Some);
            }
        }
        Ok(None)
    }

    /// Which of these addresses are another target's now, exactly or as the same mailbox: their places in `rows`.
    pub(crate) async fn in_use(&self, target: &str, rows: &[AddressRow]) -> Result<Vec<usize>, StoreError> {
        let mut found = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            let hit: Option<i64> = query_scalar(IN_USE)
                .bind(&row.instance)
                .bind(&row.mailbox)
                .bind(&row.folded)
                .bind(target)
                .fetch_optional(&self.pool)
                .await
                .map_err(StoreError::at("addresses"))?;
            if hit.is_some() {
                found.push(index);
            }
        }
        Ok(found)
    }

    /// Which addresses (hash of the exact form) this target had.
    pub(crate) async fn former(&self, target: &str) -> Result<BTreeSet<String>, StoreError> {
        let all: Vec<String> = query_scalar("SELECT exact FROM addresses WHERE target = $1 AND was = 1")
            .bind(target)
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::at("addresses"))?;
        Ok(all.into_iter().collect())
    }

    /// The last change of this target that is closed, by its row; 0 when there is none.
    pub(crate) async fn latest(&self, target: &str) -> Result<u64, StoreError> {
        let last: Option<i64> =
            query_scalar("SELECT MAX(id) FROM intents WHERE target = $1 AND state = 'closed'")
                .bind(target)
                .fetch_one(&self.pool)
                .await
                .map_err(StoreError::at("changes"))?;
        Ok(last.map_or(0, i64::unsigned_abs))
    }

    /// The sets of permissions, one name a line, that this target was seen with since then.
    pub(crate) async fn permissions(&self, target: &str, since: i64) -> Result<Vec<String>, StoreError> {
        query_scalar("SELECT names FROM permissions WHERE target = $1 AND at >= $2")
            .bind(target)
            .bind(since)
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::at("permissions"))
    }

    /// Whom a delivery is about.
    pub(crate) async fn whose(&self, delivery: i64) -> Result<Option<String>, StoreError> {
        query_scalar("SELECT person FROM outbox WHERE id = $1")
            .bind(delivery)
            .fetch_optional(&self.pool)
            .await
            .map_err(StoreError::at("delivery"))
    }

    /// The last records of a chain, oldest first.
    pub(crate) async fn tail(&self, chain: &str, most: u32) -> Result<Vec<RecordRow>, StoreError> {
        self.up_to(chain, u64::MAX, most).await
    }

    /// The target of an intent.
    pub(crate) async fn target(&self, intent: &IntentRef) -> Result<Option<String>, StoreError> {
        query_scalar("SELECT target FROM intents WHERE chain = $1 AND seq = $2")
            .bind(&intent.chain)
            .bind(signed(intent.seq))
            .fetch_optional(&self.pool)
            .await
            .map_err(StoreError::at("intent"))
    }

    /// The records of a chain up to one, at most so many, oldest first.
    pub(crate) async fn up_to(&self, chain: &str, seq: u64, most: u32) -> Result<Vec<RecordRow>, StoreError> {
        let mut rows = query(
            "SELECT chain, seq, bytes FROM records WHERE chain = $1 AND seq <= $2 ORDER BY seq DESC LIMIT $3",
        )
        .bind(chain)
        .bind(signed(seq))
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::at("records"))?
        .iter()
        .map(record_row)
        .collect::<Result<Vec<_>, _>>()?;
        rows.reverse();
        Ok(rows)
    }

    /// Intents of a chain after a record that are open.
    pub(crate) async fn open_after(&self, chain: &str, seq: u64) -> Result<Vec<IntentRef>, StoreError> {
        let found: Vec<i64> = query_scalar(
            "SELECT seq FROM intents WHERE chain = $1 AND seq > $2 AND state <> 'closed' ORDER BY seq",
        )
        .bind(chain)
        .bind(signed(seq))
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::at("open changes"))?;
        Ok(found.into_iter().map(|seq| IntentRef { chain: chain.into(), seq: seq.unsigned_abs() }).collect())
    }

    /// The row of every person.
    pub(crate) async fn people(&self) -> Result<Vec<PersonRow>, StoreError> {
        let read = || StoreError::at("people");
        let rows =
            query("SELECT token, key_id, sealed FROM people").fetch_all(&self.pool).await.map_err(read())?;
        rows.iter()
            .map(|row| {
                Ok(PersonRow {
                    token: row.try_get(0).map_err(read())?,
                    key: sealed(row.try_get(1).map_err(read())?, row.try_get(2).map_err(read())?),
                })
            })
            .collect()
    }

    /// The name of every person's key.
    pub(crate) async fn tokens(&self) -> Result<Vec<String>, StoreError> {
        query_scalar("SELECT token FROM people").fetch_all(&self.pool).await.map_err(StoreError::at("people"))
    }

    /// Closes all connections.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

pub(super) fn record_row(row: &Row) -> Result<RecordRow, StoreError> {
    let read = || StoreError::at("records");
    Ok(RecordRow {
        chain: row.try_get(0).map_err(read())?,
        seq: row.try_get(1).map_err(read())?,
        bytes: row.try_get(2).map_err(read())?,
    })
}

fn attempt_row(row: &Row) -> Result<AttemptRow, StoreError> {
    let read = || StoreError::at("attempts");
    let seq: i64 = row.try_get(1).map_err(read())?;
    let outcome: Option<String> = row.try_get(3).map_err(read())?;
    let outcome_seq: Option<i64> = row.try_get(4).map_err(read())?;
    let bytes: Option<Vec<u8>> = row.try_get(5).map_err(read())?;
    let key_id: Option<String> = row.try_get(6).map_err(read())?;
    let answer: Option<Vec<u8>> = row.try_get(7).map_err(read())?;
    let answer = match (outcome, outcome_seq, bytes, key_id, answer) {
        (Some(chain), Some(seq), Some(bytes), Some(key_id), Some(answer)) => {
            Some(AnswerRow { chain, seq: seq.unsigned_abs(), bytes, sealed: sealed(key_id, answer) })
        }
        _ => None,
    };
    Ok(AttemptRow {
        intent: IntentRef { chain: row.try_get(0).map_err(read())?, seq: seq.unsigned_abs() },
        state: state(&row.try_get::<String>(2).map_err(read())?)?,
        later: row.try_get::<i64>(8).map_err(read())? != 0,
        answer,
    })
}
