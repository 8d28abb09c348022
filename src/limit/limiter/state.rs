//! The buckets themselves, under one lock.

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc, time::Duration};

use governor::clock::Clock;

use super::super::{
    Bucket, Charged, Limited, Source,
    buckets::{Gauge, Kept, Take},
};

/// Cells of a guard's read that ordinary requests leave: a change reads its user before and after.
pub(super) const LEFT_FOR_CHANGES: u32 = 2;

/// How long a caller is sent away whose share is nothing.
pub(super) const NO_SHARE_WAIT: Duration = Duration::from_mins(1);

pub(super) struct State<C: Clock> {
    pub(super) failures: Gauge<C>,
    pub(super) sources: Kept<Source>,
    /// Of known keys, at each source.
    pub(super) pairs: Kept<(Source, Arc<str>)>,
    /// Heads of a source that no key could make right, at the rate of `failures`.
    pub(super) forms: Kept<Source>,
    pub(super) caller: Gauge<C>,
    pub(super) callers: Kept<Arc<str>>,
    pub(super) refusal: Gauge<C>,
    pub(super) refusals: Kept<Arc<str>>,
    pub(super) session: Gauge<C>,
    pub(super) sessions: Kept<(Source, Arc<str>)>,
    /// By guard's read; none when callers have no share of it.
    pub(super) shares: BTreeMap<&'static str, Option<Gauge<C>>>,
    pub(super) sharers: Kept<(Arc<str>, Place)>,
    pub(super) in_vain: Gauge<C>,
    pub(super) vain: Kept<Arc<str>>,
    pub(super) connect: Gauge<C>,
    pub(super) connect_named: BTreeMap<String, Gauge<C>>,
    pub(super) places: Kept<Place>,
}

/// Where Connect counts: operation, account and Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) operation: &'static str,
    pub(super) account: Arc<str>,
    pub(super) region: Arc<str>,
}

impl<C: Clock + Clone> State<C> {
    /// Charges a failed proof, or looks whether there is room for one: of a known key at a source, or else of the source.
    pub(super) fn failure(&mut self, source: Source, key: Option<&str>, take: Take) -> Result<(), Limited> {
        let Self { failures, sources, pairs, .. } = self;
        match key {
            Some(key) => pairs.take(failures, &(source, key.into()), NonZeroU32::MIN, take),
            None => sources.take(failures, &source, NonZeroU32::MIN, take),
        }
        .map_err(|wait| Limited { bucket: Bucket::Source, wait })
    }

    /// Charges a head that no key could make right to its source.
    pub(super) fn form(&mut self, source: Source) -> Result<(), Limited> {
        let taken = self.forms.take(&self.failures, &source, NonZeroU32::MIN, Take::Cells);
        taken.map_err(|wait| Limited { bucket: Bucket::Source, wait })
    }

    /// Charges a request to its caller, or looks whether there is room for one.
    pub(super) fn request(&mut self, caller: &Arc<str>, take: Take) -> Result<(), Limited> {
        let taken = self.callers.take(&self.caller, caller, NonZeroU32::MIN, take);
        taken.map_err(|wait| Limited { bucket: Bucket::Caller, wait })
    }

    /// Charges an ordinary request to Connect's rate, and a guard's read to its caller's share.
    pub(super) fn ordinary(&mut self, caller: Arc<str>, place: Place) -> Result<(), Limited> {
        let Self { shares, sharers, connect, connect_named, places, .. } = self;
        let gauge = connect_named.get(place.operation).unwrap_or(connect);
        let connect_empty = |wait| Limited { bucket: Bucket::Connect, wait };
        let Some(share) = shares.get(place.operation) else {
            return places.take(gauge, &place, NonZeroU32::MIN, Take::Cells).map_err(connect_empty);
        };
        let share_empty = |wait| Limited { bucket: Bucket::CallerReads, wait };
        let share = share.as_ref().ok_or_else(|| share_empty(NO_SHARE_WAIT))?;
        let with_rest = NonZeroU32::MIN.saturating_add(LEFT_FOR_CHANGES.min(gauge.burst() - 1));
        let sharer = (caller, place);
        sharers.take(share, &sharer, NonZeroU32::MIN, Take::Nothing).map_err(share_empty)?;
        places.take(gauge, &sharer.1, with_rest, Take::Nothing).map_err(connect_empty)?;
        places.take(gauge, &sharer.1, NonZeroU32::MIN, Take::Cells).map_err(connect_empty)?;
        sharers.take(share, &sharer, NonZeroU32::MIN, Take::Cells).map_err(share_empty)
    }

    /// Charges all of `needs` to Connect's rates, or none of them.
    pub(super) fn all_or_none(&mut self, needs: Vec<(Place, u32)>) -> Result<(), Limited> {
        let Self { connect, connect_named, places, .. } = self;
        let mut together = BTreeMap::<Place, u32>::new();
        for (place, often) in needs {
            let sum = together.entry(place).or_default();
            *sum = sum.saturating_add(often);
        }
        for take in [Take::Nothing, Take::Cells] {
            let mut longest = None;
            for (place, often) in &together {
                let Some(cells) = NonZeroU32::new(*often) else { continue };
                let gauge = connect_named.get(place.operation).unwrap_or(connect);
                longest = longest.max(places.take(gauge, place, cells, take).err());
            }
            if let Some(wait) = longest {
                return Err(Limited { bucket: Bucket::Connect, wait });
            }
        }
        Ok(())
    }
}

impl Place {
    pub(super) fn of(thing: &impl Charged) -> Self {
        let target = thing.target();
        Self {
            operation: thing.route().operation,
            account: target.account.as_str().into(),
            region: target.region.as_str().into(),
        }
    }

    pub(super) fn with(&self, operation: &'static str) -> Self {
        Self { operation, account: Arc::clone(&self.account), region: Arc::clone(&self.region) }
    }
}
