//! `audit verify`: every link of every chain.

use std::path::PathBuf;

use super::{Exit, args::Format, check, output::Output, serve::runtime};
use crate::{
    ledger::{Ledger, Verification},
    store::Location,
};

/// Verifies the ledger of a store, or of the configuration's.
pub(super) fn verify(store: Option<String>, config: Option<PathBuf>, output: Output) -> Exit {
    let url = match store {
        Some(url) => match Location::read(&url) {
            Ok(_) => url,
            Err(fault) => {
                output.error(&format!("`{url}`: {fault}"));
                output.hint("write sqlite:/path/to/ledger.db");
                return Exit::Usage;
            }
        },
        None => match check::read(config.as_deref()) {
            Ok((config, warnings)) => {
                output.tell(&warnings);
                config.store.url
            }
            Err(unread) => return unread.told(output),
        },
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.error(&error.to_string());
            return Exit::Failed;
        }
    };
    match runtime.block_on(Ledger::verify(&url)) {
        Ok(found) => report(&found, output),
        Err(fault) => {
            output.error(&format!("the ledger `{url}` cannot be read: {fault}"));
            Exit::Failed
        }
    }
}

fn report(found: &Verification, output: Output) -> Exit {
    if output.format() == Format::Json {
        let heads: Vec<_> = found
            .heads
            .iter()
            .map(|(chain, seq, hash)| serde_json::json!({ "chain": chain, "seq": seq, "hash": hash }))
            .collect();
        let faults: Vec<_> = found
            .faults
            .iter()
            .map(
                |(chain, seq, why)| serde_json::json!({ "chain": chain, "seq": seq, "why": why.to_string() }),
            )
            .collect();
        let report = serde_json::json!({
            "records": found.records, "open": found.open, "heads": heads, "faults": faults,
        });
        output.data(&report.to_string());
    } else {
        output.data(&format!("{} records verified, {} changes open", found.records, found.open));
        for (chain, seq, hash) in &found.heads {
            output.data(&format!("chain {chain}: head {seq} {hash}"));
        }
        for (chain, seq, why) in &found.faults {
            output.error(&format!("chain {chain}, record {seq}: {why}"));
        }
    }
    if found.faults.is_empty() { Exit::Done } else { Exit::LedgerBroken }
}
