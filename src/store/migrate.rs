//! The tables, made and brought up to date. The scripts are part of the program.

use std::borrow::Cow;

use sqlx::{
    SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
    query_scalar,
};

use super::{
    StoreError,
    dialect::{Connection, Pool},
};

const SQLITE: [(i64, &str, &str); 4] = [
    (1, "ledger", include_str!("migrations/sqlite/0001_ledger.sql")),
    (2, "watches", include_str!("migrations/sqlite/0002_watches.sql")),
    (3, "queues", include_str!("migrations/sqlite/0003_queues.sql")),
    (4, "sessions", include_str!("migrations/sqlite/0004_sessions.sql")),
];

/// Brings the tables up to date; refuses a store that a later version made.
pub(super) async fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let steps = SQLITE.map(|(version, name, sql)| {
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(steps.into())
        .run_direct(None, connection, false)
        .await
        .map_err(StoreError::Tables)
}

/// Whether the tables are exactly those of this version: who reads beside a running guard changes nothing.
pub(super) async fn check(pool: &Pool) -> Result<(), StoreError> {
    let [.., (known, _, _)] = SQLITE;
    let none = StoreError::Schema { found: None, known };
    let found: Option<i64> = query_scalar("SELECT 1 FROM sqlite_master WHERE name = '_sqlx_migrations'")
        .fetch_optional(pool)
        .await
        .map_err(StoreError::at("tables"))?;
    if found.is_none() {
        return Err(none);
    }
    let found: Option<i64> = query_scalar("SELECT MAX(version) FROM _sqlx_migrations WHERE success")
        .fetch_one(pool)
        .await
        .map_err(StoreError::at("tables"))?;
    if found == Some(known) { Ok(()) } else { Err(StoreError::Schema { found, known }) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqlx::{Connection as _, raw_sql};

    use super::*;
    use crate::store::{Location, place::private};

    #[tokio::test]
    async fn what_an_earlier_version_left_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.db");
        private(&path).unwrap();
        let location = Location::read(&format!("sqlite:{}", path.display())).unwrap();
        let mut connection = location.connect(Duration::from_secs(5)).await.unwrap();
        let [first, second, _, _] = SQLITE;
        let old = [first, second].map(|(version, name, sql)| {
            Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false)
        });
        Migrator::with_migrations(old.into()).run_direct(None, &mut connection, false).await.unwrap();
        let pool = location.pool(Duration::from_secs(5), 1);
        let error = check(&pool).await.unwrap_err();
        assert!(matches!(error, StoreError::Schema { found: Some(2), known: 4 }), "{error}");
        raw_sql(
            "INSERT INTO records VALUES ('c', 1, x'00'); \
             INSERT INTO outbox (chain, seq, person, urgency, state, due_at, created_at, key_id, sealed) \
             VALUES ('c', 1, 'p', 0, 'due', 5, 5, 'k', x'00'); \
             INSERT INTO addresses VALUES ('t', 'e', 'f', 'i', 1, 0, 5)",
        )
        .execute(&mut connection)
        .await
        .unwrap();
        migrate(&mut connection).await.unwrap();
        check(&pool).await.unwrap();
        let channel: String = query_scalar("SELECT channel FROM outbox WHERE fold IS NULL AND batch IS NULL")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(channel, "mail");
        let known: i64 =
            query_scalar("SELECT count(*) FROM addresses WHERE mailbox IS NULL AND folded = 'f'")
                .fetch_one(&mut connection)
                .await
                .unwrap();
        assert_eq!(known, 1);
        connection.close().await.unwrap();
    }
}
