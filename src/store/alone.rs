//! Steps that need no record: leases, taking over, a probe.

use super::{
    Done, IntentRef, OrphanRow, Others, StoreError,
    dialect::{Connection, Row},
    ops::{person, sealed, signed, state},
    statement::query,
    watch,
};
use crate::secret::Sealed;

/// Takes over open intents, and watched ones, by compare-and-set on owner and lease.
pub(super) async fn take_over(
    connection: &mut Connection,
    owner: &str,
    now: i64,
    until: i64,
    others: Others,
    except: &[IntentRef],
) -> Result<Done, StoreError> {
    let read = || StoreError::at("take over");
    let any = match others {
        Others::AreGone => 1_i64,
        Others::MayLive => 0,
    };
    let rows = query(
        "SELECT i.id, i.chain, i.seq, i.state, i.target, i.owner, i.lease_until, r.bytes FROM intents i \
         JOIN records r ON r.chain = i.chain AND r.seq = i.seq \
         WHERE i.state <> 'closed' AND (i.lease_until < $1 OR ($2 = 1 AND i.owner <> $3)) ORDER BY i.id",
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
    taken.extend(watch::take_over(connection, owner, now, until, others, except).await?);
    Ok(Done::TakenOver(taken))
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
        "UPDATE intents SET owner = $1, lease_until = $2 \
         WHERE id = $3 AND owner = $4 AND lease_until = $5 AND state <> 'closed'",
    )
    .bind(owner)
    .bind(until)
    .bind(id)
    .bind(row.try_get::<String>(5).map_err(read())?)
    .bind(row.try_get::<i64>(6).map_err(read())?)
    .execute(&mut *connection)
    .await
    .map_err(read())?;
    if changed.rows_affected() != 1 {
        return Ok(None);
    }
    let target: String = row.try_get(4).map_err(read())?;
    Ok(Some(OrphanRow {
        intent,
        state: state(&row.try_get::<String>(3).map_err(read())?)?,
        bytes: row.try_get(7).map_err(read())?,
        people: person(connection, &target).await?.into_iter().collect(),
        held: held(connection, id).await?,
        watched: None,
    }))
}

/// The notices held for an intent, in order.
pub(super) async fn held(connection: &mut Connection, intent: i64) -> Result<Vec<Sealed>, StoreError> {
    let read = || StoreError::at("held notices");
    query("SELECT key_id, sealed FROM held WHERE intent = $1 ORDER BY n")
        .bind(intent)
        .fetch_all(connection)
        .await
        .map_err(read())?
        .iter()
        .map(|row| Ok(sealed(row.try_get(0).map_err(read())?, row.try_get(1).map_err(read())?)))
        .collect()
}

/// Renews leases.
pub(super) async fn renew(
    connection: &mut Connection,
    owner: &str,
    until: i64,
    intents: &[IntentRef],
) -> Result<Done, StoreError> {
    let mut renewed = Vec::with_capacity(intents.len());
    for intent in intents {
        let done = query(
            "UPDATE intents SET lease_until = $1 WHERE chain = $2 AND seq = $3 AND owner = $4 AND state <> 'closed'",
        )
        .bind(until)
        .bind(&intent.chain)
        .bind(signed(intent.seq))
        .bind(owner)
        .execute(&mut *connection)
        .await
        .map_err(StoreError::at("lease"))?;
        if done.rows_affected() == 1 {
            renewed.push(intent.clone());
        }
        watch::renew(connection, owner, until, intent).await?;
    }
    Ok(Done::Renewed(renewed))
}

/// Writes something.
pub(super) async fn probe(connection: &mut Connection, now: i64) -> Result<Done, StoreError> {
    query("INSERT INTO probe (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at")
        .bind(now)
        .execute(connection)
        .await
        .map_err(StoreError::at("probe"))?;
    Ok(Done::Plain)
}
