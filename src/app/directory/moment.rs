//! A directory as it was at one moment. Files are read one after another while somebody may be writing them: what the
//! system says of all of them has to be the same before and after, or the rules of two versions would be mixed.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path, thread, time::Duration};

use crate::secret::Digest;

/// How long nothing may change after a read, so that a file that is being written in pieces is not taken for whole.
const QUIET: Duration = Duration::from_millis(50);
/// So often a quiet moment is hoped for. After that a moment at which nothing changed is enough.
const HOPED: u32 = 3;
/// So often in all.
const TRIES: u32 = 50;

/// Reads with `read` what lies in these directories, at a moment at which nothing of it changed; none when there was no
/// such moment. May block, for 3 s at most besides the reading.
pub(super) fn at_one_moment<T>(directories: &[&Path], read: impl Fn() -> T) -> Option<T> {
    let mut before = stamp(directories);
    for tried in 0..TRIES {
        let found = read();
        let mut after = stamp(directories);
        let mut same = before == after;
        if same && tried < HOPED {
            thread::sleep(QUIET);
            after = stamp(directories);
            same = before == after;
        }
        if same {
            return Some(found);
        }
        before = after;
    }
    None
}

/// What the system says of the directories, of everything in them, and of what symbolic links there lead to. A link that
/// is put in the place of another is another file, even when it leads to where the one before the last did.
fn stamp(directories: &[&Path]) -> Digest {
    let mut said = Vec::new();
    for directory in directories {
        said.push(of(directory, fs::metadata(directory)));
        let Ok(entries) = fs::read_dir(directory) else { continue };
        let mut found: Vec<_> = entries
            .flatten()
            .map(|entry| {
                let path = entry.path();
                format!("{}\n{}", of(&path, fs::symlink_metadata(&path)), of(&path, fs::metadata(&path)))
            })
            .collect();
        found.sort_unstable();
        said.append(&mut found);
    }
    Digest::of_list(said)
}

fn of(path: &Path, about: io::Result<fs::Metadata>) -> String {
    let path = path.display();
    match about {
        Ok(about) => format!(
            "{path} {} {} {} {}.{} {}.{}",
            about.dev(),
            about.ino(),
            about.size(),
            about.mtime(),
            about.mtime_nsec(),
            about.ctime(),
            about.ctime_nsec()
        ),
        Err(error) => format!("{path} {:?}", error.kind()),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        os::unix::fs::symlink,
        path::PathBuf,
        sync::atomic::{AtomicBool, Ordering},
    };

    use super::*;

    /// A directory as Kubernetes mounts it: `a` and `b` lead through `..data` to one of two versions.
    fn mounted() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for version in ["1", "2"] {
            fs::create_dir(path.join(version)).unwrap();
            for file in ["a", "b"] {
                fs::write(path.join(version).join(file), version).unwrap();
            }
        }
        symlink("1", path.join("..data")).unwrap();
        for file in ["a", "b"] {
            symlink(PathBuf::from("..data").join(file), path.join(file)).unwrap();
        }
        folder
    }

    fn swap(path: &Path, version: &str) {
        symlink(version, path.join("..next")).unwrap();
        fs::rename(path.join("..next"), path.join("..data")).unwrap();
    }

    fn both(path: &Path) -> (String, String) {
        (fs::read_to_string(path.join("a")).unwrap(), fs::read_to_string(path.join("b")).unwrap())
    }

    #[test]
    fn what_changes_while_it_is_read_is_read_again() {
        let folder = mounted();
        let path = folder.path();
        let reads = Cell::new(0);
        let found = at_one_moment(&[path], || {
            let a = fs::read_to_string(path.join("a")).unwrap();
            if reads.replace(reads.get() + 1) == 0 {
                swap(path, "2");
            }
            (a, fs::read_to_string(path.join("b")).unwrap())
        });
        assert_eq!(found, Some(("2".into(), "2".into())));
        assert_eq!(reads.get(), 2);
    }

    #[test]
    fn what_changes_right_after_it_was_read_is_read_again() {
        let folder = mounted();
        let path = folder.path();
        let reads = Cell::new(0);
        let found = thread::scope(|scope| {
            at_one_moment(&[path], || {
                if reads.replace(reads.get() + 1) == 0 {
                    scope.spawn(|| {
                        thread::sleep(QUIET / 5);
                        fs::write(path.join("1/b"), "1, and more").unwrap();
                    });
                }
                both(path)
            })
        });
        assert_eq!(found, Some(("1".into(), "1, and more".into())));
    }

    #[test]
    fn o8_versions_are_never_mixed_however_fast_they_change() {
        let folder = mounted();
        let path = folder.path();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                for version in ["2", "1"].iter().cycle() {
                    if done.load(Ordering::SeqCst) {
                        break;
                    }
                    swap(path, version);
                    thread::sleep(Duration::from_millis(2));
                }
            });
            let mut found = 0;
            for _ in 0..20 {
                if let Some((a, b)) = at_one_moment(&[path], || both(path)) {
                    assert_eq!(a, b);
                    found += 1;
                }
            }
            done.store(true, Ordering::SeqCst);
            assert!(found > 0, "no moment was ever quiet");
        });
    }

    #[test]
    fn what_never_comes_to_rest_is_not_read() {
        let folder = mounted();
        let path = folder.path();
        let turn = Cell::new(0_u32);
        let found = at_one_moment(&[path], || {
            turn.set(turn.get() + 1);
            swap(path, if turn.get().is_multiple_of(2) { "1" } else { "2" });
        });
        assert_eq!(found, None);
        assert_eq!(turn.get(), TRIES);
    }
}
