//! Records of one transaction that have their places in the chain and wait for their rows: each statement goes to another
//! thread and back, or over the network, so that many rows are written by one.

use std::fmt::Write as _;

use super::{StoreError, dialect::Connection, statement::query};

/// Rows in one statement at most.
const MOST: usize = 64;

/// Records that follow one another and have no row yet.
#[derive(Default)]
pub(super) struct Insertion(Vec<(i64, Vec<u8>)>);

impl Insertion {
    /// The next one.
    pub(super) fn push(&mut self, seq: u64, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.0.push((i64::try_from(seq).map_err(|_| StoreError::Row("records"))?, bytes));
        Ok(())
    }

    /// Writes the rows, in their order. To be done before anything is read or written that could concern them.
    pub(super) async fn write(&mut self, connection: &mut Connection, chain: &str) -> Result<(), StoreError> {
        let mut left = self.0.as_slice();
        while let Some(several) = left.get(..together(left.len())).filter(|several| !several.is_empty()) {
            let mut statement = query(sqlx::AssertSqlSafe(rows(several.len()))).bind(chain);
            for (seq, bytes) in several {
                statement = statement.bind(*seq).bind(bytes);
            }
            statement.execute(&mut *connection).await.map_err(StoreError::at("record"))?;
            left = left.get(several.len()..).unwrap_or_default();
        }
        self.0.clear();
        Ok(())
    }
}

/// How many of so many go into one statement: a power of two, so that there are few statements, and each stays prepared.
fn together(left: usize) -> usize {
    left.checked_ilog2().map_or(0, |power| 1 << power).min(MOST)
}

/// The statement for so many rows.
fn rows(count: usize) -> String {
    let mut sql = "INSERT INTO records (chain, seq, bytes) VALUES ($1, $2, $3)".to_owned();
    for row in 1..count {
        // Writing to a text cannot fail.
        let _ = write!(sql, ", ($1, ${}, ${})", 2 * row + 2, 2 * row + 3);
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_has_as_many_rows_as_a_power_of_two_says() {
        let parts = |mut left: usize| {
            let mut parts = Vec::new();
            while left > 0 {
                parts.push(together(left));
                left -= together(left);
            }
            parts
        };
        assert_eq!(parts(1), [1]);
        assert_eq!(parts(7), [4, 2, 1]);
        assert_eq!(parts(200), [64, 64, 64, 8]);
        assert_eq!(parts(0), [0; 0]);
        assert_eq!(
            rows(3),
            "INSERT INTO records (chain, seq, bytes) VALUES ($1, $2, $3), ($1, $4, $5), ($1, $6, $7)"
        );
    }
}
