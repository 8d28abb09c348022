//! What was taken apart and put together again: requests, and policies.

use std::{fs, process::Command, time::Duration};

use connect_guard::demo::{
    caller::{Caller, Request},
    stage::INSTANCE,
};
use tokio::time::timeout;

use super::change;
use crate::running::{Running, program, roomy, user};

/// Requests that somebody took apart and put together again: none is done, none ends anything.
#[tokio::test(flavor = "multi_thread")]
async fn fault_24_garbage_for_the_parsers() {
    const CASES: usize = 1_500;
    let guard = Running::with(roomy([user(1)])).await;
    let desk = guard.caller("IdentityDesk");
    let octets = desk.sign(&change(&user(1)), desk.now()).unwrap();
    let pieces: [&[u8]; 12] = [
        b"\r\n",
        b"\n",
        b"\0",
        b": ",
        b"%",
        b"/",
        b" ",
        b"HTTP/1.1",
        b"content-length: 1",
        b"{",
        b"\xff",
        b"transfer-encoding: chunked\r\n",
    ];
    let mut tasks = Vec::new();
    for part in 0..4_u64 {
        let (desk, octets) = (desk.clone(), octets.clone());
        tasks.push(tokio::spawn(async move {
            let mut seed = 0x2545_f491_4f6c_dd1d_u64.wrapping_mul(part + 1);
            for _ in 0..CASES / 4 {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                let chance = |most: usize, by: u32| usize::try_from(seed >> by).unwrap() % most;
                let head = octets.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
                // Within what is signed, or what frames it: anything else may be as it likes.
                let at = chance(head, 3);
                let mut mutant = octets.clone();
                match chance(3, 40) {
                    0 => drop(mutant.splice(at..at, pieces[chance(pieces.len(), 20)].iter().copied())),
                    1 => drop(mutant.splice(
                        at..(at + chance(9, 50)).min(head),
                        pieces[chance(pieces.len(), 20)].iter().copied(),
                    )),
                    _ => mutant.truncate(at),
                }
                mutant.extend_from_slice(b"\r\n\r\n");
                answered(&desk, &mutant, &octets).await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert!(!guard.log().contains("panicked"), "{}", guard.log());
    assert!(guard.stage.connect.updates().len() <= 1, "a mutant is another change");
    assert_eq!(desk.send(&Request::describe_user(INSTANCE, &user(1).id)).await.unwrap().status, 200);
}

/// A mutant is refused, is cut, or is the request that it was made of.
async fn answered(desk: &Caller, mutant: &[u8], original: &[u8]) {
    let mut connection = desk.connect().await.unwrap();
    let _ = connection.write(mutant).await;
    // What is not whole is not waited for.
    let Ok(Ok(answer)) = timeout(Duration::from_millis(400), connection.read()).await else { return };
    let shown = || String::from_utf8_lossy(mutant).into_owned();
    if answer.status == 200 {
        let body = original.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        assert!(mutant.windows(original.len() - body).any(|part| part == &original[body..]), "{}", shown());
    } else {
        assert!(
            (400..500).contains(&answer.status) || answer.status == 503,
            "{} to {}",
            answer.status,
            shown()
        );
        assert!(answer.error().is_some(), "{}", shown());
    }
}

/// A policy in which one word is another: its own tests, or its loading, say so. (Of the code: cargo-mutants.)
#[test]
fn fault_25_mutants_of_a_policy_are_noticed() {
    const NAMES: &str = r#"
[[test]]
name     = "the help desk corrects a name"
caller   = "arn:aws:sts::111122223333:assumed-role/HelpDesk/kim"
action   = "connect:UpdateUserIdentityInfo"
instance = "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"
user     = { username = "mary", FirstName = "Mary" }
at       = 2027-03-12T10:00:00Z
change   = { FirstName = "Maria" }
expect   = "allow"
"#;
    let text = &[include_str!("../../../src/demo/policy.toml"), NAMES].concat();
    let folder = tempfile::tempdir().unwrap();
    let tried = |text: &str| {
        fs::write(folder.path().join("policy.toml"), text).unwrap();
        Command::new(program()).args(["policy", "test"]).arg(folder.path()).output().unwrap().status.code()
    };
    assert_eq!(tried(text), Some(0));
    let mutants = [
        ("role/IdentityDesk\"]\nactions   ", "role/HelpDesk\"]\nactions   "),
        ("role/HelpDesk\"]\nactions  ", "role/IdentityDes\"]\nactions  "),
        ("\"{username}@example.com\"", "\"{first_name}@example.com\""),
        ("@example.com\"\n\n[[allow]]", "@example.net\"\n\n[[allow]]"),
        ("[\"FirstName\", \"LastName\", \"Email\", \"SecondaryEmail\"]", "[\"FirstName\", \"LastName\"]"),
        ("email_from =", "email_form ="),
        ("[\"FirstName\", \"LastName\", \"Mobile\"]", "[\"FirstName\", \"LastName\", \"Mobile\", \"Email\"]"),
        ("version = 1", "version = 2"),
        ("expect   = \"allow\"", "expect   = \"refuse\""),
        ("because  = \"no-rule\"", "because  = \"quota\""),
        ("[[allow]]", "[[deny]]"),
        (
            "connect:UpdateUserIdentityInfo\"]\ninstances  = [\"a1b2",
            "connect:DescribeUser\"]\ninstances  = [\"a1b2",
        ),
    ];
    let mut survived = Vec::new();
    let mut made = 0;
    for (from, to) in mutants {
        if !text.contains(from) {
            continue;
        }
        made += 1;
        if tried(&text.replacen(from, to, 1)) == Some(0) {
            survived.push(from);
        }
    }
    assert!(made >= 9, "{made}");
    assert!(survived.is_empty(), "{survived:?}");
}
