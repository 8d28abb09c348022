//! What a writer has: the store's files, for this process alone; or a chain of a store that several share.

use std::time::{Duration, Instant};

use super::{
    Location, Medium, Room, Space, StoreError, ballast,
    dialect::{Connection, Pool},
    home::Home,
    migrate::migrate,
    outbox,
    place::PAGE,
    server::Server,
    statement::query,
    tenure::Tenure,
};

/// What a writer has. Dropping it gives the files back; [`Hold::end`] gives the chain back. With a chain, when room was
/// looked for last.
pub(super) enum Hold {
    Files(Home),
    Chain(Server, Tenure, Instant),
}

/// How often is tried whether a server that was full has room again.
const ROOM: Duration = Duration::from_secs(5);

impl Hold {
    /// Takes the store, or a chain of it, with its tables made or brought up to date, and connects.
    pub(super) async fn take(
        location: Location,
        medium: Medium,
        busy: Duration,
        (name, owner): (&str, &str),
    ) -> Result<(Self, Connection), StoreError> {
        match location {
            Location::File(place) => {
                let mut home = Home::take(place, medium)?;
                let mut connection = home.location().connect(busy).await?;
                migrate(&mut connection).await?;
                outbox::unclaim(&mut connection).await?;
                home.check()?;
                Ok((Self::Files(home), connection))
            }
            Location::Server(server) => {
                let mut maker = server.maker(busy).await?;
                server.fit(&mut maker, medium).await?;
                migrate(&mut maker).await?;
                ballast::fill(&mut maker).await?;
                maker.close().await.map_err(StoreError::at("open"))?;
                let mut connection = server.connect(busy).await?;
                let tenure = Tenure::take(&mut connection, name, owner).await?;
                Ok((Self::Chain(server, tenure, Instant::now()), connection))
            }
        }
    }

    /// The chain that this writer continues, of one that was asked for by this name.
    pub(super) fn chain(&self, name: &str) -> String {
        match self {
            Self::Files(_) => name.to_owned(),
            Self::Chain(_, tenure, _) => tenure.chain.clone(),
        }
    }

    /// Whether no other process writes this store.
    pub(super) fn is_alone(&self) -> bool {
        matches!(self, Self::Files(_))
    }

    /// Whether the files are still those that were opened. What others do to a shared store shows in the transaction.
    pub(super) fn check(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Files(home) => home.check(),
            Self::Chain(..) => Ok(()),
        }
    }

    /// Opens a transaction that nothing is written beside, and makes sure that what is held still is.
    pub(super) async fn begin(&self, connection: &mut Connection) -> Result<(), StoreError> {
        connection.begin().await.map_err(StoreError::at("begin"))?;
        match self {
            Self::Files(_) => Ok(()),
            Self::Chain(_, tenure, _) => {
                let renewed = tenure.renew(connection).await;
                if renewed.is_err() {
                    // The others wait for this transaction.
                    let _ = connection.rollback().await;
                }
                renewed
            }
        }
    }

    /// Begins anew after a failure: what was begun is rolled back, and a connection that is gone is opened again. When
    /// this returns, everything asked before is decided.
    pub(super) async fn settle(
        &mut self,
        connection: &mut Connection,
        pool: &Pool,
        busy: Duration,
    ) -> Result<(), StoreError> {
        match self {
            Self::Files(home) => {
                home.check()?;
                // There is nothing to roll back when the commit went through or the database rolled back by itself.
                let _ = connection.rollback().await;
                if connection.ping().await.is_err() {
                    *connection = home.location().connect(busy).await?;
                }
                Ok(())
            }
            Self::Chain(server, ..) => {
                server.renew(pool, busy)?;
                // The one before may still be at its commit: it has the lock until that is decided.
                *connection = server.connect(busy).await?;
                self.begin(connection).await?;
                connection.commit().await.map_err(StoreError::at("settle"))
            }
        }
    }

    /// How much room there is, and for whom. Nobody can say what is left of a server's disk; since it was full, it has room
    /// for ends only.
    pub(super) async fn space(&self, connection: &mut Connection) -> Result<Space, StoreError> {
        let Self::Files(home) = self else {
            let room = if ballast::is_there(connection).await? { Room::All } else { Room::Ends };
            return Ok(Space { free: None, room });
        };
        let reserve = home.location().reserve;
        let free = free(home, connection).await?;
        let room = if free >= reserve {
            Room::All
        } else if free >= reserve / 4 {
            Room::Changes
        } else {
            Room::Ends
        };
        Ok(Space { free: Some(free), room })
    }

    /// The disk of the server is full: gives back what is kept there for that.
    pub(super) async fn make_room(&self, connection: &mut Connection) -> Result<(), StoreError> {
        match self {
            Self::Files(_) => Ok(()),
            Self::Chain(..) => ballast::give_back(connection).await,
        }
    }

    /// Shows a store that is gone, even when nothing is to be written; keeps what is held.
    pub(super) async fn look(&mut self, connection: &mut Connection) -> Result<Space, StoreError> {
        match self {
            Self::Files(home) => home.check()?,
            Self::Chain(_, tenure, looked) => {
                tenure.renew(connection).await?;
                if looked.elapsed() >= ROOM {
                    *looked = Instant::now();
                    ballast::fill(connection).await?;
                }
            }
        }
        self.space(connection).await
    }

    /// Gives back what is held, and closes the connection: a write-ahead log goes into the database.
    pub(super) async fn end(self, mut connection: Connection) -> Result<(), StoreError> {
        let ended = match &self {
            Self::Files(_) => Ok(()),
            Self::Chain(_, tenure, _) => tenure.end(&mut connection).await,
        };
        connection.close().await.map_err(StoreError::at("close"))?;
        ended
    }
}

/// Bytes that are free on the disk, and as far as the store may grow.
async fn free(home: &Home, connection: &mut Connection) -> Result<u64, StoreError> {
    let free = home.free();
    let Some(max) = home.location().max_bytes else { return Ok(free) };
    let read = || StoreError::at("room");
    let row = query("SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count")
        .fetch_one(connection)
        .await
        .map_err(read())?;
    let used: i64 = row.try_get(0).map_err(read())?;
    let used = u64::try_from(used).unwrap_or(0).saturating_mul(PAGE);
    Ok(free.min(max.saturating_sub(used)))
}
