//! What is counted of requests: outcomes by class, and how long each stage took. Atomics only: no request waits for
//! another to be counted.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde::Serialize;
use tokio::time::Instant;

use super::Outcome;
use crate::{
    operation::Class,
    timing::{Timer, Timing},
};

/// Writes the enum, its list and its words from one table.
macro_rules! stages {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// A part of a request's path.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Stage { $($(#[$doc])* $name,)* }

        impl Stage {
            /// All of them, in the order of the path.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable word for it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

stages! {
    /// Who signed it.
    Verify = "verify",
    /// Which operation it is, and whether any rule could allow it.
    Screen = "screen",
    /// Rates.
    Limit = "limit",
    /// What the ledger knows: an earlier answer, and what the decision rests on.
    Recall = "recall",
    /// What Connect says is true now.
    Observe = "observe",
    /// The decision, and who will be told.
    Decide = "decide",
    /// The intent, until it is on disk.
    Intent = "intent",
    /// Waiting until streams that have to have taken the intent.
    Stream = "stream",
    /// Those who have to know before it is made.
    Announce = "announce",
    /// Sending it, until Connect's answer was read.
    Act = "act",
    /// The reads after it.
    Confirm = "confirm",
    /// Its outcome or its refusal, until it is on disk.
    Record = "record",
    /// An ordinary operation, until the head of Connect's answer.
    Pass = "pass",
    /// All of it, until the head of the answer.
    Total = "total",
}

const STAGES: usize = Stage::ALL.len();
const OUTCOMES: usize = Outcome::ALL.len();
/// The classes, and none for what was not recognised.
const CLASSES: [&str; 6] = ["none", "identity", "sensitive", "forbidden", "write", "read"];

/// The counters of a guard.
#[derive(Debug)]
pub(super) struct Tally {
    requests: [[AtomicU64; OUTCOMES]; CLASSES.len()],
    stages: [Timer; STAGES],
    /// Changes that are on record and have no outcome yet, that this guard works on.
    pub(super) open: Gauge,
    /// Changes that this guard watches.
    pub(super) watched: Gauge,
}

/// How many there are now.
#[derive(Debug, Default)]
pub(super) struct Gauge(AtomicU64);

/// How long each stage of one request took so far, nanoseconds; zero for one that was not reached.
#[derive(Debug, Default)]
pub(super) struct Spent([AtomicU64; STAGES]);

/// What a guard counted since it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuardStats {
    /// Requests, by what became of them; those that there were none of are left out.
    pub requests: Vec<Counted>,
    /// How long each stage took, in the order of the path.
    pub stages: Vec<(Stage, Timing)>,
    /// Changes that are on record and have no outcome yet, that this guard works on now.
    pub open_changes: u64,
    /// Changes that do not show, may yet, and are looked at again by this guard, now.
    pub watched: u64,
}

/// Requests of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// The operation's class; `none` for what was not recognised.
    pub class: &'static str,
    /// What was decided.
    pub decision: &'static str,
    /// What became of it.
    pub code: &'static str,
    /// How many.
    pub count: u64,
}

impl Tally {
    /// Counts a request.
    pub(super) fn count(&self, class: Option<Class>, outcome: Outcome) {
        let of_class = self.requests.get(place(class));
        if let Some(count) = of_class.and_then(|outcomes| outcomes.get(outcome as usize)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes how long a stage of a request took; one that is gone through twice counts twice.
    pub(super) fn took(&self, stage: Stage, time: Duration, spent: &Spent) {
        if let Some(timer) = self.stages.get(stage as usize) {
            timer.took(time);
        }
        if let Some(nanos) = spent.0.get(stage as usize) {
            nanos.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// Goes through a stage.
    pub(super) async fn stage<T>(&self, stage: Stage, spent: &Spent, work: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let result = work.await;
        self.took(stage, begun.elapsed(), spent);
        result
    }

    /// Goes through a stage that waits for nothing.
    pub(super) fn step<T>(&self, stage: Stage, spent: &Spent, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let result = work();
        self.took(stage, begun.elapsed(), spent);
        result
    }

    /// The numbers now.
    pub(super) fn read(&self) -> GuardStats {
        let mut requests = Vec::new();
        for (class, outcomes) in CLASSES.iter().zip(&self.requests) {
            for (outcome, count) in Outcome::ALL.iter().zip(outcomes) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let (decision, code) = (outcome.decision().as_str(), outcome.code());
                    requests.push(Counted { class, decision, code, count });
                }
            }
        }
        GuardStats {
            requests,
            stages: Stage::ALL.iter().copied().zip(self.stages.iter().map(Timer::read)).collect(),
            open_changes: self.open.read(),
            watched: self.watched.read(),
        }
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            requests: std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::default())),
            stages: Default::default(),
            open: Gauge::default(),
            watched: Gauge::default(),
        }
    }
}

impl Gauge {
    /// One more, for as long as `work` lasts, however it ends.
    pub(super) async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        struct Less<'a>(&'a AtomicU64);
        impl Drop for Less<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.0.fetch_add(1, Ordering::Relaxed);
        let _less = Less(&self.0);
        work.await
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Spent {
    /// Milliseconds of a stage; none when it was not reached.
    pub(super) fn millis(&self, stage: Stage) -> Option<f64> {
        let nanos = self.0.get(stage as usize)?.load(Ordering::Relaxed);
        (nanos > 0).then(|| (Duration::from_nanos(nanos).as_secs_f64() * 1_000_000.0).round() / 1000.0)
    }
}

impl Serialize for Stage {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

fn place(class: Option<Class>) -> usize {
    match class {
        None => 0,
        Some(Class::Identity) => 1,
        Some(Class::Sensitive) => 2,
        Some(Class::Forbidden) => 3,
        Some(Class::Write) => 4,
        Some(Class::Read) => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_class_and_outcome() {
        let tally = Tally::default();
        tally.count(None, Outcome::Signature);
        tally.count(Some(Class::Read), Outcome::Passed);
        tally.count(Some(Class::Read), Outcome::Passed);
        let words: Vec<_> =
            tally.read().requests.iter().map(|one| (one.class, one.decision, one.code, one.count)).collect();
        assert_eq!(words, [("none", "unproven", "signature", 1), ("read", "allowed", "passed", 2)]);
    }

    #[test]
    fn each_class_has_a_place_of_its_own() {
        let all = [Class::Identity, Class::Sensitive, Class::Forbidden, Class::Write, Class::Read];
        let words: Vec<_> = all.map(|class| CLASSES[place(Some(class))]).to_vec();
        assert_eq!(words, CLASSES[1..]);
    }

    #[tokio::test]
    async fn a_stage_is_timed_for_all_and_for_its_request() {
        let (tally, spent) = (Tally::default(), Spent::default());
        tally.took(Stage::Act, Duration::from_millis(2), &spent);
        tally.took(Stage::Act, Duration::from_micros(1500), &spent);
        assert_eq!((spent.millis(Stage::Act), spent.millis(Stage::Pass)), (Some(3.5), None));
        tally.stage(Stage::Pass, &spent, tokio::task::yield_now()).await;
        tally.step(Stage::Verify, &spent, || ());
        let counts: Vec<_> =
            tally.read().stages.iter().map(|(stage, timing)| (stage.as_str(), timing.count())).collect();
        assert!(
            counts.contains(&("act", 2)) && counts.contains(&("pass", 1)) && counts.contains(&("verify", 1))
        );
        assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), 4);
        assert!(spent.millis(Stage::Pass).is_some());
    }

    #[tokio::test]
    async fn what_lasts_is_counted_while_it_lasts_and_not_after() {
        let gauge = Gauge::default();
        gauge.during(async { assert_eq!(gauge.read(), 1) }).await;
        assert_eq!(gauge.read(), 0);
        let mut never = Box::pin(gauge.during(std::future::pending::<()>()));
        assert!(
            std::future::poll_fn(|cx| std::task::Poll::Ready(never.as_mut().poll(cx).is_pending())).await
        );
        assert_eq!(gauge.read(), 1);
        drop(never);
        assert_eq!(gauge.read(), 0);
    }
}
