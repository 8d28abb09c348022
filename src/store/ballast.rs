//! Room on a server that is kept full of nothing, and given back when its disk is: then what became of changes that were
//! begun can be recorded. What is left of the disk nobody can say from here, so this is all the reserve there is. It is there,
//! or it was given back, for all guards at once: without it no change is begun.

use super::{
    StoreError,
    dialect::Connection,
    statement::{query, query_scalar},
};

/// How long whoever reads the table (a dump) is waited for.
const PATIENCE: &str = "SET LOCAL lock_timeout = '1s'";
const EMPTY: &str = "TRUNCATE ballast";
/// 8 MiB: a row is a page, and is not compressed. What became of some hundred changes, with their notices.
const FILL: &str = "INSERT INTO ballast (bytes) \
     SELECT decode(repeat(md5(n::TEXT), 500), 'hex') FROM generate_series(1, 1024) n";

/// Whether it is there. Asked in a transaction that no other writes beside.
pub(super) async fn is_there(connection: &mut Connection) -> Result<bool, StoreError> {
    let found: Option<i64> = query_scalar("SELECT 1 FROM ballast LIMIT 1")
        .fetch_optional(connection)
        .await
        .map_err(StoreError::at("ballast"))?;
    Ok(found.is_some())
}

/// Makes it where it is not there. False when there is no room for it.
pub(super) async fn fill(connection: &mut Connection) -> Result<bool, StoreError> {
    connection.begin().await.map_err(StoreError::at("ballast"))?;
    let filled = filled(connection).await;
    match filled {
        Ok(()) => connection.commit().await.map_err(StoreError::at("ballast")).map(|()| true),
        Err(error) => {
            connection.rollback().await.map_err(StoreError::at("ballast"))?;
            if error.is_full() { Ok(false) } else { Err(error) }
        }
    }
}

async fn filled(connection: &mut Connection) -> Result<(), StoreError> {
    if is_there(connection).await? {
        return Ok(());
    }
    // What a failure leaves is a file of its own, and goes with it.
    for sql in [PATIENCE, EMPTY, FILL] {
        query(sql).execute(&mut *connection).await.map_err(StoreError::at("ballast"))?;
    }
    Ok(())
}

/// Gives it back: the disk has its room when this returns.
pub(super) async fn give_back(connection: &mut Connection) -> Result<(), StoreError> {
    connection.begin().await.map_err(StoreError::at("ballast"))?;
    for sql in [PATIENCE, EMPTY] {
        query(sql).execute(&mut *connection).await.map_err(StoreError::at("ballast"))?;
    }
    connection.commit().await.map_err(StoreError::at("ballast"))
}
