//! What waits for the writer: steps that somebody waits for, and notes that nobody does.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use tokio::sync::{Notify, oneshot, watch};

use crate::{
    notice::RecordRef,
    secret::Digest,
    store::{Compose, Done, Head, Space, Step},
    timing::Timer,
};

use super::{Broken, Failure, Required, Reserve, Stranger, Unwritten, record::SourcePart, sessions::Uses};

/// Kinds of strangers kept at most until the next summary: what is beyond is only counted.
const STRANGERS: usize = 4_096;

/// What a step is for: decides what follows when it is done, or when nobody takes its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// An intent: when nobody takes it, it is closed as never sent.
    Intent,
    /// Closes an intent: those who wait for the answer look again.
    Outcome,
    /// Writes notices.
    Notices,
    /// Anything else.
    Plain,
    /// Claims a delivery, or says what became of one: nobody who asked the guard for something waits for it.
    Delivery,
    /// The last: the writer ends after it.
    Last,
}

/// A step that somebody waits for.
pub(super) struct Request {
    pub(super) step: Step,
    pub(super) purpose: Purpose,
    pub(super) deadline: Instant,
    pub(super) reply: oneshot::Sender<Result<Done, Unwritten>>,
}

/// A record that nobody waits for: of an ordinary operation, or its refusal.
pub(super) struct Note {
    /// When it happened.
    pub(super) at: i64,
    pub(super) compose: Compose,
}

/// So many notes that found no place, between two times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) count: u64,
    pub(super) from: i64,
    pub(super) to: i64,
}

/// Strangers since the last summary.
#[derive(Default)]
pub(super) struct Strangers {
    pub(super) sources: HashMap<(String, &'static str), u64>,
    pub(super) others: u64,
    pub(super) from: Option<i64>,
    pub(super) to: i64,
}

/// How the store does.
#[derive(Default, Clone)]
pub(super) struct StoreState {
    pub(super) free_bytes: Option<u64>,
    pub(super) reserve: Reserve,
    pub(super) last_failure: Option<Failure>,
    pub(super) broken: Option<Broken>,
}

/// What the writer and those who write share.
#[derive(Default)]
pub(super) struct Shared {
    gap: Mutex<Option<Gap>>,
    strangers: Mutex<Strangers>,
    head: Mutex<Option<Head>>,
    state: Mutex<StoreState>,
    policy: Mutex<Option<(Digest, RecordRef)>>,
    /// When sessions were used last.
    pub(super) uses: Uses,
    /// When somebody else than the courier asked the writer last.
    pub(super) asked: Asked,
    /// How long commits took.
    pub(super) sync: Timer,
    pub(super) gaps: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) unwritable: AtomicBool,
    /// Somebody who keeps heads did not take the last ones.
    pub(super) heads_unkept: AtomicBool,
    pub(super) heads_failures: AtomicU64,
    /// How long records stay, milliseconds; 0: for ever.
    pub(super) retention: AtomicI64,
    /// Whether there is more to be forgotten than was at once.
    pub(super) forgetting: AtomicBool,
    /// Another process continues the chain: nothing is written here any more.
    pub(super) taken: AtomicBool,
    /// The epoch of the policy in force here; 0 for none.
    pub(super) epoch: AtomicI64,
    /// The highest on record, of all replicas.
    pub(super) highest: AtomicI64,
    /// Streams that have to take an intent before it is sent.
    pub(super) required: ArcSwap<Vec<Required>>,
    /// Where the chain ends, for whoever waits for it to grow.
    pub(super) grown: watch::Sender<u64>,
    /// Half of the places for notes are taken.
    pub(super) crowded: Notify,
    /// Notices were written.
    pub(super) notices: Notify,
    /// Outcomes were written.
    pub(super) outcomes: Notify,
}

/// When somebody asked the writer last.
pub(super) struct Asked {
    since: Instant,
    millis: AtomicU64,
}

impl Asked {
    /// Now.
    pub(super) fn now(&self) {
        self.millis.store(self.elapsed(), Ordering::Relaxed);
    }

    /// Whether that was so shortly ago.
    pub(super) fn within(&self, time: Duration) -> bool {
        let last = self.millis.load(Ordering::Relaxed);
        last > 0 && u128::from(self.elapsed().saturating_sub(last)) < time.as_millis()
    }

    /// Never 0, which is never.
    fn elapsed(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }
}

impl Default for Asked {
    fn default() -> Self {
        Self { since: Instant::now(), millis: AtomicU64::new(0) }
    }
}

impl Shared {
    /// A note found no place.
    pub(super) fn missed(&self, at: i64) {
        self.gaps.fetch_add(1, Ordering::Relaxed);
        self.put_back(Gap { count: 1, from: at, to: at });
    }

    /// The gap so far; from now on a new one.
    pub(super) fn take_gap(&self) -> Option<Gap> {
        lock(&self.gap).take()
    }

    /// A gap that could not be recorded either.
    pub(super) fn put_back(&self, gap: Gap) {
        let mut kept = lock(&self.gap);
        *kept = Some(match *kept {
            None => gap,
            Some(known) => Gap {
                count: known.count.saturating_add(gap.count),
                from: known.from.min(gap.from),
                to: known.to.max(gap.to),
            },
        });
    }

    /// Counts a stranger.
    pub(super) fn stranger(&self, stranger: &Stranger, at: i64) {
        let mut strangers = lock(&self.strangers);
        strangers.from.get_or_insert(at);
        strangers.to = strangers.to.max(at);
        let key = (prefix(stranger.source), stranger.code);
        if strangers.sources.len() < STRANGERS || strangers.sources.contains_key(&key) {
            *strangers.sources.entry(key).or_default() += 1;
        } else {
            strangers.others = strangers.others.saturating_add(1);
        }
    }

    /// The strangers since the last summary.
    pub(super) fn take_strangers(&self) -> Option<Strangers> {
        let taken = std::mem::take(&mut *lock(&self.strangers));
        taken.from.is_some().then_some(taken)
    }

    /// Strangers whose summary could not be recorded.
    pub(super) fn strangers_back(&self, back: Strangers) {
        let mut kept = lock(&self.strangers);
        kept.from = back.from.into_iter().chain(kept.from).min();
        kept.to = kept.to.max(back.to);
        kept.others = kept.others.saturating_add(back.others);
        for (key, count) in back.sources {
            if kept.sources.len() < STRANGERS || kept.sources.contains_key(&key) {
                *kept.sources.entry(key).or_default() += count;
            } else {
                kept.others = kept.others.saturating_add(count);
            }
        }
    }

    /// How the store does.
    pub(super) fn state(&self) -> StoreState {
        lock(&self.state).clone()
    }

    /// There is so much room.
    pub(super) fn set_space(&self, space: Space) {
        let mut state = lock(&self.state);
        state.free_bytes = space.free;
        state.reserve = space.room.into();
    }

    /// A write failed.
    pub(super) fn failed(&self, at: i64, word: &'static str) {
        lock(&self.state).last_failure = Some(Failure { at, word });
    }

    /// The chain was found broken: the first place stays.
    pub(super) fn set_broken(&self, broken: Broken) {
        lock(&self.state).broken.get_or_insert(broken);
    }

    /// Whether the chain was found broken.
    pub(super) fn is_broken(&self) -> bool {
        lock(&self.state).broken.is_some()
    }

    /// This policy is in force, and this record says so.
    pub(super) fn set_policy(&self, policy: Digest, record: RecordRef) {
        *lock(&self.policy) = Some((policy, record));
    }

    /// The record that says that this policy is in force, when it is the one that is.
    pub(super) fn policy(&self, digest: &str) -> Option<RecordRef> {
        lock(&self.policy)
            .as_ref()
            .filter(|(policy, _)| policy.hex() == digest)
            .map(|(_, record)| record.clone())
    }

    /// Where the chain ends.
    pub(super) fn head(&self) -> Option<Head> {
        *lock(&self.head)
    }

    /// The chain ends here now.
    pub(super) fn set_head(&self, head: Head) {
        *lock(&self.head) = Some(head);
        self.grown.send_replace(head.seq);
    }
}

impl Strangers {
    /// As a record says it: in order, so that equal counts give equal bytes.
    pub(super) fn parts(&self) -> Vec<SourcePart> {
        let mut parts: Vec<SourcePart> = self
            .sources
            .iter()
            .map(|((prefix, code), count)| SourcePart {
                prefix: prefix.clone(),
                code: (*code).into(),
                count: *count,
            })
            .collect();
        parts.sort_by(|a, b| (&a.prefix, &a.code).cmp(&(&b.prefix, &b.code)));
        parts
    }
}

/// The network of a source: an IPv4 /24, an IPv6 /64.
fn prefix(source: IpAddr) -> String {
    match source.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => {
            let kept = u128::from(v6) & !u128::from(u64::MAX);
            format!("{}/64", std::net::Ipv6Addr::from(kept))
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_counted_by_network_and_reason() {
        let shared = Shared::default();
        for (source, code) in [
            ("192.0.2.1", "signature"),
            ("192.0.2.200", "signature"),
            ("::ffff:192.0.2.7", "signature"),
            ("192.0.2.1", "stale"),
            ("2001:db8::1", "missing"),
            ("2001:db8::ffff:1", "missing"),
        ] {
            shared.stranger(&Stranger { source: source.parse().unwrap(), code }, 5);
        }
        let taken = shared.take_strangers().unwrap();
        let parts: Vec<_> =
            taken.parts().into_iter().map(|part| (part.prefix, part.code, part.count)).collect();
        assert_eq!(
            parts,
            [
                ("192.0.2.0/24".to_owned(), "signature".to_owned(), 3),
                ("192.0.2.0/24".into(), "stale".into(), 1),
                ("2001:db8::/64".into(), "missing".into(), 2),
            ]
        );
        assert!(shared.take_strangers().is_none());
    }

    #[test]
    fn o7_strangers_do_not_grow_memory() {
        let shared = Shared::default();
        for n in 0..100_000_u32 {
            shared
                .stranger(&Stranger { source: std::net::Ipv4Addr::from(n << 8).into(), code: "missing" }, 1);
        }
        let taken = shared.take_strangers().unwrap();
        assert_eq!(taken.sources.len(), STRANGERS);
        let kept: u64 = taken.sources.values().sum();
        assert_eq!(kept + taken.others, 100_000);
    }

    #[test]
    fn strangers_that_come_back_are_not_lost() {
        let shared = Shared::default();
        let one = Stranger { source: [192, 0, 2, 1].into(), code: "missing" };
        shared.stranger(&one, 5);
        let taken = shared.take_strangers().unwrap();
        shared.stranger(&one, 9);
        shared.strangers_back(taken);
        let all = shared.take_strangers().unwrap();
        assert_eq!((all.from, all.to, all.parts()[0].count), (Some(5), 9, 2));
    }

    #[test]
    fn who_asked_lately_is_known() {
        let asked = Asked::default();
        assert!(!asked.within(Duration::MAX), "nobody did");
        asked.now();
        assert!(asked.within(Duration::from_mins(1)));
        assert!(!asked.within(Duration::ZERO));
        let long_ago = Instant::now().checked_sub(Duration::from_mins(2)).unwrap();
        let asked = Asked { since: long_ago, millis: AtomicU64::new(1) };
        assert!(!asked.within(Duration::from_mins(1)) && asked.within(Duration::from_mins(3)));
    }

    #[test]
    fn gaps_add_up() {
        let shared = Shared::default();
        shared.missed(7);
        shared.missed(9);
        let first = shared.take_gap().unwrap();
        assert_eq!(first, Gap { count: 2, from: 7, to: 9 });
        shared.missed(11);
        shared.put_back(first);
        assert_eq!(shared.take_gap(), Some(Gap { count: 3, from: 7, to: 11 }));
        assert_eq!(shared.take_gap(), None);
    }
}
