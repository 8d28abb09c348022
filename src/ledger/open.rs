//! Opening the ledger: the store, the end of the chain, the writer.

use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;

use crate::{
    secret::{Digest, random},
    store::{Head, Location, Medium, Others, Reader, RecordRow, StoreError, Writer},
};

use super::{
    Broken, Ledger, LedgerFault, LedgerOptions,
    book::Inner,
    core::Core,
    lease::AtWork,
    marks,
    queue::Shared,
    verify::{Flaw, Verifier},
    writer::Task,
};

/// Steps that wait for the writer at most: beyond that the ledger is overloaded.
const WAITING: usize = 1_024;
/// Records checked at the end of the chain when it is opened, and every time it is looked at again.
const TAIL: u32 = 1_000;

impl Ledger {
    /// Opens (and on first use creates) the store, takes it for this process alone, checks the chain's tail, and starts
    /// the writer.
    ///
    /// # Errors
    /// When the store cannot be opened or is another process's, and when the end of the chain does not hold.
    pub async fn open(options: LedgerOptions) -> Result<Self, LedgerFault> {
        let location = Location::read(&options.url)?;
        let medium = match options.ephemeral {
            Some(sentence) if !sentence.trim().is_empty() => Medium::Any,
            Some(_) | None => Medium::Lasting,
        };
        let owner = hex::encode(random::<12>().map_err(LedgerFault::Randomness)?);
        let name = options.replica;
        let (mut writer, reader) = Writer::open(location, medium, options.timeout, (&name, &owner)).await?;
        if let Some(other) =
            marks::settle((&mut writer, &reader), &options.hash, &options.seal).await?.into_iter().next()
        {
            return Err(LedgerFault::OtherKey(other));
        }
        let chain = writer.chain(&name);
        let head = writer.head(&chain).await?;
        if let Some(Broken { chain, seq, why }) = look(&reader, &chain, head).await? {
            return Err(LedgerFault::Broken { chain, seq, why });
        }
        let core = Arc::new(Core {
            chain: chain.into(),
            owner,
            others: if writer.is_alone() { Others::AreGone } else { Others::MayLive },
            seal: options.seal,
            hash: options.hash,
            clock: options.clock,
            lease: i64::try_from(options.lease.as_millis()).unwrap_or(i64::MAX),
            timeout: options.timeout,
        });
        let shared = Arc::new(Shared::default());
        shared.set_head(head);
        let at_work = AtWork::new(core.clock.clone(), core.lease, core.others == Others::AreGone);
        let (requests, requested) = mpsc::channel(WAITING);
        let (deliveries, delivered) = mpsc::channel(WAITING);
        let (notes, for_notes) = mpsc::channel(options.queue.max(1));
        let task = Task::new(
            Arc::clone(&core),
            Arc::clone(&shared),
            at_work.clone(),
            (writer, reader.clone(), head),
            (requested, delivered, for_notes),
        );
        let task = Mutex::new(Some(tokio::spawn(task.run())));
        Ok(Self {
            inner: Arc::new(Inner { core, shared, at_work, reader, requests, deliveries, notes, task }),
        })
    }
}

/// Looks at the last records of a chain that ends there.
pub(super) async fn look(reader: &Reader, chain: &str, head: Head) -> Result<Option<Broken>, StoreError> {
    let rows = reader.up_to(chain, head.seq, TAIL).await?;
    // Afterwards: more may be closed meanwhile, and never less.
    let closed = reader.closed(chain).await?;
    Ok(flaw(chain, &rows, head, closed))
}

/// What is wrong with the end of a chain: each record has to follow from the one before it, and the last one is the head.
/// Records up to `closed` may have left for segments, the oldest first.
pub(super) fn flaw(chain: &str, rows: &[RecordRow], head: Head, closed: u64) -> Option<Broken> {
    let broken = |seq, why: &dyn ToString| Some(Broken { chain: chain.into(), seq, why: why.to_string() });
    let mut verifier = Verifier::default();
    let mut following = rows.iter();
    if let Some(first) = rows.first()
        && let seq = first.seq.unsigned_abs()
        && (head.seq > u64::from(TAIL) || (seq > 1 && seq <= closed + 1))
    {
        verifier.after(chain, seq, Digest::of(&first.bytes));
        following.next();
    }
    for row in following {
        verifier.link(row);
    }
    if let Some((_, seq, why)) = verifier.finish().faults.first() {
        return broken(*seq, why);
    }
    match rows.last() {
        None if head.seq == 0 => None,
        Some(last) if last.seq.unsigned_abs() != head.seq => broken(head.seq, &Flaw::Missing),
        Some(last) if Digest::of(&last.bytes) != head.hash => {
            broken(head.seq, &"was changed: it is not the one that was written")
        }
        Some(_) => None,
        None => broken(head.seq, &Flaw::Missing),
    }
}
