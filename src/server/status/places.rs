//! Who may be connected: so many in all and of one source, and few of those that have not asked yet. Whoever only holds
//! connections makes room for whoever comes next, so that probes are heard.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

use crate::limit::Source;

/// Connections at once; beyond, the oldest silent one makes room, and if all have asked, one more is closed.
const CONNECTIONS: usize = 64;
/// Connections of one source; one more is closed. Half, so that somebody else is heard whatever this one asks for.
const OF_SOURCE: usize = 32;
/// Connections of one source that have not asked; beyond, the oldest of them is cut. Room for those who ask at once: several
/// may be accepted before the first of them is heard.
const SILENT: usize = 24;

/// The places of a listener.
#[derive(Default)]
pub(super) struct Places(Mutex<Taken>);

/// A connection's place; free again when dropped.
pub(super) struct Place {
    places: Arc<Places>,
    id: u64,
    /// Cancelled when somebody else has the place.
    pub(super) cut: CancellationToken,
}

#[derive(Default)]
struct Taken {
    next: u64,
    /// In the order in which they came.
    by_age: VecDeque<Held>,
}

struct Held {
    id: u64,
    source: Source,
    asked: bool,
    cut: CancellationToken,
}

impl Places {
    /// A place for one more of this source, if there is one or is made.
    pub(super) fn take(self: &Arc<Self>, source: Source) -> Option<Place> {
        let mut taken = self.taken();
        let of_source = |held: &&Held| held.source == source;
        let silent = taken.by_age.iter().filter(of_source).filter(|held| !held.asked).count();
        if silent >= SILENT {
            taken.cut_oldest(|held| held.source == source);
        } else if taken.by_age.iter().filter(of_source).count() >= OF_SOURCE
            || (taken.by_age.len() >= CONNECTIONS && !taken.cut_oldest(|_| true))
        {
            return None;
        }
        let (id, cut) = (taken.next, CancellationToken::new());
        taken.next += 1;
        taken.by_age.push_back(Held { id, source, asked: false, cut: cut.clone() });
        Some(Place { places: Arc::clone(self), id, cut })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Cuts the oldest of these that has not asked; says whether there was one.
    fn cut_oldest(&mut self, of: impl Fn(&Held) -> bool) -> bool {
        let oldest = self.by_age.iter().position(|held| !held.asked && of(held));
        let Some(held) = oldest.and_then(|at| self.by_age.remove(at)) else { return false };
        held.cut.cancel();
        true
    }
}

impl Place {
    /// It has asked: nobody takes its place any more.
    pub(super) fn asked(&self) {
        if let Some(held) = self.places.taken().by_age.iter_mut().find(|held| held.id == self.id) {
            held.asked = true;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken().by_age.retain(|held| held.id != self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn source(last: usize) -> Source {
        format!("192.0.2.{last}").parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn whoever_is_silent_makes_room_and_whoever_asked_stays() {
        let places = Arc::<Places>::default();
        let first = places.take(source(1)).unwrap();
        first.asked();
        let mut silent: Vec<_> = (0..SILENT).map(|_| places.take(source(1)).unwrap()).collect();
        assert!(silent.iter().all(|place| !place.cut.is_cancelled()));
        silent.push(places.take(source(1)).unwrap());
        let cut: Vec<_> = silent.iter().map(|place| place.cut.is_cancelled()).collect();
        assert_eq!(cut.iter().filter(|cut| **cut).count(), 1);
        assert!(cut[0] && !first.cut.is_cancelled());
        drop((first, silent));
        assert_eq!(places.taken().by_age.len(), 0);
    }

    #[test]
    fn the_oldest_of_anybody_makes_room_when_all_are_taken() {
        let places = Arc::<Places>::default();
        let held: Vec<_> = (0..CONNECTIONS).map(|n| places.take(source(n / SILENT)).unwrap()).collect();
        let another = places.take(source(200)).unwrap();
        assert!(held[0].cut.is_cancelled() && !held[1].cut.is_cancelled());
        for place in held.iter().skip(1).chain([&another]) {
            place.asked();
        }
        assert!(places.take(source(201)).is_none());
    }

    #[test]
    fn one_source_that_asks_leaves_room_for_others() {
        let places = Arc::<Places>::default();
        let held: Vec<_> = std::iter::from_fn(|| places.take(source(1)).inspect(Place::asked)).collect();
        assert_eq!(held.len(), OF_SOURCE);
        assert!(places.take(source(2)).is_some());
    }
}
