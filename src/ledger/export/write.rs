//! Writing such a file: line by line, so that it takes no more memory for a million records than for one; a new one appears
//! under its name when it is whole and on disk, and one that is continued ends where it ended until then.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{End, Header, Lines, Read, VERSION, line};
use crate::{
    clock::Clock,
    ledger::{Ledger, LedgerFault, record::instant},
    notice::RecordRef,
    secret::Digest,
    store::{Location, Reader, RecordRow},
};

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Records that were there already.
    pub before: u64,
    /// Records written.
    pub written: u64,
    /// Where the chains end in the file.
    pub heads: Vec<RecordRef>,
}

/// An export failed: the file is as it was, or ends where it ended.
#[derive(Debug)]
pub enum ExportFault {
    /// The store cannot be read.
    Ledger(LedgerFault),
    /// The file cannot be read or written.
    Io(PathBuf, io::Error),
    /// The file is of another ledger, or of another history of it: this record of its end is not there.
    Other(PathBuf, RecordRef),
    /// Nothing in the file says where its chains end: it was never whole.
    Unfinished(PathBuf),
    /// The store is on a server: it is copied with the server's own tools.
    Server,
}

/// A file being written.
pub(in crate::ledger) struct Sheet<W> {
    to: W,
    records: u64,
    heads: BTreeMap<String, (i64, Digest)>,
}

impl<W: Write> Sheet<W> {
    /// A new one.
    pub(in crate::ledger) fn begin(mut to: W, at: i64) -> io::Result<Self> {
        let guard = env!("CARGO_PKG_VERSION").to_owned();
        let header = Header { connect_guard_records: VERSION, guard, at: instant(at) };
        serde_json::to_writer(&mut to, &header)?;
        to.write_all(b"\n")?;
        Ok(Self { to, records: 0, heads: BTreeMap::new() })
    }

    /// One that goes on behind this end.
    fn resume(to: W, end: &End) -> Self {
        let mut heads = BTreeMap::new();
        for head in &end.heads {
            let mut digest = [0; 32];
            if hex::decode_to_slice(&head.hash, &mut digest).is_ok() {
                let seq = i64::try_from(head.seq).unwrap_or(i64::MAX);
                heads.insert(head.chain.clone(), (seq, Digest::from_bytes(digest)));
            }
        }
        Self { to, records: end.records, heads }
    }

    /// The next record.
    pub(in crate::ledger) fn record(&mut self, row: &RecordRow) -> io::Result<()> {
        let hash = Digest::of(&row.bytes);
        self.to.write_all(&line(row, hash)?)?;
        self.records = self.records.saturating_add(1);
        match self.heads.get_mut(&row.chain) {
            Some(head) => *head = (row.seq, hash),
            None => {
                self.heads.insert(row.chain.clone(), (row.seq, hash));
            }
        }
        Ok(())
    }

    /// Where the chains end. Gives what it was written to.
    pub(in crate::ledger) fn end(mut self) -> io::Result<(W, End)> {
        let head = |(chain, (seq, hash)): (String, (i64, Digest))| RecordRef {
            chain,
            seq: seq.unsigned_abs(),
            hash: hash.hex(),
        };
        let end = End { heads: self.heads.into_iter().map(head).collect(), records: self.records };
        serde_json::to_writer(&mut self.to, &end)?;
        self.to.write_all(b"\n")?;
        Ok((self.to, end))
    }
}

impl Ledger {
    /// Writes every record of the store into a file, as of one moment; into one that is there already, what came after its
    /// end, once that was found in the store. Only reads the store: a guard may be running.
    ///
    /// # Errors
    /// When the store cannot be read, the file cannot be written, or is of another ledger.
    pub async fn export(url: &str, to: &Path, clock: &Clock) -> Result<Exported, ExportFault> {
        let reader = Location::read(url).and_then(|location| Reader::open(&location));
        let reader = reader.map_err(|fault| ExportFault::Ledger(fault.into()))?;
        let exported = exported(&reader, to, clock.now().millis()).await;
        reader.close().await;
        exported
    }
}

async fn exported(reader: &Reader, to: &Path, at: i64) -> Result<Exported, ExportFault> {
    let io = |error| ExportFault::Io(to.to_owned(), error);
    if !to.exists() {
        let name = to.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let unfinished = to.with_file_name(format!(".{name}.unfinished"));
        let file = new(&unfinished).map_err(io)?;
        let sheet = Sheet::begin(BufWriter::new(file), at).map_err(io)?;
        let end = rest(reader, sheet, to).await?;
        fs::rename(&unfinished, to).and_then(|()| synced(to)).map_err(io)?;
        return Ok(Exported { before: 0, written: end.records, heads: end.heads });
    }
    let (end, at) = end_of(to)?;
    for head in &end.heads {
        let row =
            reader.record(&head.chain, head.seq).await.map_err(|fault| ExportFault::Ledger(fault.into()))?;
        if row.is_none_or(|row| Digest::of(&row.bytes).hex() != head.hash) {
            return Err(ExportFault::Other(to.to_owned(), head.clone()));
        }
    }
    let mut file = OpenOptions::new().write(true).open(to).map_err(io)?;
    // What was cut off while it was written.
    file.set_len(at).and_then(|()| file.seek(SeekFrom::End(0))).map_err(io)?;
    let before = end.records;
    let end = rest(reader, Sheet::resume(BufWriter::new(file), &end), to).await?;
    Ok(Exported { before, written: end.records - before, heads: end.heads })
}

/// What is not in the file yet, and where the chains end: on disk when this returns.
async fn rest(reader: &Reader, mut sheet: Sheet<BufWriter<File>>, to: &Path) -> Result<End, ExportFault> {
    let known: BTreeMap<String, i64> =
        sheet.heads.iter().map(|(chain, (seq, _))| (chain.clone(), *seq)).collect();
    let mut failed = None;
    let read = reader
        .each_record_after(&known, |row| match sheet.record(&row) {
            Ok(()) => true,
            Err(error) => {
                failed = Some(error);
                false
            }
        })
        .await;
    let io = |error| ExportFault::Io(to.to_owned(), error);
    if let Some(error) = failed {
        return Err(io(error));
    }
    read.map_err(|fault| ExportFault::Ledger(fault.into()))?;
    let (file, end) = sheet.end().map_err(io)?;
    let file = file.into_inner().map_err(|error| io(error.into_error()))?;
    file.sync_all().map_err(io)?;
    Ok(end)
}

/// Where a file ends that is whole, and how many bytes that are.
fn end_of(path: &Path) -> Result<(End, u64), ExportFault> {
    let io = |error| ExportFault::Io(path.to_owned(), error);
    let mut lines = Lines::new(BufReader::new(File::open(path).map_err(io)?));
    let mut found = None;
    while let Some(line) = lines.next().map_err(io)? {
        if let Read::End(end) = line {
            found = Some((end, lines.at));
        }
    }
    found.ok_or_else(|| ExportFault::Unfinished(path.to_owned()))
}

/// A file of this user's alone, emptied where there is one.
pub(in crate::ledger) fn new(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// The name of a file is to outlive a power cut as its content does.
pub(in crate::ledger) fn synced(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

impl fmt::Display for ExportFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ledger(fault) => write!(f, "the store cannot be read: {fault}"),
            Self::Io(path, error) => write!(f, "`{}`: {error}", path.display()),
            Self::Other(path, head) => write!(
                f,
                "`{}` is not of this ledger, or of another history of it: record {} of chain `{}` is not in the store",
                path.display(),
                head.seq,
                head.chain.escape_debug()
            ),
            Self::Unfinished(path) => write!(f, "`{}` was never whole", path.display()),
            Self::Server => f.write_str("the store is on a server, and is copied there"),
        }
    }
}

impl Error for ExportFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Ledger(fault) => Some(fault),
            Self::Io(_, error) => Some(error),
            Self::Other(..) | Self::Unfinished(_) | Self::Server => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_of_a_bare_name_is_the_one_that_the_process_is_in() {
        assert!(synced(Path::new("ledger.jsonl")).is_ok());
        assert!(synced(Path::new("/no/such/directory/ledger.jsonl")).is_err());
    }

    #[test]
    fn what_stands_in_the_way_of_a_file_is_what_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.jsonl");
        fs::write(&path, "what was left").unwrap();
        assert_eq!(new(&path).unwrap().metadata().unwrap().len(), 0);
        let folder = directory.path().join("folder");
        fs::create_dir(&folder).unwrap();
        // Not that something is there already, which is what it is to take away.
        assert_ne!(new(&folder).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }
}
