//! Intents that are closed and watched: begun, leased, taken over, ended; and what came after them.

use super::{
    IntentRef, LaterRow, OrphanRow, Others, PersonRow, Reader, RecordRow, State, StoreError, WatchedRow,
    alone::held,
    dialect::{Connection, Row},
    intents::hold,
    ops::{person, sealed, signed},
    statement::{query, query_scalar},
};
use crate::secret::Sealed;

/// Watches an intent that was just closed.
pub(super) async fn begin(
    connection: &mut Connection,
    intent: &IntentRef,
    owner: &str,
    lease_until: i64,
    since: i64,
    held: Vec<Sealed>,
) -> Result<(), StoreError> {
    let id: i64 = query_scalar(
        "INSERT INTO watches (intent, owner, lease_until, since) \
         SELECT id, $1, $2, $3 FROM intents WHERE chain = $4 AND seq = $5 RETURNING intent",
    )
    .bind(owner)
    .bind(lease_until)
    .bind(since)
    .bind(&intent.chain)
    .bind(signed(intent.seq))
    .fetch_one(&mut *connection)
    .await
    .map_err(StoreError::at("watch"))?;
    hold(connection, id, held).await
}

/// Watches an intent no more.
pub(super) async fn end(connection: &mut Connection, intent: &IntentRef) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM held WHERE intent = (SELECT id FROM intents WHERE chain = $1 AND seq = $2)",
        "DELETE FROM watches WHERE intent = (SELECT id FROM intents WHERE chain = $1 AND seq = $2)",
    ] {
        query(sql)
            .bind(&intent.chain)
            .bind(signed(intent.seq))
            .execute(&mut *connection)
            .await
            .map_err(StoreError::at("watch"))?;
    }
    Ok(())
}

/// By whom an intent is watched.
pub(super) async fn owner(
    connection: &mut Connection,
    intent: &IntentRef,
) -> Result<Option<String>, StoreError> {
    query_scalar(
        "SELECT w.owner FROM watches w JOIN intents i ON i.id = w.intent WHERE i.chain = $1 AND i.seq = $2",
    )
    .bind(&intent.chain)
    .bind(signed(intent.seq))
    .fetch_optional(connection)
    .await
    .map_err(StoreError::at("watch"))
}

/// Renews the lease of a watch.
pub(super) async fn renew(
    connection: &mut Connection,
    owner: &str,
    until: i64,
    intent: &IntentRef,
) -> Result<(), StoreError> {
    query(
        "UPDATE watches SET lease_until = $1 WHERE owner = $2 \
         AND intent = (SELECT id FROM intents WHERE chain = $3 AND seq = $4)",
    )
    .bind(until)
    .bind(owner)
    .bind(&intent.chain)
    .bind(signed(intent.seq))
    .execute(connection)
    .await
    .map_err(StoreError::at("lease"))?;
    Ok(())
}

/// Takes over watched intents by compare-and-set on owner and lease.
pub(super) async fn take_over(
    connection: &mut Connection,
    owner: &str,
    now: i64,
    until: i64,
    others: Others,
    except: &[IntentRef],
) -> Result<Vec<OrphanRow>, StoreError> {
    let read = || StoreError::at("take over");
    let any = match others {
        Others::AreGone => 1_i64,
        Others::MayLive => 0,
    };
    let rows = query(
        "SELECT w.intent, i.chain, i.seq, w.owner, w.lease_until, i.target, w.since, r.bytes, \
         o.chain, o.seq, o.bytes, i.answer_key_id, i.answer FROM watches w \
         JOIN intents i ON i.id = w.intent JOIN records r ON r.chain = i.chain AND r.seq = i.seq \
         JOIN records o ON o.chain = i.outcome_chain AND o.seq = i.outcome_seq \
         WHERE w.lease_until < $1 OR ($2 = 1 AND w.owner <> $3) ORDER BY w.intent",
    )
    .bind(now)
    .bind(any)
    .bind(owner)
    .fetch_all(&mut *connection)
    .await
    .map_err(read())?;
    let mut taken = Vec::new();
    for row in &rows {
        taken.extend(take(connection, row, (owner, until), except).await?);
    }
    Ok(taken)
}

/// Takes over one, unless it is at work here or another process was faster.
async fn take(
    connection: &mut Connection,
    row: &Row,
    (owner, until): (&str, i64),
    except: &[IntentRef],
) -> Result<Option<OrphanRow>, StoreError> {
    let read = || StoreError::at("take over");
    let seq: i64 = row.try_get(2).map_err(read())?;
    let intent = IntentRef { chain: row.try_get(1).map_err(read())?, seq: seq.unsigned_abs() };
    if except.contains(&intent) {
        return Ok(None);
    }
    let id: i64 = row.try_get(0).map_err(read())?;
    let changed = query(
        "UPDATE watches SET owner = $1, lease_until = $2 WHERE intent = $3 AND owner = $4 AND lease_until = $5",
    )
    .bind(owner)
    .bind(until)
    .bind(id)
    .bind(row.try_get::<String>(3).map_err(read())?)
    .bind(row.try_get::<i64>(4).map_err(read())?)
    .execute(&mut *connection)
    .await
    .map_err(read())?;
    if changed.rows_affected() != 1 {
        return Ok(None);
    }
    let target: String = row.try_get(5).map_err(read())?;
    Ok(Some(OrphanRow {
        intent,
        state: State::Closed,
        bytes: row.try_get(7).map_err(read())?,
        people: person(connection, &target).await?.into_iter().collect(),
        held: held(connection, id).await?,
        watched: Some(watched(row)?),
    }))
}

fn watched(row: &Row) -> Result<WatchedRow, StoreError> {
    let read = || StoreError::at("take over");
    let key_id: Option<String> = row.try_get(11).map_err(read())?;
    let answer: Option<Vec<u8>> = row.try_get(12).map_err(read())?;
    Ok(WatchedRow {
        since: row.try_get(6).map_err(read())?,
        outcome: RecordRow {
            chain: row.try_get(8).map_err(read())?,
            seq: row.try_get(9).map_err(read())?,
            bytes: row.try_get(10).map_err(read())?,
        },
        answer: key_id.zip(answer).map(|(key_id, answer)| sealed(key_id, answer)),
    })
}

impl Reader {
    /// The intents of these targets that came after an intent, in order.
    pub(crate) async fn later(
        &self,
        intent: &IntentRef,
        targets: [&str; 2],
    ) -> Result<Vec<LaterRow>, StoreError> {
        let read = || StoreError::at("later intents");
        let [one, other] = targets;
        let rows = query(
            "SELECT l.chain, l.seq, r.bytes, o.bytes, p.token, p.key_id, p.sealed FROM intents w \
             JOIN intents l ON l.id > w.id AND l.target IN ($3, $4) \
             JOIN records r ON r.chain = l.chain AND r.seq = l.seq \
             LEFT JOIN records o ON o.chain = l.outcome_chain AND o.seq = l.outcome_seq \
             LEFT JOIN people p ON p.person = l.target WHERE w.chain = $1 AND w.seq = $2 ORDER BY l.id",
        )
        .bind(&intent.chain)
        .bind(signed(intent.seq))
        .bind(one)
        .bind(other)
        .fetch_all(self.pool())
        .await
        .map_err(read())?;
        rows.iter()
            .map(|row| {
                let token: Option<String> = row.try_get(4).map_err(read())?;
                let key_id: Option<String> = row.try_get(5).map_err(read())?;
                let key: Option<Vec<u8>> = row.try_get(6).map_err(read())?;
                Ok(LaterRow {
                    intent: RecordRow {
                        chain: row.try_get(0).map_err(read())?,
                        seq: row.try_get(1).map_err(read())?,
                        bytes: row.try_get(2).map_err(read())?,
                    },
                    outcome: row.try_get(3).map_err(read())?,
                    person: token
                        .zip(key_id.zip(key))
                        .map(|(token, (key_id, key))| PersonRow { token, key: sealed(key_id, key) }),
                })
            })
            .collect()
    }
}
