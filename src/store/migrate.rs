//! The tables, made and brought up to date. The scripts are part of the program.

use std::borrow::Cow;

use sqlx::{
    SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};

use super::{StoreError, dialect::Connection};

const SQLITE: [(i64, &str, &str); 2] = [
    (1, "ledger", include_str!("migrations/sqlite/0001_ledger.sql")),
    (2, "watches", include_str!("migrations/sqlite/0002_watches.sql")),
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
