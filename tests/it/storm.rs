//! A storm of reloads: policies and certificates are replaced a hundred times a second, every fifth time by broken ones,
//! while callers go on. Every request is answered by one policy or by the other, over a connection that was made.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::symlink,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use connect_guard::demo::{
    caller::{Caller, Request},
    certificates::Authority,
    process::Signal,
    stage::{INSTANCE, Setting},
};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    records::of_kind,
    running::{self, Running, put, roomy, user},
};

/// How long it lasts at least and at most, and how long each version does.
const STORM: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_mins(1);
const EACH: Duration = Duration::from_millis(10);
/// Answers that are a load.
const ANSWERS: usize = 200;
/// Replacements, and policies that came into force, that are a storm.
const RELOADS: usize = 100;
const POLICIES: usize = 12;
/// What is said of a certificate that cannot be used.
const KEPT: &str = "the old certificate is kept";
/// Callers at once.
const CALLERS: usize = 4;

/// The version that allows one field and denies the other, each in a file of its own: mixed, they would be a third.
fn version(allowed: &str, denied: &str) -> [(&'static str, String); 2] {
    let rules = format!(
        r#"version = 1
[[allow]]
id        = "names"
reason    = "names"
callers   = ["arn:aws:iam::111122223333:role/HelpDesk"]
actions   = ["connect:UpdateUserIdentityInfo"]
instances = ["{INSTANCE}"]
fields    = ["{allowed}"]
"#
    );
    let denials =
        format!("version = 1\n[[deny]]\nid = \"not-now\"\nreason = \"not now\"\nfields = [\"{denied}\"]\n");
    [("a.toml", rules), ("b.toml", denials)]
}

/// The policies as Kubernetes mounts them: files lead through `..data` to one of the versions.
fn mount(policies: &Path) -> io::Result<()> {
    let versions = [
        ("..first", version("FirstName", "LastName")),
        ("..second", version("LastName", "FirstName")),
        ("..broken", [("a.toml", "version = 1\n[[alow]]\n".into()), ("b.toml", "version = 1\n".into())]),
    ];
    for (name, files) in versions {
        fs::create_dir(policies.join(name))?;
        for (file, text) in files {
            fs::write(policies.join(name).join(file), text)?;
        }
    }
    fs::remove_file(policies.join("policy.toml"))?;
    symlink("..first", policies.join("..data"))?;
    for file in ["a.toml", "b.toml"] {
        symlink(Path::new("..data").join(file), policies.join(file))?;
    }
    Ok(())
}

fn swap(policies: &Path, version: &str) {
    symlink(version, policies.join("..next")).unwrap();
    fs::rename(policies.join("..next"), policies.join("..data")).unwrap();
}

/// Changes both names again and again, and counts the answers. Each is one that a version gives.
async fn change(caller: Caller, number: usize, answers: Arc<AtomicUsize>, over: Arc<AtomicBool>) {
    let mut answered = 0;
    while !over.load(Ordering::SeqCst) {
        for field in ["FirstName", "LastName"] {
            let value = format!("{field} {answered}");
            let request = Request::update_identity(INSTANCE, &user(number).id, &[(field, &value)]);
            let answer = caller.send(&request).await.expect("a connection and an answer");
            assert!(matches!(answer.status, 200 | 403), "{} {}", answer.status, answer.text());
            answered += 1;
            answers.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_16_a_storm_of_reloads_mixes_nothing_and_breaks_no_connection() {
    let authority = Authority::new("another authority").unwrap();
    let setting = Setting { ..roomy((1..=CALLERS).map(user)) };
    let guard = Running::amended(setting, |stage| {
        mount(&stage.folder.join("policies")).unwrap();
        running::program().into()
    })
    .await;
    let tls = guard.stage.folder.join("tls");
    let good = (
        fs::read_to_string(tls.join("guard.pem")).unwrap(),
        fs::read_to_string(tls.join("guard.key")).unwrap(),
    );
    let foreign = authority.issue(&["localhost"]).unwrap();

    let over = Arc::new(AtomicBool::new(false));
    let answers = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for number in 1..=CALLERS {
        callers.spawn(change(guard.caller("HelpDesk"), number, answers.clone(), over.clone()));
    }
    let policies = guard.stage.folder.join("policies");
    let begun = Instant::now();
    let mut reloads = 0;
    let answered = || answers.load(Ordering::SeqCst);
    let enough = |reloads: usize| {
        let log = guard.log();
        reloads >= RELOADS
            && answered() >= ANSWERS
            && log.matches("a policy came into force").count() >= POLICIES
            && log.contains(KEPT)
    };
    while begun.elapsed() < STORM || (!enough(reloads) && begun.elapsed() < LONGEST) {
        match reloads % 5 {
            4 => {
                swap(&policies, "..broken");
                // A certificate whose key is another's.
                put(&tls.join("guard.pem"), &foreign.certificate);
            }
            turn => {
                swap(&policies, if turn % 2 == 0 { "..second" } else { "..first" });
                put(&tls.join("guard.pem"), &good.0);
                put(&tls.join("guard.key"), &good.1);
            }
        }
        guard.process.signal(Signal::HUP).unwrap();
        reloads += 1;
        tokio::time::sleep(EACH).await;
    }
    over.store(true, Ordering::SeqCst);
    while let Some(ended) = callers.join_next().await {
        ended.unwrap();
    }
    assert!(reloads >= RELOADS, "{reloads} reloads are no storm");
    assert!(answered() >= ANSWERS, "{} answers are no load", answered());

    // Two policies decided, and no third.
    let records = guard.recorded(|records| of_kind(records, "policy").len() >= POLICIES).await;
    let digests: BTreeSet<&str> =
        records.iter().map(|record| record.text("/policy")).filter(|digest| !digest.is_empty()).collect();
    assert_eq!(digests.len(), 2, "{digests:?}");
    assert!(!of_kind(&records, "intent").is_empty() && !of_kind(&records, "refusal").is_empty());
    assert!(guard.log().contains(KEPT), "no certificate was ever broken");

    // And the last one holds.
    swap(&policies, "..second");
    put(&tls.join("guard.pem"), &good.0);
    guard.process.signal(Signal::HUP).unwrap();
    let help = guard.caller("HelpDesk");
    let last = async || {
        let request = Request::update_identity(INSTANCE, &user(1).id, &[("LastName", "Last")]);
        (help.send(&request).await.unwrap().status == 200).then_some(())
    };
    running::until("the last policy", last).await;
    let (report, whole) = guard.verify();
    assert!(whole, "{report}");
}
