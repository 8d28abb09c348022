//! The store's files while they are open: locked for this process, watched for being replaced, and how much room is left.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock, statvfs};

use super::{
    Medium, StoreError,
    place::{FilePlace, io, private},
};

/// The files of an open store. Dropping it gives the lock back.
pub(super) struct Home {
    location: FilePlace,
    database: (u64, u64),
    log: Option<(u64, u64)>,
    _lock: File,
}

impl Home {
    /// Checks the place and takes it for this process alone.
    pub(super) fn take(location: FilePlace, medium: Medium) -> Result<Self, StoreError> {
        location.prepare(medium)?;
        let path = &lock_of(&location);
        let lock = private(path)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|errno| {
            if errno == rustix::io::Errno::WOULDBLOCK {
                StoreError::Held(path.into())
            } else {
                io(path)(errno.into())
            }
        })?;
        let database = identity(&location.path)?;
        Ok(Self { location, database, log: None, _lock: lock })
    }

    /// Where it is.
    pub(super) fn location(&self) -> &FilePlace {
        &self.location
    }

    /// Whether its files are still those that were opened. What is written to a file that lost its name is lost.
    pub(super) fn check(&mut self) -> Result<(), StoreError> {
        let path = &self.location.path;
        if identity(path).ok() != Some(self.database) {
            return Err(StoreError::Replaced(path.clone()));
        }
        let log = self.location.log();
        match (self.log, identity(&log).ok()) {
            (None, found) => self.log = found,
            (Some(known), Some(found)) if known == found => {}
            (Some(_), _) => return Err(StoreError::Replaced(log)),
        }
        Ok(())
    }

    /// Bytes that are free on the disk; none when nobody can say.
    pub(super) fn free(&self) -> u64 {
        statvfs(self.location.directory()).map_or(0, |about| about.f_bavail.saturating_mul(about.f_frsize))
    }
}

/// Whether a process has the place.
pub(super) fn is_taken(location: &FilePlace) -> bool {
    let lock = File::open(lock_of(location));
    lock.is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockShared).is_err())
}

fn lock_of(location: &FilePlace) -> PathBuf {
    let mut name = location.path.clone().into_os_string();
    name.push(".lock");
    name.into()
}

fn identity(path: &Path) -> Result<(u64, u64), StoreError> {
    let about = fs::symlink_metadata(path).map_err(io(path))?;
    Ok((about.dev(), about.ino()))
}
