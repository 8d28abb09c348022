//! The session that `credentials` keeps between two runs: SDKs run it for each process, some of them for each request.
//!
//! A file for each listener and identity, readable by its owner alone and replaced whole; what others could read is not
//! used. A lock beside it lets one run at a time ask for a session, and ends a circle: a profile whose
//! `credential_process` is this very command would run it without end.

use std::{
    error::Error,
    ffi::OsString,
    fmt,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process, thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, OFlags, flock};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::answer::Granted;
use crate::{
    clock::Now,
    secret::{Digest, Secret},
    sigv4::Credentials,
};

/// How long another run is waited for: as long as a session may take, and some more.
const PATIENCE: Duration = Duration::from_secs(25);
/// Between two looks at the lock.
const PAUSE: Duration = Duration::from_millis(20);
/// Octets of a kept session.
const MOST: u64 = 64 * 1024;

/// Where a session is kept.
pub(crate) struct Kept {
    directory: PathBuf,
    name: String,
}

/// The one run that may look at it and replace it, until it is dropped.
pub(crate) struct Turn {
    file: PathBuf,
    _lock: File,
}

/// Why a session cannot be kept, or one that is kept is not used.
#[derive(Debug)]
pub(crate) enum KeptFault {
    /// A file or directory cannot be made, read or written.
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others may read it, or write where it is.
    Open(PathBuf),
    /// Another run has not ended.
    Busy(PathBuf),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    access_key_id: String,
    secret: String,
    token: String,
    principal: String,
    /// Milliseconds since 1970.
    issued: i64,
    expires: i64,
}

impl Kept {
    /// Below `cache`, for a session that all of `parts` choose.
    pub(crate) fn of(cache: &Path, parts: &[OsString]) -> Self {
        let digest = Digest::of_list(parts.iter().map(|part| part.as_encoded_bytes())).hex();
        let name = digest.get(..32).unwrap_or_default().to_owned();
        Self { directory: cache.join("connect-guard"), name }
    }

    /// Waits for its turn, 25 s at most. Blocks.
    ///
    /// # Errors
    /// There is no place that is one's own alone, or another run does not end.
    pub(crate) fn turn(&self) -> Result<Turn, KeptFault> {
        self.turn_within(PATIENCE)
    }

    fn turn_within(&self, patience: Duration) -> Result<Turn, KeptFault> {
        let fault = |path: &Path| {
            let path = path.to_owned();
            move |source| KeptFault::File { path, source }
        };
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&self.directory).map_err(fault(&self.directory))?;
        let about = fs::symlink_metadata(&self.directory).map_err(fault(&self.directory))?;
        let is_ours = about.uid() == rustix::process::geteuid().as_raw();
        if !about.is_dir() || !is_ours || about.mode() & 0o022 != 0 {
            return Err(KeptFault::Open(self.directory.clone()));
        }
        let path = self.directory.join(format!("{}.lock", self.name));
        let lock = open(&path, OpenOptions::new().write(true).create(true)).map_err(fault(&path))?;
        let end = Instant::now() + patience;
        while let Err(error) = flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            if error != rustix::io::Errno::WOULDBLOCK {
                return Err(fault(&path)(error.into()));
            }
            if Instant::now() >= end {
                return Err(KeptFault::Busy(path));
            }
            thread::sleep(PAUSE);
        }
        Ok(Turn { file: self.directory.join(format!("{}.json", self.name)), _lock: lock })
    }
}

impl Turn {
    /// The session that is kept, while more than half of its life is left.
    ///
    /// # Errors
    /// Others may read it: it is not used. What cannot be understood is not there.
    pub(crate) fn read(&self, now: Now) -> Result<Option<Granted>, KeptFault> {
        let fault = |source| KeptFault::File { path: self.file.clone(), source };
        let file = match open(&self.file, OpenOptions::new().read(true)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fault(error)),
        };
        let about = file.metadata().map_err(fault)?;
        let is_ours = about.uid() == rustix::process::geteuid().as_raw();
        if !about.is_file() || !is_ours || about.mode() & 0o077 != 0 {
            return Err(KeptFault::Open(self.file.clone()));
        }
        let mut text = Zeroizing::new(Vec::new());
        file.take(MOST).read_to_end(&mut text).map_err(fault)?;
        let Ok(written) = serde_json::from_slice::<Written>(&text) else { return Ok(None) };
        let granted = Granted::from(written);
        let (issued, expires) = (granted.issued.millis(), granted.expires.millis());
        // One that was issued in the future was written under another clock.
        let half = issued.saturating_add(expires.saturating_sub(issued) / 2);
        Ok((issued..half).contains(&now.millis()).then_some(granted))
    }

    /// Keeps a session in the place of what was there.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn write(&self, granted: &Granted) -> Result<(), KeptFault> {
        let fault = |source| KeptFault::File { path: self.file.clone(), source };
        let Some(written) = written(granted) else { return Ok(()) };
        let text = Zeroizing::new(serde_json::to_vec(&written).map_err(|error| fault(error.into()))?);
        let new = self.file.with_extension(process::id().to_string());
        let done = (|| {
            // What a run that was killed left behind.
            match fs::remove_file(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            let mut file = open(&new, OpenOptions::new().write(true).create_new(true))?;
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
            file.write_all(&text)?;
            fs::rename(&new, &self.file)
        })();
        done.map_err(|error| {
            drop(fs::remove_file(&new));
            fault(error)
        })
    }
}

/// For the owner alone, and never what a link points to.
fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    // No bit of these is negative.
    let flags =
        i32::try_from((OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK).bits()).unwrap_or_default();
    options.mode(0o600).custom_flags(flags).open(path)
}

fn written(granted: &Granted) -> Option<Written> {
    let Credentials { access_key_id, secret, session_token } = &granted.credentials;
    Some(Written {
        access_key_id: access_key_id.clone(),
        secret: secret.expose_str()?.to_owned(),
        token: session_token.as_ref()?.expose_str()?.to_owned(),
        principal: granted.principal.clone(),
        issued: granted.issued.millis(),
        expires: granted.expires.millis(),
    })
}

/// What no calendar has is long ago.
fn at(millis: i64) -> Now {
    Now::from(Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MIN))
}

impl From<Written> for Granted {
    fn from(written: Written) -> Self {
        Self {
            credentials: Credentials {
                access_key_id: written.access_key_id,
                secret: Secret::new(written.secret.into_bytes()),
                session_token: Some(Secret::new(written.token.into_bytes())),
            },
            issued: at(written.issued),
            expires: at(written.expires),
            principal: written.principal,
        }
    }
}

impl KeptFault {
    /// Whether another run holds the lock: perhaps the one that called this one.
    pub(crate) fn is_circle(&self) -> bool {
        matches!(self, Self::Busy(_))
    }
}

impl fmt::Display for KeptFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, source } => write!(f, "`{}`: {source}", path.display()),
            Self::Open(path) => write!(f, "`{}` is not yours alone: it is not used", path.display()),
            Self::Busy(path) => write!(f, "another run holds `{}` and does not end", path.display()),
        }
    }
}

impl Error for KeptFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            Self::Open(_) | Self::Busy(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn at(minutes: i64) -> Now {
        let begin: Timestamp = "2027-03-12T10:00:00Z".parse().unwrap();
        Now::from(begin).plus(SignedDuration::from_mins(minutes))
    }

    fn granted() -> Granted {
        Granted {
            credentials: Credentials {
                access_key_id: "GSABCDEFGHIJKLMNOPQR".into(),
                secret: Secret::new(b"secret".to_vec()),
                session_token: Some(Secret::new(b"token".to_vec())),
            },
            issued: at(0),
            expires: at(16),
            principal: "arn:aws:iam::111122223333:role/Desk".into(),
        }
    }

    fn kept(folder: &Path, part: &str) -> Kept {
        Kept::of(folder, &[part.into()])
    }

    #[test]
    fn a_session_is_kept_for_half_of_its_life() {
        let folder = tempfile::tempdir().unwrap();
        let turn = kept(folder.path(), "a").turn().unwrap();
        assert!(turn.read(at(0)).unwrap().is_none());
        turn.write(&granted()).unwrap();
        turn.write(&granted()).unwrap();
        let read = turn.read(at(7)).unwrap().unwrap();
        assert_eq!(read.credentials.secret.expose(), b"secret");
        assert_eq!((read.expires, read.principal), (at(16), granted().principal));
        assert!(turn.read(at(8)).unwrap().is_none());
        assert!(turn.read(at(-1)).unwrap().is_none());
        let other = kept(folder.path(), "b").turn().unwrap();
        assert!(other.read(at(0)).unwrap().is_none());
    }

    #[test]
    fn what_others_could_read_or_replace_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let turn = kept(folder.path(), "a").turn().unwrap();
        turn.write(&granted()).unwrap();
        assert_eq!(fs::metadata(&turn.file).unwrap().mode() & 0o777, 0o600);
        fs::set_permissions(&turn.file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(turn.read(at(1)), Err(KeptFault::Open(_))));
        // Replaced, it is one's own again.
        turn.write(&granted()).unwrap();
        assert!(turn.read(at(1)).unwrap().is_some());
        fs::rename(&turn.file, folder.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &turn.file).unwrap();
        assert!(turn.read(at(1)).is_err());
        drop(turn);
        fs::set_permissions(folder.path().join("connect-guard"), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(kept(folder.path(), "a").turn(), Err(KeptFault::Open(_))));
    }

    #[test]
    fn one_run_at_a_time_has_its_turn() {
        let folder = tempfile::tempdir().unwrap();
        let turn = kept(folder.path(), "a").turn().unwrap();
        let second = kept(folder.path(), "a").turn_within(Duration::ZERO);
        assert!(matches!(second, Err(KeptFault::Busy(_))));
        assert!(kept(folder.path(), "b").turn_within(Duration::ZERO).is_ok());
        drop(turn);
        assert!(kept(folder.path(), "a").turn_within(Duration::ZERO).is_ok());
    }
}
