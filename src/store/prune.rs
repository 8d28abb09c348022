//! Forgetting: what is no longer remembered is deleted, a few rows of each table at a time. Records are
//! deleted only where they are closed into segments.

use super::{Bounds, Done, StoreError, dialect::Connection, segments, statement::query};

/// Deletes what is no longer remembered.
pub(super) async fn prune(connection: &mut Connection, bounds: Bounds) -> Result<Done, StoreError> {
    let most = i64::from(bounds.most);
    let mut full = false;
    for (sql, before) in [
        (
            "DELETE FROM attempts WHERE intent IN (SELECT id FROM intents \
             WHERE answer IS NOT NULL AND closed_at < $1 ORDER BY closed_at LIMIT $2)",
            bounds.answers,
        ),
        (
            "UPDATE intents SET answer = NULL, answer_key_id = NULL WHERE id IN (SELECT id FROM intents \
             WHERE answer IS NOT NULL AND closed_at < $1 ORDER BY closed_at LIMIT $2)",
            bounds.answers,
        ),
        (
            "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox \
             WHERE state <> 'due' AND settled_at < $1 ORDER BY settled_at LIMIT $2)",
            bounds.deliveries,
        ),
        (
            "DELETE FROM counts WHERE at < $1 AND intent IN \
             (SELECT intent FROM counts WHERE at < $1 ORDER BY at LIMIT $2)",
            bounds.counts,
        ),
        (
            "DELETE FROM nonces WHERE nonce IN (SELECT nonce FROM nonces WHERE until < $1 ORDER BY until LIMIT $2)",
            bounds.nonces,
        ),
        (
            "DELETE FROM sessions WHERE id IN \
             (SELECT id FROM sessions WHERE expires < $1 ORDER BY expires LIMIT $2)",
            bounds.sessions,
        ),
        (
            "DELETE FROM said WHERE key IN (SELECT key FROM said WHERE at < $1 ORDER BY at LIMIT $2)",
            bounds.said,
        ),
        (
            "DELETE FROM folds WHERE fold IN \
             (SELECT fold FROM folds WHERE until < $1 ORDER BY until LIMIT $2)",
            bounds.folds,
        ),
    ] {
        let done = query(sql)
            .bind(before)
            .bind(most)
            .execute(&mut *connection)
            .await
            .map_err(StoreError::at("forget"))?;
        full |= done.rows_affected() >= u64::from(bounds.most);
    }
    full |= segments::prune(connection, bounds.records, most).await?;
    Ok(if full { Done::PrunedInPart } else { Done::Plain })
}
