//! What can be wrong with a record, and who says so.

use std::{fmt, sync::Arc};

/// What is wrong with a record; its message goes on "record 7".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// It is not of the form that every record has.
    NotARecord,
    /// It stands in another's place: the chain and the number it has itself.
    Misplaced(String, u64),
    /// Its number was there before.
    Twice,
    /// It stands after this one, which it goes before.
    OutOfOrder(u64),
    /// It is not there.
    Missing,
    /// It does not fit the record beside it.
    Changed,
    /// Its bytes do not have the hash that stands beside them.
    OtherHash,
    /// It is the first of those that are not there: the chain ends before it, and somebody saw a later one.
    Cut(Seen),
    /// Somebody saw another record in its place. Up to the one before, or to this number, the chain is as it was seen.
    Replaced(Seen, u64),
    /// Two different records were seen in its place: somebody continued the chain twice.
    Forked(Witness, Witness),
    /// The file that holds it and those beside it cannot be read, or is another one.
    Segment(String, SegmentFault),
    /// It, or what came after the one before it, is not there: the file was cut off.
    Unfinished,
    /// It closes an intent of another hash.
    OtherIntent,
    /// It closes an intent that is not open.
    NoIntent,
    /// It lifts a freeze that is not in force, or of another hash.
    NoFreeze,
    /// It sets a freeze that no record lifts, and that is not in force.
    Thawed,
    /// It is sealed, and the key to it is not there, nor is the person erased on record.
    NoKey,
}

/// A head that somebody saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The record's number.
    pub seq: u64,
    /// Who saw it.
    pub by: Witness,
}

/// Who says where a chain ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Witness {
    /// A file, and its line.
    File(Arc<str>, u64),
    /// Whoever asks.
    Asker,
    /// A record of this chain with this number.
    Record(Arc<str>, u64),
    /// The last line of an export.
    Export,
}

/// What is wrong with a segment's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentFault {
    /// It is not there.
    Missing,
    /// It is not the one that was closed: its digest is another.
    Changed,
    /// It cannot be read as one.
    Unreadable,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotARecord => f.write_str("is not a record"),
            Self::Misplaced(chain, at) => write!(f, "holds record {at} of chain `{}`", chain.escape_debug()),
            Self::Twice => f.write_str("stands twice"),
            Self::OutOfOrder(after) => write!(f, "stands out of order: after record {after}"),
            Self::Missing => f.write_str("is missing"),
            Self::Changed => f.write_str("was changed: it does not fit the record beside it"),
            Self::OtherHash => f.write_str("was changed: its hash is not the one that stands beside it"),
            Self::Cut(Seen { seq, by }) => write!(f, "is missing: the chain was cut off before it, and {by} names record {seq}"),
            Self::Replaced(Seen { by, .. }, 0) => write!(f, "was replaced: it is not the one that {by} names"),
            Self::Replaced(Seen { by, .. }, agreed) => write!(
                f,
                "was replaced: it is not the one that {by} names; up to record {agreed} the chain is as it was seen"
            ),
            Self::Forked(one, other) => write!(
                f,
                "was written twice: {one} and {other} name different ones, so two histories share this chain"
            ),
            Self::Segment(file, fault) => write!(f, "is closed into the segment `{}`, which {fault}", file.escape_debug()),
            Self::Unfinished => f.write_str("is missing, or the line behind the last record: the file was cut off, or is still being written"),
            Self::OtherIntent => f.write_str("closes an intent of another hash"),
            Self::NoFreeze => f.write_str("lifts a freeze that is not there, or is lifted already"),
            Self::Thawed => f.write_str("sets a freeze that no record lifts, and that is not in force"),
            Self::NoKey => f.write_str("is sealed under a key that is not there, and no erasure is on record"),
            Self::NoIntent => f.write_str("closes an intent that is not there, or is closed already"),
        }
    }
}

impl Flaw {
    /// Whoever says so, besides the record itself.
    pub(super) fn witnesses(&self) -> Vec<&Witness> {
        match self {
            Self::Cut(Seen { by, .. }) | Self::Replaced(Seen { by, .. }, _) => vec![by],
            Self::Forked(one, other) => vec![one, other],
            Self::NotARecord
            | Self::Misplaced(..)
            | Self::Twice
            | Self::OutOfOrder(_)
            | Self::Missing
            | Self::Changed
            | Self::OtherHash
            | Self::Unfinished
            | Self::Segment(..)
            | Self::OtherIntent
            | Self::NoIntent
            | Self::NoFreeze
            | Self::Thawed
            | Self::NoKey => Vec::new(),
        }
    }

    /// A stable word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotARecord => "not-a-record",
            Self::Misplaced(..) => "foreign",
            Self::Twice => "doubled",
            Self::OutOfOrder(_) => "reordered",
            Self::Missing => "missing",
            Self::Changed | Self::OtherHash => "changed",
            Self::Cut(_) | Self::Unfinished => "cut",
            Self::Replaced(..) => "replaced",
            Self::Forked(..) => "forked",
            Self::Segment(..) => "segment",
            Self::OtherIntent => "other-intent",
            Self::NoIntent => "no-intent",
            Self::NoFreeze => "no-freeze",
            Self::Thawed => "thawed",
            Self::NoKey => "no-key",
        }
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(name, line) => write!(f, "`{}` line {line}", name.escape_debug()),
            Self::Asker => f.write_str("`--head`"),
            Self::Record(chain, seq) => write!(f, "record {seq} of chain `{}`", chain.escape_debug()),
            Self::Export => f.write_str("the export's last line"),
        }
    }
}

impl fmt::Display for SegmentFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "is not there",
            Self::Changed => "is not the file that was closed",
            Self::Unreadable => "cannot be read as one",
        })
    }
}
