//! What is written beside a record, and the steps that need none.

use sqlx::{Row as _, query, query_scalar};

use crate::secret::Sealed;

use super::{
    AddressRow, IntentRef, NewPerson, Op, PersonRow, Settled, State, StoreError,
    dialect::{Connection, Row},
    watch,
};

pub(super) fn signed(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

pub(super) fn sealed(key_id: String, bytes: Vec<u8>) -> Sealed {
    Sealed { key_id, bytes }
}

pub(super) fn state(text: &str) -> Result<State, StoreError> {
    match text {
        "open" => Ok(State::Open),
        "unknown" => Ok(State::Unknown),
        "closed" => Ok(State::Closed),
        _ => Err(StoreError::Row("intents")),
    }
}

/// Writes what goes with the record `(chain, seq)`.
pub(super) async fn all(
    connection: &mut Connection,
    chain: &str,
    seq: u64,
    ops: Vec<Op>,
) -> Result<(), StoreError> {
    for op in ops {
        match op {
            Op::Intent { target, owner, lease_until, at, attempt, marks, counts, held } => {
                let intent: i64 = query_scalar(
                    "INSERT INTO intents (chain, seq, target, state, owner, lease_until, at) \
                     VALUES ($1, $2, $3, 'open', $4, $5, $6) RETURNING id",
                )
                .bind(chain)
                .bind(signed(seq))
                .bind(target)
                .bind(owner)
                .bind(lease_until)
                .bind(at)
                .fetch_one(&mut *connection)
                .await
                .map_err(StoreError::at("intent"))?;
                beside(connection, intent, at, &attempt, marks, counts, held).await?;
            }
            Op::Unknown { intent, lease_until } => {
                query("UPDATE intents SET state = 'unknown', lease_until = $1 WHERE chain = $2 AND seq = $3")
                    .bind(lease_until)
                    .bind(intent.chain)
                    .bind(signed(intent.seq))
                    .execute(&mut *connection)
                    .await
                    .map_err(StoreError::at("unknown"))?;
            }
            Op::Watch { intent, owner, lease_until, since, held } => {
                watch::begin(connection, &intent, &owner, lease_until, since, held).await?;
            }
            Op::Confirm { intent } => watch::end(connection, &intent).await?,
            Op::Close { intent, at, answer } => close(connection, chain, seq, &intent, at, answer).await?,
            Op::Deliver { person, urgency, at, sealed } => {
                query(
                    "INSERT INTO outbox (chain, seq, person, urgency, state, due_at, created_at, key_id, sealed) \
                     VALUES ($1, $2, $3, $4, 'due', $5, $5, $6, $7)",
                )
                .bind(chain)
                .bind(signed(seq))
                .bind(person)
                .bind(urgency)
                .bind(at)
                .bind(sealed.key_id)
                .bind(sealed.bytes)
                .execute(&mut *connection)
                .await
                .map_err(StoreError::at("notice"))?;
            }
            Op::Addresses { target, rows, at } => {
                no_longer(connection, &target, &rows, at).await?;
                addresses(connection, &target, rows, at).await?;
            }
            Op::PerhapsAddresses { target, rows, at } => {
                addresses(connection, &target, rows, at).await?;
            }
            Op::Permissions { target, digest, names, at } => {
                query(
                    "INSERT INTO permissions (target, digest, names, at) VALUES ($1, $2, $3, $4) \
                     ON CONFLICT (target, digest) DO UPDATE SET at = excluded.at",
                )
                .bind(target)
                .bind(digest)
                .bind(names)
                .bind(at)
                .execute(&mut *connection)
                .await
                .map_err(StoreError::at("permissions"))?;
            }
            Op::Settle { id, settled, at } => {
                let state = match settled {
                    Settled::Delivered => "delivered",
                    Settled::Dead => "dead",
                };
                query("UPDATE outbox SET state = $1, settled_at = $2, attempts = attempts + 1 WHERE id = $3")
                    .bind(state)
                    .bind(at)
                    .bind(id)
                    .execute(&mut *connection)
                    .await
                    .map_err(StoreError::at("delivery"))?;
            }
            Op::Erase { person } => erase(connection, &person).await?,
        }
    }
    Ok(())
}

async fn beside(
    connection: &mut Connection,
    intent: i64,
    at: i64,
    attempt: &str,
    marks: Vec<String>,
    counts: Vec<(String, String)>,
    held: Vec<Sealed>,
) -> Result<(), StoreError> {
    for mark in marks {
        // A mark may be there from an attempt that is forgotten.
        query(
            "INSERT INTO attempts (attempt, mark, intent) VALUES ($1, $2, $3) \
             ON CONFLICT (attempt, mark) DO UPDATE SET intent = excluded.intent",
        )
        .bind(attempt)
        .bind(mark)
        .bind(intent)
        .execute(&mut *connection)
        .await
        .map_err(StoreError::at("attempt"))?;
    }
    for (rule, subject) in counts {
        query("INSERT INTO counts (rule, subject, at, intent) VALUES ($1, $2, $3, $4)")
            .bind(rule)
            .bind(subject)
            .bind(at)
            .bind(intent)
            .execute(&mut *connection)
            .await
            .map_err(StoreError::at("count"))?;
    }
    hold(connection, intent, held).await
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

async fn close(
    connection: &mut Connection,
    chain: &str,
    seq: u64,
    intent: &IntentRef,
    at: i64,
    answer: Option<Sealed>,
) -> Result<(), StoreError> {
    let step = || StoreError::at("outcome");
    let forget = answer.is_none();
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
    query("DELETE FROM held WHERE intent = $1").bind(id).execute(&mut *connection).await.map_err(step())?;
    if forget {
        query("DELETE FROM attempts WHERE intent = $1")
            .bind(id)
            .execute(&mut *connection)
            .await
            .map_err(step())?;
        query("DELETE FROM counts WHERE intent = $1")
            .bind(id)
            .execute(&mut *connection)
            .await
            .map_err(step())?;
    }
    Ok(())
}

/// An address that was there before stays known as such.
const ADDRESS: &str = "INSERT INTO addresses (target, exact, folded, instance, is_now, was, at) \
     VALUES ($1, $2, $3, $4, 1, 0, $5) ON CONFLICT (target, exact) DO UPDATE SET is_now = 1, at = excluded.at";

async fn addresses(
    connection: &mut Connection,
    target: &str,
    rows: Vec<AddressRow>,
    at: i64,
) -> Result<(), StoreError> {
    for row in rows {
        query(ADDRESS)
            .bind(target)
            .bind(row.exact)
            .bind(row.folded)
            .bind(row.instance)
            .bind(at)
            .execute(&mut *connection)
            .await
            .map_err(StoreError::at("addresses"))?;
    }
    Ok(())
}

/// What a target has now and is not among `rows`, it had until now.
async fn no_longer(
    connection: &mut Connection,
    target: &str,
    rows: &[AddressRow],
    at: i64,
) -> Result<(), StoreError> {
    let now: Vec<String> = query_scalar("SELECT exact FROM addresses WHERE target = $1 AND is_now = 1")
        .bind(target)
        .fetch_all(&mut *connection)
        .await
        .map_err(StoreError::at("addresses"))?;
    for exact in now.into_iter().filter(|exact| rows.iter().all(|row| row.exact != *exact)) {
        query("UPDATE addresses SET is_now = 0, was = 1, at = $1 WHERE target = $2 AND exact = $3")
            .bind(at)
            .bind(target)
            .bind(exact)
            .execute(&mut *connection)
            .await
            .map_err(StoreError::at("addresses"))?;
    }
    Ok(())
}

async fn erase(connection: &mut Connection, person: &str) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM people WHERE person = $1",
        "DELETE FROM addresses WHERE target = $1",
        "DELETE FROM permissions WHERE target = $1",
        "DELETE FROM outbox WHERE person = $1 AND state <> 'due'",
        "UPDATE intents SET answer = NULL, answer_key_id = NULL WHERE target = $1 AND state = 'closed'",
    ] {
        query(sql).bind(person).execute(&mut *connection).await.map_err(StoreError::at("erase"))?;
    }
    Ok(())
}

/// The row of a person.
pub(super) async fn person(
    connection: &mut Connection,
    person: &str,
) -> Result<Option<PersonRow>, StoreError> {
    query("SELECT token, key_id, sealed FROM people WHERE person = $1")
        .bind(person)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::at("person"))?
        .map(|row| person_row(&row))
        .transpose()
}

fn person_row(row: &Row) -> Result<PersonRow, StoreError> {
    let read = || StoreError::at("person");
    Ok(PersonRow {
        token: row.try_get(0).map_err(read())?,
        key: sealed(row.try_get(1).map_err(read())?, row.try_get(2).map_err(read())?),
    })
}

/// Makes the row of a person.
pub(super) async fn add_person(connection: &mut Connection, new: &NewPerson) -> Result<(), StoreError> {
    query("INSERT INTO people (person, token, key_id, sealed) VALUES ($1, $2, $3, $4)")
        .bind(&new.person)
        .bind(&new.row.token)
        .bind(&new.row.key.key_id)
        .bind(&new.row.key.bytes)
        .execute(connection)
        .await
        .map_err(StoreError::at("person"))?;
    Ok(())
}
