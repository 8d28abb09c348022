//! By what each key is known again that the ledger was written with. What a mark is, the ledger knows.

use super::{
    DeskStore, StoreError,
    dialect::{Connection, On, Row},
    statement::query,
};

/// A key by its name, and what this key alone makes, or opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MarkRow {
    pub(crate) key: String,
    pub(crate) mark: Vec<u8>,
}

/// All that there are.
pub(super) async fn all<'c>(on: impl Into<On<'c>>) -> Result<Vec<MarkRow>, StoreError> {
    let rows = query("SELECT key, mark FROM marks ORDER BY key")
        .fetch_all(on)
        .await
        .map_err(StoreError::at("marks"))?;
    rows.iter().map(mark).collect()
}

/// Keeps those whose keys have none: who comes first has the say.
pub(super) async fn keep(connection: &mut Connection, rows: &[MarkRow]) -> Result<(), StoreError> {
    for MarkRow { key, mark } in rows {
        query("INSERT INTO marks (key, mark) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING")
            .bind(key.as_str())
            .bind(mark.as_slice())
            .execute(&mut *connection)
            .await
            .map_err(StoreError::at("marks"))?;
    }
    Ok(())
}

/// This is the mark of its key from now on.
pub(super) async fn replace(connection: &mut Connection, row: &MarkRow) -> Result<(), StoreError> {
    query(
        "INSERT INTO marks (key, mark) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET mark = excluded.mark",
    )
    .bind(row.key.as_str())
    .bind(row.mark.as_slice())
    .execute(connection)
    .await
    .map_err(StoreError::at("marks"))?;
    Ok(())
}

impl DeskStore {
    /// All that there are.
    pub(crate) async fn marks(&self) -> Result<Vec<MarkRow>, StoreError> {
        all(self.pool()).await
    }
}

fn mark(row: &Row) -> Result<MarkRow, StoreError> {
    let read = || StoreError::at("marks");
    Ok(MarkRow { key: row.try_get(0).map_err(read())?, mark: row.try_get(1).map_err(read())? })
}
