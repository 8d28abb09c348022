//! How a store stands, for whoever checks a configuration: whether it could be opened, and of which version its tables are.
//! Nothing is made, locked or brought up to date.

use std::time::Duration;

use super::{
    Location, Medium, StoreError,
    dialect::{Connection, Pool},
    migrate,
    statement::query_scalar,
};

/// How a store stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The version of its tables; none where there is no store or no table yet: the first start makes them.
    pub(crate) tables: Option<i64>,
    /// The version that this program brings them to.
    pub(crate) known: i64,
    /// How many records there are.
    pub(crate) records: u64,
}

impl Standing {
    /// Looks at a store; a server has `within` to answer.
    ///
    /// # Errors
    /// The guard could not start with it.
    pub(crate) async fn of(
        location: &Location,
        medium: Medium,
        within: Duration,
    ) -> Result<Self, StoreError> {
        let pool = match location {
            Location::File(place) => {
                if !place.fits(medium)? {
                    return Ok(Self { tables: None, known: migrate::known_to_files(), records: 0 });
                }
                place.onlooker(within)
            }
            Location::Server(server) => {
                let mut connection = server.connect(within).await?;
                let fits = server.fit(&mut connection, medium).await;
                close(connection).await;
                fits?;
                server.pool(within, 1)?
            }
        };
        let standing = read(&pool).await;
        pool.close().await;
        standing
    }
}

async fn read(pool: &Pool) -> Result<Standing, StoreError> {
    let (tables, known) = migrate::standing(pool).await?;
    if tables.is_some_and(|tables| tables > known) {
        return Err(StoreError::Schema { found: tables, known });
    }
    let records: i64 = match tables {
        None => 0,
        Some(_) => query_scalar("SELECT count(*) FROM records")
            .fetch_one(pool)
            .await
            .map_err(StoreError::at("records"))?,
    };
    Ok(Standing { tables, known, records: records.unsigned_abs() })
}

/// Says goodbye; what was to be known is known.
async fn close(connection: Connection) {
    drop(connection.close().await);
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, path::Path};

    use super::*;
    use crate::store::{fault::Unfit, place::FilePlace};

    const WITHIN: Duration = Duration::from_secs(5);

    fn at(path: &Path) -> Location {
        Location::read(&format!("sqlite:{}", path.display())).unwrap()
    }

    fn inside(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_look_makes_nothing_and_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.db");
        let none = Standing::of(&at(&path), Medium::Any, WITHIN).await.unwrap();
        assert_eq!((none.tables, none.records), (None, 0));
        assert!(inside(directory.path()).is_empty());

        let place = FilePlace::read(&format!("sqlite:{}", path.display())).unwrap();
        place.prepare(Medium::Any).unwrap();
        let mut connection = place.connect(WITHIN).await.unwrap();
        migrate::migrate(&mut connection).await.unwrap();
        connection.plain("INSERT INTO records VALUES ('c', 1, x'00')").await.unwrap();
        let beside = Standing::of(&at(&path), Medium::Any, WITHIN).await.unwrap();
        assert_eq!((beside.tables, beside.records), (Some(beside.known), 1), "while another has it");
        connection.close().await.unwrap();
        let before = (inside(directory.path()), fs::read(&path).unwrap());
        let alone = Standing::of(&at(&path), Medium::Any, WITHIN).await.unwrap();
        assert_eq!(alone, beside);
        assert_eq!((inside(directory.path()), fs::read(&path).unwrap()), before);
    }

    #[tokio::test]
    async fn a_store_that_a_later_version_made_or_that_others_may_read_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.db");
        let place = FilePlace::read(&format!("sqlite:{}", path.display())).unwrap();
        place.prepare(Medium::Any).unwrap();
        let mut connection = place.connect(WITHIN).await.unwrap();
        migrate::migrate(&mut connection).await.unwrap();
        let later = "INSERT INTO _sqlx_migrations VALUES (99, 'later', '2027-03-12', TRUE, x'00', 0)";
        connection.plain(later).await.unwrap();
        connection.close().await.unwrap();
        let fault = Standing::of(&at(&path), Medium::Any, WITHIN).await.unwrap_err();
        assert!(matches!(fault, StoreError::Schema { found: Some(99), .. }), "{fault}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let fault = Standing::of(&at(&path), Medium::Any, WITHIN).await.unwrap_err();
        assert!(matches!(fault, StoreError::Unfit { why: Unfit::Mode, .. }), "{fault}");
        let nowhere = directory.path().join("none/ledger.db");
        assert!(matches!(Standing::of(&at(&nowhere), Medium::Any, WITHIN).await, Err(StoreError::Io { .. })));
    }
}
