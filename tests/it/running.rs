//! The real binary, running between an embedded Connect and an embedded mailbox.

use std::{
    ffi::OsString,
    fs,
    future::Future,
    ops::Deref,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use connect_guard::demo::{
    caller::Caller,
    connect::{ConnectOptions, User},
    mailbox::Letter,
    process::Process,
    stage::{INSTANCE, Setting, Stage},
};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::records::{Outbox, Record, outbox, records};

/// How long anything may take that is waited for.
pub const LIMIT: Duration = Duration::from_mins(1);

/// Between two looks at something that is waited for.
const AGAIN: Duration = Duration::from_millis(20);

/// Limits that no test reaches by accident.
pub const WIDE: &str = r"
[limits]
failures = { per_second = 100000.0, burst = 100000 }
refusals = { per_second = 100000.0, burst = 100000 }
caller   = { per_second = 100000.0, burst = 100000 }
connect  = { per_second = 100000.0, burst = 100000 }
";

/// A running guard, and what it stands between.
pub struct Running {
    pub stage: Stage,
    pub process: Process,
    // Dropped last: the folder of the stage.
    _folder: TempDir,
}

impl Running {
    /// A guard with the default setting.
    pub async fn start() -> Self {
        Self::with(Setting::default()).await
    }

    /// A guard in this setting.
    pub async fn with(setting: Setting) -> Self {
        Self::amended(setting, |_| PathBuf::from(program())).await
    }

    /// A guard in this setting, after something was done to the stage; what is given back is run in its place.
    pub async fn amended(setting: Setting, amend: impl FnOnce(&Stage) -> PathBuf) -> Self {
        // Next to the build, not in a temporary file system: the ledger belongs on a disk.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let stage = Stage::set(setting, folder.path()).await.unwrap();
        let program = amend(&stage);
        patient(&stage);
        let process = Process::start(&program, &stage).await.unwrap();
        Self { stage, process, _folder: folder }.in_touch().await
    }

    /// A guard with the default setting, and more in its environment.
    pub async fn start_in(environment: Vec<(String, OsString)>) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let stage = Stage::set(Setting::default(), folder.path()).await.unwrap();
        let process = Process::start_with(Path::new(program()), &stage, environment).await.unwrap();
        Self { stage, process, _folder: folder }.in_touch().await
    }

    /// Once the first heartbeat has come, so that no later letter and no fault of a test is mistaken for it.
    async fn in_touch(self) -> Self {
        let heard = timeout(LIMIT, self.stage.mailbox.heartbeat()).await.is_ok();
        assert!(heard, "no heartbeat came: {}", self.log());
        if !self.stage.mailbox.works() {
            // It cannot come, and waits in the outbox.
            return self;
        }
        until("an empty outbox", || async {
            self.outbox().await.iter().all(|one| one.state == "delivered").then_some(())
        })
        .await;
        self
    }

    /// A caller with the key of this role.
    pub fn caller(&self, role: &str) -> Caller {
        self.stage.caller(role, self.process.address).unwrap()
    }

    /// Kills it, and starts it again.
    pub async fn crash(&mut self) {
        self.process.kill().await.unwrap();
        self.process.restart(&self.stage).await.unwrap();
    }

    /// `audit verify` on its ledger: what it said, and whether it found the chain whole.
    pub fn verify(&self) -> (String, bool) {
        let output = Command::new(program())
            .args(["audit", "verify", "--store", &self.stage.ledger()])
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (String::from_utf8_lossy(&text).into_owned(), output.status.success())
    }

    /// What is on record, in order.
    pub async fn records(&self) -> Vec<Record> {
        records(&self.stage.folder.join("ledger.db")).await
    }

    /// What is to be delivered, and what was.
    pub async fn outbox(&self) -> Vec<Outbox> {
        outbox(&self.stage.folder.join("ledger.db")).await
    }

    /// The records so far, once they hold what is asked for.
    pub async fn recorded(&self, enough: impl Fn(&[Record]) -> bool) -> Vec<Record> {
        until("a record", || async {
            let records = self.records().await;
            enough(&records).then_some(records)
        })
        .await
    }

    /// Has everything that waits for its time handed over now: refusals that are folded wait for minutes.
    pub fn hasten(&self) {
        let config = self.stage.config();
        let command = |args: &[&str]| {
            let output = self.process.command(args).arg("--config").arg(&config).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            // What was listed may be delivered by the time it is asked for.
            assert!(output.status.success() || said.contains("none of these waits"), "{said}");
            output.stdout
        };
        let waiting =
            command(&["--format", "json", "notify", "list", "--state", "waiting", "--limit", "10000"]);
        let waiting: Vec<serde_json::Value> = serde_json::from_slice(&waiting).unwrap();
        let ids: Vec<_> = waiting.iter().map(|one| one["id"].to_string()).collect();
        if !ids.is_empty() {
            let ids = ids.iter().map(String::as_str);
            command(&["notify", "retry"].into_iter().chain(ids).collect::<Vec<_>>());
        }
    }

    /// Everything that was mailed, once nothing is left to be delivered.
    pub async fn letters(&self) -> Vec<Letter> {
        until("an empty outbox", || async {
            self.outbox().await.iter().all(|one| one.state == "delivered").then_some(())
        })
        .await;
        self.stage.mailbox.letters()
    }
}

impl Deref for Running {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

/// The binary under test.
pub fn program() -> &'static str {
    env!("CARGO_BIN_EXE_connect-guard")
}

/// The default setting, with users like these besides Mary, no limits, and Connect without a quota.
pub fn roomy(users: impl IntoIterator<Item = User>) -> Setting {
    let mut connect = ConnectOptions { rate: None, ..ConnectOptions::default() };
    connect.instances[0].users.extend(users);
    Setting { connect, more: WIDE.into(), ..Setting::default() }
}

/// User number so-and-so: each has an id, a name and addresses of its own, and every field is set.
pub fn user(number: usize) -> User {
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

/// The address that the policy allows for a user.
pub fn own_address(user: &User) -> String {
    format!("{}@example.com", user.username)
}

/// Rewrites the configuration.
pub fn rewrite(stage: &Stage, from: &str, to: &str) {
    let text = fs::read_to_string(stage.config()).unwrap();
    assert!(text.contains(from), "the configuration has no `{from}`");
    fs::write(stage.config(), text.replace(from, to)).unwrap();
}

/// Gives the ledger more time than a disk needs that others write to as well, unless the test says how much it has.
fn patient(stage: &Stage) {
    let text = fs::read_to_string(stage.config()).unwrap();
    if let Some((store, more)) = text.split_once("[store]\n")
        && let Some((url, rest)) = more.split_once('\n')
        && !rest.starts_with("timeout")
    {
        let text = format!("{store}[store]\n{url}\ntimeout = \"20s\"\n{rest}");
        fs::write(stage.config(), text).unwrap();
    }
}

/// The kind of notice a letter is.
pub fn event(letter: &Letter) -> String {
    let value = letter.header("X-Connect-Guard-Event").concat();
    value.split(';').next().unwrap_or_default().to_owned()
}

/// What was mailed, as sorted pairs of recipient and kind.
pub fn told(letters: &[Letter]) -> Vec<(String, String)> {
    let mut told: Vec<_> =
        letters.iter().flat_map(|letter| letter.to.iter().map(|to| (to.clone(), event(letter)))).collect();
    told.sort();
    told
}

/// Pairs of recipient and kind, sorted, to compare with what was mailed.
pub fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = expected.iter().map(|(to, kind)| ((*to).into(), (*kind).into())).collect();
    pairs.sort();
    pairs
}

/// Waits until there is something, looking again and again.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not come");
        tokio::time::sleep(AGAIN).await;
    }
}

/// `few`; or, for `tests/long numbers`, as many as what is required names.
#[expect(clippy::disallowed_methods, reason = "which of the two is its caller's choice")]
pub fn few_or_required(few: usize, required: usize) -> usize {
    if std::env::var_os("REQUIRED_NUMBERS").is_some() { required } else { few }
}

/// The path of a user in the instance, as `UpdateUserIdentityInfo` has it.
pub fn identity_path(id: &str) -> String {
    format!("/users/{INSTANCE}/{id}/identity-info")
}

/// Puts a file in the place of another at once, so that nobody reads it half written.
pub fn put(path: &Path, text: &str) {
    // Hidden: nothing reads it where it lies meanwhile.
    let next = path.with_file_name(".next");
    fs::write(&next, text).unwrap();
    if let Ok(about) = fs::metadata(path) {
        fs::set_permissions(&next, about.permissions()).unwrap();
    }
    fs::rename(&next, path).unwrap();
}

/// Makes a script that may be run.
pub fn script(path: &Path, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    path.to_owned()
}
