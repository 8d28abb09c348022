//! What is on record, read past the guard: the tables of the ledger's file, and nothing sealed in them.

use std::{collections::BTreeMap, ops::Deref, path::Path, time::Duration};

use serde_json::Value;
use sqlx::{
    ConnectOptions, Connection, Row,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};

/// One record.
#[derive(Debug, Clone)]
pub struct Record(pub Value);

/// One delivery.
#[derive(Debug, Clone)]
pub struct Outbox {
    /// `due`, `delivered` or `dead`.
    pub state: String,
}

impl Deref for Record {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl Record {
    /// A text in it; empty when there is none.
    pub fn text(&self, path: &str) -> &str {
        self.0.pointer(path).and_then(Value::as_str).unwrap_or_default()
    }

    /// Its kind.
    pub fn kind(&self) -> &str {
        self.text("/kind")
    }

    /// Its number.
    pub fn seq(&self) -> u64 {
        self.0["seq"].as_u64().unwrap()
    }

    /// The intent it is about.
    pub fn intent(&self) -> u64 {
        self.0.pointer("/intent/seq").and_then(Value::as_u64).unwrap()
    }

    /// The fields that changed and were not asked for.
    pub fn side_effects(&self) -> Vec<&str> {
        let fields = self.0.get("side_effects").and_then(Value::as_array);
        fields.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Whether it is about this target.
    pub fn is_of(&self, id: &str) -> bool {
        self.text("/target/id/0") == id
    }
}

/// What is on record, in order.
pub async fn records(path: &Path) -> Vec<Record> {
    let mut connection = open(path).await;
    let rows = sqlx::query("SELECT bytes FROM records ORDER BY chain, seq")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    rows.iter().map(|row| Record(serde_json::from_slice(row.get::<&[u8], _>("bytes")).unwrap())).collect()
}

/// What is to be delivered, and what was.
pub async fn outbox(path: &Path) -> Vec<Outbox> {
    let mut connection = open(path).await;
    let rows = sqlx::query("SELECT state FROM outbox ORDER BY id").fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    rows.iter().map(|row| Outbox { state: row.get("state") }).collect()
}

/// Records of one kind.
pub fn of_kind<'a>(records: &'a [Record], kind: &str) -> Vec<&'a Record> {
    records.iter().filter(|record| record.kind() == kind).collect()
}

/// The outcome of each intent, by its number; fails when one has two.
pub fn outcomes(records: &[Record]) -> BTreeMap<u64, &Record> {
    let mut found = BTreeMap::new();
    for record in of_kind(records, "outcome") {
        assert!(found.insert(record.intent(), record).is_none(), "two outcomes of {}", record.intent());
    }
    found
}

/// The intents of a target with their effects, in order; `-` for one without an outcome.
pub fn effects(records: &[Record], id: &str) -> Vec<String> {
    let outcomes = outcomes(records);
    of_kind(records, "intent")
        .iter()
        .filter(|intent| intent.is_of(id))
        .map(|intent| outcomes.get(&intent.seq()).map_or("-", |outcome| outcome.text("/effect")).to_owned())
        .collect()
}

/// A connection to the ledger's file that writes nothing.
async fn open(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(Duration::from_secs(20))
        .disable_statement_logging()
        .connect()
        .await
        .unwrap()
}

/// A connection that holds the write lock until it is dropped.
pub async fn hold(path: &Path) -> SqliteConnection {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(20))
        .disable_statement_logging()
        .connect()
        .await
        .unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
    connection
}
