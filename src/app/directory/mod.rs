//! Reading a policy directory from disk. `deny.d` and `revoked.toml` are read each by itself: one that cannot be read
//! closes the policy, and hides no other file's faults.
//!
//! Whoever may write a rule is who decides. So nothing is read that anybody may write, nor a file of somebody who owns
//! neither the directory nor the machine nor this process. What is checked is the file that is open, not its name.

use std::{
    fmt,
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rustix::fs::{Mode, OFlags};

use self::moment::at_one_moment;
use crate::{
    clock::Now,
    diagnostic::{Fault, Faults, Source},
    policy::{DirectoryFile, PolicyFiles},
};

mod moment;

/// A policy file may have so many octets. 10,000 rules have about 4 MiB.
const FILE_MAX: u64 = 16 * 1024 * 1024;
/// What to do about a file or directory that others may write.
const WRITABLE: &str = "take the right away with `chmod o-w`: whoever may write a rule decides";
/// Of the directory that the kubelet mounts a `ConfigMap` at: what its link leads to is written by the kubelet alone.
const MOUNTED: &str = "a ConfigMap is mounted so: let the directory's name end with `/..data`";

/// Who may own a policy file: root, this process's user, and the owner of the directory, who could replace it anyway.
#[derive(Clone, Copy)]
struct Owners {
    ours: u32,
    directory: u32,
}

/// Why a file is not read.
enum Unread {
    /// The system said no.
    Io(io::Error),
    /// It is not fit to be read: why, and what to do about it.
    Unfit(String, Option<&'static str>),
}

/// Reads the files of a policy directory; every one that cannot be read is a fault of its own. Hidden files are passed
/// over: Kubernetes keeps the targets of its symbolic links there.
pub fn policy_files(directory: &Path) -> Result<PolicyFiles, Faults> {
    let (files, faults) = files_and_faults(directory);
    if faults.fatal() { Err(faults) } else { Ok(files) }
}

/// The same, with the files that can be read beside the faults of the others: `revoked.toml` and `deny.d` hold whatever
/// else is broken. Of a directory that cannot be read they are unreadable, too.
pub(super) fn files_and_faults(directory: &Path) -> (PolicyFiles, Faults) {
    let ours = rustix::process::geteuid().as_raw();
    let read = || files_as(directory, ours);
    at_one_moment(&[directory, &directory.join(DENIALS)], read).unwrap_or_else(|| {
        // What denies and revokes holds whatever else is true; the rules are those of no one moment.
        let (files, mut faults) = read();
        faults.push(Fault::bare(format!("`{}` changes while it is read", directory.display())));
        (files, faults)
    })
}

/// Reads a configuration, under the same conditions: it says where the policy is.
pub fn configuration(path: &Path) -> Result<Source, Faults> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let ours = rustix::process::geteuid().as_raw();
    // Where the directory says nothing, the file does not either.
    let owner = fs::metadata(directory).map_or(ours, |about| about.uid());
    read(path, Owners { ours, directory: owner }).map(|(source, _)| source).map_err(|unread| {
        let mut faults = Faults::new();
        faults.push(unread.fault_of_named(path));
        faults
    })
}

/// The directory of denials within a policy directory.
const DENIALS: &str = "deny.d";

fn files_as(directory: &Path, ours: u32) -> (PolicyFiles, Faults) {
    let mut faults = Faults::new();
    let mut files = PolicyFiles::default();
    let (listed, owners) = match open_directory(directory, ours) {
        Ok(found) => found,
        Err(unread) => {
            files.deny.push(Err(format!("`{}`: {unread}", directory.display())));
            faults.push(unread.fault_of_named(directory));
            return (files, faults);
        }
    };
    let mut misread = None;
    for entry in listed {
        let path = match entry {
            Ok(path) => path,
            Err(unread) => {
                faults.push(unread.fault(directory));
                continue;
            }
        };
        match (path.file_name().and_then(|name| name.to_str()), Kind::of(&path)) {
            (Some("revoked.toml"), _) => {
                files.revoked =
                    Some(read(&path, owners).map(|(source, _)| source).map_err(|why| why.to_string()));
            }
            (Some(name), Kind::Rules | Kind::Listing | Kind::Misnamed) if is_about_revoking(name) => {
                misread.get_or_insert(path);
            }
            (Some("policy.sig"), _) => {
                files.signature =
                    Some(read(&path, owners).map(|(source, _)| source).map_err(|why| why.to_string()));
            }
            (Some(_), Kind::Rules) => match read(&path, owners) {
                Ok((source, _)) => files.rules.push(source),
                Err(unread) => faults.push(unread.fault(&path)),
            },
            (Some(_), Kind::Listing) => match listing(&path, owners) {
                Ok(file) => files.directories.push(file),
                Err(unread) => faults.push(unread.fault(&path)),
            },
            (Some(name), Kind::Other) if is_nearly_revoked(name, &path) => {
                files.revoked.get_or_insert_with(|| Err(not_read(&path)));
            }
            (Some(name), Kind::Other) if name != DENIALS && name.eq_ignore_ascii_case(DENIALS) => {
                faults.push(misnamed().fault(&path));
            }
            (Some(_), Kind::Other) => {}
            (None, _) | (Some(_), Kind::Misnamed) => faults.push(misnamed().fault(&path)),
        }
    }
    files.deny = denials(&directory.join(DENIALS), ours);
    match (misread, &files.revoked) {
        (Some(path), None) => files.revoked = Some(Err(not_read(&path))),
        // What `revoked.toml` says holds, for reads too; changes stop as for a file of `deny.d` that cannot be read.
        (Some(path), Some(_)) => files.deny.push(Err(not_read(&path))),
        (None, _) => {}
    }
    (files, faults)
}

/// Whether somebody may believe that it revokes, by the name of a file that would be read as something else, or as nothing:
/// also beside a `revoked.toml`.
fn is_about_revoking(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("revok") || name.starts_with("revoc")
}

fn not_read(path: &Path) -> String {
    format!("`{}` is not read: what revokes is called `revoked.toml`", path.display())
}

/// The same of what is no file of a policy. Beside a `revoked.toml` it is a copy of that.
fn is_nearly_revoked(name: &str, path: &Path) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("revoked") || (name.starts_with("revoke") && path.is_dir())
}

/// The files of `deny.d`. None when there is no such directory; when there is something of that name that cannot be read,
/// that is an unreadable file: it may be what denies.
fn denials(directory: &Path, ours: u32) -> Vec<Result<Source, String>> {
    match fs::symlink_metadata(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Ok(_) | Err(_) => {}
    }
    let said = |path: &Path, unread: &Unread| format!("`{}`: {unread}", path.display());
    let (listed, owners) = match open_directory(directory, ours) {
        Ok(found) => found,
        Err(unread) => return vec![Err(said(directory, &unread))],
    };
    let mut found = Vec::new();
    for entry in listed {
        match entry {
            Ok(path) => match Kind::of(&path) {
                Kind::Rules => found.push(
                    read(&path, owners).map(|(source, _)| source).map_err(|unread| said(&path, &unread)),
                ),
                Kind::Misnamed => found.push(Err(said(&path, &misnamed()))),
                Kind::Listing | Kind::Other if is_meant(&path) => found.push(Err(said(&path, &misnamed()))),
                Kind::Listing | Kind::Other => {}
            },
            Err(unread) => found.push(Err(said(directory, &unread))),
        }
    }
    found
}

/// Whether somebody may believe that it denies: a directory, or a file whose name has `.toml` and more behind it.
fn is_meant(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    path.is_dir() || name.contains(".toml")
}

/// What a file's name says that it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `*.toml`
    Rules,
    /// `*.csv`
    Listing,
    /// Nothing of a policy's.
    Other,
    /// `*.TOML`, `*.Csv` and the like, or no UTF-8: passed over, it would be a rule that somebody believes in.
    Misnamed,
}

impl Kind {
    fn of(path: &Path) -> Self {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Self::Misnamed };
        match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("toml") => Self::Rules,
            Some("csv") => Self::Listing,
            Some(other) if other.eq_ignore_ascii_case("toml") || other.eq_ignore_ascii_case("csv") => {
                Self::Misnamed
            }
            Some(_) | None => Self::Other,
        }
    }
}

fn misnamed() -> Unread {
    let hint = "names are UTF-8 and end in `.toml` or `.csv`, in small letters";
    Unread::Unfit("its name does not say what it is".into(), Some(hint))
}

type Listed = Vec<Result<PathBuf, Unread>>;

/// The entries of a directory that not everybody may write, sorted by name, but for hidden ones; and who may own them.
fn open_directory(directory: &Path, ours: u32) -> Result<(Listed, Owners), Unread> {
    let about = fs::metadata(directory).map_err(Unread::Io)?;
    if about.mode() & 0o002 != 0 {
        let hint = if directory.join("..data").is_symlink() { MOUNTED } else { WRITABLE };
        return Err(Unread::Unfit(
            format!("anybody may write in it (mode {:04o})", about.mode() & 0o7777),
            Some(hint),
        ));
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(Unread::Io)? {
        match entry {
            Ok(entry) if entry.file_name().to_string_lossy().starts_with('.') => {}
            Ok(entry) => found.push(Ok(entry.path())),
            Err(error) => found.push(Err(Unread::Io(error))),
        }
    }
    found.sort_by(|one, other| one.as_ref().ok().cmp(&other.as_ref().ok()));
    Ok((found, Owners { ours, directory: about.uid() }))
}

/// A file's text, and what the system says of it.
fn read(path: &Path, owners: Owners) -> Result<(Source, Metadata), Unread> {
    // Not blocking: a FIFO is to be refused, not waited for.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| Unread::Io(errno.into()))?;
    let mut file = File::from(file);
    let about = file.metadata().map_err(Unread::Io)?;
    fit(&about, owners)?;
    let mut bytes = Vec::new();
    file.by_ref().take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(Unread::Io)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(Unread::Unfit("it is longer than 16 MiB".into(), None));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        Unread::Unfit(format!("octet {} is not UTF-8", error.utf8_error().valid_up_to() + 1), None)
    })?;
    Ok((Source::new(path.display().to_string(), text).within(local(path)), about))
}

/// A file's name within its policy directory.
fn local(path: &Path) -> String {
    let name =
        |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match path.parent().map(name) {
        Some(parent) if parent == DENIALS => format!("{DENIALS}/{}", name(path)),
        Some(_) | None => name(path),
    }
}

fn fit(about: &Metadata, owners: Owners) -> Result<(), Unread> {
    let unfit = |why: String, hint| Err(Unread::Unfit(why, hint));
    if !about.is_file() {
        return unfit("it is not a regular file".into(), None);
    }
    if about.mode() & 0o002 != 0 {
        return unfit(format!("anybody may write it (mode {:04o})", about.mode() & 0o7777), Some(WRITABLE));
    }
    if ![0, owners.ours, owners.directory].contains(&about.uid()) {
        let hint = "it belongs to root, to the user the guard runs as, or to whoever has the directory";
        return unfit(format!("it belongs to somebody else (uid {})", about.uid()), Some(hint));
    }
    Ok(())
}

fn listing(path: &Path, owners: Owners) -> Result<DirectoryFile, Unread> {
    let (source, about) = read(path, owners)?;
    let modified = about.modified().map_err(Unread::Io)?;
    let modified = Timestamp::try_from(modified).map_err(|error| Unread::Io(io::Error::other(error)))?;
    Ok(DirectoryFile { source, modified: Now::from(modified) })
}

impl Unread {
    /// The same of what somebody named: with what to do about its name.
    fn fault_of_named(&self, path: &Path) -> Fault {
        let hint = match self {
            Self::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                "a path in a configuration begins where that file is, one of an argument where you are"
            }
            Self::Io(error) if error.kind() == io::ErrorKind::NotADirectory => {
                "name the directory, not a file of it"
            }
            Self::Io(_) | Self::Unfit(..) => return self.fault(path),
        };
        self.fault(path).hint(hint)
    }

    fn fault(&self, path: &Path) -> Fault {
        let fault = Fault::bare(format!("cannot read `{}`: {self}", path.display()));
        match self {
            Self::Unfit(_, Some(hint)) => fault.hint(*hint),
            Self::Unfit(_, None) | Self::Io(_) => fault,
        }
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Unfit(why, _) => f.write_str(why),
        }
    }
}

#[cfg(test)]
mod tests;
