//! The limiter: which buckets a thing is charged to, and in which order. They refill by the monotonic clock, so setting
//! the wall clock gives nobody tokens, and one lock is held around each decision, so that "all or none" is exact.
//!
//! Three things keep polling from starving changes, for the reads without which no change can be decided
//! ([`GUARD_READS`]): one caller may use only a share of Connect's rate for them; all ordinary requests together never
//! take the last cells ([`LEFT_FOR_CHANGES`](state::LEFT_FOR_CHANGES)); and a change takes all its cells at once. So at
//! Connect's default rate a change that nothing but polling stands in the way of has its two reads of the user within one
//! second.

mod state;

use serde::Serialize;
use std::{
    collections::BTreeMap,
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use governor::clock::{Clock, MonotonicClock};

use crate::{
    caller::{Caller, Principal},
    operation::Class,
};

use self::state::{Place, State};
use super::{
    Admitted, Bucket, Charged, Limited, Rate, RateOf, Rates, RatesFault, Source,
    buckets::{Gauge, Kept, Start, Take},
};

/// The reads that the guard needs to decide changes: ordinary requests may use only a share of them.
const GUARD_READS: [&str; 6] = [
    "DescribeInstance",
    "DescribeSecurityProfile",
    "DescribeUser",
    "ListSecurityProfilePermissions",
    "SearchEmailAddresses",
    "SearchUsers",
];

/// The read without which no change of a user is decided.
const READ_OF_USERS: &str = "DescribeUser";

/// The share of Connect's rate for reading users that changes of one caller may use up and come to nothing: each reads its
/// user, and room for a second read and for the change is taken with it.
const IN_VAIN: f64 = 0.25;

/// Sessions for one principal at one source: each is a record on disk, and a session holds for minutes.
const SESSIONS: Rate = Rate { per_second: 2.0, burst: 50 };

/// Plain counts for status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LimiterStats {
    /// Refused, by bucket: source, caller, caller's refusals, caller's reads, Connect.
    pub limited: [u64; 5],
    /// Keys held.
    pub keys: usize,
}

/// The limiter. Its clock is an argument for tests only.
pub struct Limiter<C: Clock + Clone = MonotonicClock> {
    state: Mutex<State<C>>,
    limited: [AtomicU64; 5],
}

impl Limiter {
    /// A limiter; buckets start full for callers and sources, and half full for Connect's: a restart gives no second burst.
    ///
    /// # Errors
    /// A rate, share or bound that makes no sense.
    pub fn new(rates: Rates) -> Result<Self, RatesFault> {
        Self::with_clock(&rates, &MonotonicClock)
    }
}

impl<C: Clock + Clone> Limiter<C> {
    /// A limiter that goes by this clock.
    ///
    /// # Errors
    /// As [`Limiter::new`].
    pub(crate) fn with_clock(rates: &Rates, clock: &C) -> Result<Self, RatesFault> {
        let share = rates.caller_read_share;
        if !(0.0..=1.0).contains(&share) {
            return Err(RatesFault::Share);
        }
        if rates.keys == 0 {
            return Err(RatesFault::Keys);
        }
        let gauge = |rate: Rate, of, start| Ok(Gauge::new(rate.quota(of)?, start, clock));
        let mut connect_named = BTreeMap::new();
        for (operation, rate) in &rates.connect.operations {
            let made = gauge(*rate, RateOf::Connect(operation.clone()), Start::HalfFull)?;
            connect_named.insert(operation.clone(), made);
        }
        let mut shares = BTreeMap::new();
        for read in GUARD_READS {
            let whole = *rates.connect.operations.get(read).unwrap_or(&rates.connect.default);
            let made = whole.share(share).map(|rate| gauge(rate, RateOf::Connect(read.into()), Start::Full));
            shares.insert(read, made.transpose()?);
        }
        let users = *rates.connect.operations.get(READ_OF_USERS).unwrap_or(&rates.connect.default);
        let in_vain = Rate { per_second: (users.per_second * IN_VAIN).max(0.001), ..users };
        let state = State {
            failures: gauge(rates.failures, RateOf::Failures, Start::Full)?,
            sources: Kept::new(rates.keys),
            pairs: Kept::new(rates.keys),
            forms: Kept::new(rates.keys),
            caller: gauge(rates.caller, RateOf::Caller, Start::Full)?,
            callers: Kept::new(rates.keys),
            refusal: gauge(rates.refusals, RateOf::Refusals, Start::Full)?,
            refusals: Kept::new(rates.keys),
            session: gauge(SESSIONS, RateOf::Caller, Start::Full)?,
            sessions: Kept::new(rates.keys),
            shares,
            sharers: Kept::new(rates.keys),
            in_vain: gauge(in_vain, RateOf::Connect(READ_OF_USERS.into()), Start::Full)?,
            vain: Kept::new(rates.keys),
            connect: gauge(rates.connect.default, RateOf::ConnectDefault, Start::HalfFull)?,
            connect_named,
            places: Kept::new(rates.keys),
        };
        Ok(Self { state: Mutex::new(state), limited: Default::default() })
    }

    /// Whether a source may try to prove itself, as the owner of `key` when it names one that is known. Charges nothing;
    /// answered before any signature is computed.
    ///
    /// A known key has a bucket of its own at each source, and only that is asked: whatever others fail with at the same
    /// address (behind one NAT), its owner is heard. Who names a known key and cannot prove it shuts that key out at
    /// his own source, and nowhere else.
    ///
    /// # Errors
    /// It has failed too often; or it is not held and as many others as can be kept are failing right now.
    pub fn may_try(&self, source: IpAddr, key: Option<&str>) -> Result<(), Limited> {
        self.judge(|state| state.failure(source.into(), key, Take::Nothing))
    }

    /// Charges a failed proof to its source, and to the known key that it names there.
    ///
    /// # Errors
    /// The source has none left, so that this was judged for the sake of the key alone. Then the answer is this one and
    /// no other: it does not tell whether the key is known. What a source or a key has beyond its burst (of proofs
    /// judged at the same time) is not held against it.
    pub fn failed(&self, source: IpAddr, key: Option<&str>) -> Result<(), Limited> {
        let source = Source::from(source);
        self.with(|state| {
            if key.is_some() {
                // Refusing is `may_try`'s: here an empty bucket stays empty, and is not counted again.
                let _ = state.failure(source, key, Take::Cells);
            }
            state.failure(source, None, Take::Cells)
        })
    }

    /// Charges a head that no key could make right (a note, a scope, a host, a date) to its source, at the rate of failed proofs
    /// and in a bucket of its own. Nothing of a secret was tried, no body read and no signature computed: so neither the
    /// key that it names, which may be a relay's that signs what its applications ask for, nor anybody else behind the
    /// same address has to wait for it.
    ///
    /// # Errors
    /// The source has none left; or none for failed proofs either, where an unknown key would not be judged at all: the
    /// answer does not tell whether the key is known.
    pub fn ill_formed(&self, source: IpAddr) -> Result<(), Limited> {
        let source = Source::from(source);
        self.judge(|state| state.failure(source, None, Take::Nothing).and_then(|()| state.form(source)))
    }

    /// Whether a caller who is proven may ask for anything. Charges nothing: what is admitted is charged by
    /// [`Limiter::admit`], what is refused by [`Limiter::refused`].
    ///
    /// # Errors
    /// The caller's own bucket is empty.
    pub fn may_ask(&self, caller: &Caller) -> Result<(), Limited> {
        self.judge(|state| state.request(&caller.principal.account_key(), Take::Nothing))
    }

    /// Charges a request that is for the guard itself and not for Connect (a freeze) to its caller, whatever becomes of it.
    ///
    /// # Errors
    /// The caller's own bucket is empty.
    pub fn ask(&self, caller: &Caller) -> Result<(), Limited> {
        self.judge(|state| state.request(&caller.principal.account_key(), Take::Cells))
    }

    /// Whether what a caller wants to change may be looked at by a rule: should it be refused, that is a record on disk.
    /// Charges nothing; asked before anything is compared, so that nobody tries at this rate's cost what he is allowed.
    ///
    /// # Errors
    /// The refusals on record for this caller have used up their rate.
    pub fn may_be_refused(&self, caller: &Caller) -> Result<(), Limited> {
        let key = caller.principal.account_key();
        self.judge(|state| {
            state
                .refusals
                .take(&state.refusal, &key, NonZeroU32::MIN, Take::Nothing)
                .map_err(|wait| Limited { bucket: Bucket::CallerRefusals, wait })
        })
    }

    /// Charges a refusal that goes on record to its caller: nobody fills the ledger at will.
    pub fn refused_on_record(&self, caller: &Caller) {
        let key = caller.principal.account_key();
        // Refusing is `may_be_refused`'s: here an empty bucket stays empty, and is not counted again.
        let _ = self.with(|state| state.refusals.take(&state.refusal, &key, NonZeroU32::MIN, Take::Cells));
    }

    /// Charges a refusal to its caller, as a request of his.
    pub fn refused(&self, caller: &Caller) {
        let key = caller.principal.account_key();
        // Refusing is `may_ask`'s: here an empty bucket stays empty, and is not counted again.
        let _ = self.with(|state| state.request(&key, Take::Cells));
    }

    /// Charges a session to its principal at a source: 2 a second, 50 at once. A proof costs whoever has one nothing, and
    /// nobody fills the ledger with sessions at will.
    ///
    /// # Errors
    /// There were too many.
    pub fn may_have_session(&self, principal: &Principal, source: IpAddr) -> Result<(), Limited> {
        let key = (Source::from(source), principal.account_key());
        self.judge(|state| {
            let taken = state.sessions.take(&state.session, &key, NonZeroU32::MIN, Take::Cells);
            taken.map_err(|wait| Limited { bucket: Bucket::Caller, wait })
        })
    }

    /// Admits a request for its caller. For an ordinary operation (a read or a write) Connect's rate for the operation
    /// is charged as well, and a guard's read's own bounded share for its caller; for a change that is left to
    /// [`Limiter::reserve`]. The caller's own bucket is always charged before a shared one, and stays charged when a
    /// later one is empty; no shared one is charged unless all are.
    ///
    /// # Errors
    /// The thing itself, and the first bucket that was empty.
    pub fn admit<T: Charged>(&self, thing: T) -> Result<Admitted<T>, (T, Limited)> {
        let caller = thing.caller().principal.account_key();
        let ordinary = match thing.class() {
            Class::Read | Class::Write => Some(Place::of(&thing)),
            Class::Identity | Class::Sensitive | Class::Forbidden => None,
        };
        let judged = self.judge(|state| {
            state.request(&caller, Take::Cells)?;
            ordinary.map_or(Ok(()), |place| state.ordinary(caller, place))
        });
        match judged {
            Ok(()) => Ok(Admitted { inner: thing }),
            Err(limited) => Err((thing, limited)),
        }
    }

    /// Charges its caller for a change that was looked at and came to nothing: refused, or stopped before it was sent.
    pub fn in_vain(&self, caller: &Caller) {
        let key = caller.principal.account_key();
        // Refusing is `reserve`'s: here an empty bucket stays empty, and is not counted again.
        let _ = self.with(|state| state.vain.take(&state.in_vain, &key, NonZeroU32::MIN, Take::Cells));
    }

    /// Admits a change: its own operation once and every read it needs (`reads`: operation name and how often), all or
    /// none, against Connect's rates. A need for more than a burst waits for a full bucket and leaves it in debt: spacing
    /// such reads is up to who makes them. A caller whose changes came to nothing too often has to wait: room is taken
    /// before a change is decided, and he would leave none to the others.
    ///
    /// # Errors
    /// The thing itself, and how long until all of it may fit.
    pub fn reserve<T: Charged>(
        &self,
        thing: T,
        reads: &[(&'static str, u32)],
    ) -> Result<Admitted<T>, (T, Limited)> {
        let own = Place::of(&thing);
        let mut needs: Vec<_> = reads.iter().map(|(read, often)| (own.with(read), *often)).collect();
        needs.push((own, 1));
        let caller = thing.caller().principal.account_key();
        let judged = self.judge(|state| {
            state
                .vain
                .take(&state.in_vain, &caller, NonZeroU32::MIN, Take::Nothing)
                .map_err(|wait| Limited { bucket: Bucket::CallerReads, wait })?;
            state.all_or_none(needs)
        });
        match judged {
            Ok(()) => Ok(Admitted { inner: thing }),
            Err(limited) => Err((thing, limited)),
        }
    }

    /// Charges reads of the guard's own that belong to no request (settling), all or none.
    ///
    /// # Errors
    /// When to come back.
    pub fn own_reads(
        &self,
        account: &str,
        region: &str,
        reads: &[(&'static str, u32)],
    ) -> Result<(), Limited> {
        let place = Place { operation: "", account: account.into(), region: region.into() };
        let needs = reads.iter().map(|(read, often)| (place.with(read), *often)).collect();
        self.judge(|state| state.all_or_none(needs))
    }

    /// Counts.
    pub fn stats(&self) -> LimiterStats {
        let keys = self.with(|state| {
            state.sources.len()
                + state.pairs.len()
                + state.forms.len()
                + state.callers.len()
                + state.refusals.len()
                + state.sessions.len()
                + state.sharers.len()
                + state.vain.len()
                + state.places.len()
        });
        LimiterStats { limited: self.limited.each_ref().map(|count| count.load(Ordering::Relaxed)), keys }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State<C>) -> T) -> T {
        // A bucket is one number: whatever a panic leaves behind is a state that could have been.
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn judge(&self, work: impl FnOnce(&mut State<C>) -> Result<(), Limited>) -> Result<(), Limited> {
        self.with(work).inspect_err(|limited| {
            let [source, caller, refusals, reads, connect] = &self.limited;
            let count = match limited.bucket {
                Bucket::Source => source,
                Bucket::Caller => caller,
                Bucket::CallerRefusals => refusals,
                Bucket::CallerReads => reads,
                Bucket::Connect => connect,
            };
            count.fetch_add(1, Ordering::Relaxed);
        })
    }
}

#[cfg(test)]
mod tests;
