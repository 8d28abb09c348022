//! The records as they are made, for whoever brings them to others: line by line as an export has them, chain by chain in
//! order, with a place kept of how far each stream came. What is sealed stays sealed.
//!
//! A guard streams its own chain. A chain that no guard continues (of operators, of a guard that is gone) is streamed by one
//! of those that are there, by a lease: whoever comes back takes its own again, and the other finds that out when it looks
//! next. Records may come twice then, and none is left out.

use std::{error::Error, fmt, time::Duration};

use jiff::Timestamp;
use serde::Deserialize;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use crate::{
    notice::{Kind as Said, Severity},
    secret::Digest,
    store::{Append, Composed, Done, NewClaim, Op, Others, RecordRow, Step, StreamRow, Weight},
};

use super::{
    Intent, Kind, Ledger, Unwritten, export, queue::Purpose, record::DeliveryPart, submit::unexpected,
};

/// How long a chain is kept for a guard that is not heard of, milliseconds.
const LEASE: i64 = 60_000;
/// How far the clocks of two guards may be apart, and a moment, milliseconds.
const APART: i64 = 15_000;

/// A chain that is streamed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamChain {
    /// Its name.
    pub(crate) chain: String,
    /// Up to which record it was brought.
    pub(crate) seq: u64,
    /// Its last record.
    pub(crate) end: u64,
    /// Whether it is the one that this process continues.
    pub(crate) own: bool,
}

/// A record, as it is streamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Streamed {
    /// Its number.
    pub(crate) seq: u64,
    /// When it was made; none where it says no time.
    pub(crate) at: Option<Timestamp>,
    /// Its kind; none where it says none that is known.
    pub(crate) kind: Option<Kind>,
    /// How grave it is.
    pub(crate) grade: Grade,
    /// The line that an export has of it, without its end: one JSON object, no control characters.
    pub(crate) line: Vec<u8>,
}

/// How grave a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grade {
    /// For the record.
    Info,
    /// Something was changed, or is about to be.
    Notice,
    /// Somebody was refused, or took something in hand.
    Warning,
    /// Something failed, or nobody knows what became of it.
    Error,
    /// Somebody has to look now.
    Critical,
}

/// A stream that has to take an intent before it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Required {
    /// Its name.
    pub(crate) stream: String,
    /// How long it is waited for.
    pub(crate) patience: Duration,
    /// Up to which record it took this process's chain.
    pub(crate) taken: watch::Receiver<u64>,
}

/// A stream that has to did not take an intent in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unstreamed {
    /// Its name.
    stream: String,
    /// How long it was waited for.
    patience: Duration,
}

/// What of a record says how grave it is.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Grounds {
    kind: String,
    at: String,
    sent: Option<String>,
    delivery: Option<DeliveryPart>,
    event: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    event: String,
}

impl Ledger {
    /// The chains that a stream is to bring from here, each with the place it came to: its own, and those that nobody else
    /// brings. A stream that was never there before begins with what is recorded from now on.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(crate) async fn stream_chains(&self, stream: &str) -> Result<Vec<StreamChain>, Unwritten> {
        let core = &self.inner.core;
        let mut rows = self.read(self.inner.reader.streams(stream)).await?;
        let now = core.now();
        // Alone there is nobody else: whatever an earlier process held is free.
        let before = match core.others {
            Others::AreGone => i64::MAX,
            Others::MayLive => now.saturating_sub(APART),
        };
        let known = |chain: &str| rows.iter().any(|row| row.chain == *chain);
        let ends = self.heads().await?;
        let is_new = !known(&core.chain) || ends.iter().any(|head| !known(&head.chain));
        if is_new || rows.iter().any(|row| self.is_to_be_claimed(row, now, before)) {
            let claim =
                NewClaim { stream: stream.to_owned(), owner: core.owner.clone(), before, until: now + LEASE };
            self.beside(vec![Op::ClaimStream(claim)]).await?;
            rows = self.read(self.inner.reader.streams(stream)).await?;
        }
        let own = rows.into_iter().filter(|row| row.owner.as_ref() == Some(&core.owner));
        Ok(own
            .map(|row| StreamChain {
                own: *row.chain == *core.chain,
                end: ends.iter().find(|head| head.chain == row.chain).map_or(0, |head| head.seq),
                chain: row.chain,
                seq: row.seq,
            })
            .collect())
    }

    /// The records of a chain after one, at most so many; fewer where they are large.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn stream_after(
        &self,
        chain: &str,
        seq: u64,
        most: u32,
    ) -> Result<Vec<Streamed>, Unwritten> {
        let rows = self.inner.reader.between(chain, (seq.saturating_add(1), u64::MAX), most);
        Ok(self.read(rows).await?.iter().map(Streamed::of).collect())
    }

    /// Keeps how far a stream came with chains that it brings from here.
    ///
    /// # Errors
    /// When it cannot be written: then they are brought again after a restart.
    pub(crate) async fn streamed(&self, stream: &str, chains: Vec<(String, u64)>) -> Result<(), Unwritten> {
        let ops = chains.into_iter().map(|(chain, seq)| Op::Streamed {
            stream: stream.to_owned(),
            owner: self.inner.core.owner.clone(),
            chain,
            seq,
        });
        self.beside(ops.collect()).await
    }

    /// A stream brings nothing from here any more: others may at once.
    ///
    /// # Errors
    /// When it cannot be written: then others may when the lease has run out.
    pub(crate) async fn release_stream(&self, stream: &str) -> Result<(), Unwritten> {
        let owner = self.inner.core.owner.clone();
        self.beside(vec![Op::ReleaseStream { stream: stream.to_owned(), owner }]).await
    }

    /// Changes whenever the chain has grown.
    pub(crate) fn grown(&self) -> watch::Receiver<u64> {
        self.inner.shared.grown.subscribe()
    }

    /// From now on these streams have to take an intent before it is sent.
    pub(crate) fn require(&self, streams: Vec<Required>) {
        self.inner.shared.required.store(streams.into());
    }

    /// Whether a stream has to take an intent before it is sent.
    pub fn is_streamed_first(&self) -> bool {
        !self.inner.shared.required.load().is_empty()
    }

    /// Waits until every stream that has to has taken the record of an intent.
    ///
    /// # Errors
    /// When one has not within its time.
    pub async fn taken_by_streams(&self, intent: &Intent) -> Result<(), Unstreamed> {
        let began = Instant::now();
        for required in self.inner.shared.required.load_full().iter() {
            let mut taken = required.taken.clone();
            let has = taken.wait_for(|seq| *seq >= intent.record.seq);
            if !matches!(timeout_at(began + required.patience, has).await, Ok(Ok(_))) {
                return Err(required.untaken());
            }
        }
        Ok(())
    }

    /// The same, as it is now.
    pub(super) fn is_streamed(&self, intent: &Intent) -> Result<(), Unstreamed> {
        let required = self.inner.shared.required.load();
        let untaken = required.iter().find(|required| *required.taken.borrow() < intent.record.seq);
        untaken.map_or(Ok(()), |required| Err(required.untaken()))
    }

    fn is_to_be_claimed(&self, row: &StreamRow, now: i64, before: i64) -> bool {
        let core = &self.inner.core;
        if row.owner.as_ref() == Some(&core.owner) {
            return core.others == Others::MayLive && row.lease_until < now.saturating_add(LEASE / 2);
        }
        *row.chain == *core.chain || row.owner.is_none() || row.lease_until < before
    }

    /// Writes beside the chain: nobody who asked the guard for something waits for it.
    async fn beside(&self, ops: Vec<Op>) -> Result<(), Unwritten> {
        let step = Step::Append(Append {
            weight: Weight::Vital,
            person: None,
            checks: Vec::new(),
            compose: Box::new(move |_| Ok(Composed { record: None, ops })),
        });
        let done = self.submit(step, Purpose::Delivery).await?;
        if matches!(done, Done::Plain) { Ok(()) } else { Err(unexpected(done)) }
    }
}

impl Streamed {
    pub(super) fn of(row: &RecordRow) -> Self {
        let grounds: Grounds = serde_json::from_slice(&row.bytes).unwrap_or_default();
        let kind = grounds.kind.parse().ok();
        // Text and numbers only: it can always be written.
        let mut line = export::line(row, Digest::of(&row.bytes)).unwrap_or_default();
        line.pop();
        Self {
            seq: row.seq.unsigned_abs(),
            at: grounds.at.parse().ok(),
            kind,
            grade: kind.map_or(Grade::Warning, |kind| grounds.grade(kind)),
            line,
        }
    }
}

impl Grounds {
    fn grade(&self, kind: Kind) -> Grade {
        match kind {
            Kind::Start
            | Kind::Policy
            | Kind::Ordinary
            | Kind::Stop
            | Kind::Session
            | Kind::Heads
            | Kind::Segment => Grade::Info,
            Kind::Intent | Kind::Confirmation | Kind::Erasure => Grade::Notice,
            Kind::Outcome => match self.sent.as_deref() {
                Some("accepted") => Grade::Notice,
                Some("unknown" | "recovered") => Grade::Error,
                Some(_) | None => Grade::Warning,
            },
            Kind::Refusal
            | Kind::Gap
            | Kind::Strangers
            | Kind::Freeze
            | Kind::Unfreeze
            | Kind::Reveal
            | Kind::Restore
            | Kind::Rekey => Grade::Warning,
            Kind::Unknown => Grade::Error,
            Kind::Delivery => match &self.delivery {
                Some(delivery) if delivery.result == "dead" => Grade::Error,
                Some(_) | None => Grade::Info,
            },
            Kind::Event => match self.event.as_ref().map(|event| event.event.parse::<Said>()) {
                Some(Ok(said)) => match said.severity() {
                    Severity::Info => Grade::Info,
                    Severity::Warning => Grade::Warning,
                    Severity::Critical => Grade::Critical,
                },
                Some(Err(_)) | None => Grade::Warning,
            },
        }
    }
}

impl Required {
    fn untaken(&self) -> Unstreamed {
        Unstreamed { stream: self.stream.clone(), patience: self.patience }
    }
}

impl fmt::Display for Unstreamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream, patience } = self;
        write!(f, "the stream `{stream}` has not taken its record within {} s", patience.as_secs_f32())
    }
}

impl Error for Unstreamed {}
