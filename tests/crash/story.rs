//! The story: everything that leaves something behind, one thing after the other, told to a guard that may end at any
//! moment. Whoever asks asks again, as SDKs do.

use std::{fs, time::Duration};

use connect_guard::demo::{
    caller::{Answer, Request},
    connect::{Fault, Switches},
    stage::INSTANCE,
};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    records::{Record, of_kind},
    run::{LIMIT, Run},
    running::{own_address, put, user},
    stage::{creation, users},
};

const UPDATE: &str = "UpdateUserIdentityInfo";
/// Users of the story.
pub const USERS: usize = 6;
/// A caller's patience with one try, and how often it tries.
const PATIENCE: Duration = Duration::from_secs(50);
const TRIES: usize = 8;
/// How long Connect shows what was before, once: until it is told otherwise.
const LATE: Duration = Duration::from_hours(1);

/// What was answered last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub step: &'static str,
    /// Whose change it was; none of what is no change.
    pub target: Option<String>,
    pub status: u16,
}

/// What people do with a guard.
pub struct Story<'a> {
    pub run: &'a Run,
    /// The step after whose answer it ends; none is none.
    pub end_after: Option<&'static str>,
    pub said: Vec<Said>,
}

/// The steps that have an answer, in order.
pub const STEPS: [&str; 11] = [
    "address", "refused", "read", "creation", "deletion", "unknown", "late", "names", "freeze", "frozen",
    "lift",
];

impl Story<'_> {
    /// All of it, until nothing is left to be done.
    pub async fn tell(mut self) -> Vec<Said> {
        let connect = &self.run.stage.connect;
        let desk = "IdentityDesk";
        self.change("address", desk, 1).await;
        self.update("refused", "HelpDesk", 2, &[("Email", &own_address(&user(2)))]).await;
        self.ask("read", "HelpDesk", None, &Request::describe_user(INSTANCE, &user(1).id)).await;
        let new = user(7);
        let created = Request::new("PUT", &users(), creation(&user_at_home(&new)).as_bytes());
        self.ask("creation", desk, Some(new.username.clone()), &created).await;
        let gone = user(3).id;
        let deleted = Request::new("DELETE", &format!("{}/{gone}", users()), b"");
        self.ask("deletion", desk, Some(gone), &deleted).await;
        connect.fail_next(UPDATE, Fault::CloseAfter);
        self.change("unknown", desk, 4).await;
        connect.clear_faults();
        connect.set_switches(Switches { read_lag: LATE, ..connect.switches() });
        self.change("late", desk, 5).await;
        connect.set_switches(Switches { read_lag: Duration::ZERO, ..connect.switches() });
        self.confirmed().await;
        self.update("names", "HelpDesk", 6, &[("FirstName", "Other")]).await;
        self.policy().await;
        self.freezes().await;
        self.said
    }

    async fn change(&mut self, step: &'static str, role: &str, number: usize) {
        self.update(step, role, number, &[("Email", &own_address(&user(number)))]).await;
    }

    async fn update(&mut self, step: &'static str, role: &str, number: usize, fields: &[(&str, &str)]) {
        let id = user(number).id;
        let request = Request::update_identity(INSTANCE, &id, fields);
        self.ask(step, role, Some(id), &request).await;
    }

    async fn ask(&mut self, step: &'static str, role: &str, target: Option<String>, request: &Request) {
        let answer = self.answer(role, request, false).await;
        self.answered(step, target, &answer).await;
    }

    async fn answered(&mut self, step: &'static str, target: Option<String>, answer: &Answer) {
        self.said.push(Said { step, target, status: answer.status });
        if self.end_after == Some(step) {
            self.run.kill().await;
        }
    }

    /// The last answer of all tries: to a listener of callers, or to that of sessions.
    async fn answer(&self, role: &str, request: &Request, sessions: bool) -> Answer {
        let mut last = None;
        for _ in 0..TRIES {
            let address = if sessions { self.run.sessions().await } else { self.run.address().await };
            let caller = self.run.caller(role, address);
            match timeout(PATIENCE, caller.send(request)).await {
                Ok(Ok(answer)) if ![429, 500, 503].contains(&answer.status) => return answer,
                Ok(Ok(answer)) => last = Some(answer),
                Ok(Err(_)) | Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        last.unwrap_or_else(|| panic!("no answer to {} {}", request.method, request.target))
    }

    /// Waits until it is on record what came of the change that showed late.
    async fn confirmed(&self) {
        self.until(|records| {
            let late =
                of_kind(records, "outcome").iter().filter(|one| one.text("/shows") == "not-yet").count();
            of_kind(records, "confirmation").len() == late
        })
        .await;
    }

    /// Puts another policy into force, and waits until that is on record.
    async fn policy(&self) {
        let last = |records: &[Record]| -> Option<String> {
            let of = records.iter().rfind(|one| ["start", "policy"].contains(&one.kind()))?;
            Some(of.text("/policy").to_owned())
        };
        let before = last(&self.run.records().await);
        let path = self.run.stage.folder.join("policies/policy.toml");
        let text = fs::read_to_string(&path).unwrap();
        put(&path, &text.replace("Agents who left", "Agents who have left"));
        self.run.renew().await;
        self.until(|records| last(records) != before).await;
    }

    async fn until(&self, enough: impl Fn(&[Record]) -> bool) {
        let wait = async {
            while !enough(&self.run.records().await) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(timeout(LIMIT, wait).await.is_ok(), "what was waited for is not on record");
    }

    /// Freezes, is refused, and has every freeze lifted that is in force.
    async fn freezes(&mut self) {
        let body = json!({ "scope": "all", "reason": "a phished desk" });
        let answer = self.spoken("IdentityDesk", "/v1/freeze", &body).await;
        self.answered("freeze", None, &answer).await;
        self.update("frozen", "HelpDesk", 6, &[("FirstName", "Third")]).await;
        for id in self.in_force().await {
            let body = json!({ "id": id, "reason": "the desk is itself again" });
            let answer = self.spoken("Lead", "/v1/unfreeze", &body).await;
            self.answered("lift", None, &answer).await;
        }
        assert_eq!(self.in_force().await, Vec::<String>::new());
    }

    /// The ids of the freezes in force.
    async fn in_force(&self) -> Vec<String> {
        let request = Request::new("POST", "/v1/freezes", b"");
        let answer = self.answer("Lead", &request, true).await;
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        let all = said["freezes"].as_array().unwrap_or_else(|| panic!("{}", answer.text()));
        all.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    }

    async fn spoken(&self, role: &str, path: &str, body: &Value) -> Answer {
        self.answer(role, &Request::new("POST", path, body.to_string().as_bytes()), true).await
    }
}

/// A user with the address that the policy gives.
fn user_at_home(user: &connect_guard::demo::connect::User) -> connect_guard::demo::connect::User {
    connect_guard::demo::connect::User { email: own_address(user), ..user.clone() }
}
