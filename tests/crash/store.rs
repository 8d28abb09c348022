//! Where the ledgers are: files of their stages' own, or, as `CRASH_STORE=postgres` says, databases of one `PostgreSQL` server
//! (`tests/postgres`).

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tokio::{sync::Mutex, time::timeout};

use crate::{
    records::{self, Outbox, Record},
    run::LIMIT,
    server::Server,
};

/// Between two looks at something that is waited for.
const AGAIN: Duration = Duration::from_millis(10);

/// Where ledgers are made.
#[derive(Clone)]
pub struct Stores(Option<Arc<Databases>>);

/// Databases of one server.
pub struct Databases {
    server: Server,
    made: AtomicUsize,
}

/// One ledger, read past the guard.
pub enum Store {
    /// A file.
    File(PathBuf),
    /// A database. Its connection is kept: it is asked again and again.
    Database { all: Arc<Databases>, name: String, connection: Box<Mutex<PgConnection>> },
}

impl Stores {
    /// As the environment says.
    #[expect(clippy::disallowed_methods, reason = "which store it is is its caller's choice")]
    pub fn chosen() -> Self {
        let word = std::env::var("CRASH_STORE").unwrap_or_default();
        match word.as_str() {
            "" | "sqlite" => Self(None),
            "postgres" => {
                Self(Some(Arc::new(Databases { server: Server::start(), made: AtomicUsize::new(0) })))
            }
            word => panic!("CRASH_STORE is `{word}`, and not `sqlite` or `postgres`"),
        }
    }

    /// An empty one, for a stage in this folder.
    pub async fn another(&self, folder: &Path) -> Store {
        let Some(all) = &self.0 else { return Store::File(folder.join("ledger.db")) };
        let name = format!("stage{}", all.made.fetch_add(1, Ordering::SeqCst));
        let mut connection = all.server.connect().await;
        let make = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::raw_sql(make).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let connection = Box::new(Mutex::new(all.server.connect_to(&name).await));
        Store::Database { all: all.clone(), name, connection }
    }
}

impl Store {
    /// What stands in the configuration.
    pub fn url(&self) -> String {
        match self {
            Self::File(_) => "sqlite:ledger.db".into(),
            Self::Database { all, name, .. } => all.server.url().replace("/postgres?", &format!("/{name}?")),
        }
    }

    /// What is on record, in the order in which it was written.
    pub async fn records(&self) -> Vec<Record> {
        let mut all = match self {
            Self::File(path) => records::records(path).await,
            Self::Database { connection, .. } => {
                let sql = "SELECT bytes FROM records";
                let rows = sqlx::query(sql).fetch_all(&mut *connection.lock().await).await.unwrap();
                rows.iter().map(|row| Record(serde_json::from_slice(row.get("bytes")).unwrap())).collect()
            }
        };
        in_order(&mut all);
        all
    }

    /// What is to be delivered, and what was.
    pub async fn outbox(&self) -> Vec<Outbox> {
        match self {
            Self::File(path) => records::outbox(path).await,
            Self::Database { connection, .. } => {
                let sql = "SELECT state FROM outbox";
                let rows = sqlx::query(sql).fetch_all(&mut *connection.lock().await).await.unwrap();
                rows.iter().map(|row| Outbox { state: row.get("state") }).collect()
            }
        }
    }

    /// Lets the minute pass for which a server keeps what a guard holds that is gone: leases of changes and claims of
    /// deliveries. In a file they are free at once.
    pub async fn outlive(&self) {
        let Self::Database { connection, .. } = self else { return };
        let mut connection = connection.lock().await;
        // What it gave to the server is done or not by then.
        let ended = async {
            let sql = "SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
            while sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut *connection).await.unwrap() > 0 {
                tokio::time::sleep(AGAIN).await;
            }
        };
        assert!(timeout(LIMIT, ended).await.is_ok(), "the sessions of a guard that is gone do not end");
        for (table, sql) in [
            ("intents", "UPDATE intents SET lease_until = 0"),
            ("watches", "UPDATE watches SET lease_until = 0"),
            ("outbox", "UPDATE outbox SET claim_until = 0"),
        ] {
            // One that ended before it made its tables left nothing.
            let made: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
                .bind(table)
                .fetch_one(&mut *connection)
                .await
                .unwrap();
            if made {
                sqlx::query(sql).execute(&mut *connection).await.unwrap();
            }
        }
    }
}

/// By time: several guards have chains of their own. In one chain no record is older than the one before.
pub fn in_order(records: &mut [Record]) {
    records.sort_by(|a, b| (a.text("/at"), a.seq()).cmp(&(b.text("/at"), b.seq())));
}
