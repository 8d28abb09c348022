//! The door to what verifies an export: see `crate::fuzzing`.

use std::io;

use super::{
    Known, Verification,
    export::{Lines, Read},
    verify::of_export,
};
use crate::notice::RecordRef;

/// A record: its chain, its number and its exact bytes.
pub type Shown = (String, i64, Vec<u8>);

/// What verifying an export finds that somebody knows these heads of, and its records.
///
/// # Errors
/// When it is no export.
pub fn proven(export: &[u8], heads: &[RecordRef]) -> io::Result<(Verification, Vec<Shown>)> {
    let mut known = Known::default();
    for head in heads {
        known.head(head);
    }
    let found = of_export(&known, None, |each| lines(export, each))?;
    let mut records = Vec::new();
    lines(export, &mut |read| {
        if let Read::Record(row, _) = read {
            records.push((row.chain, row.seq, row.bytes));
        }
    })?;
    Ok((found, records))
}

fn lines(export: &[u8], each: &mut dyn FnMut(Read)) -> io::Result<bool> {
    let mut lines = Lines::new(export);
    while let Some(read) = lines.next()? {
        each(read);
    }
    Ok(lines.ended)
}
