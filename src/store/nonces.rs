//! Nonces that were spent.

use super::{
    StoreError,
    dialect::Connection,
    statement::{query, query_scalar},
};

/// A nonce is spent: kept until then.
pub(super) async fn spend(connection: &mut Connection, nonce: &str, until: i64) -> Result<(), StoreError> {
    query("INSERT INTO nonces (nonce, until) VALUES ($1, $2)")
        .bind(nonce)
        .bind(until)
        .execute(connection)
        .await
        .map_err(StoreError::at("nonce"))?;
    Ok(())
}

/// Whether a nonce was spent.
pub(super) async fn is_spent(connection: &mut Connection, nonce: &str) -> Result<bool, StoreError> {
    let found: Option<i64> = query_scalar("SELECT 1 FROM nonces WHERE nonce = $1")
        .bind(nonce)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::at("nonce"))?;
    Ok(found.is_some())
}
