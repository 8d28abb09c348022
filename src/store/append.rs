//! The one connection that writes: many steps, one transaction, one sync.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::secret::Digest;

use super::{
    Append, Done, Head, Location, MarkRow, Medium, NewPerson, PersonRow, Place, Reader, Step, StoreError,
    Verdict, Weight, alone,
    checks::{self, Finding, Named},
    dialect::{Connection, On, Pool},
    epochs,
    hold::Hold,
    insertion::Insertion,
    marks, migrate, ops, outbox, prune,
    server::READERS,
    sessions,
    statement::query,
};

/// The store, or a chain of it, taken for this process alone. Its connection answers in order, so what is read from it is
/// the truth about everything written before.
pub(crate) struct Writer {
    connection: Connection,
    hold: Hold,
    pool: Pool,
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
    /// Bytes that are free: on the disk, and as far as the store may grow. Of a server nobody can say.
    pub(crate) free: Option<u64>,
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
    /// outcome cannot be written. On a server, since it was full.
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
    /// Takes the store, makes or updates its tables, and gives connections to read with. Where several share a store, a
    /// chain is taken: `name`, or what begins so. `owner` is this process, by a random name.
    pub(crate) async fn open(
        location: Location,
        medium: Medium,
        busy: Duration,
        (name, owner): (&str, &str),
    ) -> Result<(Self, Reader), StoreError> {
        let readers = if matches!(location, Location::File(_)) { 2 } else { READERS };
        let (hold, connection) = Hold::take(location.clone(), medium, busy, (name, owner)).await?;
        let pool = location.pool(busy, readers)?;
        migrate::unaltered(&pool).await?;
        Ok((Self { connection, hold, pool: pool.clone(), busy }, Reader::new(pool)))
    }

    /// The chain that this writer continues, of one that was asked for by this name.
    pub(crate) fn chain(&self, name: &str) -> String {
        self.hold.chain(name)
    }

    /// Whether no other process writes this store.
    pub(crate) fn is_alone(&self) -> bool {
        self.hold.is_alone()
    }

    /// Where a chain ends.
    pub(crate) async fn head(&mut self, chain: &str) -> Result<Head, StoreError> {
        let patience = self.patience(Duration::ZERO);
        within(patience, head(&mut self.connection, chain)).await
    }

    /// By what the keys are known that the store was written with.
    pub(crate) async fn marks(&mut self) -> Result<Vec<MarkRow>, StoreError> {
        let patience = self.patience(Duration::ZERO);
        within(patience, marks::all(&mut self.connection)).await
    }

    /// Keeps those whose keys have none, and gives all: another process may have come first. For a writer that is just opened:
    /// after an error it is of no use.
    pub(crate) async fn keep_marks(&mut self, rows: &[MarkRow]) -> Result<Vec<MarkRow>, StoreError> {
        let patience = self.patience(Duration::ZERO);
        let keep = async {
            self.hold.begin(&mut self.connection).await?;
            marks::keep(&mut self.connection, rows).await?;
            let kept = marks::all(&mut self.connection).await?;
            self.connection.commit().await.map_err(StoreError::at("commit"))?;
            Ok(kept)
        };
        within(patience, keep).await
    }

    /// Begins anew after a failure: what was begun is rolled back, and a connection that is gone is opened again. When
    /// this returns, everything asked before is decided.
    pub(crate) async fn settle(&mut self) -> Result<(), StoreError> {
        let patience = self.patience(self.busy);
        within(patience, self.hold.settle(&mut self.connection, &self.pool, self.busy)).await
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
        let patience = self.patience(deadline.saturating_duration_since(Instant::now()));
        let done = within(patience, self.transaction(chain, expected, steps, deadline)).await;
        if done.as_ref().is_err_and(StoreError::is_full) {
            // Whoever has to record what became of a change comes again.
            let patience = self.patience(self.busy);
            let _ = within(patience, self.hold.make_room(&mut self.connection)).await;
        }
        done
    }

    /// Whether what is held still is, and how much room there is.
    pub(crate) async fn look(&mut self) -> Result<Space, StoreError> {
        let patience = self.patience(Duration::ZERO);
        within(patience, self.hold.look(&mut self.connection)).await
    }

    /// The highest epoch of a policy that was in force on any replica; 0 for none, and where there is one guard only.
    pub(crate) async fn epoch(&mut self) -> Result<i64, StoreError> {
        if self.is_alone() {
            return Ok(0);
        }
        within(self.patience(Duration::ZERO), epochs::highest(&mut self.connection)).await
    }

    /// Gives back what is held, and closes the connection.
    pub(crate) async fn close(self) -> Result<(), StoreError> {
        let patience = self.patience(Duration::ZERO);
        within(patience, self.hold.end(self.connection)).await
    }

    /// How long the other side of a network is waited for; a disk is waited for as long as it takes. After that the
    /// connection is not used any more: [`Writer::settle`] opens another one.
    fn patience(&self, besides: Duration) -> Option<Duration> {
        (!self.is_alone()).then(|| self.busy + besides)
    }

    async fn transaction(
        &mut self,
        chain: &str,
        expected: Head,
        steps: Vec<Step>,
        deadline: Instant,
    ) -> Result<Appended, StoreError> {
        self.hold.check()?;
        self.hold.begin(&mut self.connection).await?;
        let done = match self.all(chain, expected, steps).await {
            Ok(_) if Instant::now() > deadline => Err(StoreError::Late),
            other => other,
        };
        match done {
            Ok((done, head, space)) => {
                let begun = Instant::now();
                self.connection.commit().await.map_err(StoreError::at("commit"))?;
                let sync = begun.elapsed();
                self.hold.check()?;
                Ok(Appended { done, head, sync, space })
            }
            Err(error) => {
                // The database may have rolled back by itself; `settle` makes sure.
                let _ = self.connection.rollback().await;
                Err(error)
            }
        }
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
        let space = self.hold.space(&mut self.connection).await?;
        let mut at = found;
        let mut insertion = Insertion::default();
        let mut all = Vec::with_capacity(steps.len());
        for step in steps {
            all.push(self.step(chain, &mut at, &mut insertion, space.room, step).await?);
        }
        insertion.write(&mut self.connection, chain).await?;
        Ok((all, at, space))
    }

    async fn step(
        &mut self,
        chain: &str,
        at: &mut Head,
        insertion: &mut Insertion,
        room: Room,
        step: Step,
    ) -> Result<Done, StoreError> {
        let connection = &mut self.connection;
        if !matches!(step, Step::Append(_)) {
            insertion.write(connection, chain).await?;
        }
        match step {
            Step::Append(append) if !room.is_for(append.weight) => Ok(Done::Reserve),
            Step::Append(append) => one(connection, chain, at, insertion, append).await,
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

    /// Runs any statement: tests break the store with it.
    #[cfg(test)]
    pub(crate) async fn run(&mut self, sql: &'static str) -> Result<(), StoreError> {
        self.connection.plain(sql).await.map_err(StoreError::at("run"))
    }
}

async fn within<T>(
    patience: Option<Duration>,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match patience {
        None => work.await,
        Some(patience) => timeout(patience, work).await.unwrap_or(Err(StoreError::Late)),
    }
}

pub(super) async fn head<'c>(on: impl Into<On<'c>>, chain: &str) -> Result<Head, StoreError> {
    let row = query("SELECT seq, bytes FROM records WHERE chain = $1 ORDER BY seq DESC LIMIT 1")
        .bind(chain)
        .fetch_optional(on)
        .await
        .map_err(StoreError::at("head"))?;
    let Some(row) = row else { return Ok(Head { seq: 0, hash: Digest::from_bytes([0; 32]) }) };
    let seq: i64 = row.try_get(0).map_err(StoreError::at("head"))?;
    let bytes: &[u8] = row.try_get(1).map_err(StoreError::at("head"))?;
    Ok(Head { seq: u64::try_from(seq).map_err(|_| StoreError::Row("records"))?, hash: Digest::of(bytes) })
}

/// Gives a record its place. Its row is written here only when something goes with it that may look at it: otherwise it is
/// left in `insertion`, which is to be written before the transaction ends.
pub(super) async fn one(
    connection: &mut Connection,
    chain: &str,
    at: &mut Head,
    insertion: &mut Insertion,
    append: Append,
) -> Result<Done, StoreError> {
    if !append.checks.is_empty() || append.person.is_some() {
        insertion.write(connection, chain).await?;
    }
    let (verdict, named) = match checks::all(connection, append.checks).await? {
        Finding::Verdict(verdict, named) => (verdict, named),
        Finding::Done(done) => return Ok(done),
    };
    let person = match &append.person {
        Some(new) => Some(person(connection, new).await?),
        None => None,
    };
    let Named { intent, freeze, heads } = named;
    let place = Place { seq: at.seq + 1, prev: at.hash, person, verdict, intent, freeze, heads };
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
        insertion.write(connection, chain).await?;
        ops::all(connection, chain, place.seq, composed.ops).await?;
        return Ok(Done::Plain);
    };
    let hash = Digest::of(&bytes);
    insertion.push(place.seq, bytes)?;
    if !composed.ops.is_empty() {
        insertion.write(connection, chain).await?;
        ops::all(connection, chain, place.seq, composed.ops).await?;
    }
    *at = Head { seq: place.seq, hash };
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
