//! The policy directory while the guard serves: what is written there comes into force without a restart.
//!
//! The directory is looked at again and again, and at once when the operator says so; it makes no difference how it was
//! written: in place, by renaming, or by swapping a symbolic link as Kubernetes does. A directory with a fault keeps the
//! rules in force, for a while; `revoked.toml` and `deny.d` hold at once whatever else is broken, and one that cannot be
//! read refuses every change. Whatever comes into force is on record, and people are told who gains and who loses by it.
//!
//! A directory that is never read to its end, or whose reading fails in a way that nobody foresaw, is at fault like any
//! other: the rules in force grow old, and changes are refused in the end.

use std::{future::Future, path::PathBuf, pin::pin, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jiff::SignedDuration;
use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    Again,
    directory::files_and_faults,
    said,
    standing::Standing,
    teller::{Routes, Teller},
};
use crate::{
    clock::{Clock, Now},
    diagnostic::{Fault, Faults, Source},
    guard::Guard,
    ledger::{Ledger, Unwritten},
    notice::Event,
    policy::{Policy, PolicyFiles, Signers, Terms},
    secret::Digest,
};

/// How often the directory is looked at.
const EVERY: Duration = Duration::from_secs(2);
/// A look that takes longer is a fault: 10,000 rules are read and compiled in a few seconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// Sentences of one notice: who gains, who loses, what is at fault. The rest is counted.
const SENTENCES: usize = 50;
/// What is said when the rules in force have become too old.
const STALE: &str = "the policy directory has been at fault for too long";
/// What is said of a policy that changed while nobody could compare it with the one before.
const MEANWHILE: &str = "not known: it was changed while no guard was running; compare it with the reviewed version by \
                         `connect-guard policy diff`";

/// Who may sign the policy; nobody has to where there are none.
pub(super) type SignersInForce = Arc<ArcSwap<Option<Signers>>>;

/// Keeps a guard's policy as the directory has it.
pub(super) struct Reload {
    pub(super) directory: PathBuf,
    /// Who may sign the policy, where somebody has to. Read again with the configuration.
    pub(super) signers: SignersInForce,
    pub(super) max_stale: Duration,
    pub(super) guard: Arc<Guard>,
    pub(super) ledger: Ledger,
    pub(super) teller: Teller,
    pub(super) routes: Routes,
    pub(super) standing: Arc<Standing>,
    pub(super) clock: Clock,
    pub(super) known: Known,
}

/// What is known of the directory and of what came of it.
#[derive(Default)]
pub(super) struct Known {
    /// The files as they were taken last; none when the next look takes them whatever they are.
    files: Option<Digest>,
    fault: Option<AtFault>,
    /// What came into force and is not on record yet.
    unrecorded: Option<Arc<Policy>>,
    /// Who gains and who loses by what is not on record yet, and people were not told; with the key by which it is said once.
    untold: Vec<(Event, Option<String>)>,
}

/// The directory is at fault.
#[derive(Clone, Copy)]
struct AtFault {
    since: Now,
    /// Whether people were told that changes are refused for it.
    refusing: bool,
}

/// What a look found.
struct Found {
    files: Digest,
    /// None: the files are those that were taken last.
    policy: Option<Compiled>,
}

/// What came of files.
struct Compiled {
    policy: Policy,
    faults: Faults,
    /// Who gains and who loses, when the policy is another one.
    changed: Option<Event>,
    rules: Rules,
}

/// Which rules hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rules {
    /// Those that were read.
    Read,
    /// Those in force: what was read is at fault.
    Kept,
}

impl Reload {
    /// Looks until `shutdown` resolves, and at once when told to. The first look finds what the guard was started with.
    pub(super) async fn run(mut self, mut again: mpsc::Receiver<Again>, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut told = None;
        loop {
            let mut look = self.look();
            loop {
                // Whoever tells the guard to stop does not wait for a disk that hangs.
                tokio::select! {
                    () = &mut shutdown => return,
                    found = &mut look => {
                        match found {
                            Ok(found) => self.take(found).await,
                            Err(_) => self.unread("reading it went wrong").await,
                        }
                        break;
                    }
                    () = tokio::time::sleep(PATIENCE) => self.unread("reading it takes too long").await,
                }
            }
            drop(told.take());
            tokio::select! {
                () = &mut shutdown => return,
                Some(again) = again.recv() => told = Some(again),
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Reads and compiles where nobody waits for it.
    fn look(&self) -> JoinHandle<Found> {
        let now = self.clock.now();
        let directory = self.directory.clone();
        let in_force = self.guard.policy();
        let known = self.known.files;
        let signers = self.signers.load_full();
        tokio::task::spawn_blocking(move || {
            let (files, faults) = files_and_faults(&directory);
            let digest = fingerprint(&files, signers.as_ref().as_ref(), &faults);
            let terms = Terms { signers: signers.as_ref().as_ref(), at_least: in_force.epoch() };
            let policy = (known != Some(digest)).then(|| compiled(&files, terms, faults, &in_force, now));
            Found { files: digest, policy }
        })
    }

    /// Takes what was found.
    async fn take(&mut self, found: Found) {
        if let Some(Compiled { policy, faults, changed, rules }) = found.policy {
            self.known.files = Some(found.files);
            said::report(&faults);
            if rules == Rules::Kept {
                tracing::error!("the policy directory is at fault: the rules in force are kept");
            }
            self.enforce(policy, changed).await;
            // A `revoked.toml` or a file of `deny.d` that is broken is a fault as well, and refuses every change.
            if rules == Rules::Kept || faults.fatal() {
                self.broken(&faults);
            } else {
                self.mended();
            }
        }
        self.grown_old().await;
        self.record().await;
    }

    /// What the directory says is not known.
    async fn unread(&mut self, why: &str) {
        tracing::error!(why, "the policy directory could not be looked at: the rules in force are kept");
        let mut faults = Faults::new();
        faults.push(Fault::bare(format!("`{}`: {why}", self.directory.display())));
        self.known.files = None;
        self.broken(&faults);
        self.grown_old().await;
    }

    /// Puts a policy into force; and that on record, when it says something else than the one in force. (A directory file
    /// that was written again as it was says the same, and is younger.)
    async fn enforce(&mut self, policy: Policy, changed: Option<Event>) {
        let before = self.guard.policy();
        self.guard.enforce(policy);
        let after = self.guard.policy();
        let frozen = after.frozen_by();
        self.standing.policy(after.digest(), frozen, self.clock.now());
        if after.digest() == before.digest() && frozen == before.frozen_by() {
            return;
        }
        tracing::warn!(digest = %after.digest(), before = %before.digest(), frozen, "a policy came into force");
        let once = said_once((&before.digest().hex(), before.epoch()), &after);
        self.known.untold.extend(changed.map(|changed| (changed, once)));
        self.known.unrecorded = Some(after);
        self.record().await;
    }

    /// Puts on record what came into force, once the ledger can be written: its text first, so that no record names a
    /// policy whose text is not there; then people are told; then that it is in force. An end in between leaves a policy
    /// that is not the last one on record, of which the next start tells.
    async fn record(&mut self) {
        let Some(unrecorded) = self.known.unrecorded.clone() else { return };
        match self.written(&unrecorded).await {
            Ok(()) => self.known.unrecorded = None,
            Err(unwritten) => {
                tracing::error!(%unwritten, "that a policy came into force could not be recorded yet");
            }
        }
    }

    async fn written(&mut self, unrecorded: &Policy) -> Result<(), Unwritten> {
        self.ledger.at_epoch(unrecorded.epoch()).await?;
        self.ledger.keep_policy(unrecorded.digest(), &unrecorded.texts()).await?;
        while let Some((event, once)) = self.known.untold.first() {
            self.ledger.say(event, &self.routes.load_full(), once.as_deref()).await?;
            self.known.untold.remove(0);
        }
        self.ledger.in_force(unrecorded.digest()).await
    }

    /// The directory is in order again.
    fn mended(&mut self) {
        self.standing.directory(None);
        if let Some(fault) = self.known.fault.take() {
            tracing::info!("the policy directory is in order again");
            let digest = self.guard.policy().digest().hex();
            self.teller.tell(Event::PolicyMended { digest, since: fault.since.millis() });
        }
    }

    /// The directory is at fault: people are told once for as long as it is, and again when changes are refused for it.
    fn broken(&mut self, faults: &Faults) {
        let before = self.known.fault;
        let refusing = self.guard.policy().frozen_by().is_some();
        let since = before.map_or_else(|| self.clock.now(), |fault| fault.since);
        self.known.fault = Some(AtFault { since, refusing });
        self.standing.directory(Some((since, said::first(faults))));
        if before.is_none_or(|before| refusing && !before.refusing) {
            let faults = said::errors(faults).into_iter().take(SENTENCES).collect();
            let since = since.millis();
            self.teller.tell(Event::PolicyFailed { faults, since, changes_refused: refusing });
        }
    }

    /// Refuses changes when the rules in force are too old.
    async fn grown_old(&mut self) {
        let max_stale = SignedDuration::try_from(self.max_stale).unwrap_or(SignedDuration::ZERO);
        let Some(fault) = self.known.fault else { return };
        let policy = self.guard.policy();
        if self.clock.now() < fault.since.plus(max_stale) || policy.frozen_by().is_some() {
            return;
        }
        self.enforce(policy.frozen(STALE), None).await;
        self.known.fault = Some(AtFault { refusing: true, ..fault });
        let faults = vec![STALE.to_owned()];
        self.teller.tell(Event::PolicyFailed { faults, since: fault.since.millis(), changes_refused: true });
    }
}

/// The key by which several guards that share a ledger say once that a policy came into force: where it raised the epoch, it
/// cannot be another time. Without that each of them says it.
pub(super) fn said_once(before: (&str, Option<u64>), after: &Policy) -> Option<String> {
    let raised = after.epoch().filter(|_| after.epoch() > before.1)?;
    Some(format!("policy/{raised}/{}/{}", before.0, after.digest()))
}

/// What is told when a guard starts with another policy than the last one on record: nobody saw it come.
pub(super) fn changed_meanwhile(before: String, after: Digest) -> Option<Event> {
    let after = after.hex();
    let (gains, losses) = (vec![MEANWHILE.to_owned()], Vec::new());
    (before != after).then_some(Event::PolicyChanged { before, after, gains, losses, left_out: 0 })
}

fn compiled(
    files: &PolicyFiles,
    terms: Terms<'_>,
    mut faults: Faults,
    in_force: &Policy,
    now: Now,
) -> Compiled {
    if !faults.fatal() {
        match Policy::compile_on(files, now, terms) {
            Ok((policy, more)) => {
                faults.extend(more);
                return Compiled::new(policy.after(in_force), faults, in_force, Rules::Read);
            }
            Err(more) => faults.extend(more),
        }
    }
    let (policy, more) = in_force.renewed(files);
    faults.extend(more);
    Compiled::new(policy, faults, in_force, Rules::Kept)
}

impl Compiled {
    fn new(policy: Policy, faults: Faults, before: &Policy, rules: Rules) -> Self {
        let changed = (policy.digest() != before.digest()).then(|| changed(before, &policy));
        Self { policy, faults, changed, rules }
    }
}

/// Who gains and who loses.
fn changed(before: &Policy, after: &Policy) -> Event {
    let differences = before.differences(after);
    let gains: Vec<String> = differences.gains().iter().take(SENTENCES).map(ToString::to_string).collect();
    let losses: Vec<String> = differences.losses().iter().take(SENTENCES).map(ToString::to_string).collect();
    let all = differences.gains().len() + differences.losses().len();
    Event::PolicyChanged {
        before: before.digest().hex(),
        after: after.digest().hex(),
        left_out: all - gains.len() - losses.len(),
        gains,
        losses,
    }
}

/// Over everything that was read, who may sign it, and what could not be read.
fn fingerprint(files: &PolicyFiles, signers: Option<&Signers>, faults: &Faults) -> Digest {
    let mut parts: Vec<String> = Vec::new();
    let named = |source: &Source| format!("{}\n{}", source.local, source.text);
    parts.extend(files.rules.iter().map(named));
    parts.extend(
        files.directories.iter().map(|file| format!("{}\n{}", file.modified.millis(), named(&file.source))),
    );
    parts.extend(signers.map(ToString::to_string));
    for emergency in files.deny.iter().chain(&files.revoked).chain(&files.signature) {
        parts.push(match emergency {
            Ok(source) => named(source),
            Err(why) => why.clone(),
        });
    }
    parts.push(faults.plain());
    Digest::of_list(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_policy_than_the_last_on_record_is_told_of() {
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        assert_eq!(changed_meanwhile(one.hex(), one), None);
        let Some(Event::PolicyChanged { before, after, gains, .. }) = changed_meanwhile(one.hex(), other)
        else {
            panic!("nobody is told");
        };
        assert_eq!((before, after), (one.hex(), other.hex()));
        assert!(gains.concat().contains("policy diff"), "{gains:?}");
    }
}
