//! `audit erase`, `audit backup`, `audit accept-restore`, `audit accept-hash-key`: what operators do to a ledger, each on record.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Exit, args::Format, audit_show::operator, check, output::Output, serve::runtime};
use crate::{
    app::Correspondence,
    clock::Clock,
    config::Config,
    diagnostic::Faults,
    ledger::{Desk, ExportFault, HeadsFault, Known, LedgerFault, OtherKey, ToErase},
    operation::{InstanceId, Subject, Target, UserId},
    secret::HashKey,
};

/// Whom to erase, and why.
#[derive(clap::Args)]
pub(super) struct EraseArgs {
    /// The user's id: goes with everything recorded under its Username, too.
    #[arg(long, value_name = "ID", required_unless_present = "username")]
    user: Option<String>,
    /// The Username of somebody who was never created, or of whom no id is known.
    #[arg(long, value_name = "NAME", conflicts_with = "user")]
    username: Option<String>,
    /// The instance's id.
    #[arg(long, value_name = "ID")]
    instance: String,
    /// Why: on record, sealed.
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    reason: Option<String>,
    /// Erase nothing: say what there is, and what stands in the way.
    #[arg(long)]
    dry_run: bool,
    /// The configuration file; `CONNECT_GUARD_CONFIG` names it otherwise.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Where to copy it.
#[derive(clap::Args)]
pub(super) struct BackupArgs {
    /// The file: it is not there yet.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// The configuration file; `CONNECT_GUARD_CONFIG` names it otherwise.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Why it is accepted.
#[derive(clap::Args)]
pub(super) struct AcceptArgs {
    /// Why: on record, sealed.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The configuration file; `CONNECT_GUARD_CONFIG` names it otherwise.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// `audit erase`
pub(super) fn erase(args: &EraseArgs, output: Output) -> Exit {
    let (Some(subject), Some(instance)) = (subject(args), InstanceId::read(&args.instance)) else {
        output.error("this is no id of a user and of an instance");
        output.hint("bare ids, as Connect and the ledger write them");
        return Exit::Usage;
    };
    if args.reason.as_ref().is_some_and(|reason| !is_said(reason, output)) {
        return Exit::Usage;
    }
    with_desk(args.config.as_deref(), output, async |desk, hash, config| {
        let targets = targets(config, &subject, &instance);
        if targets.is_empty() {
            output
                .error(&format!("no upstream of the configuration has the instance `{}`", instance.as_str()));
            return Ok(Exit::Failed);
        }
        own_keys(desk, hash).await?;
        let mut exit = Exit::Done;
        for target in &targets {
            let found = desk.to_erase(hash, target).await?;
            let erased = match &args.reason {
                Some(reason) if !args.dry_run && found.known => {
                    desk.erase(hash, target, reason, &operator()).await?
                }
                Some(_) | None => false,
            };
            tell(&target.site, found, erased, args.dry_run, output);
            if !erased && (!found.is_free() || (found.known && !args.dry_run)) {
                exit = Exit::Refused;
            }
        }
        if !args.dry_run && !desk.scrub().await? {
            output.error("somebody reads the store: what was erased still stands in the log beside it");
            output.hint("the same command again takes it out");
            exit = Exit::Failed;
        }
        Ok(exit)
    })
}

/// Whom: by id, or by Username.
fn subject(args: &EraseArgs) -> Option<Subject> {
    match (&args.user, &args.username) {
        (Some(user), _) => UserId::read(user).map(Subject::User),
        (None, Some(username)) => Some(Subject::Username(username.clone())),
        (None, None) => None,
    }
}

/// An instance may have replicas in other Regions: there the user is another target.
fn targets(config: &Config, subject: &Subject, instance: &InstanceId) -> Vec<Target> {
    let sites = config.upstream.iter().map(|upstream| &upstream.site);
    let of = sites.filter(|site| site.instances.contains(instance)).map(|site| Target {
        site: site.name.clone(),
        partition: site.partition.clone(),
        account: site.account.clone(),
        region: site.region.clone(),
        instance: Some(instance.clone()),
        subject: subject.clone(),
    });
    of.collect()
}

fn tell(site: &str, found: ToErase, erased: bool, dry_run: bool, output: Output) {
    if output.format() == Format::Json {
        let ToErase { known, open, watched, waiting } = found;
        let all = json!({
            "upstream": site, "known": known, "open": open, "watched": watched, "waiting": waiting, "erased": erased,
        });
        output.data(&all.to_string());
        return;
    }
    let ToErase { open, watched, waiting, .. } = found;
    let what = match (found.known, erased) {
        (_, true) => "erased: nobody can open what is sealed of this user, here or in an export",
        (false, _) => "nothing is sealed of this user",
        (true, false) if !found.is_free() => "not erased",
        (true, false) if dry_run => "would be erased",
        (true, false) => "not erased: something began meanwhile",
    };
    output.data(&format!("{site}: {what}"));
    if !found.is_free() {
        output.data(&format!(
            "{site}: in the way: {open} changes open, {watched} watched, {waiting} notices queued"
        ));
        output.hint("wait until they are over; connect-guard notify list shows what is queued");
    }
}

/// `audit backup`
pub(super) fn backup(args: &BackupArgs, output: Output) -> Exit {
    with_desk(args.config.as_deref(), output, async |desk, _, _| {
        let found = match desk.backup(&args.to).await {
            Ok(found) => found,
            Err(fault) => {
                output.error(&fault.to_string());
                if matches!(fault, ExportFault::Server) {
                    output
                        .hint("pg_dump --format=custom --file=FILE; audit verify verifies what is put back");
                }
                return Ok(Exit::Failed);
            }
        };
        for (chain, seq, why) in &found.faults {
            output.error(&format!("chain {chain}, record {seq}: {why}"));
        }
        if !found.faults.is_empty() {
            output.error("the copy does not verify and was removed");
            return Ok(Exit::LedgerBroken);
        }
        if output.format() == Format::Json {
            output.data(&json!({ "records": found.records, "file": args.to }).to_string());
        } else {
            output.data(&format!("{} records copied and verified", found.records));
        }
        Ok(Exit::Done)
    })
}

/// `audit accept-restore`
pub(super) fn accept(args: &AcceptArgs, output: Output) -> Exit {
    if !is_said(&args.reason, output) {
        return Exit::Usage;
    }
    with_desk(args.config.as_deref(), output, async |desk, hash, config| {
        let Some(path) = &config.evidence.heads_file else {
            output.error("the configuration names no file of heads: nobody compares the store with anything");
            output.hint("heads_file in [evidence]");
            return Ok(Exit::Failed);
        };
        own_keys(desk, hash).await?;
        let mut known = Known::default();
        if let Err(fault) = known.read(path) {
            return Ok(unread(&fault, output));
        }
        let Some(broken) = desk.is_as_seen(&known).await? else {
            output.say("the store is as it was seen: there is nothing to accept");
            return Ok(Exit::Done);
        };
        output.say(&format!("chain {}, record {}: {}", broken.chain, broken.seq, broken.why));
        let line = desk.accept(hash, &known, &args.reason, &operator()).await?;
        if let Err(fault) = line.append(path) {
            return Ok(unread(&fault, output));
        }
        output.data(&line.line());
        output.say("on record; give this line to everybody who keeps heads, and start the guard again");
        Ok(Exit::Done)
    })
}

/// `audit accept-hash-key`
pub(super) fn accept_hash_key(args: &AcceptArgs, output: Output) -> Exit {
    if !is_said(&args.reason, output) {
        return Exit::Usage;
    }
    with_desk(args.config.as_deref(), output, async |desk, hash, _| {
        let others = desk.other_keys(hash).await?;
        if let Some(other) = others.iter().find(|other| matches!(other, OtherKey::Seal(_))) {
            return Err(LedgerFault::OtherKey(other.clone()));
        }
        if others.is_empty() {
            output
                .say("the hash key is the one that the ledger was written with: there is nothing to accept");
            return Ok(Exit::Done);
        }
        if desk.is_at_work().await? {
            output.error("a guard is at work on this ledger: it would go on with the other key");
            output.hint("end every guard first; one that crashed counts for ten minutes on a server");
            return Ok(Exit::Failed);
        }
        desk.accept_hash_key(hash, &args.reason, &operator()).await?;
        output.data("on record: the hash key is this one from now on");
        Ok(Exit::Done)
    })
}

/// What is found and written by keys is so by those that the ledger was written with.
async fn own_keys(desk: &Desk, hash: &HashKey) -> Result<(), LedgerFault> {
    match desk.other_keys(hash).await?.into_iter().next() {
        Some(other) => Err(LedgerFault::OtherKey(other)),
        None => Ok(()),
    }
}

/// Whether a reason is one; told when it is not.
fn is_said(reason: &str, output: Output) -> bool {
    let is_said = !reason.trim().is_empty();
    if !is_said {
        output.error("`--reason` takes a text that says why");
    }
    is_said
}

fn unread(fault: &HeadsFault, output: Output) -> Exit {
    output.error(&fault.to_string());
    Exit::Failed
}

/// Opens the store of the configuration with its keys, does something at it, and closes it.
fn with_desk(
    config: Option<&Path>,
    output: Output,
    work: impl AsyncFnOnce(&Desk, &HashKey, &Config) -> Result<Exit, LedgerFault>,
) -> Exit {
    let clock = Clock::system();
    let (config, _) = match check::read(config) {
        Ok(read) => read,
        Err(unread) => return unread.told(output),
    };
    let mut faults = Faults::new();
    let hash = config.secrets(&mut faults).hash;
    let (correspondence, hash) = match (Correspondence::of(&config, &clock), hash) {
        (Ok(correspondence), Some(hash)) => (correspondence, HashKey::new(&hash)),
        (Err(faults), _) => {
            output.tell(&faults);
            return Exit::Invalid;
        }
        (Ok(_), None) => {
            output.tell(&faults);
            return Exit::Invalid;
        }
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.error(&error.to_string());
            return Exit::Failed;
        }
    };
    let done = runtime.block_on(async {
        let desk = Desk::open(&config.store.url, correspondence.seal, clock).await?;
        let done = work(&desk, &hash, &config).await;
        desk.close().await;
        done
    });
    done.unwrap_or_else(|fault| {
        output.error(&format!("the store `{}` cannot be used: {fault}", config.store.url));
        Exit::Failed
    })
}
