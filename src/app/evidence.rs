//! Where the chains end, given to others to keep: at the start, now and then when there is anything new, and at the end.
//! Others that cannot take it are an alarm and no reason to stop. A guard that finds less in its store than others saw makes
//! no change: somebody put an earlier store back, or cut this one off.

use std::{
    future::Future,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{AppFault, failed, teller::Teller};
use crate::{
    clock::Clock,
    config::EvidencePlace,
    ledger::{HeadsFault, HeadsLine, Known, Ledger},
    notice::{Channel, Event, RecordRef},
    notify::Channels,
};

/// How long the file may take.
const FILE: Duration = Duration::from_secs(10);
/// How long the last line may take altogether.
const LAST: Duration = Duration::from_secs(5);

/// Gives heads to others.
pub(super) struct Evidence {
    ledger: Ledger,
    channels: Arc<Channels>,
    teller: Teller,
    clock: Clock,
    place: EvidencePlace,
    /// What was recorded last.
    known: Vec<RecordRef>,
    /// What the others have not taken yet.
    file: Keeping,
    hook: Keeping,
    /// A write to the file that did not end in time.
    hanging: Option<JoinHandle<Result<(), HeadsFault>>>,
    /// Whether the store is the one that others saw: nothing is told to them otherwise.
    is_as_seen: bool,
}

/// How one who keeps heads does.
#[derive(Default)]
struct Keeping {
    /// The heads it took last.
    has: Option<Vec<RecordRef>>,
    /// Since when it takes none.
    failing: Option<i64>,
}

impl Evidence {
    /// Compares the store with what others saw of it.
    ///
    /// # Errors
    /// When the file of heads cannot be understood, or the store cannot be read.
    pub(super) async fn begin(
        ledger: &Ledger,
        (channels, teller, clock): (&Arc<Channels>, &Teller, &Clock),
        place: EvidencePlace,
    ) -> Result<Self, AppFault> {
        let is_as_seen = match &place.heads_file {
            Some(path) => is_as_seen(ledger, path).await?,
            None => true,
        };
        Ok(Self {
            ledger: ledger.clone(),
            channels: Arc::clone(channels),
            teller: teller.clone(),
            clock: clock.clone(),
            place,
            known: Vec::new(),
            file: Keeping::default(),
            hook: Keeping::default(),
            hanging: None,
            is_as_seen,
        })
    }

    /// Works until `shutdown` resolves; then once more, for the records of the last moments.
    pub(super) async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        // The start is on record with all heads: it is told as it is.
        if let Ok(line) = self.ledger.heads_line().await {
            self.known.clone_from(&line.heads);
            self.keep(line).await;
        }
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                () = sleep(self.place.every) => self.look().await,
            }
        }
    }

    /// Records where the chains end when there is anything new, and gives it to others; and what they did not take before.
    async fn look(&mut self) {
        match self.ledger.record_heads(&self.known).await {
            Ok(Some(line)) => {
                self.known.clone_from(&line.heads);
                self.keep(line).await;
            }
            Ok(None) if self.file.failing.is_some() || self.hook.failing.is_some() => {
                if let Ok(line) = self.ledger.heads_line().await {
                    self.keep(line).await;
                }
            }
            Ok(None) => {}
            Err(unwritten) => tracing::error!(%unwritten, "where the chains end cannot be recorded"),
        }
    }

    /// Gives a line to those who keep it.
    async fn keep(&mut self, line: HeadsLine) {
        if !self.is_as_seen {
            return;
        }
        if let Some(path) = self.place.heads_file.clone()
            && self.file.has.as_ref() != Some(&line.heads)
        {
            let kept = self.write(path.clone(), line.clone()).await;
            self.file.took(kept, &line, "heads_file", (&self.ledger, &self.teller, &self.clock));
        }
        if let Some(name) = &self.place.heads_webhook
            && self.hook.has.as_ref() != Some(&line.heads)
        {
            let id = format!("heads-{}-{}", line.replica, line.at);
            let posted =
                self.channels.post(name, &id, line.line()).await.map_err(|unsent| unsent.to_string());
            let channel = Channel::Hook(name.clone()).to_string();
            self.hook.took(posted, &line, &channel, (&self.ledger, &self.teller, &self.clock));
        }
    }

    /// Appends a line to the file. A medium that hangs holds nothing up, and is not written to twice at once.
    async fn write(&mut self, path: PathBuf, line: HeadsLine) -> Result<(), String> {
        if self.hanging.as_ref().is_some_and(|writing| !writing.is_finished()) {
            return Err("an earlier line has not been written yet".to_owned());
        }
        let mut writing = tokio::task::spawn_blocking(move || line.append(&path));
        match timeout(FILE, &mut writing).await {
            Ok(Ok(written)) => written.map_err(|fault| fault.to_string()),
            Ok(Err(_)) => Err("writing it panicked".to_owned()),
            Err(_) => {
                self.hanging = Some(writing);
                Err("it does not answer in time".to_owned())
            }
        }
    }
}

impl Keeping {
    /// What became of giving it a line: an alarm when it begins to fail, and word when it does no longer.
    fn took(
        &mut self,
        result: Result<(), String>,
        line: &HeadsLine,
        channel: &str,
        (ledger, teller, clock): (&Ledger, &Teller, &Clock),
    ) {
        match result {
            Ok(()) => {
                ledger.heads_were_kept(true);
                self.has = Some(line.heads.clone());
                if let Some(since) = self.failing.take() {
                    teller.tell(Event::DeliveryMended { channel: channel.to_owned(), since });
                }
            }
            Err(why) => {
                ledger.heads_were_kept(false);
                tracing::error!(channel, why, "where the chains end cannot be given to others");
                if self.failing.is_none() {
                    let since = clock.now().millis();
                    self.failing = Some(since);
                    let channel = channel.to_owned();
                    teller.tell(Event::DeliveryFailing { channel, since, waiting: 1, why });
                }
            }
        }
    }
}

/// After the ledger was closed: its last record, for those who keep heads. What is missed here is found at the next start.
pub(super) async fn last(ledger: &Ledger, place: &EvidencePlace, channels: &Channels, line: HeadsLine) {
    if ledger.stats().broken.is_some() {
        return;
    }
    if let Some(path) = place.heads_file.clone() {
        let appended = line.clone();
        let writing = tokio::task::spawn_blocking(move || appended.append(&path));
        if !matches!(timeout(LAST, writing).await, Ok(Ok(Ok(())))) {
            tracing::error!("where the chains end cannot be given to others: the file");
        }
    }
    if let Some(name) = &place.heads_webhook {
        let id = format!("heads-{}-{}", line.replica, line.at);
        if !matches!(timeout(LAST, channels.post(name, &id, line.line())).await, Ok(Ok(()))) {
            tracing::error!("where the chains end cannot be given to others: the webhook");
        }
    }
}

/// Whether the store is the one that the file of heads names.
async fn is_as_seen(ledger: &Ledger, path: &Path) -> Result<bool, AppFault> {
    let mut known = Known::default();
    match known.read(path) {
        Ok(()) => {}
        Err(HeadsFault::Io(_, error)) if error.kind() == std::io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), "there is no file of heads yet: nobody can say whether this ledger was put back");
            return Ok(true);
        }
        Err(fault @ HeadsFault::Nothing(_)) => {
            tracing::error!(%fault, "nobody can say whether this ledger was put back");
            return Ok(true);
        }
        // An alarm once it is to be written: whoever keeps it may be away.
        Err(fault @ HeadsFault::Io(..)) => {
            tracing::error!(%fault, "nobody can say whether this ledger was put back");
            return Ok(true);
        }
        Err(fault @ HeadsFault::Line(..)) => return Err(failed("the file of heads cannot be used", &fault)),
    }
    let unread = |fault| failed("the ledger cannot be read", &fault);
    for taking in ledger.takings(&known).await.map_err(unread)? {
        tracing::warn!(%taking, "what was seen of this ledger does not count to its end");
    }
    let broken =
        ledger.is_as_seen(&known).await.map_err(|fault| failed("the ledger cannot be read", &fault))?;
    if let Some(broken) = &broken {
        tracing::error!(
            chain = broken.chain,
            seq = broken.seq,
            why = broken.why,
            hint = "when an operator put it back: connect-guard audit accept-restore, then start again",
            "THE LEDGER IS NOT THE ONE THAT WAS SEEN: every change is refused"
        );
    }
    Ok(broken.is_none())
}
