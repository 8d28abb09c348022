//! What the ledger's commands show beside a running guard: records by every filter, texts of rules that are not in force
//! any more, what is sealed, and what comes.

use std::process::Stdio;

use connect_guard::demo::{
    caller::Request,
    process::Signal,
    stage::{INSTANCE, Setting},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::timeout,
};

use super::{amend, by_operator, change, lines, look, run, said, text};
use crate::{
    records::of_kind,
    running::{LIMIT, Running, own_address, roomy, until, user},
};

/// `audit show` in this format.
async fn shown(guard: &Running, format: &str, words: &[&str]) -> String {
    let mut all = vec!["--format", format, "audit", "show"];
    all.extend(words);
    said(by_operator(guard, &all)).await
}

/// The kinds and users that are shown.
async fn found(guard: &Running, words: &[&str]) -> Vec<Value> {
    lines(&shown(guard, "json", words).await)
}

fn are(found: &[Value], path: &str, wanted: &str) -> bool {
    !found.is_empty() && found.iter().all(|one| one.pointer(path).and_then(Value::as_str) == Some(wanted))
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_shown_beside_the_guard_that_writes_them() {
    let guard = Running::with(Setting { ..roomy((1..=3).map(user)) }).await;
    let (desk, help) = (guard.caller("IdentityDesk"), guard.caller("HelpDesk"));
    let own = own_address(&user(1));
    assert_eq!(change(&desk, 1, &[("Email", &own)]).await.status, 200, "{}", guard.log());
    let refused = change(&help, 2, &[("Email", &own_address(&user(2)))]).await;
    assert_eq!(refused.status, 403);
    assert_eq!(look(&help, 3).await.status, 200);
    let records = guard
        .recorded(|records| {
            ["outcome", "refusal", "ordinary"].iter().all(|kind| !of_kind(records, kind).is_empty())
        })
        .await;
    let intent = of_kind(&records, "intent")[0];
    let name = format!("{}/{}", intent.text("/chain"), intent.seq());

    // The rule that allowed it is gone from the policy, and its text is there all the same.
    let rules = guard.stage.folder.join("policies/policy.toml");
    amend(&rules, "The identity desk corrects sign-in addresses after a verified ticket", "Another reason");
    guard.signal(Signal::HUP).unwrap();
    until("the policy", || async { guard.log().contains("a policy came into force").then_some(()) }).await;
    let human = shown(&guard, "human", &["--record", &name]).await;
    for words in [
        &*name,
        "intent UpdateUserIdentityInfo",
        &format!("user {}", user(1).id),
        "arn:aws:iam::111122223333:role/IdentityDesk",
        "desk-addresses (policy.toml:",
        "The identity desk corrects sign-in addresses after a verified ticket",
        "email_from = \"{username}@example.com\"",
        "accepted",
        "--reveal shows it",
    ] {
        assert!(human.contains(words), "no `{words}` in {human}");
    }
    let plain = shown(&guard, "plain", &["--record", &name]).await;
    assert_eq!(plain.lines().count(), 1, "{plain}");
    assert!(plain.starts_with(&format!("{name} ")), "{plain}");

    // By whom, of whom, of which kind, when.
    let of_user = found(&guard, &["--user", &user(1).id]).await;
    assert!(are(&of_user, "/record/target/id/0", &user(1).id), "{of_user:?}");
    let by_help = found(&guard, &["--caller", "arn:aws:iam::111122223333:role/HelpDesk"]).await;
    assert!(
        are(&by_help, "/record/caller/principal", "arn:aws:iam::111122223333:role/HelpDesk"),
        "{by_help:?}"
    );
    assert_eq!(by_help.len(), 2, "{by_help:?}");
    let refusals = found(&guard, &["--kind", "refusal"]).await;
    assert!(are(&refusals, "/record/kind", "refusal") && refusals.len() == 1, "{refusals:?}");
    assert_eq!(refusals[0].pointer("/record/refusal/code"), Some(&"no-rule".into()));
    // Whoever was refused has the id of the request, and nothing else.
    let id = refused.header("x-amzn-requestid").unwrap();
    assert_eq!(found(&guard, &["--request", id]).await, refusals);
    let unknown = run(by_operator(&guard, &["audit", "show", "--request", "x\"} OR 1"])).await;
    assert_eq!(unknown.status.code(), Some(2), "{}", text(&unknown.stderr));
    let ordinary = found(&guard, &["--operation", "DescribeUser"]).await;
    assert!(are(&ordinary, "/record/kind", "ordinary"), "{ordinary:?}");
    let at = intent.text("/at");
    let since = found(&guard, &["--since", at]).await;
    assert_eq!(since[0].pointer("/record/kind"), Some(&"intent".into()), "{since:?}");
    let until = found(&guard, &["--until", at]).await;
    assert!(
        !until.is_empty() && until.iter().all(|one| one.pointer("/record/kind") != Some(&"intent".into()))
    );
    let none = run(by_operator(&guard, &["audit", "show", "--since", "2999-01-01"])).await;
    assert_eq!(
        (none.status.code(), text(&none.stdout), text(&none.stderr)),
        (Some(0), String::new(), "none\n".into())
    );

    // Nothing sealed is shown by accident, and who looks at it is on record.
    let everything = shown(&guard, "json", &["--limit", "10000"]).await;
    assert!(!everything.contains("example.org") && !everything.contains(&own), "{everything}");
    let revealed = found(&guard, &["--record", &name, "--reveal"]).await;
    assert_eq!(revealed[0].pointer("/sealed/state"), Some(&"opened".into()), "{revealed:?}");
    let inputs = revealed[0]["sealed"]["inputs"].to_string();
    assert!(inputs.contains(&own) && inputs.contains(&user(1).email), "{inputs}");
    let looks = found(&guard, &["--kind", "reveal"]).await;
    assert_eq!(looks.len(), 1, "{looks:?}");
    assert_eq!(looks[0].pointer("/record/reveal/records/0"), Some(&name.as_str().into()), "{looks:?}");
    let uid = rustix::process::getuid().as_raw();
    assert_eq!(looks[0].pointer("/record/reveal/uid"), Some(&uid.into()), "{looks:?}");

    // And the guard's chain and that of whoever looked are whole.
    assert_eq!(change(&desk, 3, &[("FirstName", "Maria")]).await.status, 200);
    let (report, whole) = guard.verify();
    assert!(whole, "{report}");
}

/// Of what was asked nothing is left out: neither what stands in path and query alone, nor what was refused. Passwords are.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_is_revealed_whole_and_no_password() {
    let mut setting = roomy([user(1)]);
    let policy = &mut setting.policy[0].1;
    *policy = format!(
        r#"{policy}
[[allow]]
id        = "desk-origins"
reason    = "The desk takes origins away"
callers   = ["arn:aws:iam::111122223333:role/IdentityDesk"]
actions   = ["connect:DisassociateApprovedOrigin"]
instances = ["{INSTANCE}"]

[[allow]]
id         = "desk-creates"
reason     = "The desk takes agents on"
callers    = ["arn:aws:iam::111122223333:role/IdentityDesk"]
actions    = ["connect:CreateUser"]
instances  = ["{INSTANCE}"]
usernames  = ["*"]
grants     = ["11111111-aaaa-bbbb-cccc-EXAMPLE11111"]
members    = ["Tags"]
fields     = ["FirstName", "LastName", "Email"]
email_from = "{{username}}@example.com"
password   = "allow"
"#
    );
    let guard = Running::with(setting).await;
    let (desk, help) = (guard.caller("IdentityDesk"), guard.caller("HelpDesk"));
    let origins = format!("/instance/{INSTANCE}/approved-origin");
    let gone = Request::new("DELETE", &format!("{origins}?origin=https%3A%2F%2Fa.example.com"), b"");
    let added = Request::new("PUT", &origins, br#"{"Origin":"https://b.example.com"}"#);
    let body = r#"{"Username":"newcomer","Password":"Correct-Horse-1","IdentityInfo":{"FirstName":"New","LastName":"Comer",
        "Email":"newcomer@example.com"},"RoutingProfileId":"routing-1","Tags":{"team":"north"},
        "SecurityProfileIds":["11111111-aaaa-bbbb-cccc-EXAMPLE11111"]}"#;
    let create = Request::new("PUT", &format!("/users/{INSTANCE}"), body.as_bytes());
    let told = r#"{"RoutingProfileId":"routing-1","Tags":{"team":"north"}}"#;
    let query = json!({ "path": origins, "query": { "origin": ["https://a.example.com"] } });
    let path = json!({ "path": origins });
    for (caller, request, status, kind, expected) in [
        (&desk, &gone, 200, "intent", json!({ "request": query })),
        (&desk, &create, 200, "intent", json!({ "body": told })),
        (&help, &gone, 403, "refusal", json!({ "request": query })),
        (
            &desk,
            &added,
            403,
            "refusal",
            json!({ "request": path, "body": r#"{"Origin":"https://b.example.com"}"# }),
        ),
        (&help, &create, 403, "refusal", json!({ "body": told })),
    ] {
        assert_eq!(caller.send(request).await.unwrap().status, status, "{} {}", request.target, guard.log());
        let words = ["--kind", kind, "--limit", "1", "--reveal"];
        let inputs = found(&guard, &words).await.remove(0)["sealed"]["inputs"].take();
        let members =
            ["request", "body"].into_iter().filter_map(|name| Some((name, inputs.get(name)?.clone())));
        let members: serde_json::Map<_, _> = members.map(|(name, value)| (name.to_owned(), value)).collect();
        assert_eq!(Value::from(members), expected, "{kind} {}", request.target);
        let human = shown(&guard, "human", &words).await;
        for (name, value) in expected.as_object().unwrap() {
            assert!(human.contains(&format!("{name} {value}")), "no {name} {value} in {human}");
        }
    }
    for format in ["json", "human"] {
        let everything = shown(&guard, format, &["--limit", "10000", "--reveal"]).await;
        assert!(everything.contains("newcomer") && !everything.contains("Correct-Horse-1"), "{everything}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_is_shown_as_it_comes() {
    let guard = Running::with(roomy((1..=2).map(user))).await;
    let desk = guard.caller("IdentityDesk");
    assert_eq!(change(&desk, 1, &[("FirstName", "Maria")]).await.status, 200);
    let mut follow = tokio::process::Command::from(by_operator(
        &guard,
        &["--format", "json", "audit", "show", "--kind", "intent", "--follow"],
    ));
    let mut follow = follow.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut shown = BufReader::new(follow.stdout.take().unwrap()).lines();
    for number in 1..=2 {
        let line = timeout(LIMIT, shown.next_line()).await.expect("a record").unwrap().unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line.pointer("/record/target/id/0"), Some(&user(number).id.into()), "{line}");
        // The first was there already; the second comes only now.
        if number == 1 {
            assert_eq!(change(&desk, 2, &[("FirstName", "Maria")]).await.status, 200);
        }
    }
}
