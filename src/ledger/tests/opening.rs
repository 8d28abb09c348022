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
    let open = async |ephemeral: Option<&str>| {
        Ledger::open(LedgerOptions { ephemeral: ephemeral.map(str::to_owned), ..bench.options() }).await
    };
    if open(None).await.is_ok() {
        // It is a disk like any other here.
        return;
    }
    for empty in [None, Some(""), Some(" \t")] {
        let fault = open(empty).await.err();
        assert!(matches!(fault, Some(LedgerFault::Store(StoreError::Medium { .. }))), "{empty:?}: {fault:?}");
    }
    let ledger = open(Some("a demonstration")).await.unwrap();
    ledger.started(Digest::of(b"policy")).await.unwrap();
}
