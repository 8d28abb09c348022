//! The policy directory while the guard serves: what is written there comes into force without a restart.
//!
//! The directory is looked at again and again, so it makes no difference how it was written: in place, by renaming, or by
//! swapping a symbolic link as Kubernetes does. A directory with a fault keeps the rules in force, for a while;
//! `revoked.toml` and `deny.d` hold at once whatever else is broken, and one that cannot be read refuses every change.

use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};

use jiff::SignedDuration;

use super::directory::files_and_faults;
use crate::{
    clock::{Clock, Now},
    diagnostic::Faults,
    guard::Guard,
    ledger::Ledger,
    policy::{Policy, PolicyFiles},
    secret::Digest,
};

/// How often the directory is looked at.
const EVERY: Duration = Duration::from_secs(2);

/// Keeps a guard's policy as the directory has it.
pub(super) struct Reload {
    pub(super) directory: PathBuf,
    pub(super) max_stale: Duration,
    pub(super) guard: Arc<Guard>,
    pub(super) ledger: Ledger,
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
    /// Looks until `shutdown` resolves.
    pub(super) async fn run(self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        // The first look finds what the guard was started with.
        let mut looked: Option<Looked> = None;
        loop {
            looked = Some(self.look(looked).await);
            tokio::select! {
                () = &mut shutdown => return,
                () = tokio::time::sleep(EVERY) => {}
            }
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
        let broken = match found {
            Found::Same => before.and_then(|looked| looked.broken),
            Found::Whole(policy, faults) => {
                report(&faults);
                self.enforce(policy).await;
                None
            }
            Found::Partly(policy, faults) => {
                report(&faults);
                tracing::error!("the policy directory is at fault: the rules in force are kept");
                self.enforce(policy).await;
                before.and_then(|looked| looked.broken).or(Some(now))
            }
        };
        if let Some(since) = broken
            && self.guard.policy().frozen_by().is_none()
            && now >= since.plus(SignedDuration::try_from(self.max_stale).unwrap_or(SignedDuration::ZERO))
        {
            self.enforce(self.guard.policy().frozen("the policy directory has been at fault for too long"))
                .await;
        }
        Looked { files, broken }
    }

    /// Puts a policy into force; and that on record, when it says something else than the one in force. (A directory file
    /// that was written again as it was says the same, and is younger.)
    async fn enforce(&self, policy: Policy) {
        let before = self.guard.policy();
        let (digest, frozen) = (policy.digest(), policy.frozen_by().map(str::to_owned));
        self.guard.enforce(policy);
        if digest == before.digest() && frozen.as_deref() == before.frozen_by() {
            return;
        }
        tracing::warn!(%digest, before = %before.digest(), frozen, "a policy came into force");
        if let Err(unwritten) = self.ledger.in_force(digest).await {
            tracing::error!(%unwritten, "that a policy came into force could not be recorded");
        }
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
