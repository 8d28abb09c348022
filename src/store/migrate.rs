//! The tables, made and brought up to date. The scripts are part of the program.
//!
//! Scripts only add. So a guard that runs goes on when a later version of the program adds to the tables beside it (one
//! after another of several guards is replaced), and no guard starts on tables that a later version made: what it does not
//! know of it could not keep. A script waits until no guard is in the middle of a transaction, and all wait for it.

use std::borrow::Cow;

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    sqlite::SqliteConnectOptions,
};

use super::{
    StoreError,
    dialect::{Connection, On, Pool},
    statement::{query, query_scalar},
};
use crate::crash::is_later;

type Script = (i64, &'static str, &'static str);

const SQLITE: [Script; 9] = [
    (1, "ledger", include_str!("migrations/sqlite/0001_ledger.sql")),
    (2, "watches", include_str!("migrations/sqlite/0002_watches.sql")),
    (3, "queues", include_str!("migrations/sqlite/0003_queues.sql")),
    (4, "sessions", include_str!("migrations/sqlite/0004_sessions.sql")),
    (5, "evidence", include_str!("migrations/sqlite/0005_evidence.sql")),
    (6, "streams", include_str!("migrations/sqlite/0006_streams.sql")),
    (7, "names", include_str!("migrations/sqlite/0007_names.sql")),
    (8, "looked_for", include_str!("migrations/sqlite/0008_looked_for.sql")),
    (9, "marks", include_str!("migrations/sqlite/0009_marks.sql")),
];

/// The first has what `SQLite` has after its fourth.
const POSTGRES: [Script; 7] = [
    (1, "ledger", include_str!("migrations/postgres/0001_ledger.sql")),
    (2, "replicas", include_str!("migrations/postgres/0002_replicas.sql")),
    (3, "evidence", include_str!("migrations/postgres/0003_evidence.sql")),
    (4, "streams", include_str!("migrations/postgres/0004_streams.sql")),
    (5, "names", include_str!("migrations/postgres/0005_names.sql")),
    (6, "looked_for", include_str!("migrations/postgres/0006_looked_for.sql")),
    (7, "marks", include_str!("migrations/postgres/0007_marks.sql")),
];

/// What a later version could add, of the kinds of things that scripts do: tests run such a one beside this one.
const LATER: &str = "CREATE TABLE later (id BIGINT NOT NULL PRIMARY KEY); \
     ALTER TABLE intents ADD COLUMN later TEXT; CREATE INDEX records_later ON records (operation, at)";
/// From this script on, those for a server are run while nobody is in the middle of a transaction: what they lock one after
/// another a guard that is at work would lock in another order.
const ALONE: i64 = 4;

/// Brings the tables up to date; refuses a store that a later version made. One of several that try is first, and the
/// others wait for it.
pub(super) async fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let (scripts, done) = match connection {
        Connection::Sqlite(connection) => {
            let scripts = known(&SQLITE);
            let done = migrator(&scripts, i64::MAX).run_direct(None, connection, false).await;
            (scripts, done)
        }
        Connection::Postgres(connection) => {
            let scripts = known(&POSTGRES);
            let done = migrator(&scripts, ALONE).run_direct(None, connection, false).await;
            (scripts, done)
        }
    };
    match done {
        Ok(()) => Ok(()),
        Err(MigrateError::VersionMissing(_)) => {
            Err(StoreError::Schema { found: found(&mut *connection).await?, known: last(&scripts) })
        }
        Err(fault) => Err(StoreError::Tables(fault)),
    }
}

/// Whether the tables are exactly those of this version: who reads beside a running guard changes nothing.
pub(super) async fn check(pool: &Pool) -> Result<(), StoreError> {
    let (found, known) = standing(pool).await?;
    if found == Some(known) { Ok(()) } else { Err(StoreError::Schema { found, known }) }
}

/// The version of the tables, where there are any, and the one that this program knows.
pub(super) async fn standing(pool: &Pool) -> Result<(Option<i64>, i64), StoreError> {
    let known = match pool {
        Pool::Sqlite(_) => known_to_files(),
        Pool::Postgres(_) => last(&known(&POSTGRES)),
    };
    let has_tables = pool.has_table("_sqlx_migrations").await.map_err(StoreError::at("tables"))?;
    Ok((if has_tables { found(pool).await? } else { None }, known))
}

/// Refuses a file with anything in its schema that the scripts do not make, or make otherwise: a trigger could undo what is
/// written, and a column say of a record what it does not. Who else has a part in the schema of a server is looked at
/// elsewhere.
pub(super) async fn unaltered(pool: &Pool) -> Result<(), StoreError> {
    let (Pool::Sqlite(_), (Some(version), known)) = (pool, standing(pool).await?) else { return Ok(()) };
    // What a later version made it knows.
    if version > known {
        return Ok(());
    }
    let mut memory = SqliteConnectOptions::new()
        .in_memory(true)
        .disable_statement_logging()
        .connect()
        .await
        .map_err(StoreError::at("tables"))?;
    let mut scripts = self::known(&SQLITE);
    scripts.retain(|(own, ..)| *own <= version);
    migrator(&scripts, i64::MAX).run_direct(None, &mut memory, false).await.map_err(StoreError::Tables)?;
    let mut made = Connection::Sqlite(memory);
    let (made, found) = (schema(&mut made).await?, schema(pool).await?);
    let other = found.iter().find(|one| !made.contains(one));
    other.map_or(Ok(()), |((kind, name), _)| Err(StoreError::Altered(format!("{kind} {name}"))))
}

/// What there is: its kind and name, and how it was made, but for blanks and quotes.
async fn schema<'c>(on: impl Into<On<'c>>) -> Result<Vec<((String, String), String)>, StoreError> {
    let read = || StoreError::at("schema");
    let rows = query("SELECT type, name, COALESCE(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
        .fetch_all(on)
        .await
        .map_err(read())?;
    rows.iter()
        .map(|row| {
            let sql: String = row.try_get(2).map_err(read())?;
            let sql = sql.chars().filter(|one| !one.is_whitespace() && *one != '"').collect();
            Ok(((row.try_get(0).map_err(read())?, row.try_get(1).map_err(read())?), sql))
        })
        .collect()
}

/// The version that this program knows of a store in a file.
pub(super) fn known_to_files() -> i64 {
    last(&known(&SQLITE))
}

/// The version of the tables.
async fn found<'c>(on: impl Into<On<'c>>) -> Result<Option<i64>, StoreError> {
    query_scalar("SELECT MAX(version) FROM _sqlx_migrations WHERE success")
        .fetch_one(on)
        .await
        .map_err(StoreError::at("tables"))
}

/// The scripts that this program knows.
fn known(own: &[Script]) -> Vec<Script> {
    let later = is_later().then(|| (last(own) + 1, "later", LATER));
    own.iter().copied().chain(later).collect()
}

/// Scripts from `alone` on wait until nobody is in the middle of a transaction.
fn migrator(scripts: &[Script], alone: i64) -> Migrator {
    let steps: Vec<_> = scripts
        .iter()
        .map(|(version, name, sql)| {
            let sql = if *version < alone {
                sql.into_sql_str()
            } else {
                AssertSqlSafe(format!("LOCK TABLE turn IN EXCLUSIVE MODE;\n{sql}")).into_sql_str()
            };
            Migration::new(*version, Cow::Borrowed(*name), MigrationType::Simple, sql, false)
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
        migrator(&SQLITE[..2], i64::MAX).run_direct(None, own, false).await.unwrap();
        let pool = location.pool(Duration::from_secs(5), 1).unwrap();
        let error = check(&pool).await.unwrap_err();
        assert!(matches!(error, StoreError::Schema { found: Some(2), known: 9 }), "{error}");
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
