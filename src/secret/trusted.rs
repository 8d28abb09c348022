//! Files that are no secret, and by which it is decided whom to believe: keys of issuers, authorities, certificates, those who
//! sign a policy, the words of notices.

use std::{
    fs::OpenOptions,
    io::{self, Read as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

/// The most that is read of one: a bundle of every public authority is a tenth of it.
const MOST: u64 = 4 * 1024 * 1024;

/// What is in such a file: a regular one, of 4 MiB at most, that not everybody may write. It is looked at once it is open, so
/// that what was looked at is what is read; what is no file, and would never end, is not waited for.
///
/// # Errors
/// When it cannot be read, or is not such a file: in words that name no path.
pub fn trusted(path: &Path) -> io::Result<Vec<u8>> {
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if about.mode() & 0o002 != 0 {
        let mode = about.mode() & 0o7777;
        return Err(io::Error::other(format!("anybody may write it (mode {mode:04o}): chmod o-w")));
    }
    let mut octets = Vec::new();
    file.take(MOST + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > MOST {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File, Permissions},
        os::unix::fs::PermissionsExt as _,
    };

    use super::*;

    #[test]
    fn a_file_that_anybody_may_write_is_not_believed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("jwks.json");
        fs::write(&path, "{}").unwrap();
        for (mode, is_read) in [(0o600, true), (0o644, true), (0o664, true), (0o666, false), (0o602, false)] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            match trusted(&path) {
                Ok(octets) => assert!(is_read && octets == b"{}", "{mode:o}"),
                Err(error) => {
                    assert!(
                        !is_read && error.to_string().starts_with("anybody may write it"),
                        "{mode:o}: {error}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_no_file_or_too_long_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        assert!(trusted(directory.path()).is_err());
        let missing = trusted(&directory.path().join("none")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        let pipe = directory.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        assert_eq!(trusted(&pipe).unwrap_err().to_string(), "it is not a regular file");
        let long = directory.path().join("long");
        File::create(&long).unwrap().set_len(MOST + 1).unwrap();
        assert_eq!(trusted(&long).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        File::create(&long).unwrap().set_len(MOST).unwrap();
        assert_eq!(trusted(&long).unwrap().len() as u64, MOST);
    }
}
