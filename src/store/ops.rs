//! What is written beside a record: one function for each of [`Op`].

use crate::secret::Sealed;

use super::{
    NewPerson, Op, PersonRow, State, StoreError, addresses,
    dialect::{Connection, Row},
    epochs, freezes, intents, marks, nonces, outbox, people, segments, sessions,
    statement::{query, query_scalar},
    streams, versions, watch,
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
        one(connection, (chain, seq), op).await?;
    }
    Ok(())
}

async fn one(connection: &mut Connection, (chain, seq): (&str, u64), op: Op) -> Result<(), StoreError> {
    match op {
        Op::Intent(intent) => intents::begin(connection, (chain, seq), intent).await,
        Op::Wanted { rows } => addresses::wanted(connection, chain, seq, rows).await,
        Op::Unknown { intent, lease_until } => intents::unknown(connection, &intent, lease_until).await,
        Op::Watch { intent, owner, lease_until, since, held } => {
            watch::begin(connection, &intent, &owner, lease_until, since, held).await
        }
        Op::Confirm { intent } => watch::end(connection, &intent).await,
        Op::Close { intent, at, answer } => {
            intents::close(connection, (chain, seq), &intent, at, answer).await
        }
        Op::Deliver(letter) => outbox::deliver(connection, (chain, seq), letter).await,
        Op::Settle { id, settled, at } => outbox::settle(connection, id, settled, at).await,
        Op::Addresses { target, rows, at } => addresses::all(connection, &target, rows, at).await,
        Op::PerhapsAddresses { target, rows, at } => addresses::perhaps(connection, &target, rows, at).await,
        Op::Alone { user, name, at } => addresses::alone(connection, &user, &name, at).await,
        Op::Permissions { target, digest, names, at } => {
            permissions(connection, &target, &digest, &names, at).await
        }
        Op::Said { key, at } => said(connection, &key, at).await,
        Op::Spend { nonce, until } => nonces::spend(connection, &nonce, until).await,
        Op::Session(session) => sessions::begin(connection, (chain, seq), session).await,
        Op::Freeze(freeze) => freezes::set(connection, (chain, seq), freeze).await,
        Op::Lift { id } => freezes::lift(connection, (chain, seq), &id).await,
        Op::Policy { policy, files } => versions::keep(connection, &policy, files).await,
        Op::Segment(segment) => segments::close(connection, (chain, seq), segment).await,
        Op::Mark(row) => marks::replace(connection, &row).await,
        Op::Epoch { epoch } => epochs::raise(connection, epoch).await,
        Op::ClaimStream(claim) => streams::claim(connection, chain, claim).await,
        Op::Streamed { stream, owner, chain, seq } => {
            streams::keep(connection, (&stream, &owner), (&chain, seq)).await
        }
        Op::ReleaseStream { stream, owner } => streams::release(connection, &stream, &owner).await,
        Op::Named { person, name } => people::named(connection, &person, &name).await,
        Op::Erase { person } => people::erase(connection, &person).await,
    }
}

async fn permissions(
    connection: &mut Connection,
    target: &str,
    digest: &str,
    names: &str,
    at: i64,
) -> Result<(), StoreError> {
    query(
        "INSERT INTO permissions (target, digest, names, at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (target, digest) DO UPDATE SET at = excluded.at",
    )
    .bind(target)
    .bind(digest)
    .bind(names)
    .bind(at)
    .execute(connection)
    .await
    .map_err(StoreError::at("permissions"))?;
    Ok(())
}

async fn said(connection: &mut Connection, key: &str, at: i64) -> Result<(), StoreError> {
    query("INSERT INTO said (key, at) VALUES ($1, $2)")
        .bind(key)
        .bind(at)
        .execute(connection)
        .await
        .map_err(StoreError::at("said"))?;
    Ok(())
}

/// Whether something was said under this key.
pub(super) async fn is_said(connection: &mut Connection, key: &str) -> Result<bool, StoreError> {
    let found: Option<i64> = query_scalar("SELECT 1 FROM said WHERE key = $1")
        .bind(key)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::at("said"))?;
    Ok(found.is_some())
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

pub(super) fn person_row(row: &Row) -> Result<PersonRow, StoreError> {
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
