//! What people are told of the guard itself: its policy, and what the calendar says. Each once.

use std::{fs, time::Duration};

use connect_guard::demo::{
    caller::Request,
    mailbox::Letter,
    process::Signal,
    stage::{INSTANCE, SECURITY, Setting},
};

use crate::{
    records::{Record, hold, of_kind},
    running::{Running, event, program, put, rewrite, told, until},
    status::{answered, watched},
};

const MARY: &str = "87654321-2222-1234-1234-111234567891";
const POLICY: &str = "policies/policy.toml";

/// What came besides notices of changes of users, once there is as much.
async fn events(guard: &Running, most: usize) -> Vec<Letter> {
    let own = |letter: &Letter| {
        let kind = event(letter);
        kind.starts_with("policy-") || kind == "rule-expiring" || kind == "chain-broken"
    };
    until("a letter", || async {
        let letters: Vec<_> = guard.stage.mailbox.letters().into_iter().filter(own).collect();
        (letters.len() >= most).then_some(letters)
    })
    .await
}

fn kinds(letters: &[Letter]) -> Vec<String> {
    assert!(told(letters).iter().all(|(to, _)| to == SECURITY));
    letters.iter().map(event).collect()
}

fn words(letter: &Letter) -> String {
    letter.text().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// So many events of a kind are on record.
async fn on_record(guard: &Running, kind: &str) -> usize {
    let records = guard.records().await;
    of_kind(&records, "event").iter().filter(|record| record.text("/event/event") == kind).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn o8_people_are_told_of_faults_of_the_policy_of_their_end_and_of_who_gains_and_loses() {
    let guard = Running::with(watched(Setting::default())).await;
    let policy = guard.stage.folder.join(POLICY);
    let rules = fs::read_to_string(&policy).unwrap();

    // Broken, in two ways, for several looks: one letter.
    for broken in ["[[alow]]", "[[olow]]"] {
        fs::write(&policy, format!("{rules}\n{broken}\n")).unwrap();
        guard.signal(Signal::HUP).unwrap();
        let named = async || guard.log().contains(broken.trim_matches(['[', ']'])).then_some(());
        until("the fault", named).await;
    }
    let letters = events(&guard, 1).await;
    assert_eq!(kinds(&letters), ["policy-failed"]);
    assert!(words(&letters[0]).contains("policy.toml:"), "{}", words(&letters[0]));

    // As it was: mended, and nobody gains or loses.
    put(&policy, &rules);
    assert_eq!(kinds(&events(&guard, 2).await), ["policy-failed", "policy-mended"]);

    // Another one.
    let other = rules.replace(
        "\"FirstName\", \"LastName\", \"Mobile\"",
        "\"FirstName\", \"LastName\", \"SecondaryEmail\"",
    );
    let other = other.replacen("fields    =", "email_from = \"{username}@example.com\"\nfields    =", 1);
    assert_ne!(other, rules);
    put(&policy, &other);
    let letters = events(&guard, 3).await;
    assert_eq!(kinds(&letters)[2..], ["policy-changed"]);
    let text = words(&letters[2]);
    let (gained, lost) = (text.find("SecondaryEmail").unwrap(), text.find("Mobile").unwrap());
    assert!(gained < lost && text.contains("HelpDesk"), "{text}");
    let records = guard.records().await;
    let digests: Vec<_> =
        of_kind(&records, "policy").iter().map(|record| record.text("/policy").to_owned()).collect();
    let changed =
        of_kind(&records, "event").into_iter().find(|record| record.text("/event/event") == "policy-changed");
    let changed = changed.unwrap();
    assert_eq!(digests.last().unwrap(), changed.text("/policy"));
    assert_eq!(of_kind(&records, "start")[0].text("/policy"), changed.text("/event/before"));
    assert!(changed["event"]["counts"]["gains"].as_u64().unwrap() > 0, "{changed:?}");
    let (report, whole) = guard.verify();
    assert!(whole, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn o8_rules_that_are_too_old_change_nothing_more_until_they_are_mended() {
    let guard = Running::amended(watched(Setting::default()), |stage| {
        rewrite(stage, "directory = \"policies\"", "directory = \"policies\"\nmax_stale = \"10s\"");
        program().into()
    })
    .await;
    let help = guard.caller("HelpDesk");
    let change = |name: &str| Request::update_identity(INSTANCE, MARY, &[("FirstName", name)]);
    let policy = guard.stage.folder.join(POLICY);
    let rules = fs::read_to_string(&policy).unwrap();
    put(&policy, &format!("{rules}\n[[alow]]\n"));
    guard.signal(Signal::HUP).unwrap();
    answered(&guard, "/readyz", 503).await;
    assert_eq!(help.send(&change("One")).await.unwrap().status, 200, "{}", guard.log());
    let letters = events(&guard, 2).await;
    assert_eq!(kinds(&letters), ["policy-failed", "policy-failed"]);
    assert!(!words(&letters[0]).contains("changes are refused until"), "{}", words(&letters[0]));
    assert!(words(&letters[1]).contains("changes are refused until"), "{}", words(&letters[1]));
    let refused = help.send(&change("Two")).await.unwrap();
    assert_eq!((refused.status, refused.error()), (403, Some("AccessDeniedException")));
    assert_eq!(help.send(&Request::describe_user(INSTANCE, MARY)).await.unwrap().status, 200);
    guard
        .recorded(|records| {
            of_kind(records, "refusal").iter().any(|one| one.text("/refusal/code") == "freeze")
        })
        .await;

    put(&policy, &rules);
    answered(&guard, "/readyz", 200).await;
    assert_eq!(help.send(&change("Three")).await.unwrap().status, 200, "{}", guard.log());
    assert_eq!(kinds(&events(&guard, 3).await), ["policy-failed", "policy-failed", "policy-mended"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn o8_a_denial_that_cannot_be_read_refuses_every_change_and_people_are_told() {
    let guard = Running::with(watched(Setting::default())).await;
    let help = guard.caller("HelpDesk");
    let change = Request::update_identity(INSTANCE, MARY, &[("FirstName", "Other")]);
    let denial = guard.stage.folder.join("policies/deny.d/stop.toml");
    fs::write(&denial, "version = 1\n[[denny]]\n").unwrap();
    // That the policy is another one is told as well.
    let failed = || async {
        let letters = events(&guard, 1).await;
        letters.into_iter().find(|letter| event(letter) == "policy-failed")
    };
    let letter = until("the letter", failed).await;
    assert!(words(&letter).contains("changes are refused until"), "{}", words(&letter));
    assert_eq!(help.send(&change).await.unwrap().status, 403);
    assert_eq!(help.send(&Request::describe_user(INSTANCE, MARY)).await.unwrap().status, 200);
    assert!(answered(&guard, "/readyz", 503).await.contains("stop.toml"));
    fs::remove_file(&denial).unwrap();
    answered(&guard, "/readyz", 200).await;
    assert_eq!(help.send(&change).await.unwrap().status, 200, "{}", guard.log());
    guard.recorded(|records| records.iter().any(|one| one.text("/event/event") == "policy-mended")).await;
    assert_eq!(on_record(&guard, "policy-failed").await, 1);

    // Rules at fault are told of, and told of again when changes are refused for it.
    let policy = guard.stage.folder.join(POLICY);
    put(&policy, &(fs::read_to_string(&policy).unwrap() + "\n[[alow]]\n"));
    assert_eq!(refusing(&guard, 2).await, [true, false]);
    fs::write(&denial, "version = 1\n[[denny]]\n").unwrap();
    assert_eq!(refusing(&guard, 3).await, [true, false, true]);
}

/// Of each time that people were told of a fault of the policy whether changes are refused for it, once there are so many.
async fn refusing(guard: &Running, count: usize) -> Vec<bool> {
    let failed = |records: &[Record]| -> Vec<bool> {
        let failed = records.iter().filter(|one| one.text("/event/event") == "policy-failed");
        failed.map(|one| one["event"]["changes_refused"].as_bool().unwrap()).collect()
    };
    failed(&guard.recorded(|records| failed(records).len() == count).await)
}

/// What comes into force while the ledger cannot be written is on record once it can.
#[tokio::test(flavor = "multi_thread")]
async fn o8_a_policy_is_put_on_record_as_soon_as_that_can_be_done() {
    let guard = Running::amended(watched(Setting::default()), |stage| {
        rewrite(stage, "url = \"sqlite:ledger.db\"", "url = \"sqlite:ledger.db\"\ntimeout = \"1s\"");
        program().into()
    })
    .await;
    let held = hold(&guard.stage.folder.join("ledger.db")).await;
    let policy = guard.stage.folder.join(POLICY);
    let rules = fs::read_to_string(&policy).unwrap();
    put(&policy, &rules.replace("\"LastName\", \"Mobile\"", "\"LastName\""));
    let late = async || guard.log().contains("could not be recorded yet").then_some(());
    until("the failure", late).await;
    drop(held);
    let records = guard.recorded(|records| !of_kind(records, "policy").is_empty()).await;
    assert_eq!(of_kind(&records, "policy").len(), 1);
    assert_eq!(kinds(&events(&guard, 1).await), ["policy-changed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn o8_a_policy_that_was_changed_while_no_guard_was_running_is_told_of() {
    let mut guard = Running::start().await;
    // The same again: nobody is told of anything.
    guard.process.stop().await.unwrap();
    guard.process.restart(&guard.stage).await.unwrap();
    guard.crash().await;
    assert_eq!(on_record(&guard, "policy-changed").await, 0);
    guard.process.stop().await.unwrap();
    let policy = guard.stage.folder.join(POLICY);
    let rules = fs::read_to_string(&policy).unwrap();
    fs::write(
        &policy,
        rules.replace("\"Mobile\"", "\"SecondaryEmail\"").replacen(
            "fields    =",
            "email_from = \"{username}@example.com\"\nfields    =",
            1,
        ),
    )
    .unwrap();
    guard.process.restart(&guard.stage).await.unwrap();
    let letters = events(&guard, 1).await;
    assert_eq!(kinds(&letters), ["policy-changed"]);
    let text = words(&letters[0]);
    assert!(text.contains("while no guard was running") && text.contains("policy diff"), "{text}");
    // Once.
    guard.crash().await;
    assert_eq!(on_record(&guard, "policy-changed").await, 1);
    let records = guard.records().await;
    let starts = of_kind(&records, "start");
    assert_ne!(starts[0].text("/policy"), starts.last().unwrap().text("/policy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_calendar_says_is_said_once_however_often_the_guard_starts() {
    let mut guard = Running::amended(Setting::default(), |stage| {
        let now = stage.caller("HelpDesk", ([127, 0, 0, 1], 1).into()).unwrap().now();
        let soon = (now + Duration::from_hours(48)).strftime("%Y-%m-%d").to_string();
        let policy = stage.folder.join(POLICY);
        let rules = fs::read_to_string(&policy).unwrap();
        fs::write(&policy, rules.replacen("fields    =", &format!("expires = {soon}\nfields    ="), 1))
            .unwrap();
        program().into()
    })
    .await;
    let letters = events(&guard, 1).await;
    assert_eq!(kinds(&letters), ["rule-expiring"]);
    assert!(words(&letters[0]).contains("help-names (") && words(&letters[0]).contains("policy.toml:"));
    for _ in 0..2 {
        guard.crash().await;
    }
    // What a start says is on record before a change that comes after it.
    let change = Request::update_identity(INSTANCE, MARY, &[("LastName", "Other")]);
    assert_eq!(guard.caller("HelpDesk").send(&change).await.unwrap().status, 200);
    guard.letters().await;
    assert_eq!((on_record(&guard, "heartbeat").await, on_record(&guard, "rule-expiring").await), (1, 1));
}
