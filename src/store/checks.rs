//! What must hold before a step is done, looked at under the write lock.

use sqlx::{Row as _, query, query_scalar};

use super::{Check, Done, IntentRef, StoreError, Verdict, dialect::Connection, ops::signed, watch};

/// What the checks of one step found.
pub(super) enum Finding {
    /// It is to be composed with this verdict.
    Verdict(Verdict),
    /// It is not to be composed.
    Done(Done),
}

/// Looks at the checks in order; the first that fails decides.
pub(super) async fn all(connection: &mut Connection, checks: Vec<Check>) -> Result<Finding, StoreError> {
    let mut quotas = 0;
    for check in checks {
        match check {
            Check::Unrepeated { attempt, marks, since } => {
                if repeated(connection, &attempt, &marks, since).await? {
                    return Ok(Finding::Done(Done::Repeated));
                }
            }
            Check::Free { target } => {
                if busy(connection, &target).await? {
                    return Ok(Finding::Verdict(Verdict::Busy));
                }
            }
            Check::Latest { target, latest } => {
                if is_outdated(connection, &target, latest).await? {
                    return Ok(Finding::Verdict(Verdict::Busy));
                }
            }
            Check::NotReplaced { target, exact, since } => {
                if is_replaced(connection, &target, &exact, since).await? {
                    return Ok(Finding::Verdict(Verdict::Busy));
                }
            }
            Check::Quota { rule, subject, changes, per, now } => {
                if let Some(at) = full(connection, &rule, &subject, changes, now.saturating_sub(per)).await? {
                    let wait = at.saturating_add(per).saturating_sub(now).max(1);
                    return Ok(Finding::Verdict(Verdict::Quota { index: quotas, wait }));
                }
                quotas += 1;
            }
            Check::Holds { intent, owner } => {
                if let Some(done) = not_held(connection, &intent, &owner).await? {
                    return Ok(Finding::Done(done));
                }
            }
            Check::Unwatched { target } => {
                if watch::is_target(connection, &target).await? {
                    return Ok(Finding::Verdict(Verdict::Busy));
                }
            }
            Check::Watched { intent, owner } => match watch::owner(connection, &intent).await? {
                Some(holder) if holder == owner => {}
                Some(_) => return Ok(Finding::Done(Done::Lost)),
                None => return Ok(Finding::Done(Done::Already)),
            },
            Check::Undelivered { id } => {
                if settled(connection, id).await? {
                    return Ok(Finding::Done(Done::Already));
                }
            }
        }
    }
    Ok(Finding::Verdict(Verdict::Clear))
}

async fn repeated(
    connection: &mut Connection,
    attempt: &str,
    marks: &[String],
    since: i64,
) -> Result<bool, StoreError> {
    for mark in marks {
        let found: Option<i64> = query_scalar(
            "SELECT 1 FROM attempts a JOIN intents i ON i.id = a.intent \
             WHERE a.attempt = $1 AND a.mark = $2 AND (i.state <> 'closed' OR i.closed_at >= $3)",
        )
        .bind(attempt)
        .bind(mark)
        .bind(since)
        .fetch_optional(&mut *connection)
        .await
        .map_err(StoreError::at("attempts"))?;
        if found.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn busy(connection: &mut Connection, target: &str) -> Result<bool, StoreError> {
    let found: Option<i64> = query_scalar("SELECT 1 FROM intents WHERE target = $1 AND state <> 'closed'")
        .bind(target)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::at("open changes"))?;
    Ok(found.is_some())
}

/// Whether one of these addresses was this target's and was replaced since then.
async fn is_replaced(
    connection: &mut Connection,
    target: &str,
    exact: &[String],
    since: i64,
) -> Result<bool, StoreError> {
    for address in exact {
        let found: Option<i64> = query_scalar(
            "SELECT 1 FROM addresses WHERE target = $1 AND exact = $2 AND is_now = 0 AND at >= $3",
        )
        .bind(target)
        .bind(address)
        .bind(since)
        .fetch_optional(&mut *connection)
        .await
        .map_err(StoreError::at("addresses"))?;
        if found.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn is_outdated(connection: &mut Connection, target: &str, latest: u64) -> Result<bool, StoreError> {
    let found: Option<i64> = query_scalar("SELECT 1 FROM intents WHERE target = $1 AND id > $2 LIMIT 1")
        .bind(target)
        .bind(signed(latest))
        .fetch_optional(connection)
        .await
        .map_err(StoreError::at("later changes"))?;
    Ok(found.is_some())
}

/// When the quota is used up: the time of the count that has to leave the window for there to be room.
async fn full(
    connection: &mut Connection,
    rule: &str,
    subject: &str,
    changes: u32,
    after: i64,
) -> Result<Option<i64>, StoreError> {
    if changes == 0 {
        return Ok(Some(i64::MAX));
    }
    query_scalar(
        "SELECT at FROM counts WHERE rule = $1 AND subject = $2 AND at > $3 ORDER BY at DESC LIMIT 1 OFFSET $4",
    )
    .bind(rule)
    .bind(subject)
    .bind(after)
    .bind(i64::from(changes) - 1)
    .fetch_optional(connection)
    .await
    .map_err(StoreError::at("quota"))
}

async fn not_held(
    connection: &mut Connection,
    intent: &IntentRef,
    owner: &str,
) -> Result<Option<Done>, StoreError> {
    let row = query(
        "SELECT i.state, i.owner, i.outcome_chain, i.outcome_seq, r.bytes FROM intents i \
         LEFT JOIN records r ON r.chain = i.outcome_chain AND r.seq = i.outcome_seq \
         WHERE i.chain = $1 AND i.seq = $2",
    )
    .bind(&intent.chain)
    .bind(signed(intent.seq))
    .fetch_optional(connection)
    .await
    .map_err(StoreError::at("lease"))?;
    let Some(row) = row else { return Ok(Some(Done::Lost)) };
    let read = StoreError::at("lease");
    let parts = (|| {
        Ok((
            row.try_get::<String, _>(0)?,
            row.try_get::<String, _>(1)?,
            row.try_get::<Option<String>, _>(2)?,
            row.try_get::<Option<i64>, _>(3)?,
            row.try_get::<Option<Vec<u8>>, _>(4)?,
        ))
    })();
    let (state, holder, chain, seq, bytes) = parts.map_err(read)?;
    Ok(match (state.as_str(), chain, seq, bytes) {
        ("closed", Some(chain), Some(seq), Some(bytes)) => {
            Some(Done::Closed { chain, seq: seq.unsigned_abs(), bytes })
        }
        ("closed", ..) => return Err(StoreError::Row("intents")),
        _ if holder != owner => Some(Done::Lost),
        _ => None,
    })
}

async fn settled(connection: &mut Connection, id: i64) -> Result<bool, StoreError> {
    let state: Option<String> = query_scalar("SELECT state FROM outbox WHERE id = $1")
        .bind(id)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::at("delivery"))?;
    Ok(state.as_deref() != Some("due"))
}
