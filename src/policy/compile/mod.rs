//! From files to a compiled policy: every check, every fault of every file in one run, and the `[[test]]` cases.

mod advice;
mod bound;
mod case;
mod groups;
mod lint;
mod monitor;
mod own;
mod revoked;
mod rules;
mod scope;
mod table;
mod trial;
mod when;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
    rc::Rc,
    sync::Arc,
};

use advice::Advised;
pub(super) use advice::advice;
pub(super) use revoked::emergency;
pub(super) use trial::{asked, verdict};

use crate::{
    clock::Now,
    diagnostic::{Fault, Faults, Source},
    operation::Address,
    secret::Digest,
};

use super::{
    Policy, PolicyFiles, Trial,
    binding::Directory,
    case::Case,
    index::Index,
    place::Places,
    protected::Protected,
    rule::{Allow, Deny},
    screening::Screening,
    snapshot::Rules,
};
use case::Expected;
use groups::Groups;
use table::{Reading, Table, Text};

/// The one version of the language.
const VERSION: u32 = 1;

/// A thing that was read, and where.
#[derive(Clone)]
pub(super) struct Placed<T> {
    what: T,
    source: Source,
    span: Range<usize>,
}

/// What the files of the directory say, as far as they could be read.
#[derive(Default)]
struct Draft {
    allow: Vec<Placed<Allow>>,
    monitor: Vec<Placed<Allow>>,
    deny: Vec<Placed<Deny>>,
    tests: Vec<Placed<Expected>>,
    directories: HashMap<String, Option<Arc<Directory>>>,
    named_directories: BTreeMap<String, Placed<()>>,
    protected: Protected,
    shared: BTreeSet<String>,
    internationalised: BTreeSet<String>,
    epoch: Option<(u64, Source)>,
}

/// What is said of rules beyond their faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Say {
    /// Nothing.
    Faults,
    /// What is worth a look, after all faults.
    Advice,
}

/// Reads the rules, and runs their tests. Gives the warnings, and the advice that was asked for.
pub(super) fn rules(files: &PolicyFiles, now: Now, say: Say) -> Result<(Rules, Faults, Faults), Faults> {
    let (draft, mut faults) = drafted(files, now)?;
    lint::lint(&draft, &mut faults);
    let advised = match say {
        Say::Faults => None,
        Say::Advice => Some(Advised::of(&draft)),
    };
    let (rules, mut tests) = draft.compiled(files);
    let policy = Policy::on_trial(rules);
    faults.extend(trial::place(&policy, &mut tests));
    let trials: Vec<Trial> = tests.iter().map(|test| trial::tried(&policy, test)).collect();
    for (test, trial) in tests.iter().zip(&trials) {
        faults.extend(trial::fault(test, trial));
    }
    match policy.into_rules() {
        Some(rules) if !faults.fatal() => {
            let advice = advised.map(|advised| advised.advice(&trials, now)).unwrap_or_default();
            Ok((rules, faults, advice))
        }
        Some(_) | None => Err(faults),
    }
}

/// Runs the tests of the rules and those of more files, and says how each ended.
pub(super) fn trials(files: &PolicyFiles, more: &[Source], now: Now) -> Result<Vec<Trial>, Faults> {
    let (mut draft, mut faults) = drafted(files, now)?;
    for source in more {
        let mut reading = Reading::of(source);
        if let Some(tree) = reading.tree() {
            let mut file = Table::of("a file of tests", tree.get_ref(), 0..0);
            version(&mut file, &mut reading);
            draft.tests(&mut file, &mut reading);
            file.finish(&mut reading);
        }
        faults.extend(reading.faults);
    }
    if faults.fatal() {
        return Err(faults);
    }
    let (rules, mut tests) = draft.compiled(files);
    let policy = Policy::on_trial(rules);
    faults.extend(trial::place(&policy, &mut tests));
    if faults.fatal() {
        return Err(faults);
    }
    Ok(tests.iter().map(|test| trial::tried(&policy, test)).collect())
}

/// What the files say, and what is worth a look; or every fault.
fn drafted(files: &PolicyFiles, now: Now) -> Result<(Draft, Faults), Faults> {
    let mut faults = Faults::new();
    let mut draft = Draft::default();
    // Directories and groups first: rules of any file may name one.
    let mut readings: Vec<Reading<'_>> = files.rules.iter().map(Reading::of).collect();
    let trees: Vec<_> = readings.iter_mut().map(Reading::tree).collect();
    let mut tables = Vec::new();
    let mut groups = Groups::default();
    for (reading, tree) in readings.iter_mut().zip(&trees) {
        let Some(tree) = tree else { continue };
        let mut table = Table::of("a policy file", tree.get_ref(), 0..0);
        draft.directories_of(&mut table, files, reading);
        groups.read(&mut table, reading);
        tables.push((reading, table));
    }
    let groups = Rc::new(groups);
    for (reading, table) in tables {
        reading.knows(&groups);
        draft.read(table, now, reading);
    }
    for reading in readings {
        faults.extend(reading.faults);
    }
    draft.unique_ids(&mut faults);
    lint::chosen_names(&draft, &mut faults);
    groups.unused(&mut faults);
    if faults.fatal() { Err(faults) } else { Ok((draft, faults)) }
}

/// Reads a text with one `[[test]]`.
pub(super) fn probe(text: &str) -> Result<Case, Faults> {
    let source = Source::new("question", text);
    let mut reading = Reading::of(&source);
    let mut cases = Vec::new();
    if let Some(tree) = reading.tree() {
        let mut file = Table::of("a question", tree.get_ref(), 0..0);
        for table in file.tables("test", &mut reading) {
            cases.extend(case::read(table, &mut reading));
        }
        file.finish(&mut reading);
    }
    match (cases.pop(), cases.is_empty()) {
        (Some(only), true) if !reading.faults.fatal() => Ok(only.case),
        (Some(_) | None, _) => {
            if !reading.faults.fatal() {
                reading.error("a question is one `[[test]]`", 0..0);
            }
            Err(reading.faults)
        }
    }
}

/// SHA-256 over the names and texts of files, each with its length before it.
fn digest_of<'s>(sources: impl Iterator<Item = &'s Source>) -> Digest {
    Digest::of_list(sources.flat_map(|source| [source.local.as_bytes(), source.text.as_bytes()]))
}

/// `version = 1`, where it is written.
fn version(table: &mut Table<'_>, reading: &mut Reading<'_>) {
    if let Some(version) = table.number("version", reading).filter(|version| *version != VERSION) {
        reading.error_hint(
            format!("version {version} of the language is not known"),
            table.span_of("version"),
            "write version = 1",
        );
    }
}

impl Draft {
    fn directories_of(&mut self, file: &mut Table<'_>, files: &PolicyFiles, reading: &mut Reading<'_>) {
        let Some(mut table) = file.table("directories", reading) else { return };
        for (name, table) in table.named(reading) {
            let placed = Placed { what: (), source: reading.source.clone(), span: name.span.clone() };
            if self.named_directories.insert(name.value.clone(), placed).is_some() {
                reading.error(format!("there are two directories `{}`", name.value), name.span.clone());
            }
            let directory = bound::directory(&name, table, &files.directories, reading).map(Arc::new);
            self.directories.insert(name.value, directory);
        }
    }

    fn read(&mut self, mut file: Table<'_>, now: Now, reading: &mut Reading<'_>) {
        file.require("version", "write version = 1 in the first line", reading);
        version(&mut file, reading);
        self.epoch(&mut file, reading);
        for table in file.tables("allow", reading) {
            let allow = rules::allow(table, &self.directories, now, reading);
            self.allow.extend(allow.map(|(what, span)| placed(what, span, reading)));
        }
        for table in file.tables("monitor", reading) {
            let monitor = monitor::monitor(table, now, reading);
            self.monitor.extend(monitor.map(|(what, span)| placed(what, span, reading)));
        }
        for table in file.tables("deny", reading) {
            let deny = rules::deny(table, Some(now), reading);
            self.deny.extend(deny.map(|(what, span)| placed(what, span, reading)));
        }
        self.tests(&mut file, reading);
        self.protected(&mut file, reading);
        if let Some(mut shared) = file.table("shared", reading) {
            shared.require("mailboxes", "write mailboxes = [\"...\"]", reading);
            for text in shared.texts("mailboxes", reading).unwrap_or_default() {
                self.shared.extend(address(&text, reading).map(|address| address.mailbox()));
            }
            shared.finish(reading);
        }
        if let Some(mut listed) = file.table("internationalised", reading) {
            listed.require("domains", "write domains = [\"xn--...\"]", reading);
            for text in listed.texts("domains", reading).unwrap_or_default() {
                self.internationalised.extend(bound::domain(&text, reading));
            }
            listed.finish(reading);
        }
        file.finish(reading);
    }

    /// `epoch = 7`, in one file alone.
    fn epoch(&mut self, file: &mut Table<'_>, reading: &mut Reading<'_>) {
        let Some(epoch) = file.whole("epoch", reading) else { return };
        if let Some((_, other)) = &self.epoch {
            let hint = format!("the other one is in {}", other.name);
            reading.error_hint("there are two epochs", file.span_of("epoch"), hint);
        }
        self.epoch = Some((epoch, reading.source.clone()));
    }

    fn tests(&mut self, file: &mut Table<'_>, reading: &mut Reading<'_>) {
        for table in file.tables("test", reading) {
            let span = table.span.clone();
            let test = case::read(table, reading);
            self.tests.extend(test.map(|what| placed(what, span, reading)));
        }
    }

    fn protected(&mut self, file: &mut Table<'_>, reading: &mut Reading<'_>) {
        let Some(mut table) = file.table("protected", reading) else { return };
        for text in table.texts_or_none("permissions", reading).unwrap_or_default() {
            self.protected.permissions.insert(text.value);
        }
        for text in table.texts_or_none("users", reading).unwrap_or_default() {
            match groups::named(&text) {
                Some(name) => self.protected.users.extend(reading.group_of_users(name, &text)),
                None if text.value.trim() != text.value => reading.error_hint(
                    format!("`{}` is no Username", text.value),
                    text.span,
                    "there is a space before or behind it",
                ),
                None => self.protected.users.add(&text.value),
            }
        }
        let ids = table.texts_or_none("user_ids", reading).unwrap_or_default();
        self.protected.user_ids.extend(scope::user_ids(ids, reading));
        table.finish(reading);
    }

    /// Ids are unique over all files: records name rules by them.
    fn unique_ids(&self, faults: &mut Faults) {
        let mut known: BTreeMap<&str, &str> = BTreeMap::new();
        let allows = self
            .allow
            .iter()
            .chain(&self.monitor)
            .map(|placed| (&placed.what.rule, &placed.source, &placed.span));
        let denies = self.deny.iter().map(|placed| (&placed.what.rule, &placed.source, &placed.span));
        for (rule, source, span) in allows.chain(denies) {
            if let Some(place) = known.insert(&rule.id, &rule.place) {
                let message = format!("there are two rules `{}`", rule.id);
                let fault = Fault::error(message, source.at(span.clone()));
                faults.push(fault.hint(format!("the other one is at {place}")));
            }
        }
    }

    /// By rank: rules without a quota first, so that a quota is spent only where nothing else allows; then by id.
    fn compiled(self, files: &PolicyFiles) -> (Rules, Vec<Placed<Expected>>) {
        let mut allow: Vec<Allow> = self.allow.into_iter().map(|placed| placed.what).collect();
        allow.sort_by(|one, other| one.rank().cmp(&other.rank()));
        let mut deny: Vec<Deny> = self.deny.into_iter().map(|placed| placed.what).collect();
        deny.sort_by(|one, other| one.rule.cmp(&other.rule));
        let mut monitor: Vec<Allow> = self.monitor.into_iter().map(|placed| placed.what).collect();
        monitor.sort_by(|one, other| one.rule.cmp(&other.rule));
        let sources = files.rules.iter().chain(files.directories.iter().map(|file| &file.source));
        let rules = Rules {
            allow_index: Index::of_allow(&allow),
            screening: Screening::of(&allow),
            deny_index: Index::of_deny(&deny),
            places: Places::of(allow.iter().chain(&monitor), &deny),
            allow,
            monitor,
            deny,
            protected: self.protected,
            shared: self.shared,
            internationalised: self.internationalised,
            tests: self.tests.len(),
            epoch: self.epoch.map(|(epoch, _)| epoch),
            digest: digest_of(sources),
        };
        (rules, self.tests)
    }
}

/// A plain address.
fn address(text: &Text, reading: &mut Reading<'_>) -> Option<Address> {
    match Address::read(&text.value) {
        Ok(address) => Some(address),
        Err(fault) => {
            reading.error(fault.to_string(), text.span.clone());
            None
        }
    }
}

fn placed<T>(what: T, span: Range<usize>, reading: &Reading<'_>) -> Placed<T> {
    Placed { what, source: reading.source.clone(), span }
}
