//! What a ledger costs that has the records of a year: verified, shown, exported, erased from, started with.
//!
//! `size PROGRAM FOLDER URL WORK ...` prints a line `WHAT<TAB>HOW MUCH` for each figure of these kinds of work:
//!
//! - `verify`: the store verified, beside `cat` and `sha256sum` of the same file, each with nothing of it in memory
//! - `start`: the guard ready, after it was stopped, and after it was killed
//! - `show`: records of a user, of a caller, of both, of a role, of one kind, the newest, and what is new
//! - `export`: all records into a file of the folder, which is continued then, and verified
//! - `erase`: one user
//! - `retain`: the older half closed into segments by the guard, for some minutes, and verified with what is left
//!
//! The store is one of `src/ledger/tests/size.rs`. What the guard works with is made in the folder and stays there.

use std::{
    env,
    error::Error,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

use connect_guard::demo::{
    process::Process,
    stage::{INSTANCE, Setting, Stage},
};
use tokio::time::sleep;

type Fault = Box<dyn Error + Send + Sync>;

/// How often each of what is fast is done.
const TIMES: usize = 10;
/// A user, a caller and a role of the store.
const USER: &str = "87654321-2222-1234-1234-000000001234";
const CALLER: &str = "arn:aws:sts::111122223333:assumed-role/Desk-07/agent-3";
const ROLE: &str = "arn:aws:iam::111122223333:role/Desk-07";
/// Another user, to be erased.
const ERASED: &str = "87654321-2222-1234-1234-000000004321";
/// How long records are closed into segments at most, and without another one until nothing is left to be closed.
const CLOSING: Duration = Duration::from_mins(5);
const QUIET: Duration = Duration::from_secs(25);
/// The wants, milliseconds.
const SHOWN: f64 = 100.0;
const READY: f64 = 2_000.0;

/// A guard's program, and a store that it works with.
struct Bench {
    program: PathBuf,
    folder: PathBuf,
    url: String,
    stage: Stage,
}

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [program, folder, url, work @ ..] = words.as_slice() else {
        return Err("usage: size PROGRAM FOLDER URL WORK ...".into());
    };
    let folder = PathBuf::from(folder);
    let stage = staged(&folder, url).await?;
    let bench = Bench { program: program.into(), folder, url: url.clone(), stage };
    for work in work {
        match work.as_str() {
            "verify" => bench.verified()?,
            "start" => bench.started().await?,
            "show" => bench.shown()?,
            "export" => bench.exported()?,
            "erase" => bench.erased()?,
            "retain" => bench.retained().await?,
            _ => return Err(format!("`{work}` is unknown").into()),
        }
    }
    Ok(())
}

/// A stage of its own, with the keys and the store of the test that made it.
async fn staged(folder: &Path, url: &str) -> Result<Stage, Fault> {
    let folder = folder.join("stage");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let stage = Stage::set(Setting::default(), &folder).await?;
    fs::write(folder.join("secrets/seal"), "07".repeat(32))?;
    fs::write(folder.join("secrets/hash"), "09".repeat(32))?;
    let text = fs::read_to_string(stage.config())?;
    fs::write(stage.config(), text.replace("sqlite:ledger.db", url))?;
    Ok(stage)
}

impl Bench {
    /// The store's file, where it is one.
    fn file(&self) -> Option<&Path> {
        self.url.strip_prefix("sqlite:").map(|path| Path::new(path.split('?').next().unwrap_or(path)))
    }

    /// A command of the program about the staged configuration.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words).arg("--config").arg(self.stage.config());
        command
    }

    fn verified(&self) -> Result<(), Fault> {
        if let Some(file) = self.file() {
            let bytes = fs::metadata(file)?.len();
            said("the store's file", &format!("{} MB", bytes / 1_000_000))?;
            for plain in ["cat", "sha256sum"] {
                forget(file)?;
                let (took, _) = timed(Command::new(plain).arg(file))?;
                said(&format!("`{plain}` of it"), &pace(bytes, took))?;
            }
            forget(file)?;
        }
        let (output, took, cost) = measured(&self.command(&["--format", "json", "audit", "verify"]))?;
        let found: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        if found.get("faults") != Some(&serde_json::json!([])) {
            return Err(format!("it does not verify: {found}").into());
        }
        let records = found.get("records").and_then(serde_json::Value::as_u64).unwrap_or(0);
        let pace = match self.file() {
            Some(file) => format!(
                ", {}, of which it read {} from the disk",
                pace(fs::metadata(file)?.len(), took),
                pace(cost.read, took)
            ),
            None => String::new(),
        };
        let Cost { memory, .. } = cost;
        said(
            "`audit verify`",
            &format!("{records} records in {:.1} s{pace}, {memory} MB of memory at most", took.as_secs_f64()),
        )
    }

    async fn started(&self) -> Result<(), Fault> {
        let mut guard = Process::start(&self.program, &self.stage).await?;
        guard.stop().await?;
        for (what, killed) in [("ready after a stop", false), ("ready after SIGKILL", true)] {
            let mut took = Vec::new();
            for _ in 0..TIMES {
                let begun = Instant::now();
                let mut guard = Process::start(&self.program, &self.stage).await?;
                took.push(begun.elapsed());
                if killed {
                    guard.kill().await?;
                } else {
                    guard.stop().await?;
                }
            }
            told(what, took, READY)?;
        }
        Ok(())
    }

    fn shown(&self) -> Result<(), Fault> {
        let cases: [(&str, &[&str]); 13] = [
            ("by user", &["--user", USER]),
            ("by caller, one session", &["--caller", CALLER]),
            ("by caller, a role with all its sessions", &["--caller", ROLE]),
            ("by user and session", &["--user", USER, "--caller", CALLER]),
            ("by user and role", &["--user", USER, "--caller", ROLE]),
            ("changes of a user", &["--user", USER, "--kind", "intent"]),
            ("changes by a role", &["--caller", ROLE, "--kind", "intent"]),
            (
                "a kind and an operation that it never has",
                &["--kind", "refusal", "--operation", "DescribeUser"],
            ),
            ("an operation that never was", &["--operation", "DeleteUser"]),
            ("a role and an operation that it never had", &["--caller", ROLE, "--operation", "DeleteUser"]),
            ("a role and a kind that it never has", &["--caller", ROLE, "--kind", "freeze"]),
            ("the newest", &[]),
            ("by role, 1,000 of them", &["--caller", ROLE, "--limit", "1000"]),
        ];
        for (what, words) in cases {
            let words = [&["--format", "json", "audit", "show"], words].concat();
            let mut took = Vec::new();
            for _ in 0..TIMES {
                took.push(timed(&mut self.command(&words))?.0);
            }
            told(&format!("`audit show`, {what}"), took, SHOWN)?;
        }
        Ok(())
    }

    fn exported(&self) -> Result<(), Fault> {
        let to = self.folder.join("export.jsonl");
        drop(fs::remove_file(&to));
        let to_text = to.display().to_string();
        let words = ["audit", "export", "--to", &to_text];
        let (_, took, Cost { memory, .. }) = measured(&self.command(&words))?;
        let bytes = fs::metadata(&to)?.len();
        said("`audit export`", &format!("{}, {memory} MB of memory at most", pace(bytes, took)))?;
        let (_, took, Cost { memory, .. }) = measured(&self.command(&words))?;
        said("the same, continued", &format!("{:.2} s, {memory} MB of memory", took.as_secs_f64()))?;
        let mut verify = Command::new(&self.program);
        let (_, took, Cost { memory, .. }) =
            measured(verify.args(["audit", "verify", "--export", &to_text]))?;
        said("`audit verify --export`", &format!("{}, {memory} MB of memory at most", pace(bytes, took)))?;
        fs::remove_file(&to)?;
        Ok(())
    }

    fn erased(&self) -> Result<(), Fault> {
        let words = ["audit", "erase", "--user", ERASED, "--instance", INSTANCE, "--reason", "they left"];
        let (took, output) = timed(&mut self.command(&words))?;
        said(
            "`audit erase`, one user",
            &format!("{:.0} ms: {}", millis(took), String::from_utf8_lossy(&output.stdout).trim()),
        )
    }
}

impl Bench {
    async fn retained(&self) -> Result<(), Fault> {
        let segments = self.folder.join("segments");
        let text = fs::read_to_string(self.stage.config())?;
        let retention =
            format!("\n[retention]\nrecords = \"180d\"\ndirectory = \"{}\"\n", segments.display());
        fs::write(self.stage.config(), text + &retention)?;
        let mut guard = Process::start(&self.program, &self.stage).await?;
        let begun = Instant::now();
        // It has a minute and a half of its own first.
        let (mut count, mut first, mut last) = (0, None, Instant::now());
        while begun.elapsed() < CLOSING && (first.is_none() || last.elapsed() < QUIET) {
            sleep(Duration::from_millis(200)).await;
            let now = names(&segments).len();
            if now > count {
                (count, last) = (now, Instant::now());
                first.get_or_insert(last);
            }
        }
        guard.stop().await?;
        let took = first.map_or(0.0, |first| last.duration_since(first).as_secs_f64());
        let bytes: u64 =
            names(&segments).iter().filter_map(|path| Some(fs::metadata(path).ok()?.len())).sum();
        said(
            "closed into segments by a running guard",
            &format!("{count} segments of at most 10,000 records in {took:.0} s, {} MB", bytes / 1_000_000),
        )?;
        let directory = segments.display().to_string();
        let words = ["--format", "json", "audit", "verify", "--segments", &directory];
        let (output, took, Cost { memory, .. }) = measured(&self.command(&words))?;
        let found: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let records = found.get("records").and_then(serde_json::Value::as_u64).unwrap_or(0);
        let took = took.as_secs_f64();
        said(
            "`audit verify --segments`",
            &format!("{records} records in {took:.1} s, {memory} MB of memory at most"),
        )
    }
}

/// The segments that are there.
fn names(directory: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    found.filter(|path| path.extension().is_some_and(|end| end == "gz")).collect()
}

/// Has nothing of a file in memory any more.
fn forget(file: &Path) -> Result<(), Fault> {
    timed(Command::new("dd").arg(format!("if={}", file.display())).args(["iflag=nocache", "count=0"]))
        .map(|_| ())
}

/// How long a command took that succeeds.
fn timed(command: &mut Command) -> Result<(Duration, Output), Fault> {
    let begun = Instant::now();
    let output = command.output()?;
    let took = begun.elapsed();
    if !output.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok((took, output))
}

/// What a command took besides time.
struct Cost {
    /// Memory at most, in MB.
    memory: u64,
    /// Bytes that came from a disk.
    read: u64,
}

/// The same, and what it took besides.
fn measured(command: &Command) -> Result<(Output, Duration, Cost), Fault> {
    let mut outer = Command::new("/usr/bin/time");
    outer.args(["-f", "%M %I"]).arg(command.get_program()).args(command.get_args());
    let (took, output) = timed(&mut outer)?;
    let text = String::from_utf8_lossy(&output.stderr);
    let (kibibytes, blocks) = text.lines().last().and_then(|line| line.split_once(' ')).unwrap_or_default();
    let cost =
        Cost { memory: kibibytes.parse::<u64>()? * 1024 / 1_000_000, read: blocks.parse::<u64>()? * 512 };
    Ok((output, took, cost))
}

fn pace(bytes: u64, took: Duration) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a pace is no number of bytes")]
    let megabytes = bytes as f64 / 1e6;
    format!("{:.0} MB/s ({megabytes:.0} MB in {:.1} s)", megabytes / took.as_secs_f64(), took.as_secs_f64())
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

fn told(what: &str, mut took: Vec<Duration>, want: f64) -> Result<(), Fault> {
    took.sort_unstable();
    let of = |at: usize| took.get(at).copied().map_or(0.0, millis);
    let (median, worst) = (of(took.len() / 2), of(took.len() - 1));
    let met = if worst < want { "" } else { ": more than wanted" };
    said(what, &format!("median {median:.0} ms, worst {worst:.0} ms{met}"))
}

fn said(what: &str, how_much: &str) -> Result<(), Fault> {
    Ok(writeln!(io::stdout(), "{what}\t{how_much}")?)
}
