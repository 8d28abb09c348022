//! What must hold before a step is done, looked at under the write lock.

use super::{
    Check, Done, FreezeRow, Head, IntentRef, State, StoreError, Verdict, addresses, chains,
    dialect::Connection,
    epochs, freezes, nonces,
    ops::{self, signed, state},
    outbox, people,
    statement::{query, query_scalar},
    watch,
};

/// What the checks of one step found.
pub(super) enum Finding {
    /// It is to be composed with this verdict, and with what is known of what it names.
    Verdict(Verdict, Named),
    /// It is not to be composed.
    Done(Done),
}

/// What a step names, as it was found.
#[derive(Default)]
pub(super) struct Named {
    /// How far the intent came.
    pub(super) intent: Option<State>,
    /// The freeze.
    pub(super) freeze: Option<FreezeRow>,
    /// Where every chain ends.
    pub(super) heads: Vec<(String, Head)>,
}

/// Why a check does not hold.
enum Not {
    Verdict(Verdict),
    Done(Done),
}

/// Looks at the checks in order; the first that fails decides.
pub(super) async fn all(connection: &mut Connection, checks: Vec<Check>) -> Result<Finding, StoreError> {
    let (mut quotas, mut named) = (0, Named::default());
    for check in checks {
        match one(connection, check, &mut quotas, &mut named).await? {
            None => {}
            Some(Not::Verdict(verdict)) => return Ok(Finding::Verdict(verdict, named)),
            Some(Not::Done(done)) => return Ok(Finding::Done(done)),
        }
    }
    Ok(Finding::Verdict(Verdict::Clear, named))
}

/// Looks at one. `quotas` counts them; `named` is what was found of what is named.
async fn one(
    connection: &mut Connection,
    check: Check,
    quotas: &mut usize,
    named: &mut Named,
) -> Result<Option<Not>, StoreError> {
    let busy = |is| if is { Some(Not::Verdict(Verdict::Busy)) } else { None };
    Ok(match check {
        Check::Unrepeated { attempt, marks, since } => {
            repeated(connection, &attempt, &marks, since).await?.then_some(Not::Done(Done::Repeated))
        }
        Check::Free { target } => busy(is_busy(connection, &target).await?),
        Check::Latest { target, latest } => busy(is_outdated(connection, &target, latest).await?),
        Check::NotReplaced { target, exact, since } => {
            busy(addresses::is_replaced(connection, &target, &exact, since).await?)
        }
        Check::Unused { target, rows } => {
            addresses::are_used(connection, &target, &rows).await?.then_some(Not::Verdict(Verdict::InUse))
        }
        Check::Quota { rule, subject, changes, per, now } => {
            let index = *quotas;
            *quotas += 1;
            let full = full(connection, &rule, &subject, changes, now.saturating_sub(per)).await?;
            full.map(|at| {
                let wait = at.saturating_add(per).saturating_sub(now).max(1);
                Not::Verdict(Verdict::Quota { index, wait })
            })
        }
        Check::Holds { intent, owner } => match held(connection, &intent, &owner).await? {
            Holding::Ours(found) => {
                named.intent = Some(found);
                None
            }
            Holding::Not(done) => Some(Not::Done(done)),
        },
        Check::Watched { intent, owner } => match watch::owner(connection, &intent).await? {
            Some(holder) if holder == owner => None,
            Some(_) => Some(Not::Done(Done::Lost)),
            None => Some(Not::Done(Done::Already)),
        },
        Check::Undelivered { id } => {
            outbox::is_settled(connection, id).await?.then_some(Not::Done(Done::Already))
        }
        Check::Unsaid { key } => ops::is_said(connection, &key).await?.then_some(Not::Done(Done::Already)),
        Check::Unspent { nonce } => {
            nonces::is_spent(connection, &nonce).await?.then_some(Not::Done(Done::Already))
        }
        Check::NotBehind { epoch } => {
            (epochs::highest(connection).await? > epoch).then_some(Not::Done(Done::Behind))
        }
        Check::Heads => {
            named.heads = chains::heads(connection.into()).await?;
            None
        }
        Check::Over { person } => busy(people::is_under_way(connection, &person).await?),
        Check::Frozen { id, account } => match freezes::in_force(connection, &id).await? {
            None => Some(Not::Done(Done::Already)),
            Some(freeze) => {
                let same = freeze.account == account || freeze.scope == format!("caller:{account}");
                named.freeze = Some(freeze);
                same.then_some(Not::Verdict(Verdict::BySame))
            }
        },
    })
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

async fn is_busy(connection: &mut Connection, target: &str) -> Result<bool, StoreError> {
    let found: Option<i64> = query_scalar("SELECT 1 FROM intents WHERE target = $1 AND state <> 'closed'")
        .bind(target)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::at("open changes"))?;
    Ok(found.is_some())
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

/// Whether an intent is this owner's and open.
enum Holding {
    /// It is, and came so far.
    Ours(State),
    Not(Done),
}

async fn held(connection: &mut Connection, intent: &IntentRef, owner: &str) -> Result<Holding, StoreError> {
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
    let Some(row) = row else { return Ok(Holding::Not(Done::Lost)) };
    let read = StoreError::at("lease");
    let parts = (|| {
        Ok((
            row.try_get::<String>(0)?,
            row.try_get::<String>(1)?,
            row.try_get::<Option<String>>(2)?,
            row.try_get::<Option<i64>>(3)?,
            row.try_get::<Option<Vec<u8>>>(4)?,
        ))
    })();
    let (found, holder, chain, seq, bytes) = parts.map_err(read)?;
    Ok(match (state(&found)?, chain, seq, bytes) {
        (State::Closed, Some(chain), Some(seq), Some(bytes)) => {
            Holding::Not(Done::Closed { chain, seq: seq.unsigned_abs(), bytes })
        }
        (State::Closed, ..) => return Err(StoreError::Row("intents")),
        _ if holder != owner => Holding::Not(Done::Lost),
        (state @ (State::Open | State::Unknown), ..) => Holding::Ours(state),
    })
}
