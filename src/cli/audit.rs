//! `audit verify` and `audit export`: whether every link of every chain holds, and all records in a file.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Exit, args::Format, check, output::Output, serve::runtime};
use crate::{
    clock::Clock,
    ledger::{Evidence, ExportFault, HeadsFault, Known, Ledger, ProofFault, Taking, Unproven, Verification},
    notice::RecordRef,
    store::Location,
};

/// What is verified, and against what.
#[derive(clap::Args)]
pub(super) struct VerifyArgs {
    /// The store; that of the configuration otherwise, with its file of heads.
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    store: Option<String>,
    /// An export instead of a store.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "store"])]
    export: Option<PathBuf>,
    /// A file of heads that somebody kept, a JSON object a line; may be repeated.
    #[arg(long, value_name = "FILE")]
    heads: Vec<PathBuf>,
    /// A head that somebody kept, such as that of a notice; may be repeated.
    #[arg(long, value_name = "CHAIN:SEQ:HASH", value_parser = head)]
    head: Vec<RecordRef>,
    /// The directory of segments: verify from the very first record.
    #[arg(long, value_name = "DIRECTORY")]
    segments: Option<PathBuf>,
    /// The configuration file; `CONNECT_GUARD_CONFIG` names it otherwise.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What is exported.
#[derive(clap::Args)]
pub(super) struct ExportArgs {
    /// The file; one that is there already is continued.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// The store; that of the configuration otherwise.
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    store: Option<String>,
    /// The configuration file; `CONNECT_GUARD_CONFIG` names it otherwise.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Verifies the ledger of a store, of the configuration's, or of an export.
pub(super) fn verify(mut args: VerifyArgs, output: Output) -> Exit {
    let evidence = match args.export.take() {
        Some(path) => Evidence::Export(path),
        None => match store(args.store.take(), args.config.as_deref(), output) {
            Ok((url, kept)) => {
                match kept.map(|path| (path.try_exists(), path)) {
                    None => {}
                    // One that is not there yet cannot be told from one that was taken away.
                    Some((Ok(false), path)) => output.say(&format!(
                        "`{}`, the file of heads that the configuration names, is not there: what was cut off at the \
                         end of a chain does not show",
                        path.display()
                    )),
                    // What cannot be read is a fault there.
                    Some((Ok(true) | Err(_), path)) => args.heads.push(path),
                }
                Evidence::Store(url)
            }
            Err(exit) => return exit,
        },
    };
    let mut known = Known::default();
    for path in &args.heads {
        if let Err(fault) = known.read(path) {
            output.error(&fault.to_string());
            if let HeadsFault::Line(..) = fault {
                output.hint("a line is {\"v\":1,\"at\":..,\"replica\":..,\"heads\":[{\"chain\":..,\"seq\":..,\"hash\":..}]}");
            }
            return Exit::Failed;
        }
    }
    args.head.iter().for_each(|head| known.head(head));
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.error(&error.to_string());
            return Exit::Failed;
        }
    };
    match runtime.block_on(Ledger::prove(&evidence, known, args.segments.as_deref())) {
        Ok(found) => report(&found, output),
        Err(ProofFault::Store(fault)) => {
            let of = match &evidence {
                Evidence::Store(url) => url.clone(),
                Evidence::Export(path) => path.display().to_string(),
            };
            output.error(&format!("the ledger `{of}` cannot be read: {fault}"));
            Exit::Failed
        }
        Err(fault @ ProofFault::File(..)) => {
            output.error(&format!("the export cannot be read: {fault}"));
            Exit::Failed
        }
    }
}

/// Writes all records into a file.
pub(super) fn export(args: &ExportArgs, output: Output) -> Exit {
    let (url, _) = match store(args.store.clone(), args.config.as_deref(), output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.error(&error.to_string());
            return Exit::Failed;
        }
    };
    let done = match runtime.block_on(Ledger::export(&url, &args.to, &Clock::system())) {
        Ok(done) => done,
        Err(fault) => {
            output.error(&fault.to_string());
            return match fault {
                ExportFault::Other(..) => {
                    output.hint("connect-guard audit verify says which of the two was changed");
                    Exit::LedgerBroken
                }
                ExportFault::Unfinished(_) => {
                    output.hint("remove it, or export to another file");
                    Exit::Failed
                }
                ExportFault::Ledger(_) | ExportFault::Io(..) | ExportFault::Server => Exit::Failed,
            };
        }
    };
    if output.format() == Format::Json {
        let all = json!({ "before": done.before, "written": done.written, "heads": done.heads });
        output.data(&all.to_string());
        return Exit::Done;
    }
    output.data(&format!("{} records written, {} were there", done.written, done.before));
    for RecordRef { chain, seq, hash } in &done.heads {
        output.data(&format!("chain {chain}: head {seq} {hash}"));
    }
    Exit::Done
}

/// The store that is meant, and the file of heads that the configuration names.
fn store(
    url: Option<String>,
    config: Option<&Path>,
    output: Output,
) -> Result<(String, Option<PathBuf>), Exit> {
    let Some(url) = url else {
        let (config, warnings) = check::read(config).map_err(|unread| unread.told(output))?;
        output.tell(&warnings);
        return Ok((config.store.url, config.evidence.heads_file));
    };
    match Location::read(&url) {
        Ok(_) => Ok((url, None)),
        Err(fault) => {
            // There may be a password in it.
            let shown = if url.starts_with("postgres") { "the store".into() } else { format!("`{url}`") };
            output.error(&format!("{shown}: {fault}"));
            output.hint("write sqlite:/path/to/ledger.db");
            Err(Exit::Usage)
        }
    }
}

fn report(found: &Verification, output: Output) -> Exit {
    let heads = found.heads.iter().filter(|(_, seq, _)| *seq > 0);
    if output.format() == Format::Json {
        let heads: Vec<_> =
            heads.map(|(chain, seq, hash)| json!({ "chain": chain, "seq": seq, "hash": hash })).collect();
        let faults = found.faults.iter().map(|(chain, seq, why)| {
            json!({ "chain": chain, "seq": seq, "what": why.word(), "why": why.to_string() })
        });
        let unproven = found.unproven.iter().map(|Unproven { chain, last, file }| {
            json!({ "chain": chain, "first": 1, "last": last, "segment": file })
        });
        let report = json!({
            "records": found.records,
            "open": found.open,
            "heads": heads,
            "confirmed": found.confirmed,
            "unchecked": found.unchecked,
            "unproven": unproven.collect::<Vec<_>>(),
            "taken": found.takings.iter().map(taking).collect::<Vec<_>>(),
            "faults": faults.collect::<Vec<_>>(),
        });
        output.data(&report.to_string());
    } else {
        output.data(&format!("{} records verified, {} changes open", found.records, found.open));
        for (chain, seq, hash) in heads {
            output.data(&format!("chain {chain}: head {seq} {hash}"));
        }
        if found.confirmed > 0 {
            output.data(&format!("{} heads are as they were seen", found.confirmed));
        }
        if found.unchecked > 0 {
            let closed = "heads are of records that are closed into segments: --segments DIRECTORY";
            output.say(&format!("{} {closed}", found.unchecked));
        }
        for taking in &found.takings {
            output.data(&taking.to_string());
        }
        for Unproven { chain, last, file } in &found.unproven {
            let closed = format!(
                "chain {chain}: records 1-{last} are not here: closed into `{}`",
                file.escape_debug()
            );
            output.error(&format!("{closed}, as one record says; --segments DIRECTORY proves it"));
        }
        for (chain, seq, why) in &found.faults {
            output.error(&format!("chain {chain}, record {seq}: {why}"));
        }
    }
    match (found.faults.is_empty(), found.unproven.is_empty()) {
        (false, _) => Exit::LedgerBroken,
        (true, false) => Exit::Unproven,
        (true, true) => Exit::Done,
    }
}

fn taking(taking: &Taking) -> Value {
    let given_up = taking
        .given_up
        .iter()
        .map(|(chain, left, last)| json!({ "chain": chain, "beyond": left, "last": last }));
    json!({
        "file": &*taking.file,
        "line": taking.line,
        "record": &taking.record,
        "believed": taking.believed,
        "given_up": given_up.collect::<Vec<_>>(),
    })
}

/// `CHAIN:SEQ:HASH`, from an argument.
fn head(text: &str) -> Result<RecordRef, String> {
    let read = || {
        let (rest, hash) = text.rsplit_once(':')?;
        let (chain, seq) = rest.rsplit_once(':')?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let seq = seq.parse().ok().filter(|seq| *seq > 0)?;
        (is_hash && !chain.is_empty()).then(|| RecordRef { chain: chain.into(), seq, hash: hash.into() })
    };
    read().ok_or_else(|| "write CHAIN:SEQ:HASH, such as guard:17: and 64 hexadecimal digits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read() {
        let hash = "0f".repeat(32);
        let found = head(&format!("gw-1:17:{hash}")).unwrap();
        assert_eq!(found, RecordRef { chain: "gw-1".into(), seq: 17, hash: hash.clone() });
        for text in ["", "gw-1", "gw-1:17", "gw-1:17:0f", &format!("gw-1:0:{hash}"), &format!(":1:{hash}")] {
            assert!(head(text).is_err(), "{text}");
        }
    }
}
