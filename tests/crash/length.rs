//! How long this is: short as it stands, as long as the environment says; and where a long run goes on that was ended.

use std::{
    collections::BTreeSet,
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    sync::Mutex,
};

/// What was done already, each thing on a line, and what came of it.
pub struct Done {
    before: BTreeSet<String>,
    file: Option<Mutex<File>>,
}

/// A number from the environment.
#[expect(clippy::disallowed_methods, reason = "how long a test lasts is its caller's choice")]
pub fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect(name))
}

/// Whether a run is asked for: all are, but where `CRASH_ONLY` has how the names of some begin, with commas between.
#[expect(clippy::disallowed_methods, reason = "which runs are made is their caller's choice")]
pub fn only(name: &str) -> bool {
    std::env::var("CRASH_ONLY").map_or(true, |begins| begins.split(',').any(|begin| name.starts_with(begin)))
}

impl Done {
    /// As `CRASH_DONE` names a file, that; otherwise nothing is done and nothing is kept.
    #[expect(clippy::disallowed_methods, reason = "where a long test goes on is its caller's choice")]
    pub fn read() -> Self {
        let Ok(path) = std::env::var("CRASH_DONE") else {
            return Self { before: BTreeSet::new(), file: None };
        };
        let file = OpenOptions::new().create(true).append(true).read(true).open(path).unwrap();
        let lines = BufReader::new(file.try_clone().unwrap()).lines().map(Result::unwrap);
        let before = lines.filter_map(|line| Some(line.split_once('\t')?.0.to_owned())).collect();
        Self { before, file: Some(Mutex::new(file)) }
    }

    /// Whether this was done.
    pub fn has(&self, name: &str) -> bool {
        self.before.contains(name)
    }

    /// It is done.
    pub fn add(&self, name: &str, came_of_it: &str) {
        if let Some(file) = &self.file {
            // One write, so that a line is there or is not.
            file.lock().unwrap().write_all(format!("{name}\t{came_of_it}\n").as_bytes()).unwrap();
        }
    }
}
