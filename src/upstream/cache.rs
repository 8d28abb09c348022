//! What was read a short while ago. Identical reads that arrive together become one; a read that failed is not kept.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::SignedDuration;
use tokio::sync::Mutex as Turn;

use crate::clock::{Clock, Now};

/// Keys kept at most. At that many the cache begins anew: a read too many, never an old answer.
const KEYS: usize = 4096;

/// One key's last answer; whoever holds it reads for all who wait.
type Slot<V> = Arc<Turn<Option<(Now, V)>>>;

pub(super) struct Cache<K, V> {
    keep: SignedDuration,
    clock: Clock,
    slots: Mutex<HashMap<K, Slot<V>>>,
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    /// A cache that keeps answers for less than `keep`.
    pub(super) fn new(keep: SignedDuration, clock: Clock) -> Self {
        Self { keep, clock, slots: Mutex::default() }
    }

    /// The answer that is kept, or the one that `read` gives. Its age counts from before it was asked for.
    pub(super) async fn get<E>(&self, key: K, read: impl AsyncFnOnce() -> Result<V, E>) -> Result<V, E> {
        let slot = self.slot(key);
        let mut kept = slot.lock().await;
        let now = self.clock.now();
        if let Some((since, value)) = &*kept {
            // A clock that was set back makes nothing young again.
            if *since <= now && now < since.plus(self.keep) {
                return Ok(value.clone());
            }
        }
        *kept = None;
        let value = read().await?;
        *kept = Some((now, value.clone()));
        Ok(value)
    }

    /// Forgets all: what is read from now on is asked for anew, whoever else is reading.
    pub(super) fn clear(&self) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn slot(&self, key: K) -> Slot<V> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= KEYS && !slots.contains_key(&key) {
            slots.clear();
        }
        slots.entry(key).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn cache() -> (Cache<u32, u32>, Clock) {
        let clock = Clock::manual("2027-03-12T10:00:00Z".parse().unwrap());
        (Cache::new(SignedDuration::from_secs(60), clock.clone()), clock)
    }

    async fn ask(cache: &Cache<u32, u32>, key: u32, answer: Result<u32, ()>) -> Result<u32, ()> {
        cache.get(key, async || answer).await
    }

    #[tokio::test]
    async fn an_answer_is_kept_for_less_than_its_time() {
        let (cache, clock) = cache();
        assert_eq!(ask(&cache, 1, Ok(1)).await, Ok(1));
        clock.advance(SignedDuration::from_millis(59_999));
        assert_eq!(ask(&cache, 1, Ok(2)).await, Ok(1));
        assert_eq!(ask(&cache, 2, Ok(3)).await, Ok(3));
        clock.advance(SignedDuration::from_millis(1));
        assert_eq!(ask(&cache, 1, Ok(2)).await, Ok(2));
    }

    #[tokio::test]
    async fn a_failure_is_not_kept_and_ends_what_was() {
        let (cache, clock) = cache();
        assert_eq!(ask(&cache, 1, Err(())).await, Err(()));
        assert_eq!(ask(&cache, 1, Ok(1)).await, Ok(1));
        clock.advance(SignedDuration::from_secs(60));
        assert_eq!(ask(&cache, 1, Err(())).await, Err(()));
        clock.advance(SignedDuration::from_secs(-30));
        assert_eq!(ask(&cache, 1, Ok(2)).await, Ok(2));
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_makes_nothing_young() {
        let (cache, clock) = cache();
        assert_eq!(ask(&cache, 1, Ok(1)).await, Ok(1));
        clock.advance(SignedDuration::from_secs(-1));
        assert_eq!(ask(&cache, 1, Ok(2)).await, Ok(2));
    }

    #[tokio::test]
    async fn those_who_ask_together_read_once() {
        let (cache, _) = cache();
        let reads = Cell::new(0);
        let ask = || {
            cache.get(1, async || {
                reads.set(reads.get() + 1);
                tokio::task::yield_now().await;
                Ok::<_, ()>(7)
            })
        };
        assert_eq!(tokio::join!(ask(), ask(), ask()), (Ok(7), Ok(7), Ok(7)));
        assert_eq!(reads.get(), 1);
    }

    #[tokio::test]
    async fn keys_are_bounded() {
        let (cache, _) = cache();
        for key in 0..=u32::try_from(KEYS).unwrap() {
            assert_eq!(ask(&cache, key, Ok(key)).await, Ok(key));
        }
        assert_eq!(cache.slots.lock().unwrap().len(), 1);
    }
}
