//! Where a store in a file is, and whether that place is fit to hold it.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{Access, access};
use sqlx::{
    ConnectOptions, Connection as _,
    sqlite::{
        SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
    },
};

use super::{
    Medium, StoreError,
    dialect::{Connection, Pool},
    fault::{Unfit, UrlFault},
};

/// What the reserve holds unless the URL says otherwise: 16 MiB, some thousands of intents and their outcomes.
const RESERVE: u64 = 16 * 1024 * 1024;
/// A page of the database, bytes.
pub(super) const PAGE: u64 = 4096;

/// A store in a file: `sqlite:/path/to/ledger.db?reserve=BYTES&max_bytes=BYTES`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilePlace {
    pub(super) path: PathBuf,
    /// Bytes that only intents, outcomes and notices may use.
    pub(super) reserve: u64,
    /// How large the database may become; none is as large as the disk.
    pub(super) max_bytes: Option<u64>,
}

impl FilePlace {
    /// Reads a URL.
    pub(super) fn read(url: &str) -> Result<Self, StoreError> {
        let rest = url.strip_prefix("sqlite:").ok_or_else(|| StoreError::Url(UrlFault::Scheme))?;
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        if path.is_empty() || path.starts_with(":memory") {
            return Err(StoreError::Url(UrlFault::NoFile));
        }
        let mut location = Self { path: path.into(), reserve: RESERVE, max_bytes: None };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let bytes = || value.parse().map_err(|_| StoreError::Url(UrlFault::Bytes(key.to_owned())));
            match key {
                "reserve" => location.reserve = bytes()?,
                "max_bytes" => location.max_bytes = Some(bytes()?),
                _ => return Err(StoreError::Url(UrlFault::Unknown(key.to_owned()))),
            }
        }
        Ok(location)
    }

    /// The directory the store is in.
    pub(super) fn directory(&self) -> &Path {
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) | None => Path::new("."),
        }
    }

    /// The write-ahead log beside the database.
    pub(super) fn log(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push("-wal");
        name.into()
    }

    /// Checks directory, medium and file, and makes the file when there is none: mode 0600.
    pub(super) fn prepare(&self, medium: Medium) -> Result<(), StoreError> {
        let directory = self.directory();
        self.has_a_place(medium)?;
        let file = private(&self.path)?;
        self.is_fit(&file.metadata().map_err(io(&self.path))?)?;
        // The file's name is to outlive a power cut as its content does.
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(io(directory))
    }

    /// Whether there is a file: one that [`FilePlace::prepare`] would take, or a place where it would make it. Makes none.
    pub(super) fn fits(&self, medium: Medium) -> Result<bool, StoreError> {
        let directory = self.directory();
        self.has_a_place(medium)?;
        access(directory, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK)
            .map_err(|errno| io(directory)(errno.into()))?;
        match fs::metadata(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io(&self.path)(error)),
            Ok(about) => {
                self.is_fit(&about)?;
                access(&self.path, Access::READ_OK | Access::WRITE_OK)
                    .map_err(|errno| io(&self.path)(errno.into()))?;
                // One that was made and never written holds no store yet.
                Ok(about.len() > 0)
            }
        }
    }

    /// Whether the directory is one for a store.
    fn has_a_place(&self, medium: Medium) -> Result<(), StoreError> {
        let directory = self.directory();
        let about = fs::metadata(directory).map_err(io(directory))?;
        if !about.is_dir() {
            return Err(unfit(directory, Unfit::NotADirectory));
        }
        if about.permissions().mode() & 0o022 != 0 && about.permissions().mode() & 0o1000 == 0 {
            return Err(unfit(directory, Unfit::Open));
        }
        if medium == Medium::Lasting
            && let Some(medium) = forgetful(directory)?
        {
            return Err(StoreError::Medium { path: directory.into(), medium });
        }
        Ok(())
    }

    /// Whether the file is one for a store.
    fn is_fit(&self, about: &fs::Metadata) -> Result<(), StoreError> {
        if !about.is_file() {
            return Err(unfit(&self.path, Unfit::NotAFile));
        }
        if about.permissions().mode() & 0o137 != 0 {
            return Err(unfit(&self.path, Unfit::Mode));
        }
        if about.nlink() != 1 {
            return Err(unfit(&self.path, Unfit::Linked));
        }
        Ok(())
    }

    /// The one connection that writes.
    pub(super) async fn connect(&self, busy: Duration) -> Result<Connection, StoreError> {
        let mut options = self.writing(busy).journal_mode(SqliteJournalMode::Wal);
        if let Some(max) = self.max_bytes {
            options = options.pragma("max_page_count", (max / PAGE).max(1).to_string());
        }
        let connection = SqliteConnection::connect_with(&options).await.map_err(StoreError::at("open"))?;
        #[cfg(test)]
        let connection = hooked(connection, &self.path).await;
        Ok(Connection::Sqlite(connection))
    }

    /// A connection that writes beside the one that has the store: for one statement of an operator. It changes nothing
    /// about the files, and makes none.
    pub(super) async fn beside(&self, busy: Duration) -> Result<Connection, StoreError> {
        let connection = SqliteConnection::connect_with(&self.writing(busy)).await;
        connection.map(Connection::Sqlite).map_err(StoreError::at("open"))
    }

    /// Connections that only read a file that is there.
    pub(super) fn pool(&self, busy: Duration, most: u32) -> Result<Pool, StoreError> {
        fs::metadata(&self.path).map_err(io(&self.path))?;
        let pool = SqlitePoolOptions::new()
            .min_connections(0)
            .max_connections(most)
            .acquire_timeout(busy)
            .connect_lazy_with(self.options().read_only(true).busy_timeout(busy));
        Ok(Pool::Sqlite(pool))
    }

    /// A connection that only looks. Where nobody has the store there is no log beside it, and none is made: the file is read
    /// as it is.
    pub(super) fn onlooker(&self, busy: Duration) -> Pool {
        let alone = !self.log().exists();
        let options = self.options().read_only(true).immutable(alone).busy_timeout(busy);
        let pool = SqlitePoolOptions::new().max_connections(1).acquire_timeout(busy);
        Pool::Sqlite(pool.connect_lazy_with(options))
    }

    /// What is deleted is overwritten: an erasure takes keys away.
    fn writing(&self, busy: Duration) -> SqliteConnectOptions {
        self.options()
            .create_if_missing(false)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(busy)
            .pragma("secure_delete", "ON")
    }

    fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new().filename(&self.path).foreign_keys(true).disable_statement_logging()
    }
}

/// Opens a file that is this user's alone, and makes it when there is none.
pub(super) fn private(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(io(path))
}

pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { path, source }
}

fn unfit(path: &Path, why: Unfit) -> StoreError {
    StoreError::Unfit { path: path.into(), why }
}

/// What a directory is on, when that forgets or cannot be locked (`statfs(2)`, `linux/magic.h`).
fn forgetful(directory: &Path) -> Result<Option<&'static str>, StoreError> {
    let about = rustix::fs::statfs(directory).map_err(|errno| io(directory)(errno.into()))?;
    #[expect(
        clippy::cast_sign_loss,
        clippy::cast_possible_truncation,
        reason = "magic numbers are 32 bits wide"
    )]
    let magic = about.f_type as u32;
    Ok(match magic {
        0x0102_1994 => Some("a tmpfs"),
        0x8584_58f6 => Some("a ramfs"),
        0x6969 => Some("NFS"),
        0xff53_4d42 | 0xfe53_4d42 | 0x517b => Some("SMB"),
        0x00c3_6400 => Some("Ceph"),
        0x0102_1997 => Some("9P"),
        0x5346_414f | 0x6b41_4653 => Some("AFS"),
        0x6573_5546 => Some("FUSE"),
        _ => None,
    })
}

/// A file `*.fail` beside the database makes a commit fail, and each file `*.slow` one commit last 1.6 s.
#[cfg(test)]
async fn hooked(mut connection: SqliteConnection, path: &Path) -> SqliteConnection {
    let (fail, slow) = (path.with_extension("fail"), path.with_extension("slow"));
    connection.lock_handle().await.unwrap().set_commit_hook(move || {
        if fs::remove_file(&slow).is_ok() {
            std::thread::sleep(Duration::from_millis(1_600));
        }
        !fail.exists()
    });
    connection
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::statement::query_scalar;

    #[test]
    fn urls_are_read() {
        let plain = FilePlace::read("sqlite:/var/lib/guard/ledger.db").unwrap();
        assert_eq!(plain.path, Path::new("/var/lib/guard/ledger.db"));
        assert_eq!((plain.reserve, plain.max_bytes), (RESERVE, None));
        assert_eq!(plain.log(), Path::new("/var/lib/guard/ledger.db-wal"));
        assert_eq!(FilePlace::read("sqlite:///var/lib/guard/ledger.db").unwrap(), plain);
        let bounded = FilePlace::read("sqlite:ledger.db?reserve=1&max_bytes=2").unwrap();
        assert_eq!((bounded.reserve, bounded.max_bytes), (1, Some(2)));
        assert_eq!(bounded.directory(), Path::new("."));
    }

    #[test]
    fn other_urls_are_refused() {
        let unknown = || UrlFault::Unknown("mode".to_owned());
        let bytes = || UrlFault::Bytes("reserve".to_owned());
        for (url, expected) in [
            ("", UrlFault::Scheme),
            ("mysql://host/db", UrlFault::Scheme),
            ("/var/lib/ledger.db", UrlFault::Scheme),
            ("sqlite:", UrlFault::NoFile),
            ("sqlite::memory:", UrlFault::NoFile),
            ("sqlite:x?mode=ro", unknown()),
            ("sqlite:x?reserve=1&mode=1", unknown()),
            ("sqlite:x?reserve", bytes()),
            ("sqlite:x?reserve=-1", bytes()),
        ] {
            let Err(StoreError::Url(fault)) = FilePlace::read(url) else { panic!("{url}") };
            assert_eq!(fault, expected, "{url}");
        }
    }

    #[test]
    fn o2_a_place_that_is_not_there_is_refused() {
        let missing = FilePlace::read("sqlite:/no/such/directory/ledger.db").unwrap();
        assert!(matches!(missing.prepare(Medium::Any), Err(StoreError::Io { .. })));
    }

    #[test]
    fn i9_modes_are_checked() {
        let directory = tempfile::tempdir().unwrap();
        let location = FilePlace::read(&format!("sqlite:{}/l.db", directory.path().display())).unwrap();
        location.prepare(Medium::Any).unwrap();
        assert_eq!(fs::metadata(&location.path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&location.path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(location.prepare(Medium::Any), Err(StoreError::Unfit { why: Unfit::Mode, .. })));
        fs::set_permissions(&location.path, fs::Permissions::from_mode(0o640)).unwrap();
        location.prepare(Medium::Any).unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(location.prepare(Medium::Any), Err(StoreError::Unfit { why: Unfit::Open, .. })));
    }

    #[tokio::test]
    async fn o1_what_is_committed_is_synced() {
        let directory = tempfile::tempdir().unwrap();
        let location = FilePlace::read(&format!("sqlite:{}/l.db", directory.path().display())).unwrap();
        location.prepare(Medium::Any).unwrap();
        let mut connection = location.connect(Duration::from_secs(1)).await.unwrap();
        for (pragma, expected) in [
            ("SELECT journal_mode FROM pragma_journal_mode", "wal"),
            ("SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous", "2"),
            ("SELECT CAST(foreign_keys AS TEXT) FROM pragma_foreign_keys", "1"),
        ] {
            let found: String = query_scalar(pragma).fetch_one(&mut connection).await.unwrap();
            assert_eq!(found, expected, "{pragma}");
        }
    }

    #[test]
    fn a_second_name_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let location = FilePlace::read(&format!("sqlite:{}/l.db", directory.path().display())).unwrap();
        location.prepare(Medium::Any).unwrap();
        fs::hard_link(&location.path, directory.path().join("other")).unwrap();
        assert!(matches!(location.prepare(Medium::Any), Err(StoreError::Unfit { why: Unfit::Linked, .. })));
    }

    #[test]
    fn a_medium_that_forgets_takes_a_sentence() {
        let memory = Path::new("/dev/shm");
        if !memory.is_dir() || forgetful(memory).unwrap() != Some("a tmpfs") {
            return;
        }
        let directory = tempfile::tempdir_in(memory).unwrap();
        let location = FilePlace::read(&format!("sqlite:{}/l.db", directory.path().display())).unwrap();
        assert!(matches!(
            location.prepare(Medium::Lasting),
            Err(StoreError::Medium { medium: "a tmpfs", .. })
        ));
        location.prepare(Medium::Any).unwrap();
    }
}
