//! The one connection that writes: many steps, one transaction, one sync.

use std::time::{Duration, Instant};

use sqlx::{Connection as _, Row as _, query};

use crate::secret::Digest;

use super::{
    Append, Done, Head, Home, Location, Medium, NewPerson, PersonRow, Place, Reader, Step, StoreError,
    Verdict, Weight, alone,
    checks::{self, Finding, Named},
    dialect::{BEGIN, Connection},
    migrate::migrate,
    ops, outbox,
    place::PAGE,
    prune, sessions,
};

/// The store, taken for this process alone. Its connection answers in order, so what is read from it is the truth about
/// everything written before.
pub(crate) struct Writer {
    connection: Connection,
    home: Home,
    busy: Duration,
}

/// What became of a transaction that is on disk.
pub(crate) struct Appended {
    /// What became of each step, in order.
    pub(crate) done: Vec<Done>,
    /// Where the chain ends now.
    pub(crate) head: Head,
    /// How long the commit took: what the disk takes to make it last.
    pub(crate) sync: Duration,
    /// How much room there was.
    pub(crate) space: Space,
}

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Space {
    /// Bytes that are free: on the disk, and as far as the store may grow.
    pub(crate) free: u64,
    /// For whom.
    pub(crate) room: Room,
}

/// For whom there is room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// For everything.
    All,
    /// For changes and what follows from them: the reserve is begun.
    Changes,
    /// For what follows from changes that were begun: the last quarter of the reserve, so that no change is made whose
    /// outcome cannot be written.
    Ends,
}

impl Room {
    fn is_for(self, weight: Weight) -> bool {
        match (self, weight) {
            (Self::All, _)
            | (Self::Changes, Weight::Intent | Weight::Vital)
            | (Self::Ends, Weight::Vital) => true,
            (Self::Changes, Weight::Ordinary) | (Self::Ends, Weight::Ordinary | Weight::Intent) => false,
        }
    }
}

impl Writer {
    /// Takes the store, makes or updates its tables, and gives connections to read with.
    pub(crate) async fn open(
        location: Location,
        medium: Medium,
        busy: Duration,
    ) -> Result<(Self, Reader), StoreError> {
        let mut home = Home::take(location, medium)?;
        let mut connection = home.location().connect(busy).await?;
        migrate(&mut connection).await?;
        outbox::unclaim(&mut connection).await?;
        home.check()?;
        let reader = Reader::new(home.location().pool(busy, 2));
        Ok((Self { connection, home, busy }, reader))
    }

    /// Where a chain ends.
    pub(crate) async fn head(&mut self, chain: &str) -> Result<Head, StoreError> {
        head(&mut self.connection, chain).await
    }

    /// Begins anew after a failure: what was begun is rolled back, and a connection that is gone is opened again. When
    /// this returns, everything asked before is decided.
    pub(crate) async fn settle(&mut self) -> Result<(), StoreError> {
        self.home.check()?;
        // There is nothing to roll back when the commit went through or the database rolled back by itself.
        let _ = query("ROLLBACK").execute(&mut self.connection).await;
        if self.connection.ping().await.is_err() {
            self.connection = self.home.location().connect(self.busy).await?;
        }
        Ok(())
    }

    /// Does all steps in order in one transaction, or none. A step whose checks fail, or that cannot be composed, fails
    /// alone. `expected` is where the chain was left. After `deadline` nothing is committed any more.
    ///
    /// After an error it is unknown whether the transaction is on disk: call [`Writer::settle`] and [`Writer::head`].
    pub(crate) async fn append(
        &mut self,
        chain: &str,
        expected: Head,
        steps: Vec<Step>,
        deadline: Instant,
    ) -> Result<Appended, StoreError> {
        self.home.check()?;
        query(BEGIN).execute(&mut self.connection).await.map_err(StoreError::at("begin"))?;
        let done = match self.all(chain, expected, steps).await {
            Ok(_) if Instant::now() > deadline => Err(StoreError::Late),
            other => other,
        };
        match done {
            Ok((done, head, space)) => {
                let begun = Instant::now();
                query("COMMIT").execute(&mut self.connection).await.map_err(StoreError::at("commit"))?;
                let sync = begun.elapsed();
                self.home.check()?;
                Ok(Appended { done, head, sync, space })
            }
            Err(error) => {
                // The database may have rolled back by itself; `settle` makes sure.
                let _ = query("ROLLBACK").execute(&mut self.connection).await;
                Err(error)
            }
        }
    }

    /// Whether the files are still those that were opened, and how much room there is.
    pub(crate) async fn look(&mut self) -> Result<Space, StoreError> {
        self.home.check()?;
        self.space().await
    }

    /// Closes the connection: the write-ahead log goes into the database.
    pub(crate) async fn close(self) -> Result<(), StoreError> {
        self.connection.close().await.map_err(StoreError::at("close"))
    }

    async fn all(
        &mut self,
        chain: &str,
        expected: Head,
        steps: Vec<Step>,
    ) -> Result<(Vec<Done>, Head, Space), StoreError> {
        let found = head(&mut self.connection, chain).await?;
        if found != expected {
            return Err(StoreError::Moved { expected: expected.seq, found: found.seq });
        }
        let space = self.space().await?;
        let mut at = found;
        let mut all = Vec::with_capacity(steps.len());
        for step in steps {
            all.push(self.step(chain, &mut at, space.room, step).await?);
        }
        Ok((all, at, space))
    }

    async fn step(&mut self, chain: &str, at: &mut Head, room: Room, step: Step) -> Result<Done, StoreError> {
        let connection = &mut self.connection;
        match step {
            Step::Append(append) if !room.is_for(append.weight) => Ok(Done::Reserve),
            Step::Append(append) => one(connection, chain, at, append).await,
            Step::Claim { channel, urgency, now, until, most } => {
                outbox::claim(connection, (&channel, urgency), (now, until), most).await
            }
            Step::Retry { id, at } => outbox::retry(connection, id, at).await,
            Step::TakeOver { owner, now, until, others, except } => {
                alone::take_over(connection, &owner, now, until, others, &except).await
            }
            Step::Renew { owner, until, intents } => alone::renew(connection, &owner, until, &intents).await,
            Step::Used { uses } => sessions::used(connection, &uses).await,
            Step::Probe { now } => alone::probe(connection, now).await,
            Step::Prune(bounds) => prune::prune(connection, bounds).await,
        }
    }

    /// How much room there is, and for whom.
    async fn space(&mut self) -> Result<Space, StoreError> {
        let reserve = self.home.location().reserve;
        let free = self.free().await?;
        let room = if free >= reserve {
            Room::All
        } else if free >= reserve / 4 {
            Room::Changes
        } else {
            Room::Ends
        };
        Ok(Space { free, room })
    }

    /// Bytes that are free on the disk, and as far as the store may grow.
    async fn free(&mut self) -> Result<u64, StoreError> {
        let free = self.home.free();
        let Some(max) = self.home.location().max_bytes else { return Ok(free) };
        let read = StoreError::at("room");
        let used = query("SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count")
            .fetch_one(&mut self.connection)
            .await
            .and_then(|row| row.try_get::<i64, _>(0))
            .map_err(read)?;
        let used = u64::try_from(used).unwrap_or(0).saturating_mul(PAGE);
        Ok(free.min(max.saturating_sub(used)))
    }

    /// Runs any statement: tests break the store with it.
    #[cfg(test)]
    pub(crate) async fn run(&mut self, sql: &'static str) -> Result<(), StoreError> {
        sqlx::raw_sql(sql).execute(&mut self.connection).await.map_err(StoreError::at("run"))?;
        Ok(())
    }
}

pub(super) async fn head(connection: &mut Connection, chain: &str) -> Result<Head, StoreError> {
    let row = query("SELECT seq, bytes FROM records WHERE chain = $1 ORDER BY seq DESC LIMIT 1")
        .bind(chain)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::at("head"))?;
    let Some(row) = row else { return Ok(Head { seq: 0, hash: Digest::from_bytes([0; 32]) }) };
    let seq: i64 = row.try_get(0).map_err(StoreError::at("head"))?;
    let bytes: &[u8] = row.try_get(1).map_err(StoreError::at("head"))?;
    Ok(Head { seq: u64::try_from(seq).map_err(|_| StoreError::Row("records"))?, hash: Digest::of(bytes) })
}

async fn one(
    connection: &mut Connection,
    chain: &str,
    at: &mut Head,
    append: Append,
) -> Result<Done, StoreError> {
    let (verdict, named) = match checks::all(connection, append.checks).await? {
        Finding::Verdict(verdict, named) => (verdict, named),
        Finding::Done(done) => return Ok(done),
    };
    let person = match &append.person {
        Some(new) => Some(person(connection, new).await?),
        None => None,
    };
    let Named { intent, freeze } = named;
    let place = Place { seq: at.seq + 1, prev: at.hash, person, verdict, intent, freeze };
    let composed = match (append.compose)(&place) {
        Ok(composed) => composed,
        Err(why) => return Ok(Done::Failed(why)),
    };
    // A person's row is made only when something of the person is written.
    if let (Some(new), Some(used)) = (&append.person, &place.person)
        && new.row == *used
        && composed.record.is_some()
    {
        ops::add_person(connection, new).await?;
    }
    let Some(bytes) = composed.record else {
        ops::all(connection, chain, place.seq, composed.ops).await?;
        return Ok(Done::Plain);
    };
    query("INSERT INTO records (chain, seq, bytes) VALUES ($1, $2, $3)")
        .bind(chain)
        .bind(i64::try_from(place.seq).map_err(|_| StoreError::Row("records"))?)
        .bind(&bytes)
        .execute(&mut *connection)
        .await
        .map_err(StoreError::at("record"))?;
    ops::all(connection, chain, place.seq, composed.ops).await?;
    *at = Head { seq: place.seq, hash: Digest::of(&bytes) };
    Ok(match place.verdict {
        Verdict::Clear => Done::Written(*at),
        Verdict::Busy => Done::Busy,
        Verdict::InUse => Done::InUse,
        Verdict::BySame => Done::BySame,
        Verdict::Quota { index, wait } => Done::Quota { index, wait },
    })
}

async fn person(connection: &mut Connection, new: &NewPerson) -> Result<PersonRow, StoreError> {
    Ok(ops::person(connection, &new.person).await?.unwrap_or_else(|| new.row.clone()))
}
