//! What differs between databases, in one place: the names of their types.

/// A connection.
pub(super) type Connection = sqlx::SqliteConnection;

/// A pool of connections.
pub(super) type Pool = sqlx::SqlitePool;

/// A row.
pub(super) type Row = sqlx::sqlite::SqliteRow;

/// Opens a transaction that takes the write lock at once, so that what is read in it stays true until it ends.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";
