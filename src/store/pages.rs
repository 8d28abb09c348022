//! Every record, as of one moment, page by page while what was read before is worked on. From a file a page comes as one row,
//! since what a row costs on its way here is more than what is in a record; a server takes longer to put one together than to
//! send its rows.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

use super::{
    Reader, RecordRow, StoreError,
    dialect::{Row, Snapshot},
    statement::{Builder, Statement, query_scalar},
};

/// Records of a page.
const PAGE: i64 = 250;
/// So many pages wait at most until they are looked at.
const PAGES: usize = 4;

/// In which order records are read.
#[derive(Clone)]
enum Order {
    /// Chain by chain, by number: from this one on, of which so many were read. A table whose key was taken away may hold several.
    Chains { chain: String, seq: i64, same: i64 },
    /// As they were written, which is how they lie on disk: from this place on.
    Written(i64),
}

/// Some records.
enum Page {
    /// One behind the other. Of each the length of its chain's name, its number, and its length; then the place of the last
    /// one among all.
    One { places: Vec<(usize, i64, usize)>, chains: String, row: Row, last: i64 },
    /// Each by itself, behind its place among all.
    Rows(Vec<Row>),
}

impl Reader {
    /// Every record of every chain, chain by chain in order.
    pub(crate) async fn each_record(&self, mut each: impl FnMut(&RecordRow)) -> Result<(), StoreError> {
        let first = Order::Chains { chain: String::new(), seq: i64::MIN, same: 0 };
        self.each(first, |record| {
            each(record);
            true
        })
        .await
    }

    /// The same in the order in which they were written, which is several times as fast. Each chain is in order as well, or it
    /// ends early and gives `false`.
    pub(crate) async fn each_written(&self, mut each: impl FnMut(&RecordRow)) -> Result<bool, StoreError> {
        let (mut ends, mut in_order) = (BTreeMap::<String, i64>::new(), true);
        self.each(Order::Written(i64::MIN), |record| {
            match ends.get_mut(&record.chain) {
                Some(end) => {
                    in_order = *end < record.seq;
                    *end = record.seq;
                }
                None => {
                    ends.insert(record.chain.clone(), record.seq);
                }
            }
            if in_order {
                each(record);
            }
            in_order
        })
        .await?;
        Ok(in_order)
    }

    /// Every record until one is the last that is asked for.
    async fn each(&self, order: Order, mut each: impl FnMut(&RecordRow) -> bool) -> Result<(), StoreError> {
        let snapshot = self.pool().snapshot().await.map_err(StoreError::at("records"))?;
        let (to, mut pages) = mpsc::channel(PAGES);
        let reading = tokio::spawn(pages_of(snapshot, order, to));
        let mut record = RecordRow { chain: String::new(), seq: 0, bytes: Vec::new() };
        while let Some(page) = pages.recv().await {
            if !Page::each(&page, &mut record, &mut each)? {
                return Ok(());
            }
        }
        // It ends by itself once it gave all it had.
        reading.await.unwrap_or(Err(StoreError::Row("records")))
    }
}

/// Reads every record, page by page, for whoever takes the pages.
async fn pages_of(
    mut snapshot: Snapshot,
    mut order: Order,
    to: mpsc::Sender<Page>,
) -> Result<(), StoreError> {
    let read = || StoreError::at("records");
    // A file's table is read from its one end to the other; whatever else is read goes by an index, which could lack some.
    let all: Option<i64> = match (&order, &snapshot) {
        (Order::Written(_), Snapshot::Sqlite(_)) => None,
        (Order::Chains { .. }, _) | (_, Snapshot::Postgres(_)) => {
            let sql = "SELECT count(*) FROM records";
            Some(query_scalar(sql).fetch_one(&mut snapshot).await.map_err(read())?)
        }
    };
    let mut seen = 0;
    loop {
        let rows = order.statement(&snapshot).fetch_all(&mut snapshot).await.map_err(read())?;
        let Some(page) = Page::of(rows, &snapshot)? else { break };
        seen += page.records() as u64;
        let more = order.behind(&page)?;
        // Whoever takes them may be gone.
        if to.send(page).await.is_err() {
            return Ok(());
        }
        if !more {
            break;
        }
    }
    if all.is_none_or(|all| seen == all.unsigned_abs()) { Ok(()) } else { Err(StoreError::Row("records")) }
}

impl Order {
    /// The next page.
    fn statement(&self, of: &Snapshot) -> Statement<'_> {
        let mut sql = Builder::new(match of {
            Snapshot::Sqlite(_) => {
                "SELECT MAX(n), count(*), \
                 string_agg(concat_ws(':', octet_length(chain), seq, octet_length(bytes)), ','), \
                 string_agg(chain, ''), CAST(string_agg(CAST(bytes AS TEXT), '') AS BLOB) FROM ("
            }
            Snapshot::Postgres(_) => "SELECT n, chain, seq, bytes FROM (",
        });
        match self {
            Self::Chains { chain, seq, same } => {
                sql.push("SELECT 0 AS n, chain, seq, bytes FROM records WHERE (chain, seq) >= (")
                    .push_bind(chain);
                sql.push(", ").push_bind(*seq).push(") ORDER BY chain, seq LIMIT ").push_bind(PAGE);
                sql.push(" OFFSET ").push_bind(*same);
            }
            Self::Written(from) => {
                let order = of.order();
                sql.push("SELECT ")
                    .push(order)
                    .push(" AS n, chain, seq, bytes FROM records WHERE ")
                    .push(order);
                sql.push(" >= ")
                    .push_bind(*from)
                    .push(" ORDER BY ")
                    .push(order)
                    .push(" LIMIT ")
                    .push_bind(PAGE);
            }
        }
        sql.push(") page");
        sql.build()
    }

    /// Goes on behind a page; whether anything can be there.
    fn behind(&mut self, page: &Page) -> Result<bool, StoreError> {
        match self {
            Self::Chains { chain, seq, same } => {
                let mut record = RecordRow { chain: String::new(), seq: 0, bytes: Vec::new() };
                page.each(&mut record, |record| {
                    *same = if record.seq == *seq && record.chain == *chain { *same + 1 } else { 1 };
                    if record.chain != *chain {
                        chain.clone_from(&record.chain);
                    }
                    *seq = record.seq;
                    true
                })
            }
            Self::Written(from) => {
                let next = page.last()?.checked_add(1);
                *from = next.unwrap_or(*from);
                Ok(next.is_some())
            }
        }
    }
}

impl Page {
    /// The page of what was read; none when there is nothing in it.
    fn of(mut rows: Vec<Row>, from: &Snapshot) -> Result<Option<Self>, StoreError> {
        let read = || StoreError::at("records");
        if let Snapshot::Postgres(_) = from {
            return Ok((!rows.is_empty()).then_some(Self::Rows(rows)));
        }
        let row = rows.pop().ok_or(StoreError::Row("records"))?;
        let count: i64 = row.try_get(1).map_err(read())?;
        if count == 0 {
            return Ok(None);
        }
        let last = row.try_get(0).map_err(read())?;
        let places: String = row.try_get(2).map_err(read())?;
        let places = places.split(',').map(place).collect::<Option<Vec<_>>>();
        let places = places.ok_or(StoreError::Row("records"))?;
        let chains: String = row.try_get(3).map_err(read())?;
        let bytes: &[u8] = row.try_get(4).map_err(read())?;
        let sums = places.iter().fold((0, 0), |(names, all), (name, _, length)| (names + name, all + length));
        // A part that is no text, no number or nothing at all would move all that come behind it.
        if sums != (chains.len(), bytes.len()) || places.len() as u64 != count.unsigned_abs() {
            return Err(StoreError::Row("records"));
        }
        Ok(Some(Self::One { places, chains, row, last }))
    }

    /// How many there are.
    fn records(&self) -> usize {
        match self {
            Self::One { places, .. } => places.len(),
            Self::Rows(rows) => rows.len(),
        }
    }

    /// The place of the last one among all.
    fn last(&self) -> Result<i64, StoreError> {
        match self {
            Self::One { last, .. } => Ok(*last),
            Self::Rows(rows) => {
                let last = rows.last().ok_or(StoreError::Row("records"))?;
                last.try_get(0).map_err(StoreError::at("records"))
            }
        }
    }

    /// Each of its records, until one is the last that is asked for; whether none is.
    fn each(
        &self,
        record: &mut RecordRow,
        mut each: impl FnMut(&RecordRow) -> bool,
    ) -> Result<bool, StoreError> {
        let read = || StoreError::at("records");
        match self {
            Self::One { places, chains, row, .. } => {
                let mut names = chains.as_str();
                let mut all: &[u8] = row.try_get(4).map_err(read())?;
                for (name, seq, length) in places {
                    let name = names.split_at_checked(*name).ok_or(StoreError::Row("records"))?;
                    let bytes = all.split_at_checked(*length).ok_or(StoreError::Row("records"))?;
                    (names, all) = (name.1, bytes.1);
                    if record.chain != name.0 {
                        name.0.clone_into(&mut record.chain);
                    }
                    record.seq = *seq;
                    bytes.0.clone_into(&mut record.bytes);
                    if !each(record) {
                        return Ok(false);
                    }
                }
            }
            Self::Rows(rows) => {
                for row in rows {
                    record.chain = row.try_get(1).map_err(read())?;
                    record.seq = row.try_get(2).map_err(read())?;
                    record.bytes = row.try_get(3).map_err(read())?;
                    if !each(record) {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }
}

/// `length of the name:number:length`.
fn place(text: &str) -> Option<(usize, i64, usize)> {
    let mut parts = text.split(':');
    let place = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some(place)
}
