//! Which open changes are at work in this process. Their leases are renewed; one that is dropped without an outcome is
//! renewed no more, and is taken over when its lease has run out.
//!
//! Where several share a store, another one takes over what this process does not renew in time, because it was paused. So
//! it is looked at the lease once more at the last moment before anything is sent ([`Lease::holds`]): by the time on the
//! wall, which went on while the process was paused, and with a margin for what the clocks of two replicas differ.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{clock::Clock, store::IntentRef};

/// The open changes at work.
#[derive(Clone)]
pub(super) struct AtWork {
    set: Arc<Mutex<HashMap<IntentRef, i64>>>,
    clock: Clock,
    /// How long a lease is, milliseconds.
    lease: i64,
    /// How much of it must be left for anything to be sent; none where nobody else could take a change over.
    margin: Option<i64>,
}

/// One open change at work, as long as it is not dropped.
pub(super) struct Lease {
    at_work: AtWork,
    intent: IntentRef,
}

impl AtWork {
    /// None at first. `alone`: no other process shares the store.
    pub(super) fn new(clock: Clock, lease: i64, alone: bool) -> Self {
        Self { set: Arc::default(), clock, lease, margin: (!alone).then_some(lease / 3) }
    }

    /// Until when a lease holds that is written from now on.
    pub(super) fn until(&self) -> i64 {
        self.clock.now().millis().saturating_add(self.lease)
    }

    /// From now on at work, with this lease.
    pub(super) fn begin(&self, intent: IntentRef, until: i64) -> Lease {
        self.set().insert(intent.clone(), until);
        Lease { at_work: self.clone(), intent }
    }

    /// The leases of these were renewed. One that is not among them may be another process's by now.
    pub(super) fn renewed(&self, intents: &[IntentRef], until: i64) {
        let mut set = self.set();
        for intent in intents {
            if let Some(known) = set.get_mut(intent) {
                *known = until;
            }
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<IntentRef> {
        self.set().keys().cloned().collect()
    }

    fn set(&self) -> MutexGuard<'_, HashMap<IntentRef, i64>> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Which.
    pub(super) fn intent(&self) -> &IntentRef {
        &self.intent
    }

    /// Whether the change certainly still is this process's.
    pub(super) fn holds(&self) -> bool {
        let Some(margin) = self.at_work.margin else { return true };
        let until = self.at_work.set().get(&self.intent).copied().unwrap_or(i64::MIN);
        self.at_work.clock.now().millis().saturating_add(margin) < until
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.at_work.set().remove(&self.intent);
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;

    fn at_work(alone: bool) -> (AtWork, Clock) {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        (AtWork::new(clock.clone(), 30_000, alone), clock)
    }

    fn intent(seq: u64) -> IntentRef {
        IntentRef { chain: "gw-1".into(), seq }
    }

    #[test]
    fn a_lease_holds_while_more_than_a_third_of_it_is_left() {
        let (at_work, clock) = at_work(false);
        let pass = |millis| clock.advance(SignedDuration::from_millis(millis));
        assert_eq!(at_work.until(), 30_000);
        let lease = at_work.begin(intent(1), at_work.until());
        assert_eq!((lease.intent(), at_work.all()), (&intent(1), vec![intent(1)]));
        pass(19_999);
        assert!(lease.holds());
        pass(1);
        assert!(!lease.holds());
        // Another's is no help, and one that is not at work here is not made to be.
        at_work.renewed(&[intent(2)], at_work.until());
        assert!(!lease.holds() && at_work.all() == [intent(1)]);
        at_work.renewed(&[intent(1)], at_work.until());
        assert!(lease.holds());
        pass(20_000);
        assert!(!lease.holds());
        drop(lease);
        assert_eq!(at_work.all(), []);
    }

    #[test]
    fn whoever_is_alone_holds_what_it_holds() {
        let (at_work, clock) = at_work(true);
        let lease = at_work.begin(intent(1), at_work.until());
        clock.advance(SignedDuration::from_hours(1));
        assert!(lease.holds());
    }
}
