//! A store on a `PostgreSQL` server: what its URL may say, and how its sessions are.
//!
//! Over a network there is one way: TLS, the server's certificate verified against roots that are named, and its name.
//! No variable of the environment and no file in a home directory has a part in it.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    ConnectOptions, Connection as _,
    postgres::{PgConnectOptions, PgConnection, PgPoolOptions, PgSslMode},
};
use tokio::time::timeout;

use super::{
    Medium, StoreError,
    dialect::{Connection, Pool},
    fault::{UrlFault, Weak},
    statement::query,
    tenure::STRANGER,
};
use crate::secret::SecretRef;

/// Where `PostgreSQL` listens unless the URL says otherwise.
const PORT: u16 = 5432;
/// The schema that has the tables unless the URL says otherwise.
const SCHEMA: &str = "public";
/// How long making and changing tables may take.
const MAKING: Duration = Duration::from_mins(2);
/// Connections that read, of one guard.
pub(super) const READERS: u32 = 4;

/// A store on a server: `postgres://USER@HOST[:PORT]/DATABASE?sslrootcert=FILE&password_file=FILE`, with
/// `sslcert=FILE&sslkey=FILE` for a certificate of the guard's own, `schema=NAME`, and `host=DIRECTORY` for the Unix socket
/// in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    host: Host,
    port: u16,
    user: String,
    database: String,
    schema: String,
    tls: Option<Tls>,
    password: Option<SecretRef>,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    /// By this name or address.
    Name(String),
    /// On the Unix socket in this directory.
    Directory(PathBuf),
}

/// How a server is verified, and the guard by it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tls {
    roots: PathBuf,
    own: Option<(PathBuf, PathBuf)>,
}

/// The parameters of a URL, as they are written.
#[derive(Default)]
struct Parameters<'u> {
    mode: Option<&'u str>,
    roots: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    password: Option<PathBuf>,
    directory: Option<PathBuf>,
    schema: Option<&'u str>,
}

impl Server {
    /// Reads what is behind `postgres:`.
    pub(super) fn read(rest: &str) -> Result<Self, StoreError> {
        read(rest).map_err(StoreError::Url)
    }

    /// A connection that writes. Whoever reads on it sees what is committed when a statement begins.
    pub(super) async fn connect(&self, busy: Duration) -> Result<Connection, StoreError> {
        let options = self.options(busy, Use::Write)?;
        let connected =
            timeout(busy, PgConnection::connect_with(&options)).await.map_err(|_| StoreError::Late)?;
        connected.map(Connection::Postgres).map_err(StoreError::at("open"))
    }

    /// A connection that makes tables: it waits for others who do.
    pub(super) async fn maker(&self, busy: Duration) -> Result<Connection, StoreError> {
        let mut connection = self.connect(busy.max(Duration::from_secs(10))).await?;
        let wait = format!("SET statement_timeout = {0}; SET lock_timeout = {0}", MAKING.as_millis());
        let open = || StoreError::at("open");
        connection.plain(sqlx::AssertSqlSafe(wait)).await.map_err(open())?;
        let found = query("SELECT 1 FROM pg_namespace WHERE nspname = $1")
            .bind(&self.schema)
            .fetch_optional(&mut connection)
            .await
            .map_err(open())?;
        if found.is_none() {
            // Its name is of letters, digits and `_`.
            let sql = format!("CREATE SCHEMA IF NOT EXISTS \"{}\"", self.schema);
            connection.plain(sqlx::AssertSqlSafe(sql)).await.map_err(open())?;
        }
        Ok(connection)
    }

    /// Refuses a server that says that something is on disk before it is, and a schema that is not the guard's alone.
    pub(super) async fn fit(&self, connection: &mut Connection, medium: Medium) -> Result<(), StoreError> {
        self.alone(connection).await?;
        let read = || StoreError::at("settings");
        for (setting, sql) in [
            ("fsync", "SELECT current_setting('fsync')"),
            ("full_page_writes", "SELECT current_setting('full_page_writes')"),
            ("synchronous_commit", "SELECT current_setting('synchronous_commit')"),
        ] {
            let row = query(sql).fetch_one(&mut *connection).await.map_err(read())?;
            let found: String = row.try_get(0).map_err(read())?;
            if found != "on" && medium == Medium::Lasting {
                return Err(StoreError::Forgets { setting, found });
            }
        }
        Ok(())
    }

    /// Looks who else has a part in the schema; names mean what the server means by them.
    async fn alone(&self, connection: &mut Connection) -> Result<(), StoreError> {
        let read = || StoreError::at("schema");
        connection.plain("SET search_path = pg_catalog, pg_temp").await.map_err(read())?;
        let found = query(STRANGER).bind(&self.schema).fetch_one(&mut *connection).await;
        let found: Option<String> = found.and_then(|row| row.try_get(0)).map_err(read())?;
        connection.plain("RESET search_path").await.map_err(read())?;
        match found {
            None => Ok(()),
            Some(role) => Err(StoreError::Shared { schema: self.schema.clone(), role }),
        }
    }

    /// Connections that only read.
    pub(super) fn pool(&self, busy: Duration, most: u32) -> Result<Pool, StoreError> {
        let pool = PgPoolOptions::new()
            .min_connections(0)
            .max_connections(most)
            .acquire_timeout(busy)
            .connect_lazy_with(self.options(busy, Use::Read)?);
        Ok(Pool::Postgres(pool))
    }

    /// Reads secrets anew for the connections that are opened from now on.
    pub(super) fn renew(&self, pool: &Pool, busy: Duration) -> Result<(), StoreError> {
        if let Pool::Postgres(pool) = pool {
            pool.set_connect_options(self.options(busy, Use::Read)?);
        }
        Ok(())
    }

    fn options(&self, busy: Duration, of: Use) -> Result<PgConnectOptions, StoreError> {
        let surroundings = PgConnectOptions::new_without_pgpass();
        surroundings_are_empty(&surroundings)?;
        let mut options = surroundings
            .port(self.port)
            .username(&self.user)
            .database(&self.database)
            .application_name("connect-guard")
            .options(self.settings(busy, of));
        options = match &self.host {
            Host::Name(name) => options.host(name),
            // The port is a part of the socket's name.
            Host::Directory(directory) => options.host("localhost").socket(directory),
        };
        options = match &self.tls {
            None => options.ssl_mode(PgSslMode::Disable),
            Some(tls) => {
                let options = options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert(&tls.roots);
                match &tls.own {
                    None => options,
                    Some((certificate, key)) => options.ssl_client_cert(certificate).ssl_client_key(key),
                }
            }
        };
        let password = match &self.password {
            None => None,
            Some(reference) => Some(reference.read().map_err(StoreError::Secret)?),
        };
        // An empty one is given where there is none: the environment's is not asked.
        let password = password.as_ref().map_or(Some(""), |secret| secret.expose_str());
        Ok(options.password(password.ok_or(StoreError::NotText)?).disable_statement_logging())
    }

    /// What every session is set to, whatever the server, the database or the user has as its own.
    fn settings(&self, busy: Duration, of: Use) -> Vec<(&'static str, String)> {
        let millis = |duration: Duration| duration.as_millis().to_string();
        vec![
            ("search_path", format!("\"{}\", pg_temp", self.schema)),
            ("synchronous_commit", "on".into()),
            ("statement_timeout", millis(busy)),
            ("lock_timeout", millis(busy)),
            // A replica that stops in the middle of a transaction keeps the others from writing for so long.
            ("idle_in_transaction_session_timeout", millis(busy)),
            ("default_transaction_isolation", "read committed".into()),
            ("default_transaction_read_only", if of == Use::Read { "on" } else { "off" }.into()),
            ("default_transaction_deferrable", "off".into()),
            ("client_min_messages", "warning".into()),
            ("tcp_keepalives_idle", "30".into()),
            ("tcp_keepalives_interval", "10".into()),
            ("tcp_keepalives_count", "3".into()),
        ]
    }
}

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Read,
    Write,
}

/// `PG*` variables would have a part in it: there must be none of those that cannot be overridden.
fn surroundings_are_empty(options: &PgConnectOptions) -> Result<(), StoreError> {
    let url = options.to_url_lossy();
    let named = ["sslcert", "sslkey", "sslrootcert", "options"];
    let found = url.query_pairs().find_map(|(key, _)| named.into_iter().find(|name| *name == key));
    match found {
        None => Ok(()),
        Some(name) => Err(StoreError::Surroundings(name)),
    }
}

fn read(rest: &str) -> Result<Server, UrlFault> {
    let rest = rest.strip_prefix("//").ok_or(UrlFault::NoHost)?;
    if rest.contains(['%', '#']) {
        return Err(UrlFault::Escaped);
    }
    let (before, after) = rest.split_once('?').unwrap_or((rest, ""));
    let (server, database) = before.split_once('/').ok_or(UrlFault::NoDatabase)?;
    if database.is_empty() || database.contains('/') {
        return Err(UrlFault::NoDatabase);
    }
    let (user, address) = server.rsplit_once('@').ok_or(UrlFault::NoUser)?;
    if user.contains(':') {
        return Err(UrlFault::Password);
    }
    if user.is_empty() {
        return Err(UrlFault::NoUser);
    }
    let given = parameters(after)?;
    let (name, port) = address_of(address)?;
    let host = match (name.is_empty(), given.directory.clone()) {
        (true, Some(directory)) => Host::Directory(directory),
        (false, None) => Host::Name(name.to_owned()),
        (true, None) => return Err(UrlFault::NoHost),
        (false, Some(_)) => return Err(UrlFault::TwoHosts),
    };
    let schema = given.schema.unwrap_or(SCHEMA).to_owned();
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if schema.is_empty() || schema.len() > 63 || schema.starts_with("pg_") || !schema.bytes().all(is_word) {
        return Err(UrlFault::Schema(schema));
    }
    let password = given.password.clone().map(SecretRef::File);
    let tls = tls(&host, given)?;
    Ok(Server { host, port, user: user.to_owned(), database: database.to_owned(), schema, tls, password })
}

fn parameters(query: &str) -> Result<Parameters<'_>, UrlFault> {
    let mut found = Parameters::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let path = || match Path::new(value) {
            path if path.is_absolute() => Ok(Some(path.to_owned())),
            _ => Err(UrlFault::Relative(key.to_owned())),
        };
        match key {
            "sslmode" => found.mode = Some(value),
            "sslrootcert" => found.roots = path()?,
            "sslcert" => found.certificate = path()?,
            "sslkey" => found.key = path()?,
            "password_file" => found.password = path()?,
            "host" => found.directory = path()?,
            "schema" => found.schema = Some(value),
            "password" | "sslpassword" | "passfile" => return Err(UrlFault::Password),
            _ => return Err(UrlFault::Unknown(key.to_owned())),
        }
    }
    Ok(found)
}

/// `HOST`, `HOST:PORT` or `[ADDRESS]:PORT`; nothing but the port for a Unix socket.
fn address_of(address: &str) -> Result<(&str, u16), UrlFault> {
    let (name, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (name, port) = rest.split_once(']').ok_or(UrlFault::NoHost)?;
            (name, port.strip_prefix(':').or(port.is_empty().then_some("")).ok_or(UrlFault::Port)?)
        }
        None => address.split_once(':').unwrap_or((address, "")),
    };
    if name.contains([',', '/', '@']) {
        return Err(UrlFault::NoHost);
    }
    let port = if port.is_empty() { PORT } else { port.parse().map_err(|_| UrlFault::Port)? };
    Ok((name, port))
}

/// Anything but `verify-full` is for what does not leave this machine.
fn tls(host: &Host, given: Parameters<'_>) -> Result<Option<Tls>, UrlFault> {
    let stays = match host {
        Host::Directory(_) => true,
        Host::Name(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    };
    match (given.mode, stays, host) {
        (Some("verify-full"), _, Host::Name(_)) | (None, false, _) => {}
        (None | Some("disable"), true, _) => return Ok(None),
        (Some("disable"), false, _) => return Err(UrlFault::Weak(Weak::Disable)),
        (Some("allow" | "prefer" | "require"), ..) => return Err(UrlFault::Weak(Weak::Anybody)),
        (Some("verify-ca"), ..) => return Err(UrlFault::Weak(Weak::AnyName)),
        (Some(other), ..) => return Err(UrlFault::Mode(other.to_owned())),
    }
    let roots = given.roots.ok_or(UrlFault::NoRoots)?;
    let own = match (given.certificate, given.key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(UrlFault::HalfOwn),
    };
    Ok(Some(Tls { roots, own }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOTS: &str = "sslrootcert=/etc/ca.pem";

    fn fault(url: &str) -> UrlFault {
        let Err(StoreError::Url(fault)) = Server::read(url) else { panic!("{url}") };
        fault
    }

    #[test]
    fn urls_are_read() {
        let plain = Server::read(&format!("//guard@db.example.com/ledger?{ROOTS}")).unwrap();
        assert_eq!((&plain.host, plain.port), (&Host::Name("db.example.com".into()), 5432));
        assert_eq!((&*plain.user, &*plain.database, &*plain.schema), ("guard", "ledger", "public"));
        assert_eq!(
            (plain.tls.as_ref().unwrap().roots.as_path(), &plain.password),
            (Path::new("/etc/ca.pem"), &None)
        );
        let same = Server::read(&format!("//guard@db.example.com:5432/ledger?sslmode=verify-full&{ROOTS}"));
        assert_eq!(same.unwrap(), plain);
        let local = Server::read("//guard@[::1]:6543/ledger?password_file=/run/pw&schema=guard_1").unwrap();
        assert_eq!((local.port, &local.tls, &*local.schema), (6543, &None, "guard_1"));
        assert_eq!(local.password, Some(SecretRef::File("/run/pw".into())));
        let socket = Server::read("//guard@/ledger?host=/run/postgresql").unwrap();
        assert_eq!(socket.host, Host::Directory("/run/postgresql".into()));
    }

    #[test]
    fn i9_a_network_takes_verified_tls_only() {
        for (mode, weak) in [
            ("disable", Weak::Disable),
            ("allow", Weak::Anybody),
            ("prefer", Weak::Anybody),
            ("require", Weak::Anybody),
            ("verify-ca", Weak::AnyName),
        ] {
            let url = format!("//guard@db.example.com/ledger?sslmode={mode}&{ROOTS}");
            assert_eq!(fault(&url), UrlFault::Weak(weak), "{mode}");
        }
        assert_eq!(fault("//guard@db.example.com/ledger"), UrlFault::NoRoots);
        assert_eq!(fault("//guard@localhost.example.com/ledger"), UrlFault::NoRoots);
        assert_eq!(fault("//guard@localhost/ledger?sslmode=prefer"), UrlFault::Weak(Weak::Anybody));
    }

    #[test]
    fn other_urls_are_refused() {
        for (url, expected) in [
            ("guard@localhost/ledger", UrlFault::NoHost),
            ("//localhost/ledger", UrlFault::NoUser),
            ("//guard@localhost", UrlFault::NoDatabase),
            ("//guard@localhost/", UrlFault::NoDatabase),
            ("//guard@/ledger", UrlFault::NoHost),
            ("//guard@one,two/ledger", UrlFault::NoHost),
            ("//guard@localhost/ledger?host=/run", UrlFault::TwoHosts),
            ("//guard@localhost:x/ledger", UrlFault::Port),
            ("//guard:secret@localhost/ledger", UrlFault::Password),
            ("//guard@localhost/ledger?password=secret", UrlFault::Password),
            ("//guard@localhost/led%67er", UrlFault::Escaped),
            ("//guard@localhost/ledger?sslmode=full", UrlFault::Mode("full".into())),
            ("//guard@localhost/ledger?options=x", UrlFault::Unknown("options".into())),
            ("//guard@localhost/ledger?password_file=pw", UrlFault::Relative("password_file".into())),
            ("//guard@localhost/ledger?schema=a-b", UrlFault::Schema("a-b".into())),
            ("//guard@localhost/ledger?sslmode=verify-full&sslrootcert=/ca&sslcert=/c", UrlFault::HalfOwn),
        ] {
            assert_eq!(fault(url), expected, "{url}");
        }
    }
}
