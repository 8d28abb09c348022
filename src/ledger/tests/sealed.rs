//! What each kind of record seals, and nothing else: opened, and held against the whole of what it should be.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::{
    caller::{Arn, Caller, Proof},
    ledger::{Desk, RecordFilter, Unsealed},
    notice::{ChangedField, Confirmation, Event, Later, PassedFor},
    policy::{Given, Known},
};

/// Every record, and what it seals; `null` where that is nothing.
async fn opened(bench: &Bench) -> Vec<(Value, Value)> {
    let desk = Desk::open(&bench.url(), bench.options().seal, bench.clock.clone()).await.unwrap();
    let found = desk.records(&RecordFilter { most: 100, ..RecordFilter::default() }).await.unwrap();
    let opened = desk.reveal(&found, "", &operator()).await.unwrap();
    desk.close().await;
    let inputs = opened.into_iter().map(|one| match one {
        Unsealed::Opened(inputs) => inputs,
        Unsealed::Nothing => Value::Null,
        Unsealed::Erased | Unsealed::Locked => panic!("it does not open"),
    });
    found.into_iter().map(|audited| audited.record).zip(inputs).collect()
}

/// Somebody of whom everything is known that there can be.
fn kim() -> Caller {
    let mut kim = caller();
    kim.principal.arn =
        Arn::read("arn:aws:sts::111122223333:assumed-role/IdentityDesk/kim@example.com").unwrap();
    kim.origin.user_agent = Some("aws-cli/2".into());
    kim.notes = BTreeMap::from([("x-guard-ticket".to_owned(), "SEC-1".to_owned())]);
    kim
}

/// What is sealed of [`kim`], and this.
fn of_kim(more: Value) -> Value {
    let mut all = json!({
        "principal": "arn:aws:sts::111122223333:assumed-role/IdentityDesk/kim@example.com",
        "user_agent": "aws-cli/2",
        "notes": { "x-guard-ticket": "SEC-1" },
        "key": "GKEXAMPLEEXAMPLE2345",
    });
    let Value::Object(more) = more else { panic!("an object") };
    all.as_object_mut().unwrap().extend(more);
    all
}

/// The permissions that are read with the user of [`seen`].
fn permissions() -> Value {
    json!({ "p1": ["Users.Edit", "Users.View"], "p2": ["Never.Had"] })
}

fn identity(email: &str) -> Value {
    json!({ "FirstName": "Mary", "LastName": "Major", "Email": email, "SecondaryEmail": OLD_SECOND })
}

fn by_kim(bench: &Bench, change: Change, seen: Seen) -> Permit<Change> {
    let who = (kim(), attempt("a", "body"), change);
    Permit::for_tests(who, seen, Vec::new(), Vec::new(), bench.clock.now())
}

#[tokio::test]
async fn a_change_of_an_identity() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, by_kim(&bench, update(1, NEW), seen(1, OLD))).await.ok().unwrap();
    let changed = ChangedField { field: "Mobile".into(), before: None, after: Some("+12065550100".into()) };
    let finding = Finding { side_effects: vec![changed], ..bench.finding(Effect::Applied) };
    close(&ledger, intent.sent(Sent::Accepted(answered(200))), finding).await;
    told(&ledger).await;
    let found = opened(&bench).await;
    let [(intent, sealed), (outcome, effects), (delivery, reply), ..] = &found[..] else { panic!("three") };
    assert_eq!(intent["caller"]["principal"], "arn:aws:sts::111122223333:assumed-role/IdentityDesk/~");
    let expected = of_kim(json!({
        "before": identity(OLD),
        "asked": { "Email": NEW },
        "after": identity(NEW),
        "username": "mmajor1@example.com",
        "profiles": ["p1"],
        "looked": { "permissions": permissions() },
    }));
    assert_eq!(*sealed, expected);
    assert_eq!(outcome["side_effects"], json!(["Mobile"]));
    assert_eq!(effects["side_effects"], json!({ "Mobile": [null, "+12065550100"] }));
    assert_eq!(delivery["kind"], "delivery");
    let recipient = reply["recipient"].as_str().unwrap();
    assert!(recipient.contains('@'));
    assert_eq!(*reply, json!({ "recipient": recipient, "words": format!("250 2.1.5 <{recipient}> ok") }));
}

#[tokio::test]
async fn a_removal_is_null_and_what_was_looked_at_is_all_there() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let body = r#"{"IdentityInfo":{"SecondaryEmail":""}}"#;
    let change = change("POST", &format!("/users/{INSTANCE}/{}/identity-info", user(1)), body);
    let mut refused = notes::refused(Some(1));
    refused.asked = vec![(Field::SecondaryEmail, None)];
    let address = |text: &str| Address::read(text).unwrap();
    let looked = refused.looked.as_mut().unwrap();
    looked.permissions = true;
    looked.seen.directory = Some(crate::operation::Directory::Saml);
    looked.seen.channel_addresses = vec![address("queue@example.com")];
    looked.known = Known {
        in_use: vec![address("used@example.com")],
        former: vec![address("former@example.com")],
        held: ["Users.Edit".to_owned(), "Users.Delete".to_owned()].into(),
        ..Known::default()
    };
    refused.given = Given {
        username: Some("new".into()),
        password: true,
        profiles: vec!["p1".into()],
        permissions: vec!["Users.Create".into()],
        members: vec!["Tags".into()],
    };
    refused.target = Some(change.target().clone());
    refused.caller = kim();
    ledger.refuse(&refused, Plan::of_refusal(&refused, &routing(), bench.clock.now())).await.unwrap();
    let expected = of_kim(json!({
        "before": identity(OLD),
        "asked": { "SecondaryEmail": null },
        "username": "mmajor1@example.com",
        "profiles": ["p1"],
        "words": "no rule allows this field",
        "given": {
            "username": "new", "password": true, "profiles": ["p1"], "permissions": ["Users.Create"], "members": ["Tags"],
        },
        "looked": {
            "directory": "SAML",
            "permissions": permissions(),
            "held": ["Users.Delete"],
            "channel": ["queue@example.com"],
            "in_use": ["used@example.com"],
            "former": ["former@example.com"],
        },
    }));
    assert_eq!(opened(&bench).await[0].1, expected);
    // What was seen with it counts from now on.
    let recall =
        crate::policy::Recall { target: change.target().clone(), addresses: Vec::new(), permissions: true };
    let held = ledger.recall(&recall).await.unwrap().held;
    assert_eq!(held, ["Users.Edit".to_owned(), "Users.View".to_owned()].into());
    // And whoever it is has that Username: an erasure by it finds this record's key.
    let by_name = Target {
        subject: crate::operation::Subject::Username("mmajor1@example.com".into()),
        ..change.target().clone()
    };
    told(&ledger).await;
    assert!(erased(&bench, &by_name).await || erased(&bench, change.target()).await);
}

#[tokio::test]
async fn a_new_user_without_the_password_and_a_sensitive_change_with_its_body() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let body = r#"{"Username":"newcomer","PhoneConfig":{"PhoneType":"SOFT_PHONE"},"SecurityProfileIds":["p9"],"RoutingProfileId":"r1","Password":"Secret-password-1","IdentityInfo":{"FirstName":"New","LastName":"Comer","Email":"new@example.org"}}"#;
    let create = change("PUT", &format!("/users/{INSTANCE}"), body);
    applied(&bench, &ledger, by_kim(&bench, create, Seen::default())).await;
    let body = r#"{"SecurityProfileIds":["p2"]}"#;
    let target = format!("/users/{INSTANCE}/{}/security-profiles", user(1));
    applied(&bench, &ledger, by_kim(&bench, change("POST", &target, body), seen(1, OLD))).await;
    let found = opened(&bench).await;
    let (created, sealed) = &found[0];
    assert_eq!((&created["target"]["kind"], &created["target"]["id"]), (&json!("username"), &json!(["~"])));
    let asked = json!({ "FirstName": "New", "LastName": "Comer", "Email": "new@example.org" });
    let expected = of_kim(json!({
        "asked": asked,
        "after": asked,
        "username": "newcomer",
        "profiles": ["p9"],
        "id": ["newcomer"],
        "body": r#"{"RoutingProfileId":"r1","PhoneConfig":{"PhoneType":"SOFT_PHONE"}}"#,
        "given": { "username": "newcomer", "password": true, "profiles": ["p9"] },
        "looked": { "permissions": {} },
    }));
    assert_eq!(*sealed, expected);
    let expected = of_kim(json!({
        "username": "mmajor1@example.com",
        "profiles": ["p1"],
        "request": { "path": target },
        "body": body,
        "given": { "profiles": ["p2"] },
        "looked": { "permissions": permissions() },
    }));
    assert_eq!(found[2].1, expected);
}

/// A new user, with everything that no rule has a key of its own for.
const WHOLE: &str = r#"{"Username":"newcomer","Password":"Secret-password-1","IdentityInfo":{"Email":"new@example.org"},
    "SecurityProfileIds":["p9"],"RoutingProfileId":"r1","HierarchyGroupId":"g1","DirectoryUserId":"d1",
    "PhoneConfig":{"PhoneType":"DESK_PHONE","DeskPhoneNumber":"+12065550100"},"Tags":{"team":"north"}}"#;

/// Changes whose path, query, header fields or body say what no other member of a record does: what is sealed of each.
fn unlike_their_targets() -> Vec<(Change, Value)> {
    let id = user(1);
    let arn = format!("arn:aws:connect:us-east-1:111122223333:instance/{INSTANCE}/agent/{id}");
    let arn = crate::wire::RequestTarget::encode(&arn);
    let (origins, tags) = (format!("/instance/{INSTANCE}/approved-origin"), format!("/tags/{arn}"));
    let (group, notice) = (
        "/traffic-distribution-group/g-1/user".to_owned(),
        format!("/users/{INSTANCE}/{id}/notifications/n-17"),
    );
    let storage = format!("/instance/{INSTANCE}/storage-config/s-1");
    let (time, home) = ("x-amz-last-modified-time", "x-amz-last-modified-region");
    let fields = [(time, "Fri, 12 Mar 2027 10:00:00 GMT"), (home, "us-west-2")];
    vec![
        (
            change("DELETE", &format!("{origins}?origin=https%3A%2F%2Fa.example.com"), ""),
            json!({ "request": { "path": origins, "query": { "origin": ["https://a.example.com"] } } }),
        ),
        (
            change("DELETE", &format!("{tags}?tagKeys=team&tagKeys=floor"), ""),
            json!({ "request": { "path": tags, "query": { "tagKeys": ["team", "floor"] } } }),
        ),
        (
            change_with("POST", &notice, &fields, r#"{"status":"READ"}"#),
            json!({
                "request": { "path": notice, "headers": { time: fields[0].1, home: fields[1].1 } },
                "body": r#"{"status":"READ"}"#,
            }),
        ),
        (
            change("DELETE", &format!("{group}?UserId={id}&InstanceId={INSTANCE}"), ""),
            json!({ "request": { "path": group, "query": { "UserId": [id], "InstanceId": [INSTANCE] } } }),
        ),
        (
            change("POST", &format!("{storage}?resourceType=CALL_RECORDINGS"), r#"{"StorageConfig":{}}"#),
            json!({
                "request": { "path": storage, "query": { "resourceType": ["CALL_RECORDINGS"] } },
                "body": r#"{"StorageConfig":{}}"#,
            }),
        ),
        (
            change("PUT", &format!("/users/{INSTANCE}"), WHOLE),
            json!({
                "body": r#"{"RoutingProfileId":"r1","HierarchyGroupId":"g1","DirectoryUserId":"d1","PhoneConfig":{"DeskPhoneNumber":"+12065550100","PhoneType":"DESK_PHONE"},"Tags":{"team":"north"}}"#,
            }),
        ),
        (update(2, NEW), json!({})),
    ]
}

/// What is sealed of a request itself, of this record.
fn of_request((record, sealed): &(Value, Value)) -> Value {
    let text = format!("{record}{sealed}");
    assert!(!text.contains("Secret-password-1") && !text.contains("Password\\"), "{text}");
    let members = ["request", "body"].into_iter().filter_map(|name| Some((name, sealed.get(name)?.clone())));
    members.map(|(name, value)| (name.to_owned(), value)).collect::<serde_json::Map<_, _>>().into()
}

#[tokio::test]
async fn what_was_changed_is_sealed_whole_and_a_password_is_nowhere() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let changes = unlike_their_targets();
    for (change, _) in &changes {
        applied(&bench, &ledger, by_kim(&bench, change.clone(), Seen::default())).await;
    }
    told(&ledger).await;
    let found = opened(&bench).await;
    for one in &found {
        drop(of_request(one));
    }
    let intents = found.iter().filter(|(record, _)| record["kind"] == "intent");
    let sealed: Vec<Value> = intents.map(of_request).collect();
    let expected: Vec<Value> = changes.into_iter().map(|(_, expected)| expected).collect();
    assert_eq!(sealed, expected);
}

#[tokio::test]
async fn what_was_refused_is_sealed_whole_and_a_password_is_nowhere() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let changes = unlike_their_targets();
    for (change, _) in &changes {
        let refused = crate::policy::Refused {
            route: Some(change.route()),
            class: Some(change.class()),
            target: Some(change.target().clone()),
            change: Some(Box::new(change.clone())),
            ..notes::refused(None)
        };
        ledger.refuse(&refused, Plan::of_refusal(&refused, &routing(), bench.clock.now())).await.unwrap();
    }
    let found = opened(&bench).await;
    let refusals = found.iter().filter(|(record, _)| record["kind"] == "refusal");
    let sealed: Vec<Value> = refusals.map(of_request).collect();
    let expected: Vec<Value> = changes.into_iter().map(|(_, expected)| expected).collect();
    assert_eq!(sealed, expected);
}

#[tokio::test]
async fn freezes_sessions_and_what_the_guard_says() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let freeze = ledger.freeze(&"all".parse().unwrap(), "for mary", &kim(), &routing()).await.unwrap();
    let mut lead = caller();
    lead.principal.arn = Arn::read("arn:aws:iam::111122223333:role/Lead").unwrap();
    ledger.unfreeze(&freeze.id, "over now", &lead, &routing()).await.unwrap();
    let session = sessions::session(&bench, sessions::ID);
    ledger.session_issued(&session, &kim().origin).await.unwrap();
    let event = Event::Test { channel: "mail".into() };
    assert!(ledger.say(&event, &routing(), None).await.unwrap());
    let mut by_session = kim();
    by_session.proof = Proof::Session(std::sync::Arc::new(session));
    let mut refused = notes::refused(None);
    refused.caller = by_session;
    refused.looked = None;
    ledger.refuse(&refused, Plan::of_refusal(&refused, &routing(), bench.clock.now())).await.unwrap();
    let sealed: Vec<Value> = opened(&bench).await.into_iter().map(|(_, sealed)| sealed).collect();
    assert_eq!(sealed[0], of_kim(json!({ "words": "for mary" })));
    assert_eq!(sealed[1], json!({ "words": "over now", "key": "GKEXAMPLEEXAMPLE2345" }));
    let issued = json!({
        "principal": "arn:aws:sts::111122223333:assumed-role/IdentityDesk/kim.lee@example.com",
        "proof": "web-identity:https://issuer.example.com#subject@example.net",
        "label": "label@example.net",
        "claims": { "team": "value-of-team" },
        "user_agent": "aws-cli/2",
    });
    assert_eq!(sealed[2], issued);
    assert_eq!(sealed[3], json!({ "event": serde_json::to_value(&event).unwrap() }));
    let expected = of_kim(json!({
        "asked": { "Email": NEW },
        "words": "no rule allows this field",
        "key": sessions::ID,
        "issued": "2027-03-12T10:00:00.000Z",
        "claims": { "team": "value-of-team" },
        "proof": sealed[4]["proof"],
    }));
    assert_eq!(sealed[4], expected);
    assert!(sealed[4]["proof"].as_str().unwrap().contains("subject@example.net"));
}

#[tokio::test]
async fn what_later_reads_showed_beside_a_change() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    let finding = Finding { shows: Shows::NotYet, ..bench.finding(Effect::Applied) };
    let Ok(closed) = ledger.close(intent.sent(Sent::Accepted(answered(200))), finding).await else {
        panic!("it is not closed")
    };
    let went = ChangedField { field: "SecondaryEmail".into(), before: Some(OLD_SECOND.into()), after: None };
    let found = Confirmation {
        passed_for: PassedFor::Done,
        later: Later::Shown,
        side_effects: vec![went],
        at: bench.clock.now(),
    };
    assert!(ledger.confirm(closed.watch.unwrap(), found).await.is_ok());
    let all = opened(&bench).await;
    let (record, sealed) = all.iter().find(|(record, _)| record["kind"] == "confirmation").unwrap();
    assert_eq!(record["target"]["id"][0], user(1));
    assert_eq!(*sealed, json!({ "side_effects": { "SecondaryEmail": [OLD_SECOND, null] } }));
}

#[tokio::test]
async fn a_refusal_of_a_user_that_is_not_there_yet_keeps_its_name_sealed() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let subject = crate::operation::Subject::Username("newcomer".into());
    let mut refused = notes::refused(None);
    refused.target = Some(Target { subject, ..update(1, NEW).target().clone() });
    ledger.refuse(&refused, Plan::of_refusal(&refused, &routing(), bench.clock.now())).await.unwrap();
    let (record, sealed) = opened(&bench).await.remove(0);
    assert_eq!((&record["target"]["id"], &sealed["id"]), (&json!(["~"]), &json!(["newcomer"])));
}

#[tokio::test]
async fn why_a_change_was_not_sent() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    for (n, sent) in [(1, Sent::NotSent("no route".into())), (2, Sent::Unknown("no route".into()))] {
        let intent = intend(&ledger, permit(&bench, n, "a")).await.ok().unwrap();
        close(&ledger, intent.sent(sent), bench.finding(Effect::NotApplied)).await;
    }
    let all = opened(&bench).await;
    let outcomes = all.iter().filter(|(record, _)| record["kind"] == "outcome");
    let sealed: Vec<_> = outcomes.map(|(_, sealed)| sealed.clone()).collect();
    assert_eq!(sealed, [json!({ "words": "no route" }), json!({ "words": "no route" })]);
}
