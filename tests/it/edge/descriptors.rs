//! A guard without descriptors: it accepts nobody for a while, and nothing else comes of it.

use std::{fs, path::PathBuf};

use tokio::net::TcpStream;

use super::allowed;
use crate::running::{Running, program, roomy, script, until, user};

/// As many as it may have; about twenty are its own.
const DESCRIPTORS: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn k7_no_descriptors_end_nothing() {
    let mut guard = Running::amended(roomy([user(1)]), |stage| -> PathBuf {
        let pid = stage.folder.join("pid");
        let (pid, program) = (pid.display(), program());
        let text =
            format!("#!/bin/sh\nulimit -n {DESCRIPTORS}\necho $$ > '{pid}'\nexec '{program}' \"$@\"\n");
        script(&stage.folder.join("guard.sh"), &text)
    })
    .await;
    let pid = fs::read_to_string(guard.stage.folder.join("pid")).unwrap();
    let open = || fs::read_dir(format!("/proc/{}/fd", pid.trim())).unwrap().count();
    let desk = guard.caller("IdentityDesk");
    let mut held = Vec::new();
    for _ in 0..2 * DESCRIPTORS {
        held.push(TcpStream::connect(guard.address).await.unwrap());
    }
    until("the last descriptor", || async { (open() >= DESCRIPTORS).then_some(()) }).await;
    drop(held);
    // Whoever waited is gone. Denials that could not be read meanwhile refuse changes until they are looked at again.
    until("a change that is made", || async {
        let answer = desk.send(&allowed()).await.unwrap();
        assert!([200, 403].contains(&answer.status), "{}\n{}", answer.text(), guard.log());
        (answer.status == 200).then_some(())
    })
    .await;
    assert!(!guard.log().contains("panicked"), "{}", guard.log());
    assert!(guard.process.stop().await.unwrap().success(), "{}", guard.log());
    let log = guard.log().replace('\\', "");
    let failures = log.split("\"accept_failures\":").nth(1).expect("nothing was counted");
    assert!(!failures.starts_with("0,"), "it never went without descriptors: {log}");
}
