//! The notices' templates: those compiled in, and a directory of those that replace them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    config::Config,
    diagnostic::{Fault, Faults},
    notice::{TemplateFile, Templates},
    secret::trusted,
};

/// A template may have so many octets.
const FILE_MAX: u64 = 256 * 1024;

/// The templates of a configuration. May block.
pub(super) fn wording(config: &Config, faults: &mut Faults) -> Option<Templates> {
    let mut files = Vec::new();
    if let Some(directory) = &config.notify.templates
        && let Err((path, error)) = read(&directory.value, &mut files)
    {
        let message = format!("cannot read the templates `{}`: {error}", path.display());
        faults.push(Fault::error(message, directory.place.clone()));
        return None;
    }
    Templates::with(&files)
        .map_err(|found| {
            for fault in found {
                faults.push(Fault::bare(fault.to_string()));
            }
        })
        .ok()
}

/// Every file of the directory, and of its directories of languages.
fn read(directory: &Path, files: &mut Vec<TemplateFile>) -> Result<(), (PathBuf, io::Error)> {
    for (name, path) in entries(directory)? {
        if path.is_dir() {
            for (file, path) in entries(&path)? {
                files.push(template(format!("{name}/{file}"), &path)?);
            }
        } else {
            files.push(template(name, &path)?);
        }
    }
    Ok(())
}

/// What lies in a directory, by name, but for hidden entries.
fn entries(directory: &Path) -> Result<Vec<(String, PathBuf)>, (PathBuf, io::Error)> {
    let at = |error| (directory.to_owned(), error);
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(at)? {
        let entry = entry.map_err(at)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            found.push((name, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

fn template(name: String, path: &Path) -> Result<TemplateFile, (PathBuf, io::Error)> {
    let at = |error| (path.to_owned(), error);
    if fs::metadata(path).map_err(at)?.len() > FILE_MAX {
        return Err(at(io::Error::new(io::ErrorKind::FileTooLarge, "it is longer than 256 KiB")));
    }
    let text = String::from_utf8(trusted(path).map_err(at)?).map_err(|error| at(io::Error::other(error)))?;
    Ok(TemplateFile { name, text, place: path.display().to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_languages_are_found_by_name() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("heartbeat.txt"), "one").unwrap();
        fs::create_dir(folder.path().join("de")).unwrap();
        fs::write(folder.path().join("de/heartbeat.txt"), "eins").unwrap();
        fs::write(folder.path().join(".swp"), "passed over").unwrap();
        let mut files = Vec::new();
        read(folder.path(), &mut files).unwrap();
        let found: Vec<_> = files.iter().map(|file| (file.name.as_str(), file.text.as_str())).collect();
        assert_eq!(found, [("de/heartbeat.txt", "eins"), ("heartbeat.txt", "one")]);
    }

    #[test]
    fn what_is_missing_or_far_too_long_is_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("none");
        assert_eq!(read(&missing, &mut Vec::new()).unwrap_err().0, missing);
        let long = folder.path().join("heartbeat.txt");
        fs::write(&long, vec![b'a'; 256 * 1024 + 1]).unwrap();
        assert_eq!(read(folder.path(), &mut Vec::new()).unwrap_err().0, long);
    }
}
