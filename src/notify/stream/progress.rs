//! How far a stream came: what was sent, what of it counts as brought, and what is sent again when a session ends. Pure.
//!
//! A receiver of syslog acknowledges nothing. What was written counts as brought once its session has lived on for
//! [`SETTLES`]. When a session ends in order, what came after that is sent again; when it breaks or hangs, everything is that
//! may have been in somebody's buffer as well ([`WINDOW`]), but once only: a receiver that hangs again and again gets further.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

/// How long a session has to live on for what was written to it to count as brought.
pub(super) const SETTLES: Duration = Duration::from_secs(10);
/// Octets that may be lost with a session that breaks: what both systems and the receiver hold of it.
pub(super) const WINDOW: usize = 1024 * 1024;
/// Batches that are remembered when they count as brought: those of small records are within the window for long.
const BATCHES: usize = 4_096;

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The other side closed it, and had read all that had come to it.
    Closed,
    /// It broke, or hung.
    Broken,
}

/// How far each chain came.
#[derive(Default)]
pub(super) struct Progress {
    chains: BTreeMap<String, Reached>,
    /// What was sent in this session, oldest first.
    sent: VecDeque<Batch>,
    octets: usize,
}

/// How far one chain came: up to which record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reached {
    /// Whether it is the one that this process continues.
    pub(super) own: bool,
    /// It was sent.
    pub(super) sent: u64,
    /// It counts as brought.
    settled: u64,
    /// It is in the store that it does.
    kept: u64,
    /// It is never gone back behind this one any more.
    floor: u64,
}

/// What was sent at once.
struct Batch {
    chain: String,
    first: u64,
    last: u64,
    octets: usize,
    at: Instant,
    is_settled: bool,
}

impl Progress {
    /// These chains are brought from here, each from the record after this on; no other is any more. Those that were brought
    /// from here already go on as they were.
    pub(super) fn hold(&mut self, chains: impl IntoIterator<Item = (String, u64, bool)>) {
        let mut before = std::mem::take(&mut self.chains);
        for (chain, seq, own) in chains {
            let reached = before.remove(&chain);
            let reached = reached.unwrap_or(Reached { own, sent: seq, settled: seq, kept: seq, floor: 0 });
            self.chains.insert(chain, reached);
        }
        self.sent.retain(|batch| !before.contains_key(&batch.chain));
        self.octets = self.sent.iter().map(|batch| batch.octets).sum();
    }

    /// The chains, this process's own first.
    pub(super) fn chains(&self) -> Vec<(String, Reached)> {
        let (own, others): (Vec<_>, Vec<_>) =
            self.chains.iter().map(|(chain, reached)| (chain.clone(), *reached)).partition(|(_, of)| of.own);
        own.into_iter().chain(others).collect()
    }

    /// These records of a chain were sent, with so many octets; `first` is the one after the last of before, whether it was
    /// among them or not. Without acknowledgement they do not count as brought yet.
    pub(super) fn sent(&mut self, chain: &str, last: u64, octets: usize, at: Instant) {
        let Some(reached) = self.chains.get_mut(chain) else { return };
        let first = reached.sent + 1;
        reached.sent = last;
        self.octets += octets;
        self.sent.push_back(Batch { chain: chain.to_owned(), first, last, octets, at, is_settled: false });
    }

    /// These were taken: somebody said so.
    pub(super) fn taken(&mut self, chain: &str, last: u64) {
        let Some(reached) = self.chains.get_mut(chain) else { return };
        reached.sent = last;
        reached.settled = last;
    }

    /// The session lives at this time.
    pub(super) fn lives(&mut self, now: Instant) {
        for batch in &mut self.sent {
            if now.saturating_duration_since(batch.at) < SETTLES {
                break;
            }
            batch.is_settled = true;
            if let Some(reached) = self.chains.get_mut(&batch.chain) {
                reached.settled = reached.settled.max(batch.last);
            }
        }
        while (self.octets > WINDOW || self.sent.len() > BATCHES)
            && let Some(batch) = self.sent.pop_front_if(|batch| batch.is_settled)
        {
            self.octets -= batch.octets;
        }
    }

    /// The session has ended: gives how many records will be sent again.
    pub(super) fn ended(&mut self, end: End) -> u64 {
        let mut again = 0;
        for batch in std::mem::take(&mut self.sent).into_iter().rev() {
            let repeats = match end {
                End::Closed => !batch.is_settled,
                End::Broken => true,
            };
            if let (true, Some(reached)) = (repeats, self.chains.get_mut(&batch.chain)) {
                let back = (batch.first - 1).max(reached.floor).min(reached.sent);
                again += reached.sent - back;
                reached.sent = back;
            }
        }
        if end == End::Broken {
            self.chains.values_mut().for_each(|reached| reached.floor = reached.settled);
        }
        self.octets = 0;
        again
    }

    /// What counts as brought and is not in the store yet.
    pub(super) fn unkept(&self) -> Vec<(String, u64)> {
        let unkept = self.chains.iter().filter(|(_, of)| of.settled > of.kept);
        unkept.map(|(chain, of)| (chain.clone(), of.settled)).collect()
    }

    /// It is now.
    pub(super) fn kept(&mut self, chains: &[(String, u64)]) {
        for (chain, seq) in chains {
            if let Some(reached) = self.chains.get_mut(chain) {
                reached.kept = *seq;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Progress {
        let mut progress = Progress::default();
        progress.hold([("gw".to_owned(), 4, true), ("~desk".to_owned(), 0, false)]);
        progress
    }

    fn sent(progress: &Progress) -> Vec<u64> {
        progress.chains().iter().map(|(_, of)| of.sent).collect()
    }

    #[test]
    fn what_was_written_counts_when_the_session_lives_on() {
        let (mut progress, start) = (own(), Instant::now());
        progress.sent("gw", 6, 10, start);
        progress.sent("gw", 9, 10, start + SETTLES / 2);
        progress.lives(start + SETTLES / 2);
        assert_eq!(progress.unkept(), []);
        progress.lives(start + SETTLES);
        assert_eq!(progress.unkept(), [("gw".to_owned(), 6)]);
        progress.kept(&progress.unkept());
        assert_eq!(progress.unkept(), []);
    }

    #[test]
    fn a_session_that_closed_repeats_what_does_not_count_and_one_that_broke_all_that_may_be_lost() {
        for (end, at, again) in [(End::Closed, 6, 3), (End::Broken, 4, 5)] {
            let (mut progress, start) = (own(), Instant::now());
            progress.sent("gw", 6, 10, start);
            progress.sent("gw", 9, 10, start + SETTLES / 2);
            progress.lives(start + SETTLES);
            assert_eq!(progress.ended(end), again, "{end:?}");
            assert_eq!(sent(&progress), [at, 0], "{end:?}");
            // What counted goes on counting, and what is sent again counts later.
            assert_eq!(progress.unkept(), [("gw".to_owned(), 6)]);
            assert_eq!(progress.ended(End::Broken), 0);
        }
    }

    #[test]
    fn a_session_that_breaks_again_and_again_goes_further_each_time() {
        let (mut progress, mut now) = (own(), Instant::now());
        for back in [4, 14, 14, 24, 24] {
            progress.sent("gw", sent(&progress)[0] + 10, 10, now);
            now += SETTLES;
            progress.lives(now);
            let at = sent(&progress)[0] + 10;
            progress.sent("gw", at, 10, now);
            progress.ended(End::Broken);
            assert_eq!(sent(&progress)[0], back);
        }
    }

    #[test]
    fn the_window_is_bounded_and_holds_all_that_does_not_count_yet() {
        let (mut progress, start) = (own(), Instant::now());
        for n in 0..8 {
            progress.sent("gw", 5 + n, WINDOW / 4, start);
        }
        progress.lives(start);
        assert_eq!(progress.sent.len(), 8);
        progress.lives(start + SETTLES);
        assert_eq!(progress.sent.len(), 4);
        assert_eq!(progress.ended(End::Broken), 4);
        assert_eq!(sent(&progress), [8, 0]);
    }

    #[test]
    fn what_was_said_to_be_taken_counts_at_once_and_is_never_repeated() {
        let mut progress = own();
        progress.taken("~desk", 3);
        assert_eq!(progress.unkept(), [("~desk".to_owned(), 3)]);
        assert_eq!(progress.ended(End::Broken), 0);
        assert_eq!(sent(&progress), [4, 3]);
    }

    #[test]
    fn a_chain_that_another_brings_is_forgotten_and_one_that_stays_goes_on() {
        let (mut progress, start) = (own(), Instant::now());
        progress.sent("~desk", 2, 10, start);
        progress.sent("gw", 6, 10, start);
        progress.hold([("gw".to_owned(), 4, true), ("old".to_owned(), 8, false)]);
        let chains = progress.chains();
        assert_eq!(
            chains.iter().map(|(chain, of)| (chain.as_str(), of.sent)).collect::<Vec<_>>(),
            [("gw", 6), ("old", 8)]
        );
        assert_eq!(progress.octets, 10);
        progress.ended(End::Closed);
        assert_eq!(sent(&progress), [4, 8]);
    }
}
