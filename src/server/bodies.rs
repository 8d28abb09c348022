//! Room for bodies: what callers have sent and nobody has answered yet is held in memory, most of it before anybody has
//! proven who he is. All listeners of a process hold so many octets together, and a source has its share of them, so that
//! strangers who send whole bodies but for the last octet take neither the process nor everybody's room with them.
//!
//! Room is taken as octets come, not as they are promised: a declared length costs whoever declares it nothing. Whether a
//! key is known makes no difference here, as in the answer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::limit::Source;

use super::seats::NoSeat;

/// Octets of bodies that are held at once unless something else is said: 64 MiB.
pub(crate) const BODIES_AT_ONCE: usize = 64 * 1024 * 1024;

/// As many octets of bodies as all listeners may hold together. Clones are the same room; the default is one of
/// [`BODIES_AT_ONCE`], of which a source has a quarter.
#[derive(Debug, Clone)]
pub(crate) struct Bodies(Arc<Room>);

/// One body's part of the room; given back when dropped.
#[derive(Debug)]
pub(super) struct Held {
    room: Arc<Room>,
    source: Source,
    octets: usize,
}

#[derive(Debug)]
struct Room {
    all: usize,
    of_source: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    by_source: HashMap<Source, usize>,
}

impl Bodies {
    /// Room for so many octets, of which a source has a quarter, and in any case one body of the largest, of so many.
    pub(crate) fn within(all: usize, largest: usize) -> Self {
        Self::shared(all, (all / 4).max(largest))
    }

    /// Room for so many octets, all of which one source may have.
    pub(crate) fn of_one(all: usize) -> Self {
        Self::shared(all, all)
    }

    fn shared(all: usize, of_source: usize) -> Self {
        Self(Arc::new(Room { all, of_source, taken: Mutex::default() }))
    }

    /// Nothing yet of this source's share.
    pub(super) fn hold(&self, source: Source) -> Held {
        Held { room: Arc::clone(&self.0), source, octets: 0 }
    }
}

impl Default for Bodies {
    fn default() -> Self {
        Self::within(BODIES_AT_ONCE, 0)
    }
}

impl Held {
    /// Holds so many octets in all, if there is room for those that it does not hold yet.
    pub(super) fn grow(&mut self, octets: usize) -> Result<(), NoSeat> {
        let more = octets.saturating_sub(self.octets);
        if more == 0 {
            return Ok(());
        }
        let room = Arc::clone(&self.room);
        let mut taken = room.taken();
        if more > room.all.saturating_sub(taken.total) {
            return Err(NoSeat::Total);
        }
        let of_source = taken.by_source.get(&self.source).copied().unwrap_or(0);
        if more > room.of_source.saturating_sub(of_source) {
            return Err(NoSeat::Source);
        }
        taken.total += more;
        taken.by_source.insert(self.source, of_source + more);
        self.octets = octets;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.octets == 0 {
            return;
        }
        let mut taken = self.room.taken();
        taken.total = taken.total.saturating_sub(self.octets);
        if let Some(of_source) = taken.by_source.get_mut(&self.source) {
            *of_source = of_source.saturating_sub(self.octets);
            if *of_source == 0 {
                taken.by_source.remove(&self.source);
            }
        }
    }
}

impl Room {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn source(text: &str) -> Source {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn v11_octets_are_bounded_by_source_and_in_all_and_come_back() {
        let bodies = Bodies::within(400, 0);
        let mut first = bodies.hold(source("192.0.2.1"));
        assert_eq!((first.grow(60), first.grow(50), first.grow(90)), (Ok(()), Ok(()), Ok(())));
        let mut second = bodies.clone().hold(source("192.0.2.1"));
        assert_eq!((second.grow(10), second.grow(11)), (Ok(()), Err(NoSeat::Source)));
        let mut others: Vec<_> =
            ["192.0.2.2", "192.0.2.3", "192.0.2.4"].iter().map(|text| bodies.hold(source(text))).collect();
        assert!(others.iter_mut().all(|held| held.grow(100).is_ok()));
        assert_eq!(bodies.hold(source("192.0.2.5")).grow(1), Err(NoSeat::Total));
        drop((first, second, others));
        let taken = bodies.0.taken();
        assert_eq!((taken.total, taken.by_source.len()), (0, 0));
    }

    #[test]
    fn a_share_holds_one_body_of_the_largest() {
        let bodies = Bodies::within(400, 300);
        assert_eq!(bodies.hold(source("192.0.2.1")).grow(300), Ok(()));
        assert_eq!(Bodies::of_one(400).hold(source("192.0.2.1")).grow(400), Ok(()));
    }
}
