//! What others keep of where the chains ended, read again: their lines, file by file.
//!
//! A line that takes a store that was put back counts only where the ledger has the record that it names, with this hash, of
//! the kind `restore`, and with the same `kept`. It counts once, for the lines before it in its own file: what another file
//! says stays, unless that file has the line as well.

use std::{
    collections::{BTreeMap, HashMap},
    error::Error,
    fmt,
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Witness,
    desk_chain::CHAIN,
    heads::{HeadsLine, ReadLine},
    verify::{Claims, envelope},
};
use crate::{
    notice::RecordRef,
    secret::Digest,
    store::{Reader, RecordRow, StoreError},
};

/// What lines say of the ledger, to verify it against.
#[derive(Default)]
pub struct Known {
    files: Vec<Kept>,
    asked: Vec<RecordRef>,
}

/// A file of heads.
struct Kept {
    name: Arc<str>,
    lines: Vec<(u64, HeadsLine)>,
}

/// A line that takes a store that was put back, and what it gives up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taking {
    /// The file.
    pub file: Arc<str>,
    /// Its line.
    pub line: u64,
    /// The record that it names.
    pub record: RecordRef,
    /// Whether the ledger has that record. Otherwise the line gives up nothing.
    pub believed: bool,
    /// What is given up: of each chain the last record that is left of what was seen, and the last that was seen.
    pub given_up: Vec<(String, u64, u64)>,
}

/// What is left of the lines once it is known which of them give up others.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) claims: Claims,
    /// The last head of each chain in each file, and the line that says so.
    pub(super) latest: Vec<(RecordRef, Arc<str>, u64)>,
    pub(super) takings: Vec<Taking>,
}

/// The records of the ledger by which operators took stores that were put back: their hashes, and what they keep.
#[derive(Default)]
pub(super) struct Restores(HashMap<u64, (String, Vec<RecordRef>)>);

/// A file of heads cannot be used.
#[derive(Debug)]
pub enum HeadsFault {
    /// It cannot be read or written.
    Io(PathBuf, io::Error),
    /// A line of it is none of heads: its number.
    Line(PathBuf, u64),
    /// It says nothing: there is no head in it.
    Nothing(PathBuf),
}

impl Known {
    /// Reads a file of heads. Lines that a crash cut off are passed over.
    ///
    /// # Errors
    /// When it cannot be read, a line of it is none of heads, or it says nothing.
    pub fn read(&mut self, path: &Path) -> Result<(), HeadsFault> {
        let fault = |error| HeadsFault::Io(path.to_owned(), error);
        let mut file = BufReader::new(File::open(path).map_err(fault)?);
        let (mut text, mut number, mut lines) = (Vec::new(), 0, Vec::new());
        loop {
            text.clear();
            if file.read_until(b'\n', &mut text).map_err(fault)? == 0 {
                break;
            }
            number += 1;
            match HeadsLine::read(&text) {
                ReadLine::Line(line) if line.is_of_hashes() => lines.push((number, line)),
                ReadLine::Torn => {}
                ReadLine::Line(_) | ReadLine::Other => return Err(HeadsFault::Line(path.to_owned(), number)),
            }
        }
        if lines.iter().all(|(_, line)| line.heads.is_empty() && line.accepted.is_none()) {
            return Err(HeadsFault::Nothing(path.to_owned()));
        }
        self.files.push(Kept { name: path.display().to_string().into(), lines });
        Ok(())
    }

    /// Whoever asks says that a chain ended so.
    pub fn head(&mut self, head: &RecordRef) {
        self.asked.push(head.clone());
    }

    /// Whether a line takes a store that was put back.
    pub(super) fn takes(&self) -> bool {
        self.accepted().next().is_some()
    }

    /// What is left of it beside this store.
    pub(super) async fn beside(&self, reader: &Reader) -> Result<Taken, StoreError> {
        let mut restores = Restores::default();
        for record in self.accepted() {
            if let Some(row) = reader.record(&record.chain, record.seq).await? {
                restores.record(&row);
            }
        }
        Ok(self.taken(&restores))
    }

    /// The last record of each chain that is in the store as it was seen.
    pub(super) async fn agreed(&self, reader: &Reader) -> Result<Vec<RecordRef>, StoreError> {
        let taken = self.beside(reader).await?;
        let mut found = Vec::new();
        for (chain, seen) in taken.claims.latest_first() {
            for (seq, hash) in seen {
                let row = reader.record(chain, seq).await?;
                if row.is_some_and(|row| Digest::of(&row.bytes) == hash) {
                    found.push(RecordRef { chain: chain.to_owned(), seq, hash: hash.hex() });
                    break;
                }
            }
        }
        Ok(found)
    }

    /// What is left of it beside a ledger with these records.
    pub(super) fn taken(&self, restores: &Restores) -> Taken {
        let mut taken = Taken::default();
        for file in &self.files {
            file.taken(restores, &mut taken);
        }
        for head in &self.asked {
            taken.claims.head(&head.chain, head.seq, &head.hash, Witness::Asker);
        }
        taken
    }

    fn accepted(&self) -> impl Iterator<Item = &RecordRef> {
        self.files.iter().flat_map(|file| &file.lines).filter_map(|(_, line)| line.accepted.as_ref())
    }
}

impl Kept {
    fn taken(&self, restores: &Restores, taken: &mut Taken) {
        let mut seen: Vec<(u64, &RecordRef)> = Vec::new();
        let mut believed: Vec<&RecordRef> = Vec::new();
        for (number, line) in &self.lines {
            if let Some(record) = &line.accepted {
                // Said again, it takes nothing of what was seen since.
                let counts = restores.has(record, &line.kept) && !believed.contains(&record);
                let given_up = if counts {
                    believed.push(record);
                    give_up(&mut seen, &line.kept)
                } else {
                    Vec::new()
                };
                // Whoever wrote the line saw that record, or says so.
                seen.push((*number, record));
                if !given_up.is_empty() || !restores.has(record, &line.kept) {
                    let (file, record) = (Arc::clone(&self.name), record.clone());
                    taken.takings.push(Taking { file, line: *number, record, believed: counts, given_up });
                }
            }
            seen.extend(line.heads.iter().map(|head| (*number, head)));
        }
        let mut latest: BTreeMap<&str, (u64, &RecordRef)> = BTreeMap::new();
        for (number, head) in seen {
            let by = Witness::File(Arc::clone(&self.name), number);
            taken.claims.head(&head.chain, head.seq, &head.hash, by);
            if latest.get(&*head.chain).is_none_or(|(_, known)| known.seq <= head.seq) {
                latest.insert(&head.chain, (number, head));
            }
        }
        let latest = latest.into_values();
        taken.latest.extend(latest.map(|(number, head)| (head.clone(), Arc::clone(&self.name), number)));
    }
}

/// Takes away what was seen beyond these records. Gives of each chain where that begins and where it ended.
fn give_up(seen: &mut Vec<(u64, &RecordRef)>, kept: &[RecordRef]) -> Vec<(String, u64, u64)> {
    let left = |chain: &str| kept.iter().find(|head| head.chain == chain).map_or(0, |head| head.seq);
    let mut given_up: BTreeMap<&str, u64> = BTreeMap::new();
    seen.retain(|(_, head)| {
        let stays = head.seq <= left(&head.chain);
        if !stays {
            let last = given_up.entry(&head.chain).or_default();
            *last = head.seq.max(*last);
        }
        stays
    });
    given_up.into_iter().map(|(chain, last)| (chain.to_owned(), left(chain), last)).collect()
}

impl Restores {
    /// A record of the ledger; any but those of an operator who took a store is passed over.
    pub(super) fn record(&mut self, row: &RecordRow) {
        let Some(envelope) = envelope(row).filter(|envelope| envelope.kind == "restore") else { return };
        if row.chain == CHAIN && envelope.chain == CHAIN && envelope.seq == row.seq.unsigned_abs() {
            let kept = envelope.kept.into_iter().map(|head| RecordRef {
                chain: head.chain,
                seq: head.seq,
                hash: head.hash,
            });
            self.0.insert(envelope.seq, (Digest::of(&row.bytes).hex(), kept.collect()));
        }
    }

    /// Whether this record is one of them, and keeps the same.
    fn has(&self, record: &RecordRef, keeps: &[RecordRef]) -> bool {
        let of = self.0.get(&record.seq).filter(|_| record.chain == CHAIN);
        of.is_some_and(|(hash, kept)| *hash == record.hash && kept == keeps)
    }
}

impl fmt::Display for Taking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, line) = (self.file.escape_debug(), self.line);
        let (seq, chain) = (self.record.seq, self.record.chain.escape_debug());
        if !self.believed {
            return write!(
                f,
                "`{file}` line {line} gives up nothing: record {seq} of chain `{chain}` is not in the ledger as one of \
                 accept-restore that keeps the same"
            );
        }
        write!(f, "`{file}` line {line} gives up what was seen")?;
        for (at, (chain, left, last)) in self.given_up.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(
                f,
                "{comma} of chain `{}` beyond record {left}, up to record {last}",
                chain.escape_debug()
            )?;
        }
        write!(f, ": an operator took the store, by record {seq} of chain `{chain}`")
    }
}

impl fmt::Display for HeadsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "`{}`: {error}", path.display()),
            Self::Line(path, line) => write!(f, "`{}` line {line} is no line of heads", path.display()),
            Self::Nothing(path) => write!(f, "`{}` says nothing: there is no head in it", path.display()),
        }
    }
}

impl Error for HeadsFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(_, error) => Some(error),
            Self::Line(..) | Self::Nothing(_) => None,
        }
    }
}
