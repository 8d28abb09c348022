//! One stream at work: reads what the ledger has more, sends it, keeps how far it came. What fails is tried again for ever.

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use super::{
    Aim, Say, Sink, Stream,
    portion::{AGAIN, body, pause},
    progress::{End, Progress, Reached},
    session::Session,
    untaken::Untaken,
};
use crate::{clock::Clock, ledger::Ledger, notice::Event};

/// Records read and sent at once.
const BATCH: u32 = 100;
/// How often it is looked for chains, and for records of chains that another process writes.
const LOOK: Duration = Duration::from_secs(5);
/// How often is kept how far it came.
const KEEP: Duration = Duration::from_secs(1);
/// The longest pause after a failure.
const LONGEST: Duration = Duration::from_secs(30);
/// Where changes wait for it.
const LONGEST_REQUIRED: Duration = Duration::from_secs(2);
/// After how long people are told that it fails.
const ALARM: Duration = Duration::from_mins(1);
/// How long what has not been brought yet is tried when the guard stops.
const LAST: Duration = Duration::from_secs(5);

/// One stream at work.
pub(super) struct Pump {
    stream: Arc<Stream>,
    ledger: Ledger,
    clock: Clock,
    say: Say,
    progress: Progress,
    session: Option<Session>,
    /// Records sent at once at most: fewer once that was too much for the receiver.
    most: u32,
    looked: Option<Instant>,
    /// Where chains end that another process writes, as they did when it was looked.
    ends: BTreeMap<String, u64>,
    kept: Instant,
    /// Failures since it last went well, since when, and whether people were told.
    failures: u32,
    failing: Option<(Instant, i64)>,
    told: bool,
}

/// Whether there may be more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worked {
    All,
    More,
}

impl Pump {
    pub(super) fn new(stream: Arc<Stream>, ledger: Ledger, clock: Clock, say: Say) -> Self {
        Self {
            stream,
            ledger,
            clock,
            say,
            progress: Progress::default(),
            session: None,
            most: BATCH,
            looked: None,
            ends: BTreeMap::new(),
            kept: Instant::now(),
            failures: 0,
            failing: None,
            told: false,
        }
    }

    /// Works until the sender of `stopped` is gone.
    pub(super) async fn run(mut self, mut stopped: watch::Receiver<()>) {
        let mut grown = self.ledger.grown();
        loop {
            grown.borrow_and_update();
            let worked = tokio::select! {
                biased;
                _ = stopped.changed() => {
                    // A frame may be there in part.
                    self.part(End::Closed);
                    break;
                }
                worked = self.work() => worked,
            };
            let mut wait = match worked {
                Ok(Worked::More) => Duration::ZERO,
                Ok(Worked::All) => KEEP,
                Err(untaken) => self.failed(&untaken),
            };
            if self.failures == 0 {
                self.works();
            }
            while wait > Duration::ZERO {
                let works = self.failures == 0;
                let stream = Arc::clone(&self.stream);
                wait = tokio::select! {
                    biased;
                    _ = stopped.changed() => return self.finish().await,
                    () = stream.replaced.notified() => self.replaced().await,
                    end = ended(&mut self.session) => self.failed(&Untaken::Ended(end)),
                    _ = grown.changed(), if works => Duration::ZERO,
                    () = sleep(wait) => Duration::ZERO,
                };
            }
        }
        self.finish().await;
    }

    /// Sends one batch of each chain that has more.
    async fn work(&mut self) -> Result<Worked, Untaken> {
        let aim = self.stream.aim.load_full();
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            self.look().await.map_err(Untaken::Ledger)?;
        }
        if let (Sink::Syslog(line, _), None) = (&aim.sink, &self.session) {
            self.session = Some(Session::open(line).await?);
        }
        let mut worked = Worked::All;
        for (chain, reached) in self.progress.chains() {
            let end = if reached.own { self.ledger.head().seq } else { self.end_of(&chain) };
            if end > reached.sent && self.batch(&aim, &chain, reached).await? == Worked::More {
                worked = Worked::More;
            }
        }
        self.failures = 0;
        self.note();
        self.keep().await;
        Ok(worked)
    }

    /// Which chains are brought from here.
    async fn look(&mut self) -> Result<(), crate::ledger::Unwritten> {
        let chains = self.ledger.stream_chains(&self.stream.name).await?;
        self.ends = chains.iter().map(|of| (of.chain.clone(), of.end)).collect();
        self.progress.hold(chains.into_iter().map(|of| (of.chain, of.seq, of.own)));
        self.looked = Some(Instant::now());
        self.note();
        Ok(())
    }

    fn end_of(&self, chain: &str) -> u64 {
        self.ends.get(chain).copied().unwrap_or(0)
    }

    /// Says how far it came, for whoever counts.
    fn note(&self) {
        let mut others = 0;
        for (chain, reached) in self.progress.chains() {
            if reached.own {
                self.stream.own.store(reached.sent, Ordering::Relaxed);
            } else {
                others += self.end_of(&chain).saturating_sub(reached.sent);
            }
        }
        self.stream.others.store(others, Ordering::Relaxed);
    }

    /// The next records of a chain.
    async fn batch(&mut self, aim: &Aim, chain: &str, reached: Reached) -> Result<Worked, Untaken> {
        let after = reached.sent;
        let mut records = self.ledger.stream_after(chain, after, self.most).await.map_err(Untaken::Ledger)?;
        let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(Worked::All) };
        if first.seq > after + 1 && after > 0 {
            let (stream, first) = (self.stream.name.as_str(), first.seq);
            tracing::error!(
                stream,
                chain,
                after,
                first,
                "records left for segments before they were streamed"
            );
        }
        let mut last = last.seq;
        let whole = records.len() < self.most as usize;
        records.retain(|record| {
            aim.kinds.is_empty() || record.kind.is_some_and(|kind| aim.kinds.contains(&kind))
        });
        match &aim.sink {
            Sink::Syslog(_, origin) => {
                let mut frames = Vec::new();
                for record in &records {
                    origin.frame(record, &mut frames);
                }
                let session = self.session.as_mut().ok_or(Untaken::Ended(End::Closed))?;
                session.write(&frames, aim.timeout).await?;
                self.progress.sent(chain, last, frames.len(), Instant::now());
            }
            Sink::Webhook(hook) => {
                let (lines, cut) = body(&records);
                last = cut.unwrap_or(last);
                if let (false, [first, ..]) = (lines.is_empty(), &records[..]) {
                    // Of what is in the body: a record that is none of its kinds, and comes before it is tried again, makes
                    // no other call of it.
                    let end = cut.or_else(|| records.last().map(|record| record.seq)).unwrap_or(last);
                    let id = format!("records-{chain}-{}-{end}", first.seq);
                    hook.post_lines(&id, lines, self.clock.now()).await.map_err(Untaken::Hook)?;
                }
                self.progress.taken(chain, last);
            }
        }
        let sent = records.iter().filter(|record| record.seq <= last).count();
        self.stream.state().sent += sent as u64;
        if reached.own {
            self.stream
                .taken
                .send_if_modified(|taken| last > *taken && std::mem::replace(taken, last) < last);
        }
        Ok(if whole && records.last().is_none_or(|record| record.seq <= last) {
            Worked::All
        } else {
            Worked::More
        })
    }

    /// Keeps how far it came, now and then. What cannot be kept is brought again after a restart.
    async fn keep(&mut self) {
        self.progress.lives(Instant::now());
        let unkept = self.progress.unkept();
        if unkept.is_empty() || self.kept.elapsed() < KEEP {
            return;
        }
        self.kept = Instant::now();
        match self.ledger.streamed(&self.stream.name, unkept.clone()).await {
            Ok(()) => self.progress.kept(&unkept),
            Err(unwritten) => {
                tracing::debug!(stream = self.stream.name, %unwritten, "how far a stream came cannot be kept yet");
            }
        }
    }

    /// It went well.
    fn works(&mut self) {
        let Some((_, since)) = self.failing.take() else { return };
        {
            let mut state = self.stream.state();
            (state.failing_since, state.why) = (None, None);
        }
        let stream = self.stream.name.as_str();
        tracing::info!(stream, "the stream brings records again");
        if std::mem::take(&mut self.told) {
            (self.say)(Event::DeliveryMended { channel: format!("stream:{stream}"), since });
        }
    }

    /// It did not: gives how long to wait.
    fn failed(&mut self, untaken: &Untaken) -> Duration {
        if let Untaken::Ledger(unwritten) = untaken {
            tracing::debug!(stream = self.stream.name, %unwritten, "a stream cannot read the ledger");
            return KEEP;
        }
        self.part(untaken.end());
        if untaken.is_too_much() && self.most > 1 {
            self.most = (self.most / 2).max(1);
            return AGAIN;
        }
        let now = Instant::now();
        let stream = self.stream.name.as_str();
        let (began, since) = *self.failing.get_or_insert_with(|| (now, self.clock.now().millis()));
        {
            let mut state = self.stream.state();
            state.failures += 1;
            (state.failing_since, state.why) = (Some(since), Some(untaken.to_string()));
        }
        if self.failures == 0 {
            tracing::warn!(stream, why = %untaken, "the stream brings nothing: it is tried again");
        }
        if !self.told && now.saturating_duration_since(began) >= ALARM {
            self.told = true;
            let lag = self.ledger.head().seq.saturating_sub(self.stream.own.load(Ordering::Relaxed));
            tracing::error!(stream, lag, why = %untaken, "the stream has brought nothing for a minute");
            (self.say)(Event::DeliveryFailing {
                channel: format!("stream:{stream}"),
                since,
                waiting: lag,
                why: untaken.to_string(),
            });
        }
        self.failures = self.failures.saturating_add(1);
        let most = if self.stream.aim.load().required { LONGEST_REQUIRED } else { LONGEST };
        pause(self.failures, most).max(untaken.retry_after().unwrap_or_default())
    }

    /// The session is over: what it may have lost is brought again.
    fn part(&mut self, end: End) {
        self.session = None;
        let again = self.progress.ended(end);
        self.note();
        if again > 0 {
            self.stream.state().repeated += again;
            tracing::info!(stream = self.stream.name, records = again, "records are brought again");
        }
    }

    /// Other options hold: another session, which may be with somebody else, at once.
    async fn replaced(&mut self) -> Duration {
        self.most = BATCH;
        if let Some(session) = self.session.take() {
            session.close().await;
        }
        self.part(End::Closed);
        Duration::ZERO
    }

    /// What there is still, for a moment; then it is left to the next start, or to others.
    async fn finish(mut self) {
        let rest = async { while let Ok(Worked::More) = self.work().await {} };
        let over = timeout(LAST, rest).await.is_err();
        if over {
            self.part(End::Broken);
            let lag = self.ledger.head().seq.saturating_sub(self.stream.own.load(Ordering::Relaxed));
            tracing::warn!(stream = self.stream.name, lag, "records are left to the next start");
        }
        if let Some(session) = self.session.take() {
            session.close().await;
        }
        let unkept = self.progress.unkept();
        let kept = async {
            if !unkept.is_empty() {
                self.ledger.streamed(&self.stream.name, unkept).await?;
            }
            self.ledger.release_stream(&self.stream.name).await
        };
        if let Err(unwritten) = kept.await {
            tracing::warn!(stream = self.stream.name, %unwritten, "how far a stream came was not kept");
        }
    }
}

/// Resolves when there is a session and the other side ends it.
async fn ended(session: &mut Option<Session>) -> End {
    match session {
        Some(session) => session.ended().await,
        None => pending().await,
    }
}
