//! Old records leave the store: exported into a file of their own, which a record binds, and then taken away little by
//! little. Nothing leaves that is open, queued, watched or counted by a quota, nor anything behind it in its chain; and
//! nothing that does not verify.

use std::{
    error::Error,
    fmt,
    fs::{self, DirBuilder},
    io::{self, BufWriter, Write as _},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};

use super::{
    Ledger, Unwritten,
    export::{Sheet, new, synced},
    proof_parts::SegmentPart,
    queue::Purpose,
    record::{Body, Kind, instant},
    verify::{Verifier, named_before},
};
use crate::{
    secret::Digest,
    store::{Append, Composed, NewSegment, Op, Step, Weight},
};

/// Records in a segment at most.
const MOST: u64 = 10_000;
/// Records read at once.
const PAGE: u32 = 500;

/// A part of the chain that was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its first record.
    pub first: u64,
    /// Its last record.
    pub last: u64,
    /// The file's name.
    pub file: String,
}

/// Old records stay: why.
#[derive(Debug)]
pub enum Unclosed {
    /// The ledger cannot be read or written.
    Unwritten(Unwritten),
    /// The file cannot be written.
    Io(PathBuf, io::Error),
    /// They do not verify: nothing is taken away of a chain that does not hold.
    Broken(u64, String),
}

impl Ledger {
    /// From now on what is over for so long is forgotten with the records it stands for.
    pub fn retain(&self, records: Duration) {
        let records = i64::try_from(records.as_millis()).unwrap_or(i64::MAX);
        self.inner.shared.retention.store(records, Ordering::Relaxed);
    }

    /// Whether what is over is still being forgotten, little by little: what it stands for cannot be closed before.
    pub fn is_forgetting(&self) -> bool {
        self.inner.shared.forgetting.load(Ordering::Relaxed)
    }

    /// Closes the oldest records of this replica's chain into a segment, at most some thousands of them; none when there is
    /// nothing to close. Called until then, all that are old enough are closed.
    ///
    /// # Errors
    /// When something cannot be read or written: nothing is taken away then.
    pub async fn close_old(&self, directory: &Path) -> Result<Option<Segment>, Unclosed> {
        let (core, shared) = (&self.inner.core, &self.inner.shared);
        let retention = shared.retention.load(Ordering::Relaxed);
        if retention == 0 || shared.is_broken() {
            return Ok(None);
        }
        let before = instant(core.now().saturating_sub(retention));
        let closable = self.inner.reader.closable(&core.chain, &before, MOST);
        let Some((first, last)) = self.read(closable).await.map_err(Unclosed::Unwritten)? else {
            return Ok(None);
        };
        let file = format!("{}-{first}-{last}.jsonl.gz", core.chain);
        let (hash, digest) = self.written_out(directory, &file, (first, last)).await?;
        let part = SegmentPart {
            chain: core.chain.to_string(),
            first,
            last,
            hash: hash.hex(),
            file: file.clone(),
            digest: digest.hex(),
        };
        let segment = NewSegment { chain: core.chain.to_string(), first, last };
        let (core, now) = (Arc::clone(core), core.now());
        let step = Step::Append(Append {
            weight: Weight::Ordinary,
            person: None,
            checks: Vec::new(),
            compose: Box::new(move |place| {
                let body = Body { segment: Some(part), ..Body::default() };
                let record = core.record(place, now, Kind::Segment, body)?;
                Ok(Composed { record: Some(record), ops: vec![Op::Segment(segment)] })
            }),
        });
        self.written(step, Purpose::Plain).await.map_err(Unclosed::Unwritten)?;
        Ok(Some(Segment { first, last, file }))
    }

    /// Writes these records into a file, verified, on disk when this returns. Gives the hash of the last and the file's
    /// digest.
    async fn written_out(
        &self,
        directory: &Path,
        file: &str,
        (first, last): (u64, u64),
    ) -> Result<(Digest, Digest), Unclosed> {
        let core = &self.inner.core;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|error| Unclosed::Io(directory.to_owned(), error))?;
        let path = directory.join(file);
        let io = |error| Unclosed::Io(path.clone(), error);
        let unfinished = directory.join(format!(".{file}.unfinished"));
        let gzip = GzEncoder::new(BufWriter::new(new(&unfinished).map_err(io)?), Compression::default());
        let mut sheet = Sheet::begin(gzip, core.now()).map_err(io)?;
        let mut verifier = Verifier::default();
        let mut next = first;
        let mut hash = Digest::from_bytes([0; 32]);
        while next <= last {
            let page = self.inner.reader.between(&core.chain, (next, last), PAGE);
            let rows = self.read(page).await.map_err(Unclosed::Unwritten)?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                let seq = row.seq.unsigned_abs();
                // The one before the first is in the segment before this one.
                if seq == first
                    && first > 1
                    && let Some(prev) = named_before(row)
                {
                    verifier.after(&core.chain, first - 1, prev);
                }
                hash = verifier.link(row).0;
                sheet.record(row).map_err(io)?;
                next = seq + 1;
            }
        }
        let found = verifier.finish();
        if let Some((_, seq, flaw)) = found.faults.first() {
            return Err(Unclosed::Broken(*seq, flaw.to_string()));
        }
        if next != last + 1 {
            return Err(Unclosed::Broken(next, "is missing".to_owned()));
        }
        let (gzip, _) = sheet.end().map_err(io)?;
        let mut buffered = gzip.finish().map_err(io)?;
        buffered.flush().map_err(io)?;
        buffered.get_ref().sync_all().map_err(io)?;
        let digest = Digest::of(&fs::read(&unfinished).map_err(io)?);
        fs::rename(&unfinished, &path).and_then(|()| synced(&path)).map_err(io)?;
        Ok((hash, digest))
    }
}

impl fmt::Display for Unclosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unwritten(unwritten) => unwritten.fmt(f),
            Self::Io(path, error) => write!(f, "`{}`: {error}", path.display()),
            Self::Broken(seq, why) => write!(f, "record {seq} {why}"),
        }
    }
}

impl Error for Unclosed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unwritten(unwritten) => Some(unwritten),
            Self::Io(_, error) => Some(error),
            Self::Broken(..) => None,
        }
    }
}
