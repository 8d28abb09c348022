//! A guard with few descriptors: whoever takes all that connections may have keeps others out, and nothing else comes of it.

use std::{fs, path::PathBuf};

use tokio::net::TcpStream;

use super::allowed;
use crate::running::{Running, own_address, program, put, roomy, script, until, user};
use connect_guard::demo::{caller::Request, stage::INSTANCE};

/// As many as it may have: half of them are for connections.
const DESCRIPTORS: usize = 80;

#[tokio::test(flavor = "multi_thread")]
async fn fault_17_connections_leave_descriptors_for_what_is_under_way() {
    let mut guard = Running::amended(roomy((1..=3).map(user)), |stage| -> PathBuf {
        let program = program();
        let text = format!("#!/bin/sh\nulimit -n {DESCRIPTORS}\nexec '{program}' \"$@\"\n");
        script(&stage.folder.join("guard.sh"), &text)
    })
    .await;
    let pid = guard.process.id().unwrap();
    let open = || fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let desk = guard.caller("IdentityDesk");
    let mut connection = desk.connect().await.unwrap();
    let mut change = async |number: usize| {
        let agent = user(number);
        let request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
        connection.write(&desk.sign(&request, desk.now()).unwrap()).await.unwrap();
        connection.read().await.unwrap().status
    };
    let before = open();
    let mut held = Vec::new();
    for _ in 0..2 * DESCRIPTORS {
        held.push(TcpStream::connect(guard.address).await.unwrap());
    }
    until("no more room", || async { (open() >= before + DESCRIPTORS / 2 - 1).then_some(()) }).await;
    assert!(open() < DESCRIPTORS - 5, "{} are open", open());
    // Whoever is in is served: Connect, the ledger and mail have what they need.
    assert_eq!(change(1).await, 200, "{}", guard.log());
    // And what is denied meanwhile holds at once: its file can be read.
    let denial = guard.stage.folder.join("policies/deny.d/stop.toml");
    put(&denial, "version = 1\n[[deny]]\nid = \"stop\"\nreason = \"a test\"\nfields = [\"Email\"]\n");
    until("the denial", || async { guard.log().contains("a policy came into force").then_some(()) }).await;
    assert_eq!(change(2).await, 403, "{}", guard.log());
    assert!(!guard.log().contains("cannot be read"), "{}", guard.log());
    fs::remove_file(&denial).unwrap();
    drop(held);
    until("an answer", || async { (desk.send(&allowed()).await.ok()?.status == 200).then_some(()) }).await;
    assert!(!guard.log().contains("panicked"), "{}", guard.log());
    drop(connection);
    assert!(guard.process.stop().await.unwrap().success(), "{}", guard.log());
    let log = guard.log().replace('\\', "");
    let failures = log.split("\"accept_failures\":").nth(1).expect("nothing was counted");
    assert!(failures.starts_with("0,"), "accepting failed: {log}");
}
