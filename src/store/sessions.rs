//! Sessions: when they were issued, until when they hold, when they were used last. All else is in their records.

use super::{
    DeskStore, Done, NewSession, RecordRow, StoreError,
    dialect::{Connection, Row},
    ops::signed,
    statement::query,
};

/// A session as it stands, and the record that it was issued by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionRow {
    /// Its id.
    pub(crate) id: String,
    /// The ARN it stands for, without a session.
    pub(crate) account: String,
    /// When it was issued, milliseconds since 1970.
    pub(crate) issued: i64,
    /// Until when it holds.
    pub(crate) expires: i64,
    /// When it was used last.
    pub(crate) used: Option<i64>,
    /// The record.
    pub(crate) record: RecordRow,
}

/// Which sessions are listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionPick {
    /// Of this ARN without a session.
    pub(crate) account: Option<String>,
    /// That hold at this time.
    pub(crate) at: Option<i64>,
    /// So many at most: the latest.
    pub(crate) most: u32,
}

/// The record `(chain, seq)` issues a session.
pub(super) async fn begin(
    connection: &mut Connection,
    (chain, seq): (&str, u64),
    new: NewSession,
) -> Result<(), StoreError> {
    query("INSERT INTO sessions (id, chain, seq, account, issued, expires) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(new.id)
        .bind(chain)
        .bind(signed(seq))
        .bind(new.account)
        .bind(new.issued)
        .bind(new.expires)
        .execute(connection)
        .await
        .map_err(StoreError::at("session"))?;
    Ok(())
}

/// These were used then.
pub(super) async fn used(connection: &mut Connection, uses: &[(String, i64)]) -> Result<Done, StoreError> {
    for (id, at) in uses {
        query("UPDATE sessions SET used = $1 WHERE id = $2 AND (used IS NULL OR used < $1)")
            .bind(at)
            .bind(id)
            .execute(&mut *connection)
            .await
            .map_err(StoreError::at("session"))?;
    }
    Ok(Done::Plain)
}

impl DeskStore {
    /// Sessions, the latest last.
    pub(crate) async fn sessions(&self, pick: &SessionPick) -> Result<Vec<SessionRow>, StoreError> {
        let rows = query(
            "SELECT s.id, s.account, s.issued, s.expires, s.used, s.chain, s.seq, r.bytes FROM sessions s \
             JOIN records r ON r.chain = s.chain AND r.seq = s.seq \
             WHERE ($1 IS NULL OR s.account = $1) AND ($2 IS NULL OR (s.issued <= $2 AND s.expires > $2)) \
             ORDER BY s.issued DESC, s.id LIMIT $3",
        )
        .bind(pick.account.as_deref())
        .bind(pick.at)
        .bind(i64::from(pick.most))
        .fetch_all(self.pool())
        .await
        .map_err(StoreError::at("sessions"))?;
        rows.iter().rev().map(session).collect()
    }
}

fn session(row: &Row) -> Result<SessionRow, StoreError> {
    let read = || StoreError::at("sessions");
    Ok(SessionRow {
        id: row.try_get(0).map_err(read())?,
        account: row.try_get(1).map_err(read())?,
        issued: row.try_get(2).map_err(read())?,
        expires: row.try_get(3).map_err(read())?,
        used: row.try_get(4).map_err(read())?,
        record: RecordRow {
            chain: row.try_get(5).map_err(read())?,
            seq: row.try_get(6).map_err(read())?,
            bytes: row.try_get(7).map_err(read())?,
        },
    })
}
