//! A `PostgreSQL` server of a test's own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::{
    Connection as _, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use tempfile::TempDir;

/// A running server. Dropping it ends it.
pub struct Server {
    folder: TempDir,
    paused: Vec<Pid>,
}

impl Server {
    /// Makes and starts one.
    pub fn start() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        // The server runs as somebody else where the tests are root.
        fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let server = Self { folder, paused: Vec::new() };
        server.up();
        server
    }

    /// Starts it again.
    pub fn up(&self) {
        tool("start", self.folder.path());
    }

    /// Stops it: what is under way is cut off.
    pub fn down(&self) {
        tool("stop", self.folder.path());
    }

    /// How long its files may get, for sessions to come too: bytes, or `unlimited`.
    pub fn limit_files(&self, most: &str) {
        let output = command("limit", self.folder.path()).arg(most).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.file("server/log")).unwrap()
    }

    fn pids(&self) -> Vec<Pid> {
        let pids = tool("pids", self.folder.path());
        pids.split_whitespace().map(|pid| Pid::from_raw(pid.parse().unwrap()).unwrap()).collect()
    }

    /// Stops all of its processes in the middle of what they do.
    pub fn pause(&mut self) {
        self.paused = self.pids();
        for pid in &self.paused {
            // One may have ended by itself since.
            let _ = kill_process(*pid, Signal::STOP);
        }
    }

    /// They go on.
    pub fn resume(&mut self) {
        for pid in self.paused.drain(..) {
            let _ = kill_process(pid, Signal::CONT);
        }
    }

    /// The URL of the store on it.
    pub fn url(&self) -> String {
        fs::read_to_string(self.folder.path().join("url")).unwrap().trim().to_owned()
    }

    /// The directory that its socket is in.
    pub fn socket(&self) -> String {
        fs::read_to_string(self.file("socket")).unwrap().trim().to_owned()
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        let url = self.url();
        url.split("localhost:").nth(1).unwrap().split('/').next().unwrap().parse().unwrap()
    }

    /// A file of its folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Somebody else at the store.
    pub async fn connect(&self) -> PgConnection {
        self.connect_to("postgres").await
    }

    /// Somebody else at a database.
    pub async fn connect_to(&self, database: &str) -> PgConnection {
        let password = fs::read_to_string(self.file("password")).unwrap();
        let options = PgConnectOptions::new_without_pgpass()
            .host("localhost")
            .port(self.port())
            .username("guard")
            .password(password.trim())
            .database(database)
            .ssl_mode(PgSslMode::VerifyFull)
            .ssl_root_cert(self.file("ca.pem"));
        PgConnection::connect_with(&options).await.unwrap()
    }

    /// Runs statements.
    pub async fn run(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&mut self.connect().await).await.unwrap();
    }

    /// A number.
    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&mut self.connect().await).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.resume();
        let _ = command("stop", self.folder.path()).output();
    }
}

fn command(what: &str, folder: &Path) -> Command {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres"));
    command.arg(what).arg(folder);
    command
}

fn tool(what: &str, folder: &Path) -> String {
    let output = command(what, folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
