//! Where the chains end, told to others: recorded together in each replica's chain, and written as lines that somebody else
//! keeps. Whoever cuts off a chain's end, or puts the whole store back to an earlier day, cannot change those.
//!
//! A line is one JSON object: `{"v":1,"at":TIME,"replica":NAME,"heads":[{"chain":NAME,"seq":NUMBER,"hash":HEX}, ..]}`. One
//! with `"accepted":{record}` as well says that an operator took a store that was put back: of what was seen before, only what
//! is up to the records of `kept` holds still, and that record says by whom and why.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt,
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

use serde::{Deserialize, Serialize};

use super::{
    Broken, Ledger, Unwritten, Witness, outcome::reference, queue::Purpose, record::instant, summary,
    verify::Claims,
};
use crate::{
    notice::RecordRef,
    secret::Digest,
    store::{Head, Reader, StoreError},
};

/// The version of a line.
const VERSION: u32 = 1;

/// Where all chains ended at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadsLine {
    /// The version of its form: 1.
    v: u32,
    /// When, RFC 3339.
    pub at: String,
    /// Which replica says so.
    pub replica: String,
    /// The last record of each chain.
    pub heads: Vec<RecordRef>,
    /// The record of an operator who took a store that was put back.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub accepted: Option<RecordRef>,
    /// With `accepted`: the last record of each chain that is as it was seen. What was seen beyond is given up.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub kept: Vec<RecordRef>,
}

/// What lines say of the ledger, to verify it against.
#[derive(Default)]
pub struct Known {
    pub(super) claims: Claims,
    /// The last head of each chain, and the line that says so.
    latest: BTreeMap<String, (RecordRef, Arc<str>, u64)>,
}

/// A file of heads cannot be used.
#[derive(Debug)]
pub enum HeadsFault {
    /// It cannot be read or written.
    Io(PathBuf, io::Error),
    /// A line of it is none of heads: its number.
    Line(PathBuf, u64),
}

impl HeadsLine {
    pub(super) fn of(at: i64, replica: &str, heads: Vec<RecordRef>) -> Self {
        Self {
            v: VERSION,
            at: instant(at),
            replica: replica.to_owned(),
            heads,
            accepted: None,
            kept: Vec::new(),
        }
    }

    /// The same, as the word of an operator who took a store that was put back.
    pub(super) fn accepting(self, record: RecordRef, kept: Vec<RecordRef>) -> Self {
        Self { accepted: Some(record), kept, ..self }
    }

    /// The same, once one more record was written.
    #[must_use]
    pub fn ending(mut self, last: RecordRef) -> Self {
        match self.heads.iter_mut().find(|head| head.chain == last.chain) {
            Some(head) => *head = last,
            None => self.heads.push(last),
        }
        self
    }

    /// One line, without its end.
    pub fn line(&self) -> String {
        // Texts and numbers only: this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Appends it to a file that is made where there is none, mode 0600; on disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn append(&self, path: &Path) -> Result<(), HeadsFault> {
        let fault = |error| HeadsFault::Io(path.to_owned(), error);
        let mut file =
            OpenOptions::new().append(true).read(true).create(true).mode(0o600).open(path).map_err(fault)?;
        // A line that a crash cut off is left as it is, and does not spoil this one.
        let begin = if ends_torn(&file).map_err(fault)? { "\n" } else { "" };
        file.write_all(format!("{begin}{}\n", self.line()).as_bytes()).map_err(fault)?;
        file.sync_all().map_err(fault)
    }
}

fn ends_torn(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::FileExt;
    let length = file.metadata()?.len();
    let mut last = [b'\n'];
    if length > 0 && file.metadata()?.is_file() {
        file.read_exact_at(&mut last, length - 1)?;
    }
    Ok(last != [b'\n'])
}

/// The beginning of a line, and no end.
fn is_torn(text: &[u8]) -> bool {
    text.starts_with(b"{\"v\":") && !text.trim_ascii_end().ends_with(b"}")
}

impl Known {
    /// Reads a file of heads. Lines that a crash cut off are passed over.
    ///
    /// # Errors
    /// When it cannot be read, or a line of it is none of heads.
    pub fn read(&mut self, path: &Path) -> Result<(), HeadsFault> {
        let fault = |error| HeadsFault::Io(path.to_owned(), error);
        let name: Arc<str> = path.display().to_string().into();
        let mut lines = BufReader::new(File::open(path).map_err(fault)?);
        let (mut text, mut number) = (Vec::new(), 0);
        loop {
            text.clear();
            if lines.read_until(b'\n', &mut text).map_err(fault)? == 0 {
                return Ok(());
            }
            number += 1;
            match serde_json::from_slice::<HeadsLine>(&text) {
                Ok(line) if line.v == VERSION => self.line(&line, &name, number),
                Err(error) if error.is_eof() || is_torn(&text) => {}
                Ok(_) | Err(_) => return Err(HeadsFault::Line(path.to_owned(), number)),
            }
        }
    }

    /// Whoever asks says that a chain ended so.
    pub fn head(&mut self, head: &RecordRef) {
        self.claims.head(&head.chain, head.seq, &head.hash, Witness::Asker);
    }

    /// The last record of each chain that is in the store as it was seen.
    pub(super) async fn agreed(&self, reader: &Reader) -> Result<Vec<RecordRef>, StoreError> {
        let mut found = Vec::new();
        for (chain, seen) in self.claims.latest_first() {
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

    fn line(&mut self, line: &HeadsLine, name: &Arc<str>, number: u64) {
        if line.accepted.is_some() {
            self.claims.given_up(&line.kept);
            self.latest.clear();
        }
        for head in &line.heads {
            let by = Witness::File(Arc::clone(name), number);
            self.claims.head(&head.chain, head.seq, &head.hash, by);
            let later = |known: &(RecordRef, Arc<str>, u64)| known.0.seq > head.seq;
            if !self.latest.get(&head.chain).is_some_and(later) {
                self.latest.insert(head.chain.clone(), (head.clone(), Arc::clone(name), number));
            }
        }
    }
}

impl Ledger {
    /// Where all chains end.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn heads(&self) -> Result<Vec<RecordRef>, Unwritten> {
        let heads = self.read(self.inner.reader.heads()).await?;
        Ok(heads.iter().map(|(chain, head)| reference(chain, *head)).collect())
    }

    /// A line of where all chains end.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn heads_line(&self) -> Result<HeadsLine, Unwritten> {
        let core = &self.inner.core;
        Ok(HeadsLine::of(core.now(), &core.chain, self.heads().await?))
    }

    /// Records where all chains end, when there is anything new since `known`, and gives where they end now; none when
    /// there is nothing new. What other replicas recorded of the same kind is nothing new.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn record_heads(&self, known: &[RecordRef]) -> Result<Option<HeadsLine>, Unwritten> {
        let mut news = false;
        for head in self.heads().await? {
            let since = known.iter().find(|known| known.chain == head.chain).map_or(0, |known| known.seq);
            news = news || self.read(self.inner.reader.has_news(&head.chain, since)).await?;
        }
        if !news {
            return Ok(None);
        }
        self.written(summary::heads(&self.inner.core), Purpose::Plain).await?;
        self.heads_line().await.map(Some)
    }

    /// Notes whether somebody took what was to be kept.
    pub fn heads_were_kept(&self, taken: bool) {
        let shared = &self.inner.shared;
        shared.heads_unkept.store(!taken, Ordering::Relaxed);
        if !taken {
            shared.heads_failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether the store is still the one that was seen: what is wrong with it otherwise. From then on no change is made.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn is_as_seen(&self, known: &Known) -> Result<Option<Broken>, Unwritten> {
        let found = self.read(unseen(&self.inner.reader, known)).await?;
        if let Some(broken) = &found {
            self.inner.shared.set_broken(broken.clone());
        }
        Ok(found)
    }
}

/// The first of the last heads that is not there.
pub(super) async fn unseen(reader: &Reader, known: &Known) -> Result<Option<Broken>, StoreError> {
    for (head, name, line) in known.latest.values() {
        let why = match reader.record(&head.chain, head.seq).await? {
            Some(row) if Digest::of(&row.bytes).hex() == head.hash => continue,
            Some(_) => format!(
                "is not the one that `{name}` line {line} names: this is another store, or it was put back"
            ),
            // Closed into a segment.
            None if reader.begins(&head.chain).await?.is_some_and(|begins| begins > head.seq) => continue,
            None => format!(
                "is not there, and `{name}` line {line} names it: the store was put back to an earlier day"
            ),
        };
        return Ok(Some(Broken { chain: head.chain.clone(), seq: head.seq, why }));
    }
    Ok(None)
}

/// Heads as records name them.
pub(super) fn references(heads: &[(String, Head)]) -> Vec<RecordRef> {
    heads.iter().map(|(chain, head)| reference(chain, *head)).collect()
}

impl fmt::Display for HeadsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "`{}`: {error}", path.display()),
            Self::Line(path, line) => write!(f, "`{}` line {line} is no line of heads", path.display()),
        }
    }
}

impl Error for HeadsFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(_, error) => Some(error),
            Self::Line(..) => None,
        }
    }
}
