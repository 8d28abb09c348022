//! The policy directory while the guard serves: what is written there comes into force without a restart.
//!
//! The directory is looked at again and again, and at once when the operator says so; it makes no difference how it was
//! written: in place, by renaming, or by swapping a symbolic link as Kubernetes does. A directory with a fault keeps the
//! rules in force, for a while; `revoked.toml` and `deny.d` hold at once whatever else is broken, and one that cannot be
//! read refuses every change. Whatever comes into force is on record, and people are told who gains and who loses by it.

use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};

use jiff::SignedDuration;
use tokio::sync::mpsc;

use super::{Again, directory::files_and_faults, standing::Standing, teller::Teller};
use crate::{
    clock::{Clock, Now},
    diagnostic::Faults,
    guard::Guard,
    ledger::Ledger,
    notice::Event,
    policy::{Policy, PolicyFiles},
    secret::Digest,
};

/// How often the directory is looked at.
const EVERY: Duration = Duration::from_secs(2);
/// Sentences of one notice: who gains, who loses, what is at fault. The rest is counted.
const SENTENCES: usize = 50;
/// What is said when the rules in force have become too old.
const STALE: &str = "the policy directory has been at fault for too long";

/// Keeps a guard's policy as the directory has it.
pub(super) struct Reload {
    pub(super) directory: PathBuf,
    pub(super) max_stale: Duration,
    pub(super) guard: Arc<Guard>,
    pub(super) ledger: Ledger,
    pub(super) teller: Teller,
    pub(super) standing: Arc<Standing>,
    pub(super) clock: Clock,
}

/// How the directory was found when it was last looked at.
struct Looked {
    files: Digest,
    /// Since when it has been at fault.
    broken: Option<Now>,
}

/// What came of reading and compiling.
enum Found {
    /// As it was.
    Same,
    /// All of it is in order, or only `revoked.toml` or `deny.d` is not.
    Whole(Policy, Faults),
    /// The rules are not in order: those in force stay, with `revoked.toml` and `deny.d` as they are now.
    Partly(Policy, Faults),
}

impl Reload {
    /// Looks until `shutdown` resolves, and at once when told to.
    pub(super) async fn run(self, mut again: mpsc::Receiver<Again>, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        // The first look finds what the guard was started with.
        let mut looked = self.look(None).await;
        loop {
            let told = tokio::select! {
                () = &mut shutdown => return,
                told = again.recv() => told,
                () = tokio::time::sleep(EVERY) => None,
            };
            looked = self.look(Some(looked)).await;
            drop(told);
        }
    }

    async fn look(&self, before: Option<Looked>) -> Looked {
        let now = self.clock.now();
        let directory = self.directory.clone();
        let in_force = self.guard.policy();
        let known = before.as_ref().map(|looked| looked.files);
        let read = tokio::task::spawn_blocking(move || {
            let (files, faults) = files_and_faults(&directory);
            let digest = fingerprint(&files, &faults);
            if known == Some(digest) {
                return (digest, Found::Same);
            }
            (digest, found(&files, faults, &in_force, now))
        });
        let Ok((files, found)) = read.await else {
            tracing::error!("the policy directory could not be looked at");
            return before.unwrap_or(Looked { files: Digest::of(b""), broken: Some(now) });
        };
        let broken = before.and_then(|looked| looked.broken);
        let broken = match found {
            Found::Same => broken,
            Found::Whole(policy, faults) => {
                report(&faults);
                self.enforce(policy).await;
                self.mended(broken);
                None
            }
            Found::Partly(policy, faults) => {
                report(&faults);
                tracing::error!("the policy directory is at fault: the rules in force are kept");
                self.enforce(policy).await;
                Some(self.broken(&faults, broken, now))
            }
        };
        self.grown_old(broken, now).await;
        Looked { files, broken }
    }

    /// Puts a policy into force; and that on record, when it says something else than the one in force. (A directory file
    /// that was written again as it was says the same, and is younger.)
    async fn enforce(&self, policy: Policy) {
        let before = self.guard.policy();
        self.guard.enforce(policy);
        let after = self.guard.policy();
        let frozen = after.frozen_by();
        self.standing.policy(after.digest(), frozen, self.clock.now());
        if after.digest() == before.digest() && frozen == before.frozen_by() {
            return;
        }
        tracing::warn!(digest = %after.digest(), before = %before.digest(), frozen, "a policy came into force");
        if let Err(unwritten) = self.ledger.in_force(after.digest()).await {
            tracing::error!(%unwritten, "that a policy came into force could not be recorded");
        }
        if after.digest() != before.digest() {
            self.teller.tell(changed(&before, &after));
        }
    }

    /// The directory is in order again.
    fn mended(&self, broken: Option<Now>) {
        self.standing.directory(None);
        if let Some(since) = broken {
            tracing::info!("the policy directory is in order again");
            let digest = self.guard.policy().digest().hex();
            self.teller.tell(Event::PolicyMended { digest, since: since.millis() });
        }
    }

    /// The directory is at fault: people are told once for as long as it is.
    fn broken(&self, faults: &Faults, broken: Option<Now>, now: Now) -> Now {
        let since = broken.unwrap_or(now);
        self.standing.directory(Some((since, first_line(faults))));
        if broken.is_none() {
            let faults = faults.plain().lines().take(SENTENCES).map(str::to_owned).collect();
            self.teller.tell(Event::PolicyFailed { faults, since: since.millis(), changes_refused: false });
        }
        since
    }

    /// Refuses changes when the rules in force are too old.
    async fn grown_old(&self, broken: Option<Now>, now: Now) {
        let max_stale = SignedDuration::try_from(self.max_stale).unwrap_or(SignedDuration::ZERO);
        let Some(since) = broken.filter(|since| now >= since.plus(max_stale)) else { return };
        let policy = self.guard.policy();
        if policy.frozen_by().is_some() {
            return;
        }
        self.enforce(policy.frozen(STALE)).await;
        let faults = vec![STALE.to_owned()];
        self.teller.tell(Event::PolicyFailed { faults, since: since.millis(), changes_refused: true });
    }
}

fn found(files: &PolicyFiles, mut faults: Faults, in_force: &Policy, now: Now) -> Found {
    if !faults.fatal() {
        match Policy::compile(files, now) {
            Ok((policy, more)) => {
                faults.extend(more);
                return Found::Whole(policy.after(in_force), faults);
            }
            Err(more) => faults.extend(more),
        }
    }
    let (policy, more) = in_force.renewed(files);
    faults.extend(more);
    Found::Partly(policy, faults)
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

/// Over everything that was read, and what could not be.
fn fingerprint(files: &PolicyFiles, faults: &Faults) -> Digest {
    let mut parts: Vec<String> = Vec::new();
    let named = |source: &crate::diagnostic::Source| format!("{}\n{}", source.local, source.text);
    parts.extend(files.rules.iter().map(named));
    parts.extend(
        files.directories.iter().map(|file| format!("{}\n{}", file.modified.millis(), named(&file.source))),
    );
    for emergency in files.deny.iter().chain(&files.revoked) {
        parts.push(match emergency {
            Ok(source) => named(source),
            Err(why) => why.clone(),
        });
    }
    parts.push(faults.plain());
    Digest::of_list(parts)
}

fn report(faults: &Faults) {
    for line in faults.plain().lines() {
        tracing::warn!("{line}");
    }
}

fn first_line(faults: &Faults) -> String {
    faults.plain().lines().next().unwrap_or("it is at fault").to_owned()
}
