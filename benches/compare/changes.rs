//! Changes of sign-in addresses through a guard, one after another by each of some callers: how many a second, how long each
//! took, and the CPU time the guard used for it, its records and its notices.
//!
//! `changes PROGRAM [--callers N] [--changes N] [--store URL]`
//!
//! The guard is a process between an embedded Connect without a quota and an embedded mailbox, which this process is. Every
//! change is of another user. Then it is waited until every notice is delivered.

use std::{
    env,
    error::Error,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use connect_guard::demo::{
    caller::{Caller, Request},
    connect::{ConnectOptions, User},
    process::Process,
    stage::{INSTANCE, Setting, Stage},
};
use tokio::{task::JoinSet, time::sleep};

type Fault = Box<dyn Error + Send + Sync>;

/// Limits that nobody reaches here.
const WIDE: &str = r"
[limits]
failures = { per_second = 100000.0, burst = 100000 }
caller   = { per_second = 100000.0, burst = 100000 }
connect  = { per_second = 100000.0, burst = 100000 }
";
/// Between two looks at what waits to be delivered.
const AGAIN: Duration = Duration::from_millis(200);
/// How long the last notice may take.
const PATIENCE: Duration = Duration::from_mins(10);

struct Asked {
    program: PathBuf,
    callers: usize,
    changes: usize,
    store: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let asked = Asked::read()?;
    // Next to the build, not in a temporary file system: the ledger belongs on a disk.
    let folder = env::current_dir()?.join(format!("target/changes.{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let found = measured(&asked, &folder).await;
    fs::remove_dir_all(&folder)?;
    found
}

impl Asked {
    fn read() -> Result<Self, Fault> {
        let mut words = env::args().skip(1);
        let program = words.next().ok_or("no program")?.into();
        let mut asked = Self { program, callers: 1, changes: 1000, store: None };
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("`{word}` has no value"))?;
            match word.as_str() {
                "--callers" => asked.callers = value.parse()?,
                "--changes" => asked.changes = value.parse()?,
                "--store" => asked.store = Some(value),
                _ => return Err(format!("`{word}` is unknown").into()),
            }
        }
        Ok(asked)
    }
}

async fn measured(asked: &Asked, folder: &Path) -> Result<(), Fault> {
    let mut connect = ConnectOptions { rate: None, ..ConnectOptions::default() };
    let instance = connect.instances.first_mut().ok_or("no instance")?;
    instance.users.extend((0..asked.changes).map(user));
    let setting = Setting { connect, more: WIDE.into(), ..Setting::default() };
    let stage = Stage::set(setting, folder).await?;
    if let Some(url) = &asked.store {
        let text = fs::read_to_string(stage.config())?;
        fs::write(stage.config(), text.replace("sqlite:ledger.db", url))?;
    }
    let mut guard = Process::start(&asked.program, &stage).await?;
    let caller = stage.caller("IdentityDesk", guard.address).ok_or("no caller")?;
    let process = guard.id().ok_or("the guard ended")?;

    let (idle, begun) = (cpu(process)?, Instant::now());
    let mut took = changed(&caller, asked).await?;
    let (seconds, busy) = (begun.elapsed().as_secs_f64(), cpu(process)?.saturating_sub(idle));
    told(&guard, &stage).await?;
    let (until_told, all) = (begun.elapsed().as_secs_f64(), cpu(process)?.saturating_sub(idle));

    took.sort_unstable();
    let millis =
        |share: usize| took.get(took.len() * share / 100).map_or(0.0, |took| took.as_secs_f64() * 1e3);
    let count = f64::from(u32::try_from(took.len())?);
    let each = |busy: Duration| busy.as_secs_f64() * 1e6 / count;
    writeln!(
        io::stdout(),
        "| {} | {} | {} | {:.0} | {:.1} | {:.1} | {:.0} | {:.0} | {} | {until_told:.1} |",
        asked.store.as_deref().map_or("SQLite", |_| "PostgreSQL"),
        asked.callers,
        took.len(),
        count / seconds,
        millis(50),
        millis(99),
        each(busy),
        each(all),
        stage.mailbox.letters().len(),
    )?;
    guard.stop().await?;
    Ok(())
}

/// Every user's address, by so many callers at once, each on a connection of its own.
async fn changed(caller: &Caller, asked: &Asked) -> Result<Vec<Duration>, Fault> {
    let mut working = JoinSet::new();
    let caller = Arc::new(caller.clone());
    let (callers, changes) = (asked.callers, asked.changes);
    for first in 0..callers {
        let caller = Arc::clone(&caller);
        working.spawn(async move {
            let mut connection = caller.connect().await?;
            let mut took = Vec::new();
            for number in (first..changes).step_by(callers) {
                let User { id, username, .. } = user(number);
                let address = format!("{username}@example.com");
                let request = Request::update_identity(INSTANCE, &id, &[("Email", &address)]);
                let begun = Instant::now();
                connection.write(&caller.sign(&request, caller.now())?).await?;
                let answer = connection.read().await?;
                if answer.status != 200 {
                    return Err(io::Error::other(format!("{}: {}", answer.status, answer.text())));
                }
                took.push(begun.elapsed());
            }
            Ok(took)
        });
    }
    let mut took = Vec::new();
    while let Some(one) = working.join_next().await {
        took.extend(one??);
    }
    Ok(took)
}

/// Waits until nothing waits to be delivered.
async fn told(guard: &Process, stage: &Stage) -> Result<(), Fault> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let mut command =
            guard.command(&["--format", "json", "notify", "list", "--state", "waiting", "--config"]);
        let output = command.arg(stage.config()).output()?;
        let waiting: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout)?;
        if waiting.is_empty() {
            return Ok(());
        }
        sleep(AGAIN).await;
    }
    Err("notices still wait".into())
}

/// Somebody with an id, a name and addresses of their own.
fn user(number: usize) -> User {
    let username = format!("agent{number}");
    User {
        id: format!("87654321-2222-1234-1234-{number:012}"),
        email: format!("{username}.old@example.org"),
        secondary_email: format!("{username}.second@example.org"),
        first_name: format!("Given{number}"),
        last_name: format!("Family{number}"),
        mobile: String::new(),
        profiles: vec!["11111111-aaaa-bbbb-cccc-EXAMPLE11111".into()],
        username,
    }
}

/// CPU time of the process so far, of all its threads.
fn cpu(process: i32) -> Result<Duration, Fault> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        // One that ended meanwhile has done next to nothing.
        let text = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        nanos += text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanos))
}
