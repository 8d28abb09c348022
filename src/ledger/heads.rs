//! Where the chains end, told to others: recorded together in each replica's chain, and written as lines that somebody else
//! keeps. Whoever cuts off a chain's end, or puts the whole store back to an earlier day, cannot change those.
//!
//! A line is one JSON object: `{"v":1,"at":TIME,"replica":NAME,"heads":[{"chain":NAME,"seq":NUMBER,"hash":HEX}, ..]}`. One
//! with `"accepted":{record}` as well says that an operator took a store that was put back: of what was seen before, only what
//! is up to the records of `kept` holds still. That record says the same, by whom and why; without it the line gives up
//! nothing ([`Known`]).

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::atomic::Ordering,
};

use serde::{Deserialize, Serialize};

use super::{
    Broken, HeadsFault, Known, Ledger, Taking, Unwritten, outcome::reference, queue::Purpose,
    record::instant, summary,
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

/// What a line of a file is.
pub(super) enum ReadLine {
    /// One of heads.
    Line(HeadsLine),
    /// The beginning of one, that a crash cut off.
    Torn,
    /// Something else.
    Other,
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

    /// A line of a file.
    pub(super) fn read(text: &[u8]) -> ReadLine {
        match serde_json::from_slice::<Self>(text) {
            Ok(line) if line.v == VERSION => ReadLine::Line(line),
            Err(error) if error.is_eof() || is_torn(text) => ReadLine::Torn,
            Ok(_) | Err(_) => ReadLine::Other,
        }
    }

    /// Whether what stands for hashes could be some.
    pub(super) fn is_of_hashes(&self) -> bool {
        let named = self.heads.iter().chain(&self.kept).chain(&self.accepted);
        let is_hash = |hash: &str| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        named.filter(|head| head.seq > 0).all(|head| is_hash(&head.hash))
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

impl Ledger {
    /// The lines that take a store that was put back, and what they give up.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn takings(&self, known: &Known) -> Result<Vec<Taking>, Unwritten> {
        let taken = self.read(known.beside(&self.inner.reader)).await?;
        Ok(taken.takings)
    }
}

/// The first of the last heads that is not there.
pub(super) async fn unseen(reader: &Reader, known: &Known) -> Result<Option<Broken>, StoreError> {
    for (head, name, line) in &known.beside(reader).await?.latest {
        let why = match reader.record(&head.chain, head.seq).await? {
            Some(row) if Digest::of(&row.bytes).hex() == head.hash => continue,
            Some(_) => format!(
                "is not the one that `{name}` line {line} names: this is another store, or it was put back"
            ),
            // Closed into a segment, while whoever keeps the file was away. Where one guard is alone it keeps the file as well,
            // and closes nothing as young as what it names last.
            None if reader.is_shared()
                && reader.begins(&head.chain).await?.is_some_and(|begins| begins > head.seq) =>
            {
                continue;
            }
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
