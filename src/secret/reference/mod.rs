//! Secrets by reference: a file, a systemd credential, a command, or (with a warning) an environment variable.
//!
//! What others may read is no secret, so it is refused. No shell is ever started, and nothing that was read gets into a
//! message.

use std::{
    error::Error,
    ffi::OsString,
    fmt,
    fs::File,
    io::Read,
    os::unix::{ffi::OsStringExt, fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{Mode, OFlags, StatVfsMountFlags},
    process::{Pid, Signal},
};
use zeroize::Zeroizing;

use super::Secret;

/// Octets of one secret.
const MOST: usize = 64 * 1024;
/// What is said of a longer one.
const TOO_LONG: &str = "it is longer than 64 KiB";
/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a command that closed its output is asked whether it has ended.
const PAUSE: Duration = Duration::from_millis(5);
/// Where systemd puts the credentials of a service (systemd.exec(5), `LoadCredential=`).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Where a secret is to be read. Printing it shows the place, never the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// A file; a single trailing line end is cut off. Refused when others may read it (mode & 0o077) or own it (neither
    /// root nor this user), unless it is a credential of systemd or a Kubernetes secret mounted read-only for this
    /// user's group: there the group may read.
    File(PathBuf),
    /// A file of this name in `$CREDENTIALS_DIRECTORY` (systemd `LoadCredential=`), otherwise as [`SecretRef::File`].
    Credential(String),
    /// A program by its absolute path, and its arguments; its standard output, at most 64 KiB, within 10 s, but for a
    /// single trailing line end. No shell, no standard input. Refused when it does not end with 0.
    Command(Vec<String>),
    /// An environment variable: other processes of this user can read it, so its use is warned about.
    Environment(String),
}

/// Why a secret could not be read.
#[derive(Debug)]
pub struct SecretError {
    /// Where it was to be read.
    pub reference: SecretRef,
    /// What went wrong, without a byte of the secret.
    pub why: String,
}

/// Who may read a file besides its owner.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Readers {
    /// Nobody, unless it is mounted read-only for a group of this process.
    Owner,
    /// Its group: systemd shows the access list of a credential as the group's bits.
    Group,
}

impl SecretRef {
    /// Reads the secret. Empty secrets, and those over 64 KiB, are refused. May block, for 10 s at most where it is a
    /// command: call it at load.
    ///
    /// # Errors
    /// What keeps it from being read, or what makes it no secret.
    #[expect(clippy::disallowed_methods, reason = "the place where a secret's environment variable is read")]
    pub fn read(&self) -> Result<Secret, SecretError> {
        self.read_in(&|name| std::env::var_os(name))
    }

    /// Reads it where `environment` gives a variable's value.
    fn read_in(&self, environment: &dyn Fn(&str) -> Option<OsString>) -> Result<Secret, SecretError> {
        let bytes = match self {
            Self::File(path) => {
                let credential = environment(CREDENTIALS).is_some_and(|directory| {
                    !directory.is_empty() && path.parent() == Some(Path::new(&directory))
                });
                file(path, if credential { Readers::Group } else { Readers::Owner })
            }
            Self::Credential(name) => credential(name, environment(CREDENTIALS)),
            Self::Command(words) => command(words, PATIENCE),
            Self::Environment(name) => environment(name)
                .map(|value| Zeroizing::new(value.into_vec()))
                .ok_or_else(|| "it is not set".to_owned()),
        };
        bytes.and_then(bounded).map(Secret).map_err(|why| SecretError { reference: self.clone(), why })
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file `{}`", path.display()),
            Self::Credential(name) => write!(f, "credential `{name}`"),
            Self::Command(words) => write!(f, "command `{}`", words.first().map_or("", String::as_str)),
            Self::Environment(name) => write!(f, "environment variable `{name}`"),
        }
    }
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read the secret from {}: {}", self.reference, self.why)
    }
}

impl Error for SecretError {}

type Bytes = Zeroizing<Vec<u8>>;

fn bounded(bytes: Bytes) -> Result<Bytes, String> {
    match bytes.len() {
        0 => Err("it is empty".into()),
        length if length > MOST => Err(TOO_LONG.into()),
        _ => Ok(bytes),
    }
}

fn credential(name: &str, directory: Option<OsString>) -> Result<Bytes, String> {
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
        return Err("its name is not a file name".into());
    }
    let directory = PathBuf::from(directory.ok_or_else(|| format!("`{CREDENTIALS}` is not set"))?);
    if !directory.is_absolute() {
        return Err(format!("`{CREDENTIALS}` is not an absolute path"));
    }
    file(&directory.join(name), Readers::Group)
}

fn file(path: &Path, readers: Readers) -> Result<Bytes, String> {
    // Not blocking: a FIFO is to be refused, not waited for.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| error.to_string())?;
    let file = File::from(file);
    private(&file, readers)?;
    let mut bytes = drained(file).map_err(|error| error.to_string())?;
    cut_line_end(&mut bytes);
    Ok(bytes)
}

/// Looks at the file that is open, not at its name: what is checked is what is read.
fn private(file: &File, readers: Readers) -> Result<(), String> {
    let facts = file.metadata().map_err(|error| error.to_string())?;
    if !facts.is_file() {
        return Err("it is not a regular file".into());
    }
    owned(facts.uid(), rustix::process::geteuid().as_raw())?;
    let mode = facts.mode() & 0o777;
    let others = mode & 0o077;
    if others == 0 || (others == 0o040 && (readers == Readers::Group || mounted_for_us(file, facts.gid()))) {
        return Ok(());
    }
    Err(format!("others may read or write it (mode {mode:04o}); it must be 0600 or 0400"))
}

/// An owner may read what is theirs, whatever its mode.
fn owned(owner: u32, ours: u32) -> Result<(), String> {
    if owner == 0 || owner == ours {
        Ok(())
    } else {
        Err(format!("it belongs to another user (uid {owner})"))
    }
}

/// Whether it is on a read-only mount and of a group of this process, as Kubernetes mounts a secret with `fsGroup`.
fn mounted_for_us(file: &File, group: u32) -> bool {
    let read_only =
        rustix::fs::fstatvfs(file).is_ok_and(|facts| facts.f_flag.contains(StatVfsMountFlags::RDONLY));
    let ours = rustix::process::getegid().as_raw() == group
        || rustix::process::getgroups().is_ok_and(|groups| groups.iter().any(|gid| gid.as_raw() == group));
    read_only && ours
}

/// Reads to the end, or to one octet more than a secret may have. The buffer never grows: that would leave copies.
fn drained(source: impl Read) -> std::io::Result<Bytes> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST + 2));
    source.take(MOST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn cut_line_end(bytes: &mut Vec<u8>) {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
}

fn command(words: &[String], patience: Duration) -> Result<Bytes, String> {
    let Some((program, arguments)) = words.split_first() else {
        return Err("there is no program".into());
    };
    if !Path::new(program).is_absolute() {
        return Err("the program is not an absolute path".into());
    }
    let end = Instant::now() + patience;
    // In a process group of its own, so that what the program started ends with it.
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| error.to_string())?;
    let ended = output(&mut child, end);
    let (mut bytes, status) = ended.inspect_err(|_| kill(&mut child))?;
    if !status.success() {
        return Err(format!("it failed ({status})"));
    }
    cut_line_end(&mut bytes);
    Ok(bytes)
}

/// Its whole output and how it ended. After an error it may still run, and has not been collected.
fn output(child: &mut Child, end: Instant) -> Result<(Bytes, ExitStatus), String> {
    let late = || "it did not end in time".to_owned();
    let pipe = child.stdout.take().ok_or("it has no standard output")?;
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new()
        .name("secret-command".into())
        .spawn(move || {
            // The receiver is gone when it came too late.
            let _ = sender.send(drained(pipe));
        })
        .map_err(|error| error.to_string())?;
    let left = end.saturating_duration_since(Instant::now());
    let bytes = receiver.recv_timeout(left).map_err(|_| late())?.map_err(|error| error.to_string())?;
    if bytes.len() > MOST {
        return Err(TOO_LONG.into());
    }
    loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => return Ok((bytes, status)),
            None if Instant::now() >= end => return Err(late()),
            None => thread::sleep(PAUSE),
        }
    }
}

/// Kills the program and its process group, and collects it. It was not collected before, so its number is still its own.
fn kill(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests;
