//! Whose an address is, was, or is about to be: keyed hashes only.

use super::{
    AddressRow, StoreError,
    dialect::Connection,
    ops::signed,
    statement::{query, query_scalar},
};

/// An address that was there before stays known as such.
const ADDRESS: &str = "INSERT INTO addresses (target, exact, folded, mailbox, instance, is_now, was, at) \
     VALUES ($1, $2, $3, $4, $5, 1, 0, $6) \
     ON CONFLICT (target, exact) DO UPDATE SET is_now = 1, at = excluded.at, mailbox = excluded.mailbox";

/// Rows of earlier versions have no mailbox: they are known by their folded form. Where the target is a Username that is to
/// be created, whoever had it is not another: Connect creates none that somebody has, so that user was deleted elsewhere.
pub(super) const IN_USE: &str = "SELECT 1 FROM addresses a \
     WHERE instance = $1 AND mailbox = $2 AND is_now = 1 AND target <> $4 \
     AND NOT EXISTS (SELECT 1 FROM names n WHERE n.person = a.target AND n.name = $4) \
     UNION ALL SELECT 1 FROM addresses a \
     WHERE instance = $1 AND folded IN ($2, $3) AND is_now = 1 AND target <> $4 \
     AND NOT EXISTS (SELECT 1 FROM names n WHERE n.person = a.target AND n.name = $4) LIMIT 1";

/// These are a target's addresses now; those it had before and has no longer, it had.
pub(super) async fn all(
    connection: &mut Connection,
    target: &str,
    rows: Vec<AddressRow>,
    at: i64,
) -> Result<(), StoreError> {
    no_longer(connection, target, &rows, at).await?;
    perhaps(connection, target, rows, at).await
}

/// These may be a target's addresses now, too.
pub(super) async fn perhaps(
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
            .bind(row.mailbox)
            .bind(row.instance)
            .bind(at)
            .execute(&mut *connection)
            .await
            .map_err(StoreError::at("addresses"))?;
    }
    Ok(())
}

/// The Username `name` is `user`'s: what stands under it, and under others who had it, they had.
pub(super) async fn alone(
    connection: &mut Connection,
    user: &str,
    name: &str,
    at: i64,
) -> Result<(), StoreError> {
    query(
        "UPDATE addresses SET is_now = 0, was = 1, at = $1 WHERE is_now = 1 AND target <> $2 \
         AND (target = $3 OR target IN (SELECT person FROM names WHERE name = $3))",
    )
    .bind(at)
    .bind(user)
    .bind(name)
    .execute(connection)
    .await
    .map_err(StoreError::at("addresses"))?;
    Ok(())
}

/// The intent `(chain, seq)` gives its target these.
pub(super) async fn wanted(
    connection: &mut Connection,
    chain: &str,
    seq: u64,
    rows: Vec<AddressRow>,
) -> Result<(), StoreError> {
    for row in rows {
        query(
            "INSERT INTO wanted (intent, instance, mailbox) \
             SELECT id, $1, $2 FROM intents WHERE chain = $3 AND seq = $4 \
             ON CONFLICT (intent, mailbox) DO NOTHING",
        )
        .bind(row.instance)
        .bind(row.mailbox)
        .bind(chain)
        .bind(signed(seq))
        .execute(&mut *connection)
        .await
        .map_err(StoreError::at("addresses"))?;
    }
    Ok(())
}

/// Whether another target has one of these, or is about to get it by a change that is open.
pub(super) async fn are_used(
    connection: &mut Connection,
    target: &str,
    rows: &[AddressRow],
) -> Result<bool, StoreError> {
    for row in rows {
        let found: Option<i64> = query_scalar(IN_USE)
            .bind(&row.instance)
            .bind(&row.mailbox)
            .bind(&row.folded)
            .bind(target)
            .fetch_optional(&mut *connection)
            .await
            .map_err(StoreError::at("addresses"))?;
        let soon: Option<i64> = query_scalar(
            "SELECT 1 FROM wanted w JOIN intents i ON i.id = w.intent \
             WHERE w.instance = $1 AND w.mailbox = $2 AND i.target <> $3 AND i.state <> 'closed' LIMIT 1",
        )
        .bind(&row.instance)
        .bind(&row.mailbox)
        .bind(target)
        .fetch_optional(&mut *connection)
        .await
        .map_err(StoreError::at("addresses"))?;
        if found.or(soon).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether one of these was this target's and was replaced since then.
pub(super) async fn is_replaced(
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
