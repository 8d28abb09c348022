//! The tables, made and brought up to date. The scripts are part of the program.
//!
//! Scripts only add. So a guard that runs goes on when a later version of the program adds to the tables beside it (one
//! after another of several guards is replaced), and no guard starts on tables that a later version made: what it does not
//! know of it could not keep.

use std::borrow::Cow;

use sqlx::{
    SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};

use super::{
    StoreError,
    dialect::{Connection, Pool},
    statement::query_scalar,
};

type Script = (i64, &'static str, &'static str);

const SQLITE: [Script; 6] = [
    (1, "ledger", include_str!("migrations/sqlite/0001_ledger.sql")),
    (2, "watches", include_str!("migrations/sqlite/0002_watches.sql")),
    (3, "queues", include_str!("migrations/sqlite/0003_queues.sql")),
    (4, "sessions", include_str!("migrations/sqlite/0004_sessions.sql")),
    (5, "evidence", include_str!("migrations/sqlite/0005_evidence.sql")),
    (6, "streams", include_str!("migrations/sqlite/0006_streams.sql")),
];

/// The first has what `SQLite` has after its fourth.
const POSTGRES: [Script; 4] = [
    (1, "ledger", include_str!("migrations/postgres/0001_ledger.sql")),
    (2, "replicas", include_str!("migrations/postgres/0002_replicas.sql")),
    (3, "evidence", include_str!("migrations/postgres/0003_evidence.sql")),
    (4, "streams", include_str!("migrations/postgres/0004_streams.sql")),
];

/// Brings the tables up to date; refuses a store that a later version made. One of several that try is first, and the
/// others wait for it.
pub(super) async fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    match connection {
        Connection::Sqlite(connection) => migrator(&SQLITE).run_direct(None, connection, false).await,
        Connection::Postgres(connection) => migrator(&POSTGRES).run_direct(None, connection, false).await,
    }
    .map_err(StoreError::Tables)
}

/// Whether the tables are exactly those of this version: who reads beside a running guard changes nothing.
pub(super) async fn check(pool: &Pool) -> Result<(), StoreError> {
    let known = match pool {
        Pool::Sqlite(_) => last(&SQLITE),
        Pool::Postgres(_) => last(&POSTGRES),
    };
    if !pool.has_table("_sqlx_migrations").await.map_err(StoreError::at("tables"))? {
        return Err(StoreError::Schema { found: None, known });
    }
    let found: Option<i64> = query_scalar("SELECT MAX(version) FROM _sqlx_migrations WHERE success")
        .fetch_one(pool)
        .await
        .map_err(StoreError::at("tables"))?;
    if found == Some(known) { Ok(()) } else { Err(StoreError::Schema { found, known }) }
}

fn migrator(scripts: &[Script]) -> Migrator {
    let steps: Vec<_> = scripts
        .iter()
        .map(|(version, name, sql)| {
            Migration::new(*version, Cow::Borrowed(*name), MigrationType::Simple, sql.into_sql_str(), false)
        })
        .collect();
    Migrator::with_migrations(steps)
}

fn last(scripts: &[Script]) -> i64 {
    scripts.last().map_or(0, |(version, ..)| *version)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::place::{FilePlace, private};

    #[tokio::test]
    async fn what_an_earlier_version_left_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.db");
        private(&path).unwrap();
        let location = FilePlace::read(&format!("sqlite:{}", path.display())).unwrap();
        let mut connection = location.connect(Duration::from_secs(5)).await.unwrap();
        let own = match &mut connection {
            Connection::Sqlite(own) => own,
            Connection::Postgres(_) => panic!(),
        };
        migrator(&SQLITE[..2]).run_direct(None, own, false).await.unwrap();
        let pool = location.pool(Duration::from_secs(5), 1);
        let error = check(&pool).await.unwrap_err();
        assert!(matches!(error, StoreError::Schema { found: Some(2), known: 6 }), "{error}");
        let rows = "INSERT INTO records VALUES ('c', 1, x'00'); \
             INSERT INTO outbox (chain, seq, person, urgency, state, due_at, created_at, key_id, sealed) \
             VALUES ('c', 1, 'p', 0, 'due', 5, 5, 'k', x'00'); \
             INSERT INTO addresses VALUES ('t', 'e', 'f', 'i', 1, 0, 5)";
        connection.plain(rows).await.unwrap();
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
