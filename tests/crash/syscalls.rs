//! The end before every system call that writes: to a file, to a socket, or to make a file last.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    length::{Done, number},
    run::{Ends, Run},
    stage::Before,
    store::Stores,
    story::{Story, USERS},
    sweep::{Case, Plain, Sweep},
};

/// Runs of the short sweep, about.
const SAMPLE: usize = 24;
/// Runs after which it is looked whether any of them ended.
const BATCH: usize = 12;

/// A library that ends whoever loads it before its N-th call.
fn library() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let library = folder.join("crash-shim.so");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&library)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/crash/shim.c"))
        .arg("-ldl")
        .output()
        .expect("a C compiler");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    library
}

/// Before call number so-and-so; nought is none.
fn before(library: &Path, call: usize) -> Ends {
    let environment: Vec<(String, OsString)> =
        vec![("LD_PRELOAD".into(), library.into()), ("CRASH_AT".into(), call.to_string().into())];
    Ends { environment, ..Ends::default() }
}

/// How many calls there are in a story in which nothing ends.
async fn calls(stores: &Stores, library: &Path) -> usize {
    let counter = Path::new(env!("CARGO_TARGET_TMPDIR")).join("crash-calls");
    drop(fs::remove_file(&counter));
    let mut ends = before(library, 0);
    ends.environment.push(("CRASH_COUNT".into(), counter.clone().into()));
    let run = Run::new(stores, USERS, Before::Nobody, vec![ends]).await;
    drop(Story { run: &run, end_after: None, said: Vec::new() }.tell().await);
    usize::from_ne_bytes(fs::read(counter).unwrap().try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn i2_before_whatever_system_call_the_process_ends_the_three_lists_are_equal() {
    let (stores, library) = (Stores::chosen(), library());
    let calls = calls(&stores, &library).await;
    assert!(calls > 100, "{calls} calls are not a story");
    let every = match number("CRASH_EVERY", 0) {
        0 => calls.div_ceil(SAMPLE),
        every => every,
    };
    let told = Plain::of(&stores, Before::Nobody, Vec::new()).await.told;
    let sweep = Sweep { stores, told: BTreeMap::from([(Before::Nobody, told)]), done: Done::read() };
    println!("{calls} calls, and the end before each {every}th");
    Sweep::heading();
    let case = |call: usize| {
        let (name, ends) = (format!("call {call}"), vec![before(&library, call)]);
        // How many calls there are differs from run to run.
        Case { name, before: Before::Nobody, ends, end_after: None, certain: call < calls / 2 }
    };
    // Until the story ends before the call comes, in all of a batch.
    let mut next = 1;
    loop {
        let batch: Vec<_> =
            (0..BATCH).map(|place| next + place * every).take_while(|call| *call < 2 * calls).collect();
        let Some(last) = batch.last() else { return };
        next = last + every;
        let beyond = batch[0] > calls;
        if sweep.over(batch.into_iter().map(case).collect()).await == 0 && beyond {
            return;
        }
    }
}
