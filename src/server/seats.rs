//! Seats for connections, and places for requests: so many in all, and so many for one source.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::limit::Source;

use super::room::{InRoom, Room};

/// All seats of a listener.
pub(super) struct Seats {
    all: usize,
    of_source: usize,
    room: Room,
    taken: Mutex<Taken>,
}

/// The seat of a connection, or of a request; free again when dropped.
pub(super) struct Seat {
    seats: Arc<Seats>,
    /// None while nobody knows who connects: behind a balancer, before its header.
    source: Option<Source>,
    _room: InRoom,
}

/// Why there is no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoSeat {
    /// Too many in all, here or in the whole process.
    Total,
    /// Too many of this source.
    Source,
}

#[derive(Default)]
struct Taken {
    total: usize,
    by_source: HashMap<Source, usize>,
}

impl Seats {
    /// So many in all, so many of one source, and no more than there is room for.
    pub(super) fn new(all: usize, of_source: usize, room: Room) -> Arc<Self> {
        Arc::new(Self { all, of_source, room, taken: Mutex::default() })
    }

    /// A seat among all, if there is one.
    pub(super) fn take(self: &Arc<Self>) -> Result<Seat, NoSeat> {
        let mut taken = self.taken();
        if taken.total >= self.all {
            return Err(NoSeat::Total);
        }
        let room = self.room.enter().ok_or(NoSeat::Total)?;
        taken.total += 1;
        Ok(Seat { seats: Arc::clone(self), source: None, _room: room })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// The same seat, counted among those of its source, if that has one left.
    pub(super) fn of(mut self, source: Source) -> Result<Self, NoSeat> {
        let seats = Arc::clone(&self.seats);
        let mut taken = seats.taken();
        let of_source = taken.by_source.get(&source).copied().unwrap_or(0);
        if of_source >= seats.of_source {
            // Giving the seat back takes the lock.
            drop(taken);
            return Err(NoSeat::Source);
        }
        taken.by_source.insert(source, of_source + 1);
        self.source = Some(source);
        Ok(self)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        taken.total = taken.total.saturating_sub(1);
        let Some(source) = self.source else { return };
        if let Some(of_source) = taken.by_source.get_mut(&source) {
            *of_source = of_source.saturating_sub(1);
            if *of_source == 0 {
                taken.by_source.remove(&source);
            }
        }
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
    fn v11_seats_are_bounded_by_source_and_in_all_and_come_back() {
        let seats = Seats::new(3, 2, Room::default());
        let take = |text| seats.take().and_then(|seat| seat.of(source(text)));
        let first = take("192.0.2.1").unwrap();
        let second = take("192.0.2.1").unwrap();
        assert_eq!(take("192.0.2.1").err(), Some(NoSeat::Source));
        let third = take("2001:db8::1").unwrap();
        assert_eq!(take("2001:db8::2").err(), Some(NoSeat::Total));
        drop(first);
        let fourth = take("2001:db8::2").unwrap();
        assert_eq!(take("192.0.2.1").err(), Some(NoSeat::Total));
        drop((second, third, fourth));
        let unknown = seats.take().unwrap();
        assert_eq!(seats.taken.lock().unwrap().total, 1);
        drop(unknown);
        assert!(seats.taken.lock().unwrap().by_source.is_empty());
        assert_eq!(seats.taken.lock().unwrap().total, 0);
    }

    #[test]
    fn k7_seats_of_two_listeners_have_one_room() {
        let room = Room::within(4, 2);
        let (one, other) = (Seats::new(9, 9, room.clone()), Seats::new(9, 9, room));
        let held = (one.take().unwrap(), other.take().unwrap());
        assert_eq!(one.take().err(), Some(NoSeat::Total));
        drop(held);
        assert!(other.take().is_ok());
    }
}
