//! Two guards with one store, behind one balancer.

use std::fs;

use connect_guard::demo::{
    caller::{Answer, Caller, Request},
    connect::Credential,
    process::{Process, Signal},
    stage::{INSTANCE, Setting},
    sts::Identity,
};
use serde_json::{Value, json};

use crate::{Place, change_of, until, user};

#[tokio::test(flavor = "multi_thread")]
async fn a7_a_retry_that_reaches_the_other_replica_is_the_same_change() {
    let place = Place::with(8, Setting::default()).await;
    let (one, other) = (place.guard().await, place.guard().await);
    for number in 1..=8 {
        let first = place.caller(&one);
        let octets = first.sign(&change_of(number), first.now()).unwrap();
        let second = Caller { address: other.address, ..place.caller(&one) };
        let (a, b) = tokio::join!(first.exchange(&octets), second.exchange(&octets));
        assert_eq!((a.unwrap().status, b.unwrap().status), (200, 200), "{}\n{}", one.log(), other.log());
        assert_eq!(place.made(number), 1);
    }
    assert_eq!(place.server.count("SELECT count(DISTINCT chain) FROM records").await, 2);
    place.sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_21_a_replica_that_was_paused_before_it_sends_does_not_send_when_it_wakes() {
    let place = Place::with(3, Setting::default()).await;
    // The other looks for minutes before it says that a change was not made: here for seconds.
    let one = place.guard_with("send=1*return(stop)").await;
    let other = place.guard_with("haste=return(40)").await;
    let caller = place.caller(&one);
    let in_flight = tokio::spawn(async move { caller.send(&change_of(1)).await });
    until("a stopped guard", || async { is_stopped(&one).then_some(()) }).await;
    let open = "SELECT count(*) FROM intents WHERE state <> 'closed'";
    assert_eq!(place.server.count(open).await, 1);
    // Another user is served meanwhile, and this one is free again when the lease is over.
    until("a change", || async { (place.status(&other, 2).await == Some(200)).then_some(()) }).await;
    until("a taken over change", || async { (place.server.count(open).await == 0).then_some(()) }).await;
    assert_eq!(place.made(1), 0);
    one.signal(Signal::CONT).unwrap();
    let answer = in_flight.await.unwrap();
    assert!(answer.as_ref().ok().is_none_or(|answer| answer.status >= 500), "{answer:?}");
    assert_eq!(place.made(1), 0, "{}", one.log());
    assert_eq!(place.status(&other, 1).await, Some(200), "{}", other.log());
    until("a change", || async { (place.status(&one, 3).await == Some(200)).then_some(()) }).await;
    assert_eq!([1, 2, 3].map(|number| place.made(number)), [1, 1, 1]);
    place.sound();
}

/// Whether a guard is stopped by a signal (`proc(5)`).
fn is_stopped(guard: &Process) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", guard.id().unwrap())).unwrap();
    stat.rsplit(") ").next().unwrap().starts_with('T')
}

#[tokio::test(flavor = "multi_thread")]
async fn g5_a_quota_is_what_all_replicas_allow_in_sum() {
    const USERS: usize = 12;
    let Setting { mut policy, .. } = Setting::default();
    let rule = "id        = \"help-names\"";
    let text = &mut policy.first_mut().unwrap().1;
    let quota = "quota = { changes = 5, per = \"24h\", of = \"caller\" }";
    *text = text.replacen(rule, &format!("{rule}\n{quota}"), 1);
    let place = Place::with(USERS, Setting { policy, ..Setting::default() }).await;
    let guards = [place.guard().await, place.guard().await];
    let mut asked = Vec::new();
    for (number, guard) in (1..=USERS).zip(guards.iter().cycle()) {
        let caller = place.stage.caller("HelpDesk", guard.address).unwrap();
        let request = Request::update_identity(INSTANCE, &user(number).id, &[("FirstName", "Other")]);
        asked.push(tokio::spawn(async move { caller.send(&request).await.unwrap().status }));
    }
    let mut allowed = 0;
    for answer in asked {
        let status = answer.await.unwrap();
        assert!([200, 429].contains(&status), "{status} {} {}", guards[0].log(), guards[1].log());
        allowed += usize::from(status == 200);
    }
    assert_eq!(allowed, 5);
    assert_eq!((1..=USERS).map(|number| place.made(number)).sum::<usize>(), 5);
    place.sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_at_one_replica_holds_at_the_other_until_it_is_lifted_there() {
    let credential = Credential {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
        secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
        session_token: None,
    };
    let arn = "arn:aws:iam::111122223333:user/kim".into();
    let setting = Setting {
        identities: vec![Identity { credential, arn, user_id: "AIDACKCEVSQ6C2EXAMPLE".into() }],
        roles: ["HelpDesk", "IdentityDesk", "Lead"].map(str::to_owned).to_vec(),
        more: "\n[freeze]\nmay_freeze = [\"arn:aws:iam::111122223333:role/IdentityDesk\"]\n\
               may_unfreeze = [\"arn:aws:iam::111122223333:role/Lead\"]\n"
            .into(),
        ..Setting::default()
    };
    let place = Place::with(2, setting).await;
    let (one, other) = (place.guard().await, place.guard().await);
    assert_eq!(place.status(&other, 1).await, Some(200), "{}", other.log());
    let body = json!({ "scope": "all", "reason": "a phished desk" });
    let frozen = at_sessions(&place, &one, "IdentityDesk", "/v1/freeze", &body).await;
    assert_eq!(frozen.status, 200, "{} {}", frozen.text(), one.log());
    let id = serde_json::from_slice::<Value>(&frozen.body).unwrap()["id"].clone();
    until("a refusal", || async { (place.status(&other, 1).await == Some(403)).then_some(()) }).await;
    assert_eq!(place.status(&other, 2).await, Some(403), "{}", other.log());
    assert_eq!(place.status(&one, 2).await, Some(403), "{}", one.log());
    assert_eq!(place.looks(&other).await, 200);
    assert_eq!(place.made(2), 0);
    let body = json!({ "id": id, "reason": "the desk is itself again" });
    let lifted = at_sessions(&place, &other, "Lead", "/v1/unfreeze", &body).await;
    assert_eq!(lifted.status, 200, "{} {}", lifted.text(), other.log());
    until("a change", || async { (place.status(&one, 2).await == Some(200)).then_some(()) }).await;
    assert_eq!(place.made(2), 1);
    place.sound();
}

/// Asks something at a guard's session listener.
pub async fn at_sessions(place: &Place, guard: &Process, role: &str, path: &str, body: &Value) -> Answer {
    let caller = place.stage.caller(role, guard.sessions().unwrap()).unwrap();
    caller.send(&Request::new("POST", path, body.to_string().as_bytes())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_are_restarted_one_after_the_other_lose_no_request() {
    const USERS: usize = 60;
    let place = Place::with(USERS, Setting::default()).await;
    let (mut one, mut other) = (place.guard().await, place.guard().await);
    let addresses = std::sync::Mutex::new([one.address, other.address]);
    let callers = async {
        for number in 1..=USERS {
            let caller = place.stage.caller("IdentityDesk", addresses.lock().unwrap()[0]).unwrap();
            let octets = caller.sign(&change_of(number), caller.now()).unwrap();
            let turn = std::sync::atomic::AtomicUsize::new(number);
            // As a balancer does: what one does not take goes to the other.
            until("an answer", || async {
                let turn = turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 2;
                let address = addresses.lock().unwrap()[turn];
                let answer = Caller { address, ..caller.clone() }.exchange(&octets).await.ok()?;
                (answer.status == 200).then_some(())
            })
            .await;
        }
    };
    let restarts = async {
        for _ in 0..2 {
            one.stop().await.unwrap();
            one.restart(&place.stage).await.unwrap();
            addresses.lock().unwrap()[0] = one.address;
            other.stop().await.unwrap();
            other.restart(&place.stage).await.unwrap();
            addresses.lock().unwrap()[1] = other.address;
        }
    };
    tokio::join!(callers, restarts);
    for number in 1..=USERS {
        assert_eq!(place.made(number), 1, "user {number}");
    }
    // Each found a chain that was given back.
    assert_eq!(place.server.count("SELECT count(*) FROM chains").await, 2);
    place.sound();
}
