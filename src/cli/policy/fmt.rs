//! `policy fmt`: lays policy files out in the one way.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    cli::{Exit, check::counted, output::Output},
    diagnostic::Source,
    policy::formatted,
};

/// Whether files are written or only looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    /// Those that are not laid out are written anew.
    Write,
    /// They are named.
    Check,
}

/// `policy fmt`: names each file that is not laid out. With [`Aim::Check`] ends with [`Exit::Failed`] where there is one.
pub(super) fn fmt(paths: &[PathBuf], aim: Aim, output: Output) -> Exit {
    let mut files = Vec::new();
    for path in paths {
        match listed(path) {
            Ok(found) => files.extend(found),
            Err(error) => {
                output.error(&format!("cannot read `{}`: {error}", path.display()));
                return Exit::Invalid;
            }
        }
    }
    let mut exit = Exit::Done;
    let mut other = 0;
    for path in &files {
        match laid_out(path, output) {
            Ok(None) => {}
            Ok(Some(text)) => {
                other += 1;
                output.data(&path.display().to_string());
                if aim == Aim::Check {
                    exit = worse(exit, Exit::Failed);
                } else if let Err(error) = write(path, &text) {
                    output.error(&format!("cannot write `{}`: {error}", path.display()));
                    exit = worse(exit, Exit::Failed);
                }
            }
            Err(found) => exit = worse(exit, found),
        }
    }
    let done = if aim == Aim::Check { "not laid out" } else { "laid out anew" };
    output.say(&format!("{} of {} {done}", other, counted(files.len(), "file")));
    exit
}

/// A file itself; of a directory its `*.toml` and those of its `deny.d`, but for hidden ones.
fn listed(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for folder in [path.to_owned(), path.join("deny.d")] {
        if folder != path && !folder.exists() {
            continue;
        }
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if !hidden && path.extension().is_some_and(|end| end == "toml") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The text that a file is to have; none when it has it.
fn laid_out(path: &Path, output: Output) -> Result<Option<String>, Exit> {
    let text = fs::read_to_string(path).map_err(|error| {
        output.error(&format!("cannot read `{}`: {error}", path.display()));
        Exit::Invalid
    })?;
    let source = Source::new(path.display().to_string(), text.as_str());
    let new = formatted(&source).map_err(|faults| {
        output.tell(&faults);
        Exit::Invalid
    })?;
    Ok((new != text).then_some(new))
}

/// In one step: a guard that reads the directory meanwhile finds the one text or the other, and no part of one. What it is
/// written to first is hidden, and passed over.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let new = folder.join(format!(".{}.new", name.to_string_lossy()));
    let written = fs::write(&new, text)
        .and_then(|()| fs::set_permissions(&new, fs::metadata(&path)?.permissions()))
        .and_then(|()| fs::rename(&new, &path));
    if written.is_err() {
        // It is of no use any more; that it cannot be removed is less than why it could not be written.
        let _ = fs::remove_file(&new);
    }
    written
}

/// What is invalid is said before what is only another layout.
fn worse(one: Exit, other: Exit) -> Exit {
    if one == Exit::Invalid || other == Exit::Done { one } else { other }
}
