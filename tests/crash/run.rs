//! A guard that is ended and started again: what ends it each time, and whether it did.

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::Path,
    process::Command,
    sync::{
        Mutex as Lock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use connect_guard::demo::{caller::Caller, connect::Switches, process::Process, stage::Stage};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{sync::Mutex, time::timeout};

use crate::{
    hook::Hook,
    lists::outcomes,
    records::{Record, of_kind},
    running::program,
    stage::{self, Before},
    store::{Store, Stores},
};

/// How long anything may take that is waited for. A busy machine is no fault.
pub const LIMIT: Duration = Duration::from_mins(5);
/// Between two looks at something that is waited for.
const AGAIN: Duration = Duration::from_millis(50);
/// Between two times that what waits for its time is handed over.
const HASTEN: Duration = Duration::from_secs(1);
/// How many times faster than real the guard waits for what Connect may show late.
const HASTE: &str = "haste=return(200)";

/// What is put into the environment of a guard, beside its haste.
#[derive(Debug, Clone, Default)]
pub struct Ends {
    /// `FAILPOINTS`.
    pub points: String,
    /// The rest.
    pub environment: Vec<(String, OsString)>,
}

/// A guard on a stage. Killed when dropped.
pub struct Run {
    pub stage: Stage,
    pub hook: Hook,
    store: Store,
    process: Mutex<Option<Process>>,
    /// What ends it the next times; after these nothing does.
    ends: Vec<Ends>,
    started: AtomicUsize,
    ended: AtomicUsize,
    log: Lock<String>,
    _folder: TempDir,
}

impl Ends {
    /// At this point, after it was passed so often.
    pub fn at(point: &str, passes: usize) -> Self {
        let points = match passes {
            0 => format!("{point}=return(end)"),
            passes => format!("{point}={passes}*off->return(end)"),
        };
        Self { points, environment: Vec::new() }
    }
}

impl Run {
    /// Nothing runs yet.
    pub async fn new(stores: &Stores, users: usize, before: Before, ends: Vec<Ends>) -> Self {
        // Next to the build, not in a temporary file system: the ledger belongs on a disk.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let store = stores.another(folder.path()).await;
        let (stage, hook) = stage::set(folder.path(), users, before, &store).await;
        Self {
            stage,
            hook,
            store,
            process: Mutex::default(),
            ends,
            started: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            log: Lock::default(),
            _folder: folder,
        }
    }

    /// The ledger.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// How often it ended by itself.
    pub fn ended(&self) -> usize {
        self.ended.load(Ordering::SeqCst)
    }

    /// What all of them wrote.
    pub async fn log(&self) -> String {
        let process = self.process.lock().await;
        let last = process.as_ref().map(Process::log).unwrap_or_default();
        [self.log.lock().unwrap().as_str(), &last].concat()
    }

    /// Where the one listens that runs: it is started when none does.
    pub async fn address(&self) -> SocketAddr {
        let mut process = self.process.lock().await;
        loop {
            if let Some(process) = process.as_mut()
                && timeout(Duration::ZERO, process.ended()).await.is_err()
            {
                return process.address;
            }
            if let Some(ended) = process.take() {
                self.ended.fetch_add(1, Ordering::SeqCst);
                self.log.lock().unwrap().push_str(&ended.log());
            }
            if self.started.load(Ordering::SeqCst) > 0 {
                self.outlive().await;
            }
            *process = self.start().await;
        }
    }

    /// The same for whoever speaks of freezes.
    pub async fn sessions(&self) -> SocketAddr {
        loop {
            self.address().await;
            if let Some(address) = self.process.lock().await.as_ref().and_then(Process::sessions) {
                return address;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Somebody with the key of this role.
    pub fn caller(&self, role: &str, address: SocketAddr) -> Caller {
        self.stage.caller(role, address).unwrap()
    }

    /// Ends it, as the end of a machine would.
    pub async fn kill(&self) {
        if let Some(process) = self.process.lock().await.as_mut() {
            process.kill().await.unwrap();
        }
    }

    /// Sends it a signal to have everything read again; none when it has just ended.
    pub async fn renew(&self) {
        if let Some(process) = self.process.lock().await.as_mut() {
            drop(process.signal(connect_guard::demo::process::Signal::HUP));
        }
    }

    /// Stops it in good order. One that ends while it stops has left something for the next.
    pub async fn stop(&self) {
        loop {
            self.settled().await;
            let mut process = self.process.lock().await;
            let Some(process) = process.as_mut() else { continue };
            if process.stop().await.is_ok_and(|status| status.success()) {
                return;
            }
            assert!(self.started.load(Ordering::SeqCst) <= self.ends.len(), "it does not stop in good order");
        }
    }

    /// Lets the time pass that is short for a guard and long for Connect, a server and a test in a hurry: what the one that
    /// is gone sent last has arrived, what it did shows, and what it held is free. Otherwise the next one, which waits for
    /// seconds where a real one waits for minutes, would look too early, and rightly say that nothing was done.
    async fn outlive(&self) {
        let connect = &self.stage.connect;
        assert!(timeout(LIMIT, connect.wait_for_quiet()).await.is_ok(), "connections to Connect stay open");
        connect.set_switches(Switches { read_lag: Duration::ZERO, ..connect.switches() });
        self.store.outlive().await;
    }

    /// None when it ended before it listened.
    async fn start(&self) -> Option<Process> {
        let ends = self.ends.get(self.started.fetch_add(1, Ordering::SeqCst)).cloned();
        let harmless = ends.is_none();
        let Ends { points, mut environment } = ends.unwrap_or_default();
        environment.push(("FAILPOINTS".into(), format!("{HASTE};{points}").into()));
        match Process::start_with(Path::new(program()), &self.stage, environment).await {
            Ok(process) => Some(process),
            Err(error) => {
                assert!(!harmless, "{error}");
                self.ended.fetch_add(1, Ordering::SeqCst);
                self.log.lock().unwrap().push_str(&error.to_string());
                None
            }
        }
    }

    /// What is on record, in the order in which it was written, once there is a ledger.
    pub async fn records(&self) -> Vec<Record> {
        self.address().await;
        self.store.records().await
    }

    /// Waits until nothing is left to be done, however often it ends meanwhile, and as long as that becomes less.
    pub async fn settled(&self) {
        let (mut begun, mut before) = (Instant::now(), None);
        let mut hastened = Instant::now();
        loop {
            self.address().await;
            let records = self.records().await;
            let known = outcomes(&records);
            let watched = known.values().filter(|outcome| outcome.text("/shows") == "not-yet").count();
            let open = of_kind(&records, "intent").len() - known.len();
            let waiting = self.store.outbox().await.iter().filter(|one| one.state != "delivered").count();
            let left = (open, watched - of_kind(&records, "confirmation").len(), waiting);
            // Whoever ended while this was looked at has more to do.
            let ended = self.ended();
            self.address().await;
            if left == (0, 0, 0) && ended == self.ended() {
                return;
            }
            if before.replace(left) != Some(left) {
                begun = Instant::now();
            }
            assert!(
                begun.elapsed() < LIMIT,
                "open, watched, to be delivered: {left:?}\n{}",
                self.log().await
            );
            if waiting > 0 && hastened.elapsed() > HASTEN {
                hastened = Instant::now();
                self.hasten();
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Has what waits for its time handed over: a refusal after a refusal waits for a minute.
    fn hasten(&self) {
        let (said, listed) =
            self.command(&["--format", "json", "notify", "list", "--state", "waiting", "--limit", "10000"]);
        // On a busy machine it may wait for the store in vain; it is asked again.
        if !listed {
            return;
        }
        let waiting: Vec<Value> = serde_json::from_str(&said).unwrap();
        let ids: Vec<_> = waiting.iter().map(|one| one["id"].to_string()).collect();
        if !ids.is_empty() {
            let ids = ids.iter().map(String::as_str);
            // Some of them may have been delivered meanwhile.
            self.command(&["notify", "retry"].into_iter().chain(ids).collect::<Vec<_>>());
        }
    }

    /// What a command says about this configuration, and whether it succeeds.
    pub fn command(&self, words: &[&str]) -> (String, bool) {
        let mut command = Command::new(program());
        command.args(words).arg("--config").arg(self.stage.config()).env_clear();
        let output = tokio::task::block_in_place(|| command.output().unwrap());
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (said, output.status.success())
    }
}
