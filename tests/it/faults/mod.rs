//! What can go wrong between the guard and Connect, or between the guard and where its credentials come from: for each
//! what the caller gets and when, what is on record, who is told, and that nothing is sent twice.
//!
//! | fault | where |
//! |---|---|
//! | refused, reset or silent before TLS; TLS silent; a certificate of a stranger, or for another name; a name that does not resolve | `ways`: `fault_09`, `fault_20` |
//! | reset or closed before or after a request was applied; no answer; an answer that trickles | `answers`: `fault_09` |
//! | not HTTP; cut short; head or body too long; a flood of interim answers; not JSON | `answers`: `fault_09` |
//! | 3xx, 4xx, 5xx; 429 with and without `Retry-After` | `answers`: `fault_09` |
//! | credentials at their end, not accepted, none at all; a source of credentials that hangs, refuses, or says nothing of use | `credentials`: `fault_20` |
//! | as many requests under way as may be; proofs that fail | `load` |
//! | somebody who has to know before a change is made does not take the announcement | `announced` |
//! | a disk that fails, hangs, forgets, or ends with the process | `disk`: `fault_04`, `fault_06`, `fault_08`, `fault_22` |
//! | the end of the process between two steps; slow and idle peers; little memory and processor | `machine` |
//! | garbage, and policies with one word changed | `garbage`: `fault_24`, `fault_25` |
//! | all of it at once, by a seed | `soak`: `fault_23` |
//! | a ledger that is held or full (`fault_03`, `fault_05`) | `store` |
//! | a policy that is broken while it is read again (`fault_16`) | `reload` |

use std::time::{Duration, Instant};

use connect_guard::demo::{
    caller::{Answer, Caller, Request},
    connect::User,
    mailbox::Letter,
    stage::{INSTANCE, SECURITY, Setting},
};
use tokio::time::timeout;

use crate::{
    records::{Record, effects},
    running::{Running, event, own_address, roomy, told, user},
};

mod announced;
mod answers;
mod credentials;
mod disk;
mod garbage;
mod load;
mod machine;
mod settled;
mod soak;
mod ways;

const UPDATE: &str = "UpdateUserIdentityInfo";
const ROUTING: &str = "UpdateUserRoutingProfile";

const UNAVAILABLE: Said = (503, Some("ServiceUnavailableException"));
const UNKNOWN: Said = (500, Some("InternalServiceException"));
const THROTTLED: Said = (429, Some("ThrottlingException"));

/// What a caller is told: the status and the error's name.
type Said = (u16, Option<&'static str>);

/// A guard that waits a second for Connect, and so many users.
async fn start(users: usize) -> Running {
    Running::with(setting(users)).await
}

/// The setting of [`start`]; the identity desk may write something that is no change of a user's identity.
fn setting(users: usize) -> Setting {
    let mut setting = roomy((1..=users).map(user));
    setting.upstream = "connect_timeout = \"1s\"\nanswer_timeout = \"1s\"".into();
    let policy = &mut setting.policy[0].1;
    *policy = format!(
        r#"{policy}
[[allow]]
id        = "desk-routing"
reason    = "The identity desk moves people between queues"
callers   = ["arn:aws:iam::111122223333:role/IdentityDesk"]
actions   = ["connect:{ROUTING}"]
instances = ["{INSTANCE}"]
"#
    );
    setting
}

/// The change of a user's address.
fn change(agent: &User) -> Request {
    Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(agent))])
}

/// A read.
fn read(agent: &User) -> Request {
    Request::describe_user(INSTANCE, &agent.id)
}

/// A write that is no change of who somebody is.
fn write(agent: &User) -> Request {
    let target = format!("/users/{INSTANCE}/{}/routing-profile", agent.id);
    Request::new("POST", &target, br#"{"RoutingProfileId":"33333333-aaaa-bbbb-cccc-EXAMPLE33333"}"#)
}

/// What a request is answered with, within this time, in the form that every AWS client reads.
async fn ask(caller: &Caller, request: &Request, within: Duration) -> Answer {
    let begun = Instant::now();
    let answer = timeout(within, caller.send(request)).await;
    let answer = answer.unwrap_or_else(|_| panic!("no answer within {within:?}")).unwrap();
    assert!(begun.elapsed() < within);
    assert!(answer.header("x-amzn-requestid").is_some_and(|id| !id.is_empty()));
    if answer.status >= 400 {
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(body["Message"].as_str().is_some_and(|words| !words.contains('@')), "{body}");
    }
    answer
}

/// The status and the error's name.
fn said(answer: &Answer) -> (u16, Option<&str>) {
    (answer.status, answer.error())
}

/// How often Connect got an operation for a user.
fn received(guard: &Running, operation: &str, agent: &User) -> usize {
    let all = guard.stage.connect.requests();
    all.iter().filter(|one| one.operation == Some(operation) && one.target.contains(&agent.id)).count()
}

/// The effects on record of a user's changes, once there is one and it is this.
async fn recorded(guard: &Running, agent: &User, effect: &str) -> Vec<Record> {
    guard.recorded(|records| effects(records, &agent.id) == [effect]).await
}

/// Everybody concerned by a change of a user's address, told each of these.
fn everybody(agent: &User, kinds: &[&str]) -> Vec<(String, String)> {
    let new = own_address(agent);
    let people = [SECURITY, &*agent.email, &*agent.secondary_email, &*new];
    let told = |to: &str| kinds.iter().map(|kind| (to.to_owned(), (*kind).to_owned())).collect::<Vec<_>>();
    people.into_iter().flat_map(told).collect()
}

/// Everything that was mailed of changes, once nothing is left to be delivered; what the guard says of itself left out.
async fn letters(guard: &Running) -> Vec<Letter> {
    let own = ["heartbeat", "delivery-failing", "delivery-mended"];
    guard.letters().await.into_iter().filter(|letter| !own.contains(&event(letter).as_str())).collect()
}

/// Who was told what of changes, in all.
async fn everything_told(guard: &Running) -> Vec<(String, String)> {
    told(&letters(guard).await)
}

/// That the chain is whole, and that no address is in the log.
fn whole(guard: &Running) {
    let (report, whole) = guard.verify();
    assert!(whole, "{report}");
    assert!(!guard.log().contains("@example."), "{}", guard.log());
}
