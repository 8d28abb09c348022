//! Intents: begun, unknown, closed, and what stands beside them.

use super::{
    IntentRef, NewIntent, StoreError,
    dialect::Connection,
    ops::signed,
    statement::{query, query_scalar},
};
use crate::secret::Sealed;

/// What is deleted with an intent that is closed.
const HELD: [&str; 2] = ["DELETE FROM held WHERE intent = $1", "DELETE FROM wanted WHERE intent = $1"];
/// What is deleted besides when nothing of it is to be remembered.
const REMEMBERED: [&str; 2] =
    ["DELETE FROM attempts WHERE intent = $1", "DELETE FROM counts WHERE intent = $1"];

/// The record `(chain, seq)` is an intent.
pub(super) async fn begin(
    connection: &mut Connection,
    (chain, seq): (&str, u64),
    new: NewIntent,
) -> Result<(), StoreError> {
    let intent: i64 = query_scalar(
        "INSERT INTO intents (chain, seq, target, state, owner, lease_until, at) \
         VALUES ($1, $2, $3, 'open', $4, $5, $6) RETURNING id",
    )
    .bind(chain)
    .bind(signed(seq))
    .bind(new.target)
    .bind(new.owner)
    .bind(new.lease_until)
    .bind(new.at)
    .fetch_one(&mut *connection)
    .await
    .map_err(StoreError::at("intent"))?;
    for mark in new.marks {
        attempt(connection, intent, &new.attempt, &mark).await?;
    }
    for (rule, subject) in new.counts {
        query("INSERT INTO counts (rule, subject, at, intent) VALUES ($1, $2, $3, $4)")
            .bind(rule)
            .bind(subject)
            .bind(new.at)
            .bind(intent)
            .execute(&mut *connection)
            .await
            .map_err(StoreError::at("count"))?;
    }
    hold(connection, intent, new.held).await
}

async fn attempt(
    connection: &mut Connection,
    intent: i64,
    attempt: &str,
    mark: &str,
) -> Result<(), StoreError> {
    // A mark may be there from an attempt that is forgotten.
    query(
        "INSERT INTO attempts (attempt, mark, intent) VALUES ($1, $2, $3) \
         ON CONFLICT (attempt, mark) DO UPDATE SET intent = excluded.intent",
    )
    .bind(attempt)
    .bind(mark)
    .bind(intent)
    .execute(connection)
    .await
    .map_err(StoreError::at("attempt"))?;
    Ok(())
}

/// Holds notices of an intent.
pub(super) async fn hold(
    connection: &mut Connection,
    intent: i64,
    held: Vec<Sealed>,
) -> Result<(), StoreError> {
    for (n, sealed) in (0_i64..).zip(held) {
        query("INSERT INTO held (intent, n, key_id, sealed) VALUES ($1, $2, $3, $4)")
            .bind(intent)
            .bind(n)
            .bind(sealed.key_id)
            .bind(sealed.bytes)
            .execute(&mut *connection)
            .await
            .map_err(StoreError::at("held notice"))?;
    }
    Ok(())
}

/// Nobody knows what became of an intent.
pub(super) async fn unknown(
    connection: &mut Connection,
    intent: &IntentRef,
    lease_until: i64,
) -> Result<(), StoreError> {
    query("UPDATE intents SET state = 'unknown', lease_until = $1 WHERE chain = $2 AND seq = $3")
        .bind(lease_until)
        .bind(&intent.chain)
        .bind(signed(intent.seq))
        .execute(connection)
        .await
        .map_err(StoreError::at("unknown"))?;
    Ok(())
}

/// The record `(chain, seq)` closes an intent.
pub(super) async fn close(
    connection: &mut Connection,
    (chain, seq): (&str, u64),
    intent: &IntentRef,
    at: i64,
    answer: Option<Sealed>,
) -> Result<(), StoreError> {
    let step = || StoreError::at("outcome");
    let also = if answer.is_none() { REMEMBERED.as_slice() } else { &[] };
    let (key_id, bytes) = answer.map(|sealed| (sealed.key_id, sealed.bytes)).unzip();
    let id: i64 = query_scalar(
        "UPDATE intents SET state = 'closed', outcome_chain = $1, outcome_seq = $2, closed_at = $3, \
         answer_key_id = $4, answer = $5 WHERE chain = $6 AND seq = $7 RETURNING id",
    )
    .bind(chain)
    .bind(signed(seq))
    .bind(at)
    .bind(key_id)
    .bind(bytes)
    .bind(&intent.chain)
    .bind(signed(intent.seq))
    .fetch_one(&mut *connection)
    .await
    .map_err(step())?;
    for sql in HELD.iter().chain(also).copied() {
        query(sql).bind(id).execute(&mut *connection).await.map_err(step())?;
    }
    Ok(())
}
