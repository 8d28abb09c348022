//! A guard in a process of its own, on a stage: started, asked to stop, killed, started again.

use std::{
    ffi::OsString,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

pub use rustix::process::Signal;

use rustix::process::Pid;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use super::stage::Stage;

/// How long a guard may take to listen, and to stop.
const LIMIT: Duration = Duration::from_mins(1);

/// A guard in a process of its own. Killed when dropped.
pub struct Process {
    /// Where it listens.
    pub address: SocketAddr,
    program: PathBuf,
    environment: Vec<(String, OsString)>,
    log: Arc<Mutex<String>>,
    child: Child,
}

impl Process {
    /// Starts `program serve` with the stage's configuration, and waits until it listens.
    ///
    /// # Errors
    /// When it ends before it listens, with what it wrote.
    pub async fn start(program: &Path, stage: &Stage) -> io::Result<Self> {
        Self::start_with(program, stage, Vec::new()).await
    }

    /// The same, with more in its environment.
    ///
    /// # Errors
    /// As [`Process::start`].
    pub async fn start_with(
        program: &Path,
        stage: &Stage,
        environment: Vec<(String, OsString)>,
    ) -> io::Result<Self> {
        let log = Arc::default();
        let (child, address) = spawn(program, stage, &environment, &log).await?;
        Ok(Self { address, program: program.to_owned(), environment, log, child })
    }

    /// Where it listens for whoever wants a session; none when it does not.
    pub fn sessions(&self) -> Option<SocketAddr> {
        // The last one: the log goes on when it is started again.
        self.log().lines().rev().find_map(|line| address_in(line, "answering for sessions"))
    }

    /// Starts it again on the same stage, at another address; the log goes on.
    ///
    /// # Errors
    /// As [`Process::start`].
    pub async fn restart(&mut self, stage: &Stage) -> io::Result<()> {
        (self.child, self.address) = spawn(&self.program, stage, &self.environment, &self.log).await?;
        Ok(())
    }

    /// Kills it at once, as the end of a machine would.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(&mut self) -> io::Result<()> {
        self.child.kill().await
    }

    /// Asks it to stop (SIGTERM), and waits until it has.
    ///
    /// # Errors
    /// When it cannot be asked, or does not stop.
    pub async fn stop(&mut self) -> io::Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.ended().await
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let id = self.id().and_then(Pid::from_raw);
        let id = id.ok_or_else(|| io::Error::other("it has ended"))?;
        Ok(rustix::process::kill_process(id, signal)?)
    }

    /// Its number; none when it has ended.
    pub fn id(&self) -> Option<i32> {
        self.child.id().and_then(|id| i32::try_from(id).ok())
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        timeout(LIMIT, self.child.wait()).await.map_err(|_| io::Error::other("it does not stop"))?
    }

    /// A command of the same program, to be run to its end.
    pub fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(&self.program);
        command.args(args);
        command
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn spawn(
    program: &Path,
    stage: &Stage,
    environment: &[(String, OsString)],
    log: &Arc<Mutex<String>>,
) -> io::Result<(Child, SocketAddr)> {
    let mut child = Command::new(program)
        .args(["serve", "--config"])
        .arg(stage.config())
        .env_clear()
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "SECRETEXAMPLE")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        // Ctrl-C is for whoever set the stage, and ends the guard in good order.
        .process_group(0)
        .spawn()?;
    let stderr = child.stderr.take().ok_or_else(|| io::Error::other("no standard error"))?;
    let mut lines = BufReader::new(stderr).lines();
    let listening = async {
        while let Some(line) = lines.next_line().await? {
            keep(log, &line);
            if let Some(address) = listens_at(&line) {
                return Ok(address);
            }
        }
        let log = log.lock().unwrap_or_else(PoisonError::into_inner);
        Err(io::Error::other(format!("the guard does not start:\n{log}")))
    };
    let address =
        timeout(LIMIT, listening).await.map_err(|_| io::Error::other("the guard does not listen"))??;
    let log = log.clone();
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            keep(&log, &line);
        }
    });
    Ok((child, address))
}

/// The address in the line that says where the guard listens.
fn listens_at(line: &str) -> Option<SocketAddr> {
    address_in(line, "listening")
}

/// The address in a line with this message, in either format of the log.
fn address_in(line: &str, message: &str) -> Option<SocketAddr> {
    let (_, rest) = line
        .split_once(&format!("{message} address="))
        .or_else(|| line.split_once(&format!(r#""message":"{message}","address":""#)))?;
    let end = rest.find(['"', ' ']).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

fn keep(log: &Mutex<String>, line: &str) {
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    log.push_str(line);
    log.push('\n');
}
