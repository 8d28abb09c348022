//! A ledger proven from where it is: a store, or an export; with its segments, and against what others saw.

use std::{
    collections::{BTreeMap, HashSet},
    error::Error,
    fmt,
    fs::{self, File},
    io::{self, BufReader, Read as _},
    path::{Path, PathBuf},
};

use flate2::bufread::MultiGzDecoder;

use super::{Claims, Flaw, SegmentFault, Verification, Verifier, Witness, envelope, named_before};
use crate::{
    ledger::{
        Known, Ledger, LedgerFault,
        export::{Lines, Read},
        known::{Restores, Taken},
        proof_parts::SegmentPart,
    },
    secret::Digest,
    store::{Location, Reader, RecordRow},
};

/// Where records are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// In the store of this URL.
    Store(String),
    /// In this file.
    Export(PathBuf),
}

/// A ledger cannot be looked at: what could not be read.
#[derive(Debug)]
pub enum ProofFault {
    /// The store.
    Store(LedgerFault),
    /// This file.
    File(PathBuf, io::Error),
}

impl Ledger {
    /// Verifies every link of every chain, against what is known of it. With the directory of segments from the very first
    /// record, otherwise from where the store begins. Only reads: a guard may be running.
    ///
    /// # Errors
    /// When something cannot be read. What is wrong with what was read is no error.
    pub async fn prove(
        evidence: &Evidence,
        known: Known,
        segments: Option<&Path>,
    ) -> Result<Verification, ProofFault> {
        match evidence {
            Evidence::Export(path) => of_export(&known, segments, |each| read_export(path, each)),
            Evidence::Store(url) => {
                let reader = Location::read(url).and_then(|location| Reader::open(&location));
                let reader = reader.map_err(|fault| ProofFault::Store(fault.into()))?;
                let found = of_store(&reader, &known, segments).await;
                reader.close().await;
                found.map_err(ProofFault::Store)
            }
        }
    }
}

/// Of an export that `lines` reads from its beginning to its end, and says whether it has one.
pub(in crate::ledger) fn of_export<E>(
    known: &Known,
    segments: Option<&Path>,
    lines: impl Fn(&mut dyn FnMut(Read)) -> Result<bool, E>,
) -> Result<Verification, E> {
    let mut restores = Restores::default();
    if known.takes() {
        lines(&mut |read| restored(&mut restores, &read))?;
    }
    let Taken { mut claims, takings, .. } = known.taken(&restores);
    lines(&mut |read| said(&mut claims, read))?;
    let mut verifier = with_segments(claims, segments, None);
    let ended = lines(&mut |read| verifier.read(read))?;
    if !ended {
        verifier.unfinished();
    }
    Ok(Verification { takings, ..verifier.finish() })
}

async fn of_store(
    reader: &Reader,
    known: &Known,
    segments: Option<&Path>,
) -> Result<Verification, LedgerFault> {
    // What is asked of columns is answered by them.
    reader.unaltered().await?;
    let Taken { mut claims, takings, .. } = known.beside(reader).await?;
    reader.each_proof(|bytes| claims.record(bytes)).await?;
    // A person may be known or erased while the records are read: the key is there before them or after them then.
    let keys = reader.tokens().await?;
    let anew = || with_segments(claims.clone(), segments, Some(&keys));
    // A freeze may be set or lifted while the records are read: it is in force before them or after them then.
    let mut in_force = reader.frozen_by().await?;
    let mut verifier = anew();
    let in_order = reader.each_written(|row| _ = verifier.record(row, None)).await?;
    if !in_order {
        // No guard writes so. What is wrong with them is said of the order of their numbers.
        verifier = anew();
        reader.each_record(|row| _ = verifier.record(row, None)).await?;
    }
    in_force.extend(reader.frozen_by().await?);
    verifier.verifier.unopenable(&reader.tokens().await?);
    let mut found = Verification { takings, ..verifier.finish() };
    for (chain, seq) in found.freezes.clone() {
        if !in_force.iter().any(|record| record.chain == chain && record.seq == seq) {
            found.found(chain, seq, Flaw::Thawed);
        }
    }
    Ok(found)
}

/// A verifier that has read the segments already. What is still in the store of them, since it is taken away little by
/// little from the first on, has to be their end, record by record.
struct Behind {
    verifier: Verifier,
    ends: BTreeMap<String, Closed>,
    last: Option<(String, u64)>,
}

/// Up to where a chain is in segments that were read, and what of that is in the store as well.
struct Closed {
    end: u64,
    hash: String,
    left: Option<(u64, Digest)>,
}

impl Closed {
    /// The next record that is left. Each has to follow from the one before it, and the last one is that of the segment: so
    /// all of them are.
    fn next(&mut self, row: &RecordRow) -> Result<(), Flaw> {
        let seq = row.seq.unsigned_abs();
        let is_own =
            envelope(row).is_some_and(|envelope| *envelope.chain == *row.chain && envelope.seq == seq);
        let follows = self.left.is_none_or(|(last, hash)| seq == last + 1 && named_before(row) == Some(hash));
        self.left = Some((seq, Digest::of(&row.bytes)));
        if is_own && follows { Ok(()) } else { Err(Flaw::Changed) }
    }

    /// What is wrong with the last one that is left.
    fn flaw(&self) -> Option<(u64, Flaw)> {
        let (last, hash) = self.left?;
        if last != self.end {
            return Some((last + 1, Flaw::Missing));
        }
        (hash.hex() != self.hash).then_some((last, Flaw::Changed))
    }
}

impl Behind {
    fn read(&mut self, read: Read) {
        match read {
            Read::Record(row, flaw) => {
                if self.record(&row, flaw) {
                    self.last = Some((row.chain, row.seq.unsigned_abs()));
                }
            }
            Read::End(_) => {}
        }
    }

    /// The next record; whether it is one that no segment has.
    fn record(&mut self, row: &RecordRow, flaw: Option<Flaw>) -> bool {
        let seq = row.seq.unsigned_abs();
        if let Some(closed) = self.ends.get_mut(&row.chain).filter(|closed| seq <= closed.end) {
            if let Err(flaw) = closed.next(row) {
                self.verifier.found(&row.chain, seq, flaw);
            }
            return false;
        }
        self.verifier.record(row);
        if let Some(flaw) = flaw {
            self.verifier.found(&row.chain, row.seq.unsigned_abs(), flaw);
        }
        true
    }

    /// What was found.
    fn finish(mut self) -> Verification {
        for (chain, closed) in &self.ends {
            if let Some((seq, flaw)) = closed.flaw() {
                self.verifier.found(chain, seq, flaw);
            }
        }
        self.verifier.finish()
    }

    /// A file that does not say where its chains end was cut off.
    fn unfinished(&mut self) {
        let (chain, seq) = self.last.clone().unwrap_or_default();
        self.verifier.found(&chain, seq + 1, Flaw::Unfinished);
    }
}

/// Reads the segments that are bound by records, and those that are bound by records in them.
fn with_segments(mut claims: Claims, directory: Option<&Path>, keys: Option<&[String]>) -> Behind {
    let Some(directory) = directory else {
        return Behind {
            verifier: Verifier::knowing(claims).having(keys),
            ends: BTreeMap::new(),
            last: None,
        };
    };
    let mut seen = HashSet::new();
    // A later segment holds the records that bind earlier ones.
    loop {
        let open: Vec<SegmentPart> =
            claims.segments.values().flatten().filter(|one| !seen.contains(&one.file)).cloned().collect();
        if open.is_empty() {
            break;
        }
        for segment in open {
            // What is wrong with it is said when its records are read.
            let _ = read_segment(directory, &segment, |read, _| said(&mut claims, read));
            seen.insert(segment.file);
        }
    }
    let mut all: Vec<SegmentPart> = claims.segments.values().flatten().cloned().collect();
    all.sort_by(|a, b| (&a.chain, a.first).cmp(&(&b.chain, b.first)));
    all.dedup();
    let mut behind =
        Behind { verifier: Verifier::knowing(claims).having(keys), ends: BTreeMap::new(), last: None };
    for segment in all {
        match read_segment(directory, &segment, |read, _| behind.read(read)) {
            Ok(()) => {
                let closed = Closed { end: segment.last, hash: segment.hash.clone(), left: None };
                behind.ends.insert(segment.chain.clone(), closed);
            }
            Err(fault) => {
                let flaw = Flaw::Segment(segment.file.clone(), fault);
                behind.verifier.found(&segment.chain, segment.first, flaw);
            }
        }
    }
    behind
}

/// The records of a segment, once its digest is the one that is on record.
fn read_segment(
    directory: &Path,
    segment: &SegmentPart,
    mut each: impl FnMut(Read, u64),
) -> Result<(), SegmentFault> {
    // A name in a record leads nowhere else.
    let name = Path::new(&segment.file).file_name().ok_or(SegmentFault::Missing)?;
    let bytes = fs::read(directory.join(name)).map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound { SegmentFault::Missing } else { SegmentFault::Unreadable }
    })?;
    if Digest::of(&bytes).hex() != segment.digest {
        return Err(SegmentFault::Changed);
    }
    let mut lines = Lines::new(BufReader::new(MultiGzDecoder::new(&*bytes)));
    while let Some(read) = lines.next().map_err(|_| SegmentFault::Unreadable)? {
        each(read, lines.at);
    }
    if lines.ended { Ok(()) } else { Err(SegmentFault::Unreadable) }
}

/// Every line of an export, and whether its last one says where the chains end.
fn read_export(path: &Path, each: &mut dyn FnMut(Read)) -> Result<bool, ProofFault> {
    let fault = |error| ProofFault::File(path.to_owned(), error);
    let mut file = File::open(path).map_err(fault)?;
    let mut magic = [0; 2];
    let gzip = file.read_exact(&mut magic).is_ok() && magic == [0x1f, 0x8b];
    let file = BufReader::new(File::open(path).map_err(fault)?);
    let file: Box<dyn io::BufRead> =
        if gzip { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(file) };
    let mut lines = Lines::new(file);
    while let Some(read) = lines.next().map_err(fault)? {
        each(read);
    }
    Ok(lines.ended)
}

/// Whether a line is the record of an operator who took a store that was put back.
fn restored(restores: &mut Restores, read: &Read) {
    match read {
        Read::Record(row, None) => restores.record(row),
        Read::Record(_, Some(_)) | Read::End(_) => {}
    }
}

/// What a line says of other records.
fn said(claims: &mut Claims, read: Read) {
    match read {
        Read::Record(row, _) => claims.record(&row.bytes),
        Read::End(end) => {
            for head in &end.heads {
                claims.head(&head.chain, head.seq, &head.hash, Witness::Export);
            }
        }
    }
}

impl fmt::Display for ProofFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(fault) => fault.fmt(f),
            Self::File(path, error) => write!(f, "`{}`: {error}", path.display()),
        }
    }
}

impl Error for ProofFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Store(fault) => Some(fault),
            Self::File(_, error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The row of `gw-1` with this number, and what is written in it: chain, number, the hash before it.
    fn row(seq: i64, (chain, said, prev): (&str, u64, Digest)) -> RecordRow {
        let prev = prev.hex();
        let bytes = format!(r#"{{"v":1,"chain":"{chain}","seq":{said},"prev":"{prev}","kind":"ordinary"}}"#);
        RecordRow { chain: "gw-1".into(), seq, bytes: bytes.into_bytes() }
    }

    #[test]
    fn what_is_left_of_a_segment_is_one_record_of_the_chain_after_another() {
        let nothing = Digest::from_bytes([0; 32]);
        let third = row(3, ("gw-1", 3, nothing));
        let hash = Digest::of(&third.bytes);
        let closed = || Closed { end: 5, hash: String::new(), left: None };
        let begins = |row: &RecordRow| closed().next(row).is_ok();
        assert!(begins(&third));
        assert!(!begins(&row(3, ("gw-2", 3, nothing))), "of another chain");
        assert!(!begins(&row(3, ("gw-1", 4, nothing))), "in the place of another");
        let follows = |row: &RecordRow| {
            let mut closed = closed();
            closed.next(&third).unwrap();
            closed.next(row).is_ok()
        };
        assert!(follows(&row(4, ("gw-1", 4, hash))));
        assert!(!follows(&row(4, ("gw-1", 4, nothing))), "behind another");
        assert!(!follows(&row(5, ("gw-1", 5, hash))), "one is missing");
        assert!(!follows(&row(4, ("gw-2", 4, hash))), "of another chain");
    }

    #[test]
    fn the_last_one_that_is_left_is_that_of_the_segment() {
        let hash = Digest::of(b"the last");
        let flaw = |left| Closed { end: 5, hash: hash.hex(), left }.flaw();
        assert_eq!(flaw(None), None);
        assert_eq!(flaw(Some((5, hash))), None);
        assert_eq!(flaw(Some((5, Digest::of(b"another")))), Some((5, Flaw::Changed)));
        assert_eq!(flaw(Some((3, hash))), Some((4, Flaw::Missing)));
    }
}
