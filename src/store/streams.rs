//! How far each stream has brought each chain to others. Whoever brings a chain holds it by a lease; a guard takes back its
//! own whenever it likes, and any guard takes those that nobody holds.

use super::{
    Head, Reader, StoreError,
    chains::heads,
    dialect::Connection,
    ops::signed,
    statement::{query, query_scalar},
};

/// A claim of all chains that may be claimed.
pub(crate) struct NewClaim {
    /// For which stream.
    pub(crate) stream: String,
    /// By whom.
    pub(crate) owner: String,
    /// Leases that ran out before this are nobody's any more, milliseconds since 1970.
    pub(crate) before: i64,
    /// Until when.
    pub(crate) until: i64,
}

/// How far a stream has brought a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamRow {
    /// The chain.
    pub(crate) chain: String,
    /// Its last record that was brought.
    pub(crate) seq: u64,
    /// Who brings it.
    pub(crate) owner: Option<String>,
    /// Until when.
    pub(crate) lease_until: i64,
}

/// Claims the own chain, what is held already, and what nobody holds. A stream that is new begins where every chain ends; a
/// chain that is new to a stream begins with its first record.
pub(super) async fn claim(connection: &mut Connection, own: &str, claim: NewClaim) -> Result<(), StoreError> {
    let step = || StoreError::at("streams");
    let NewClaim { stream, owner, before, until } = claim;
    let known: i64 = query_scalar("SELECT COUNT(*) FROM streams WHERE stream = $1")
        .bind(&stream)
        .fetch_one(&mut *connection)
        .await
        .map_err(step())?;
    let mut ends = heads((&mut *connection).into()).await?;
    if !ends.iter().any(|(chain, _)| chain == own) {
        let nothing = crate::secret::Digest::from_bytes([0; 32]);
        ends.push((own.to_owned(), Head { seq: 0, hash: nothing }));
    }
    for (chain, end) in ends {
        query(
            "INSERT INTO streams (stream, chain, seq, owner, lease_until) VALUES ($1, $2, $3, NULL, 0) \
             ON CONFLICT (stream, chain) DO NOTHING",
        )
        .bind(&stream)
        .bind(chain)
        .bind(if known == 0 { signed(end.seq) } else { 0 })
        .execute(&mut *connection)
        .await
        .map_err(step())?;
    }
    query(
        "UPDATE streams SET owner = $1, lease_until = $2 WHERE stream = $3 \
         AND (chain = $4 OR owner = $1 OR owner IS NULL OR lease_until < $5)",
    )
    .bind(owner)
    .bind(until)
    .bind(stream)
    .bind(own)
    .bind(before)
    .execute(connection)
    .await
    .map_err(step())?;
    Ok(())
}

/// A chain was brought as far as this, by whoever holds it; never back.
pub(super) async fn keep(
    connection: &mut Connection,
    (stream, owner): (&str, &str),
    (chain, seq): (&str, u64),
) -> Result<(), StoreError> {
    query("UPDATE streams SET seq = $1 WHERE stream = $2 AND chain = $3 AND owner = $4 AND seq < $1")
        .bind(signed(seq))
        .bind(stream)
        .bind(chain)
        .bind(owner)
        .execute(connection)
        .await
        .map_err(StoreError::at("streams"))?;
    Ok(())
}

/// Whoever holds chains holds them no more.
pub(super) async fn release(
    connection: &mut Connection,
    stream: &str,
    owner: &str,
) -> Result<(), StoreError> {
    query("UPDATE streams SET owner = NULL, lease_until = 0 WHERE stream = $1 AND owner = $2")
        .bind(stream)
        .bind(owner)
        .execute(connection)
        .await
        .map_err(StoreError::at("streams"))?;
    Ok(())
}

impl Reader {
    /// How far a stream has brought the chains that it knows.
    pub(crate) async fn streams(&self, stream: &str) -> Result<Vec<StreamRow>, StoreError> {
        let read = || StoreError::at("streams");
        let rows =
            query("SELECT chain, seq, owner, lease_until FROM streams WHERE stream = $1 ORDER BY chain")
                .bind(stream)
                .fetch_all(self.pool())
                .await
                .map_err(read())?;
        rows.iter()
            .map(|row| {
                let seq: i64 = row.try_get(1).map_err(read())?;
                Ok(StreamRow {
                    chain: row.try_get(0).map_err(read())?,
                    seq: seq.unsigned_abs(),
                    owner: row.try_get(2).map_err(read())?,
                    lease_until: row.try_get(3).map_err(read())?,
                })
            })
            .collect()
    }
}
