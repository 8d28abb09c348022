//! The highest epoch of a policy that was in force on any replica. Only a store that several share has it.

use super::{
    StoreError,
    dialect::Connection,
    statement::{query, query_scalar},
};

/// The highest; 0 for none.
pub(super) async fn highest(connection: &mut Connection) -> Result<i64, StoreError> {
    let found: Option<i64> = query_scalar("SELECT epoch FROM epochs")
        .fetch_optional(connection)
        .await
        .map_err(StoreError::at("epoch"))?;
    Ok(found.unwrap_or(0))
}

/// It is at least this one from now on.
pub(super) async fn raise(connection: &mut Connection, epoch: i64) -> Result<(), StoreError> {
    query(
        "INSERT INTO epochs (id, epoch) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch \
         WHERE epochs.epoch < excluded.epoch",
    )
    .bind(epoch)
    .execute(connection)
    .await
    .map_err(StoreError::at("epoch"))?;
    Ok(())
}
