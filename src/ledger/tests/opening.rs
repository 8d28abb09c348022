//! What a ledger is kept on: memory that forgets takes a sentence.

use std::path::Path;

use super::*;
use crate::store::StoreError;

#[tokio::test]
async fn o2_a_ledger_on_a_disk_that_forgets_takes_a_sentence() {
    let memory = Path::new("/dev/shm");
    if testing::is_server() || !memory.is_dir() {
        return;
    }
    let bench = Bench { directory: tempfile::tempdir_in(memory).unwrap(), ..Bench::new() };
    for ephemeral in [None, Some(""), Some(" \t")] {
        let options = LedgerOptions { ephemeral: ephemeral.map(str::to_owned), ..bench.options() };
        match Ledger::open(options).await {
            // Where it is a disk like any other.
            Ok(_) => return,
            Err(fault) => assert!(matches!(fault, LedgerFault::Store(StoreError::Medium { .. })), "{fault}"),
        }
    }
    let options = LedgerOptions { ephemeral: Some("a demonstration".into()), ..bench.options() };
    let ledger = Ledger::open(options).await.unwrap();
    ledger.started(Digest::of(b"policy")).await.unwrap();
}
