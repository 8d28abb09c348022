//! What differs between databases, in one place: their connections, their rows, how a transaction begins that nothing
//! else is written beside, and a few names. Statements are written once (`statement`), for both.

use sqlx::{Connection as _, Postgres, SqlSafeStr, Sqlite, pool::PoolConnection, postgres, sqlite};

use super::statement::query_scalar;

/// What orders records as they were written.
const SQLITE_ORDER: &str = "rowid";
const POSTGRES_ORDER: &str = "written";

/// A connection.
pub(super) enum Connection {
    Sqlite(sqlite::SqliteConnection),
    Postgres(postgres::PgConnection),
}

/// A pool of connections.
#[derive(Clone)]
pub(super) enum Pool {
    Sqlite(sqlite::SqlitePool),
    Postgres(postgres::PgPool),
}

/// A transaction that only reads, and sees one moment. Dropping it ends it.
pub(super) enum Snapshot {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(Box<PoolConnection<Postgres>>),
}

/// A row.
pub(super) enum Row {
    Sqlite(sqlite::SqliteRow),
    Postgres(postgres::PgRow),
}

/// Where a statement is run.
pub(super) enum On<'c> {
    Sqlite(&'c mut sqlite::SqliteConnection),
    Postgres(&'c mut postgres::PgConnection),
    SqlitePool(&'c sqlite::SqlitePool),
    PostgresPool(&'c postgres::PgPool),
}

impl Connection {
    /// Opens a transaction beside which no other writes, so that what is read in it stays true until it ends: in this
    /// process or another one, in this replica or another one.
    ///
    /// `SQLite` has one write lock. In `PostgreSQL` it is the lock of the table `turn`: what comes after it sees all that
    /// was committed before it was given, since each statement sees what is committed when it begins (`READ COMMITTED`).
    pub(super) async fn begin(&mut self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection) => sqlx::query("BEGIN IMMEDIATE").execute(connection).await.map(|_| ()),
            Self::Postgres(connection) => {
                let begin = "BEGIN ISOLATION LEVEL READ COMMITTED; LOCK TABLE turn IN EXCLUSIVE MODE";
                sqlx::raw_sql(begin).execute(connection).await.map(|_| ())
            }
        }
    }

    /// Ends the transaction: on disk when this returns.
    pub(super) async fn commit(&mut self) -> Result<(), sqlx::Error> {
        self.plain("COMMIT").await
    }

    /// Takes the transaction back.
    pub(super) async fn rollback(&mut self) -> Result<(), sqlx::Error> {
        self.plain("ROLLBACK").await
    }

    /// Whether the other side still answers.
    pub(super) async fn ping(&mut self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection) => connection.ping().await,
            Self::Postgres(connection) => connection.ping().await,
        }
    }

    /// Closes it.
    pub(super) async fn close(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        }
    }

    /// Runs statements without values, several perhaps.
    pub(super) async fn plain(&mut self, sql: impl SqlSafeStr) -> Result<(), sqlx::Error> {
        let sql = sqlx::raw_sql(sql);
        match self {
            Self::Sqlite(connection) => sql.execute(connection).await.map(|_| ()),
            Self::Postgres(connection) => sql.execute(connection).await.map(|_| ()),
        }
    }
}

impl Snapshot {
    /// The column that orders records as they were written.
    pub(super) fn order(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => SQLITE_ORDER,
            Self::Postgres(_) => POSTGRES_ORDER,
        }
    }
}

impl Pool {
    /// One moment of the store, for as long as it is not dropped.
    pub(super) async fn snapshot(&self) -> Result<Snapshot, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(pool) => Snapshot::Sqlite(pool.begin().await?),
            Self::Postgres(pool) => {
                // Not one of the pool's own any more: dropping it ends the transaction.
                let mut connection = pool.acquire().await?;
                connection.close_on_drop();
                sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    .execute(&mut *connection)
                    .await?;
                Snapshot::Postgres(Box::new(connection))
            }
        })
    }

    /// The column that orders records as they were written.
    pub(super) fn order(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => SQLITE_ORDER,
            Self::Postgres(_) => POSTGRES_ORDER,
        }
    }

    /// The function of octets and others that says where in the first the others are, from 1 on; 0 where they are not.
    pub(super) fn place_of(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "instr",
            Self::Postgres(_) => "pg_catalog.\"position\"",
        }
    }

    /// Whether its planner guesses how many rows have a value: then `+` before a column says that its index is not to be used.
    pub(super) fn guesses(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// Whether there is a table of this name.
    pub(super) async fn has_table(&self, name: &str) -> Result<bool, sqlx::Error> {
        let sql = match self {
            Self::Sqlite(_) => "SELECT 1 FROM sqlite_master WHERE name = $1",
            Self::Postgres(_) => "SELECT 1 FROM pg_class WHERE relname = $1 AND pg_table_is_visible(oid)",
        };
        let found: Option<i64> = query_scalar(sql).bind(name).fetch_optional(self).await?;
        Ok(found.is_some())
    }

    /// Closes all connections.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl<'c> From<&'c mut Connection> for On<'c> {
    fn from(connection: &'c mut Connection) -> Self {
        match connection {
            Connection::Sqlite(connection) => Self::Sqlite(connection),
            Connection::Postgres(connection) => Self::Postgres(connection),
        }
    }
}

impl<'c> From<&'c mut Snapshot> for On<'c> {
    fn from(snapshot: &'c mut Snapshot) -> Self {
        match snapshot {
            Snapshot::Sqlite(transaction) => Self::Sqlite(transaction),
            Snapshot::Postgres(connection) => Self::Postgres(connection),
        }
    }
}

impl On<'_> {
    /// The same place, for one statement of several.
    pub(super) fn again(&mut self) -> On<'_> {
        match self {
            Self::Sqlite(connection) => On::Sqlite(connection),
            Self::Postgres(connection) => On::Postgres(connection),
            Self::SqlitePool(pool) => On::SqlitePool(pool),
            Self::PostgresPool(pool) => On::PostgresPool(pool),
        }
    }
}

impl<'c> From<&'c Pool> for On<'c> {
    fn from(pool: &'c Pool) -> Self {
        match pool {
            Pool::Sqlite(pool) => Self::SqlitePool(pool),
            Pool::Postgres(pool) => Self::PostgresPool(pool),
        }
    }
}
