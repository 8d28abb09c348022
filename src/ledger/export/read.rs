//! Reading such a file line by line: whatever was done to it is for the verifier to name.

use std::io::{self, BufRead};

use super::{End, Header, VERSION, read};
use crate::{ledger::Flaw, secret::Digest, store::RecordRow};

/// A line longer than this is none: a record has some kilobytes.
const LONGEST: u64 = 16 * 1024 * 1024;

/// What a line is.
pub(in crate::ledger) enum Read {
    /// A record; what is wrong with it already.
    Record(RecordRow, Option<Flaw>),
    /// Where the chains end.
    End(End),
}

/// The lines of a file.
pub(in crate::ledger) struct Lines<R> {
    file: R,
    text: Vec<u8>,
    /// The last record: what cannot be read stands behind it.
    last: (String, i64),
    begun: bool,
    /// Where the last line ends that is whole, in bytes, and whether it says where the chains end.
    pub(in crate::ledger) at: u64,
    pub(in crate::ledger) ended: bool,
}

impl<R: BufRead> Lines<R> {
    pub(in crate::ledger) fn new(file: R) -> Self {
        Self { file, text: Vec::new(), last: (String::new(), 0), begun: false, at: 0, ended: false }
    }

    /// The next line; none at the end of the file.
    pub(in crate::ledger) fn next(&mut self) -> io::Result<Option<Read>> {
        loop {
            self.text.clear();
            let mut bounded = io::Read::take(&mut self.file, LONGEST);
            let length = bounded.read_until(b'\n', &mut self.text)?;
            if length == 0 {
                return Ok(None);
            }
            self.at += length as u64;
            if !std::mem::replace(&mut self.begun, true) {
                let header: Result<Header, _> = serde_json::from_slice(&self.text);
                if header.is_ok_and(|header| header.connect_guard_records == VERSION) {
                    continue;
                }
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no export of a known form"));
            }
            if let Ok(end) = serde_json::from_slice::<End>(&self.text) {
                self.ended = true;
                return Ok(Some(Read::End(end)));
            }
            self.ended = false;
            return Ok(Some(self.record()));
        }
    }

    /// What cannot be read stands in the place behind the last record.
    fn record(&mut self) -> Read {
        let Some((row, hash)) = read(&self.text) else {
            let (chain, seq) = (self.last.0.clone(), self.last.1.saturating_add(1));
            self.last.1 = seq;
            let row = RecordRow { chain, seq, bytes: self.text.clone() };
            return Read::Record(row, Some(Flaw::NotARecord));
        };
        self.last = (row.chain.clone(), row.seq);
        let flaw = (Digest::of(&row.bytes).hex() != hash).then_some(Flaw::OtherHash);
        Read::Record(row, flaw)
    }
}
