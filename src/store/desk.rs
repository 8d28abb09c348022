//! The outbox beside a running guard, from another process: read without the lock, on connections that cannot write; one
//! statement, for what an operator wants tried again, is written on a connection of its own.

use std::time::Duration;

use super::{
    Location, StoreError,
    dialect::{Pool, Row},
    home, migrate,
    ops::sealed,
    statement::{query, query_scalar},
    tenure,
};
use crate::secret::Sealed;

/// How long the guard's own transactions are waited for.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// The columns of a [`ListedRow`], with the members of its batch.
const COLUMNS: &str = "o.id, o.state, o.channel, o.urgency, o.attempts, o.created_at, o.due_at, o.settled_at, \
     o.chain, o.seq, o.key_id, o.sealed, o.claim_until";

/// A store that is open for an operator.
pub(crate) struct DeskStore {
    location: Location,
    pool: Pool,
}

/// What is listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pick {
    /// `due`, `delivered` or `dead`; none is all.
    pub(crate) state: Option<&'static str>,
    /// A channel; none is all.
    pub(crate) channel: Option<String>,
    /// An urgency; none is both.
    pub(crate) urgency: Option<i64>,
    /// After this number.
    pub(crate) after: i64,
    /// So many at most.
    pub(crate) most: u32,
}

/// What is to be tried again.
#[derive(Debug, Clone)]
pub(crate) enum Which {
    /// These, and what goes in the same messages.
    These(Vec<i64>),
    /// All that were given up.
    AllDead,
}

/// One delivery as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedRow {
    pub(crate) id: i64,
    pub(crate) state: String,
    pub(crate) channel: String,
    pub(crate) urgency: i64,
    pub(crate) attempts: u32,
    pub(crate) created_at: i64,
    pub(crate) due_at: i64,
    pub(crate) settled_at: Option<i64>,
    /// The record it rests on: chain and number.
    pub(crate) record: (String, u64),
    pub(crate) sealed: Sealed,
    /// Until when it is under way.
    pub(crate) claim_until: i64,
}

impl DeskStore {
    /// Opens a store whose tables are of exactly this version.
    pub(crate) async fn open(location: Location) -> Result<Self, StoreError> {
        let pool = location.pool(BUSY, 1)?;
        migrate::check(&pool).await?;
        Ok(Self { location, pool })
    }

    /// Whether a guard is at work on it.
    pub(crate) async fn is_at_work(&self) -> Result<bool, StoreError> {
        match &self.location {
            Location::File(place) => Ok(home::is_taken(place)),
            Location::Server(_) => tenure::is_any(&self.pool).await,
        }
    }

    /// Brings what was overwritten into the store's file and empties the log beside it, where what was there before still
    /// stands. False while somebody reads what is older. A server sees to that by itself, in its own time.
    pub(crate) async fn scrub(&self) -> Result<bool, StoreError> {
        let Location::File(place) = &self.location else { return Ok(true) };
        let mut connection = place.beside(BUSY).await?;
        let busy: i64 = query_scalar("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&mut connection)
            .await
            .map_err(StoreError::at("scrub"))?;
        Ok(busy == 0)
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(super) fn location(&self) -> &Location {
        &self.location
    }

    /// Deliveries in the order in which they were written.
    pub(crate) async fn list(&self, pick: &Pick) -> Result<Vec<ListedRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM outbox o WHERE o.id > $1 AND ($2 IS NULL OR o.state = $2) \
             AND ($3 IS NULL OR o.channel = $3) AND ($4 IS NULL OR o.urgency = $4) ORDER BY o.id LIMIT $5"
        );
        let rows = query(sqlx::AssertSqlSafe(sql))
            .bind(pick.after)
            .bind(pick.state)
            .bind(pick.channel.as_deref())
            .bind(pick.urgency)
            .bind(i64::from(pick.most))
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::at("outbox"))?;
        rows.iter().map(listed).collect()
    }

    /// One delivery and the others that go in the same message, in order; nothing where it is not there.
    pub(crate) async fn show(&self, id: i64) -> Result<Vec<ListedRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM outbox o WHERE o.id = $1 \
             OR o.batch = (SELECT batch FROM outbox WHERE id = $1) ORDER BY o.id"
        );
        let rows = query(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::at("outbox"))?;
        rows.iter().map(listed).collect()
    }

    /// What was given up, or waits, is due now. What is under way is left to its end. Gives how many deliveries.
    pub(crate) async fn retry(&self, which: &Which, now: i64) -> Result<u64, StoreError> {
        let step = || StoreError::at("retry");
        let mut connection = self.location.beside(BUSY).await?;
        connection.begin().await.map_err(step())?;
        let mut changed = 0;
        match which {
            Which::AllDead => {
                let sql = "UPDATE outbox SET state = 'due', due_at = $1, claim_until = 0, settled_at = NULL \
                           WHERE state = 'dead'";
                let done = query(sql).bind(now).execute(&mut connection).await.map_err(step())?;
                changed += done.rows_affected();
            }
            Which::These(ids) => {
                for id in ids {
                    let sql = "UPDATE outbox SET state = 'due', due_at = $1, settled_at = NULL, \
                               claim_until = CASE WHEN state = 'dead' THEN 0 ELSE claim_until END \
                               WHERE (id = $2 OR batch = (SELECT batch FROM outbox WHERE id = $2)) \
                               AND state IN ('due', 'dead')";
                    let done = query(sql).bind(now).bind(id).execute(&mut connection).await.map_err(step())?;
                    changed += done.rows_affected();
                }
            }
        }
        connection.commit().await.map_err(step())?;
        connection.close().await.map_err(step())?;
        Ok(changed)
    }

    /// Closes the connections.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

fn listed(row: &Row) -> Result<ListedRow, StoreError> {
    let read = || StoreError::at("outbox");
    let attempts: i64 = row.try_get(4).map_err(read())?;
    let seq: i64 = row.try_get(9).map_err(read())?;
    Ok(ListedRow {
        id: row.try_get(0).map_err(read())?,
        state: row.try_get(1).map_err(read())?,
        channel: row.try_get(2).map_err(read())?,
        urgency: row.try_get(3).map_err(read())?,
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        created_at: row.try_get(5).map_err(read())?,
        due_at: row.try_get(6).map_err(read())?,
        settled_at: row.try_get(7).map_err(read())?,
        record: (row.try_get(8).map_err(read())?, seq.unsigned_abs()),
        sealed: sealed(row.try_get(10).map_err(read())?, row.try_get(11).map_err(read())?),
        claim_until: row.try_get(12).map_err(read())?,
    })
}
