//! Where the tests of the store and the ledger keep theirs: in files, or, when `CONNECT_GUARD_TEST_POSTGRES` is the URL of a
//! server, each in a schema of its own there.

use std::{path::Path, time::Duration};

use super::{
    Location,
    dialect::Connection,
    statement::{Column, query, query_scalar},
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
