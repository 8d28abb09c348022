//! The binary with its store on a PostgreSQL server: alone, and two of them behind one balancer.
//!
//! The server is a real one, and one guard stops itself at a named point (`src/crash.rs`), so this is a target of its own,
//! which `cargo test` leaves out: `tests/run postgres` makes sure that PostgreSQL is there, and runs the tests of the store
//! and the ledger on it as well.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod directories;
mod faults;
mod own;
mod server;
mod together;
mod versions;

use std::{
    fs,
    future::Future,
    path::Path,
    time::{Duration, Instant},
};

use connect_guard::demo::{
    caller::{Answer, Caller, Request},
    connect::{ConnectOptions, Done, User},
    process::Process,
    stage::{INSTANCE, Setting, Stage},
};
use server::Server;
use tempfile::TempDir;

/// How long anything may take that is waited for.
const LIMIT: Duration = Duration::from_mins(3);
/// Between two looks at something that is waited for.
const AGAIN: Duration = Duration::from_millis(50);
/// Limits that no test reaches by accident.
const WIDE: &str = r"
[limits]
failures = { per_second = 100000.0, burst = 100000 }
refusals = { per_second = 100000.0, burst = 100000 }
caller   = { per_second = 100000.0, burst = 100000 }
connect  = { per_second = 100000.0, burst = 100000 }
";

/// What guards stand between, with their store on a server.
struct Place {
    stage: Stage,
    server: Server,
    _folder: TempDir,
}

impl Place {
    /// With so many users.
    async fn with(users: usize, setting: Setting) -> Self {
        let server = Server::start();
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut connect = ConnectOptions { rate: None, ..ConnectOptions::default() };
        connect.instances.first_mut().unwrap().users.extend((1..=users).map(user));
        let setting = Setting { connect, more: format!("{WIDE}{}", setting.more), ..setting };
        let stage = Stage::set(setting, folder.path()).await.unwrap();
        let place = Self { stage, server, _folder: folder };
        place.store("sqlite:ledger.db", &place.server.url());
        place
    }

    /// Puts another URL into the configuration.
    fn store(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.stage.config()).unwrap();
        let (from, to) = (format!("url = \"{from}\""), format!("url = \"{to}\""));
        assert!(text.contains(&from), "{text}");
        let timeout = if text.contains("\ntimeout = \"4s\"") { "" } else { "\ntimeout = \"4s\"" };
        fs::write(self.stage.config(), text.replace(&from, &format!("{to}{timeout}"))).unwrap();
    }

    /// Starts a guard.
    async fn guard(&self) -> Process {
        Process::start(program(), &self.stage).await.unwrap()
    }

    /// Starts a guard at whose points this is to happen (`src/crash.rs`).
    async fn guard_with(&self, points: &str) -> Process {
        let environment = vec![("FAILPOINTS".into(), points.into())];
        Process::start_with(program(), &self.stage, environment).await.unwrap()
    }

    /// Why a guard does not start.
    async fn refusal(&self) -> String {
        match Process::start(program(), &self.stage).await {
            Ok(guard) => panic!("it started: {}", guard.log()),
            Err(why) => why.to_string(),
        }
    }

    fn caller(&self, guard: &Process) -> Caller {
        self.stage.caller("IdentityDesk", guard.address).unwrap()
    }

    async fn change(&self, guard: &Process, number: usize) -> Option<Answer> {
        self.caller(guard).send(&change_of(number)).await.ok()
    }

    async fn status(&self, guard: &Process, number: usize) -> Option<u16> {
        self.change(guard, number).await.map(|answer| answer.status)
    }

    /// Who only looks is served whatever the store does.
    async fn looks(&self, guard: &Process) -> u16 {
        let request = Request::describe_user(INSTANCE, &user(1).id);
        self.stage.caller("HelpDesk", guard.address).unwrap().send(&request).await.unwrap().status
    }

    /// How often Connect made a change of a user.
    fn made(&self, number: usize) -> usize {
        let id = user(number).id;
        let updates = self.stage.connect.updates();
        updates.iter().filter(|one| one.done == Done::Applied && one.target.contains(&id)).count()
    }

    /// `audit verify` finds every chain whole.
    fn sound(&self) {
        let args = ["audit", "verify", "--store", &self.server.url()];
        let output = std::process::Command::new(program()).args(args).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
    }
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_connect-guard"))
}

fn user(number: usize) -> User {
    let username = format!("agent{number}");
    User {
        id: format!("87654321-2222-1234-1234-{number:012}"),
        email: format!("{username}.old@example.org"),
        secondary_email: format!("{username}.second@example.org"),
        first_name: format!("Given{number}"),
        last_name: format!("Family{number}"),
        mobile: format!("+1206555{number:04}"),
        profiles: vec!["11111111-aaaa-bbbb-cccc-EXAMPLE11111".into()],
        username,
    }
}

fn change_of(number: usize) -> Request {
    let agent = user(number);
    Request::update_identity(INSTANCE, &agent.id, &[("Email", &format!("{}@example.com", agent.username))])
}

/// Waits until there is something, looking again and again.
async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not come");
        tokio::time::sleep(AGAIN).await;
    }
}
