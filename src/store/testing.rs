//! Where the tests of the store and the ledger keep theirs: in files, or, when `CONNECT_GUARD_TEST_POSTGRES` is the URL of a
//! server, each in a schema of its own there.

use std::{path::Path, time::Duration};

use super::{
    Location, NewPerson, Op,
    dialect::Connection,
    ops::{self, signed},
    statement::{Builder, Column, query, query_scalar},
};
use crate::secret::Digest;

/// The server.
#[expect(clippy::disallowed_methods, reason = "where the tests run is said from outside")]
fn server() -> Option<String> {
    std::env::var("CONNECT_GUARD_TEST_POSTGRES").ok().filter(|url| !url.is_empty())
}

/// Whether it is a server: what a test says of files is none there.
pub(crate) fn is_server() -> bool {
    server().is_some()
}

/// The store of whoever has this directory.
pub(crate) fn url(directory: &Path) -> String {
    match server() {
        None => format!("sqlite:{}?reserve=0", directory.join("ledger.db").display()),
        Some(url) => {
            let mut name = Digest::of(directory.as_os_str().as_encoded_bytes()).hex();
            name.truncate(24);
            let sign = if url.contains('?') { '&' } else { '?' };
            format!("{url}{sign}schema=t{name}")
        }
    }
}

/// Somebody else at the store.
pub(crate) struct Outsider(Connection);

impl Outsider {
    pub(crate) async fn at(url: &str) -> Self {
        Self(Location::read(url).unwrap().beside(Duration::from_secs(20)).await.unwrap())
    }

    /// Runs statements.
    pub(crate) async fn run(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        self.0.plain(sql).await
    }

    /// Changes a text in a record, past what keeps records from being changed.
    pub(crate) async fn forge(&mut self, seq: u32, from: &str, to: &str) {
        let (may, bytes) = match &self.0 {
            Connection::Sqlite(_) => (
                "DROP TRIGGER records_are_not_changed",
                "CAST(replace(CAST(bytes AS TEXT), 'F', 'T') AS BLOB)",
            ),
            Connection::Postgres(_) => (
                "ALTER TABLE records DISABLE TRIGGER USER",
                "convert_to(replace(convert_from(bytes, 'UTF8'), 'F', 'T'), 'UTF8')",
            ),
        };
        let bytes = bytes.replace("'F'", &format!("'{from}'")).replace("'T'", &format!("'{to}'"));
        let sql = format!("{may}; UPDATE records SET bytes = {bytes} WHERE seq = {seq}");
        self.0.plain(sqlx::AssertSqlSafe(sql)).await.unwrap();
    }

    /// Writes a record that nobody made.
    pub(crate) async fn record(&mut self, chain: &str, seq: u32, text: &str) {
        let bytes = match &self.0 {
            Connection::Sqlite(_) => format!("CAST('{text}' AS BLOB)"),
            Connection::Postgres(_) => format!("convert_to('{text}', 'UTF8')"),
        };
        let sql = format!("INSERT INTO records (chain, seq, bytes) VALUES ('{chain}', {seq}, {bytes})");
        self.0.plain(sqlx::AssertSqlSafe(sql)).await.unwrap();
    }

    /// Writes a record, as whoever has its chain.
    pub(crate) async fn append(&mut self, chain: &str, seq: i64, bytes: &[u8]) {
        query("INSERT INTO records (chain, seq, bytes) VALUES ($1, $2, $3)")
            .bind(chain)
            .bind(seq)
            .bind(bytes)
            .execute(&mut self.0)
            .await
            .unwrap();
    }

    /// The first column of the one row.
    pub(crate) async fn read(&mut self, sql: &'static str) -> Option<i64> {
        self.value(sql).await
    }

    async fn value<T: for<'r> Column<'r>>(&mut self, sql: &'static str) -> T {
        query_scalar(sql).fetch_one(&mut self.0).await.unwrap()
    }
}

/// Rows of one statement.
const ROWS: usize = 250;

/// Writes much at once, past the writer. Nothing lasts before its end.
pub(crate) struct Bulk(Connection);

/// An intent that was closed long ago.
pub(crate) struct BulkIntent {
    pub(crate) seq: u64,
    pub(crate) target: String,
    pub(crate) owner: String,
    pub(crate) at: i64,
    pub(crate) outcome: u64,
}

impl Bulk {
    /// At a store whose tables are there.
    pub(crate) async fn at(url: &str) -> Self {
        let mut connection = Location::read(url).unwrap().beside(Duration::from_secs(20)).await.unwrap();
        let quick = match &connection {
            Connection::Sqlite(_) => {
                "PRAGMA foreign_keys = OFF; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; \
                 PRAGMA cache_size = -262144"
            }
            Connection::Postgres(_) => "SET synchronous_commit = off; SET session_replication_role = replica",
        };
        connection.plain(quick).await.unwrap();
        Self(connection)
    }

    pub(crate) async fn begin(&mut self) {
        self.0.plain("BEGIN").await.unwrap();
    }

    pub(crate) async fn commit(&mut self) {
        self.0.commit().await.unwrap();
    }

    /// Records of a chain, from this number on.
    pub(crate) async fn records(&mut self, chain: &str, first: u64, all: &[Vec<u8>]) {
        for (part, rows) in all.chunks(ROWS).enumerate() {
            let mut sql = Builder::new("INSERT INTO records (chain, seq, bytes) VALUES ");
            for (n, bytes) in rows.iter().enumerate() {
                let seq = signed(first) + i64::try_from(part * ROWS + n).unwrap();
                sql.push(if n == 0 { "(" } else { ", (" }).push_bind(chain);
                sql.push(", ").push_bind(seq).push(", ").push_bind(bytes).push(")");
            }
            sql.build().execute(&mut self.0).await.unwrap();
        }
    }

    /// Intents of a chain that were closed by outcomes of the same one.
    pub(crate) async fn intents(&mut self, chain: &str, all: &[BulkIntent]) {
        for rows in all.chunks(ROWS) {
            let mut sql = Builder::new(
                "INSERT INTO intents (chain, seq, target, state, owner, lease_until, at, outcome_chain, outcome_seq, \
                 closed_at) VALUES ",
            );
            for (n, row) in rows.iter().enumerate() {
                sql.push(if n == 0 { "(" } else { ", (" }).push_bind(chain);
                sql.push(", ").push_bind(signed(row.seq)).push(", ").push_bind(&row.target);
                sql.push(", 'closed', ").push_bind(&row.owner).push(", ").push_bind(row.at + 30_000);
                sql.push(", ").push_bind(row.at).push(", ").push_bind(chain);
                sql.push(", ").push_bind(signed(row.outcome)).push(", ").push_bind(row.at).push(")");
            }
            sql.build().execute(&mut self.0).await.unwrap();
        }
    }

    pub(crate) async fn person(&mut self, new: &NewPerson) {
        ops::add_person(&mut self.0, new).await.unwrap();
    }

    /// What goes with a record.
    pub(crate) async fn ops(&mut self, chain: &str, seq: u64, all: Vec<Op>) {
        ops::all(&mut self.0, chain, seq, all).await.unwrap();
    }

    /// The store as a guard keeps it.
    pub(crate) async fn end(mut self) {
        if let Connection::Sqlite(_) = &self.0 {
            self.0.plain("PRAGMA journal_mode = WAL").await.unwrap();
        }
        self.0.close().await.unwrap();
    }
}

/// Chains whose process crashed are free again: the time of the database has passed.
pub(crate) async fn lapse(url: &str) {
    if is_server()
        && Location::read(url)
            .unwrap()
            .pool(Duration::from_secs(20), 1)
            .unwrap()
            .has_table("chains")
            .await
            .unwrap()
    {
        Outsider::at(url).await.run("UPDATE chains SET lease_until = 0").await.unwrap();
    }
}
