//! Idle connections. The last one put back is the first taken, so that a quiet time lets the others grow old. A
//! connection is given out only while it is open and hyper waits for the next request on it.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::connection::Connection;

/// The idle connections of one client.
pub(super) struct Pool {
    idle: Mutex<VecDeque<Connection>>,
    size: usize,
    age: Duration,
}

impl Pool {
    /// Keeps at most `size` connections, each at most `age` after its last use.
    pub(super) fn new(size: usize, age: Duration) -> Self {
        Self { idle: Mutex::new(VecDeque::new()), size, age }
    }

    /// The connection used last. The old and the closed ones are dropped on the way.
    pub(super) fn take(&self) -> Option<Connection> {
        let mut idle = self.idle();
        idle.retain(|connection| self.usable(connection));
        idle.pop_back()
    }

    /// Keeps a connection on which nothing is under way. When the pool is full the one unused for longest goes.
    pub(super) fn put(&self, connection: Connection) {
        let mut idle = self.idle();
        idle.retain(|connection| self.usable(connection));
        idle.push_back(connection);
        while idle.len() > self.size {
            idle.pop_front();
        }
    }

    /// How many there are that could be used now.
    pub(super) fn len(&self) -> usize {
        self.idle().iter().filter(|connection| self.usable(connection)).count()
    }

    fn usable(&self, connection: &Connection) -> bool {
        connection.ready() && connection.idle() < self.age
    }

    /// The list holds no state that a panic could leave half done.
    fn idle(&self) -> MutexGuard<'_, VecDeque<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
