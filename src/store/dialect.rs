//! What differs between databases, in one place: the names of their types.

/// The database.
pub(super) type Database = sqlx::Sqlite;

/// A connection.
pub(super) type Connection = sqlx::SqliteConnection;

/// A pool of connections.
pub(super) type Pool = sqlx::SqlitePool;

/// A row.
pub(super) type Row = sqlx::sqlite::SqliteRow;

/// The column that orders the rows of a table as they were written.
pub(super) const ROW: &str = "rowid";

/// Opens a transaction that takes the write lock at once, so that what is read in it stays true until it ends.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";
