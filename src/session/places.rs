//! How many proofs are looked at at once that somebody else has to be asked about: in all, and of one source, so that
//! nobody holds every place.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use crate::limit::Source;

/// Places in all.
const ALL: u32 = 64;
/// Places of one source.
const EACH: u32 = 16;

/// The places.
#[derive(Default)]
pub(super) struct Places(Mutex<HashMap<Source, u32>>);

/// A place, for as long as it is held.
pub(super) struct Place {
    places: Arc<Places>,
    source: Source,
}

impl Places {
    /// A place for this source; none when it or all have as many as they may.
    pub(super) fn take(self: &Arc<Self>, source: IpAddr) -> Option<Place> {
        let source = Source::from(source);
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.values().sum::<u32>() >= ALL || taken.get(&source).is_some_and(|own| *own >= EACH) {
            return None;
        }
        *taken.entry(source).or_default() += 1;
        Some(Place { places: self.clone(), source })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.source) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                taken.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g9_nobody_holds_every_place() {
        let places = Arc::new(Places::default());
        let address = |n: u8| IpAddr::from([192, 0, 2, n]);
        let mut held: Vec<Place> = (0..EACH).map(|_| places.take(address(1)).unwrap()).collect();
        assert!(places.take(address(1)).is_none());
        for n in 2..=4 {
            held.extend((0..EACH).map(|_| places.take(address(n)).unwrap()));
        }
        assert!(places.take(address(5)).is_none(), "all are taken");
        held.truncate(1);
        assert!(places.take(address(5)).is_some());
        drop(held);
        assert!(places.0.lock().unwrap().is_empty());
    }
}
