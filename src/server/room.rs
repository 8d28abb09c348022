//! Room for connections: every one takes a descriptor, and the guard needs some of its own (its ledger, its policy, Connect,
//! mail). What all listeners of a process accept together leaves these alone: whoever opens connections without end keeps
//! others out, but takes nothing away from what is under way.

use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// As many connections as all listeners may have together. Clones are the same room; the default has no bound.
#[derive(Debug, Clone, Default)]
pub(crate) struct Room(Option<Arc<Semaphore>>);

/// One connection's part of it; given back when dropped.
#[derive(Debug)]
pub(super) struct InRoom {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// What so many descriptors leave for connections when so many are kept back, but for no less than half of them.
    pub(crate) fn within(descriptors: usize, kept: usize) -> Self {
        Self(Some(Arc::new(Semaphore::new(left(descriptors, kept).min(Semaphore::MAX_PERMITS)))))
    }

    /// How many more there may be; none when there is no bound.
    pub(crate) fn free(&self) -> Option<usize> {
        self.0.as_ref().map(|room| room.available_permits())
    }

    /// Room for one more, if there is any.
    pub(super) fn enter(&self) -> Option<InRoom> {
        match &self.0 {
            None => Some(InRoom { _permit: None }),
            Some(room) => {
                let permit = Arc::clone(room).try_acquire_owned().ok()?;
                Some(InRoom { _permit: Some(permit) })
            }
        }
    }
}

/// How many descriptors this process may have, its soft limit raised to the hard one; none when nothing bounds it.
pub(crate) fn descriptors() -> Option<usize> {
    let limit = getrlimit(Resource::Nofile);
    // Where it cannot be raised it is what it is.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let current = getrlimit(Resource::Nofile).current?;
    Some(usize::try_from(current).unwrap_or(usize::MAX))
}

fn left(descriptors: usize, kept: usize) -> usize {
    descriptors.saturating_sub(kept).max(descriptors / 2).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k7_what_is_kept_back_is_never_more_than_half() {
        assert_eq!(left(20_000, 320), 19_680);
        assert_eq!(left(400, 320), 200);
        assert_eq!(left(64, 320), 32);
        assert_eq!(left(0, 320), 1);
    }

    #[test]
    fn k7_clones_are_one_room_and_it_comes_back() {
        let room = Room::within(6, 4);
        let held: Vec<_> = (0..3).map(|_| room.clone().enter().unwrap()).collect();
        assert!(room.enter().is_none());
        assert_eq!(room.free(), Some(0));
        drop(held);
        assert!(room.enter().is_some());
        let (unbound, mut all) = (Room::default(), Vec::new());
        all.extend((0..1_000).map(|_| unbound.enter().unwrap()));
        assert_eq!((all.len(), unbound.free()), (1_000, None));
    }
}
