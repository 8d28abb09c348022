//! Records for an auditor, beside a running guard or without one: looked for, explained by the rules that decided, joined
//! with what became of them. What is sealed is shown only once it is on record who looks.

use std::collections::HashMap;

use serde_json::Value;

use crate::{
    caller::{Arn, Resource},
    secret::Digest,
    store::{IntentRef, Misfit, PrincipalPick, RecordPick, RecordRow, SessionPick, WrittenRow},
};

use super::{
    Desk, Kind, LedgerFault,
    person::DataKey,
    record::{SealedPart, instant},
    rule_text::{self, File},
    versions,
};

/// Which records are looked for: all that fit.
#[derive(Debug, Clone, Default)]
pub struct RecordFilter {
    /// Of these kinds; of any when empty.
    pub kinds: Vec<Kind>,
    /// Of this operation.
    pub operation: Option<String>,
    /// About this: the id of a user or of what else was the target.
    pub user: Option<String>,
    /// By this caller: a role with all its sessions, or one session, or a user.
    pub caller: Option<Arn>,
    /// Written then or later, milliseconds since 1970.
    pub since: Option<i64>,
    /// Written before then.
    pub until: Option<i64>,
    /// Of this request: its id, the guard's or Connect's. Every record that fits otherwise is read for it.
    pub request: Option<String>,
    /// This one: chain and number.
    pub record: Option<(String, u64)>,
    /// Written after this one ([`Audited::order`]): then the first of them; otherwise the last.
    pub after: Option<i64>,
    /// So many at most.
    pub most: u32,
}

/// A record, and what explains it.
#[derive(Debug, Clone, PartialEq)]
pub struct Audited {
    /// Its place in the order in which all records were written.
    pub order: i64,
    /// Its chain.
    pub chain: String,
    /// Its number.
    pub seq: u64,
    /// Its hash, hexadecimal.
    pub hash: String,
    /// What it says; null when it is not of a known form.
    pub record: Value,
    /// Of an intent: the records that say what became of it, in order.
    pub became: Vec<Value>,
    /// The rules that decided.
    pub rules: Vec<RuleText>,
}

/// A rule that decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText {
    /// Its id.
    pub rule: String,
    /// `file:line`.
    pub place: String,
    /// For what: `operation`, fields, `monitor`, or the refusal's code.
    pub of: Vec<String>,
    /// Its text in the version of the policy that decided; none where that is not kept.
    pub text: Option<String>,
}

/// Who looks at what is sealed, as the operating system knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The user, by number.
    pub uid: u32,
    /// Its name.
    pub user: Option<String>,
    /// Whoever logged in, where the system keeps that through a change of user.
    pub login_uid: Option<u32>,
    /// Its name.
    pub login: Option<String>,
    /// The machine.
    pub host: Option<String>,
}

/// What is sealed in a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Unsealed {
    /// Nothing.
    Nothing,
    /// This.
    Opened(Value),
    /// It was erased: nobody can open it any more.
    Erased,
    /// It does not open with these keys.
    Locked,
}

/// Which sessions are listed.
#[derive(Debug, Clone, Default)]
pub struct SessionFilter {
    /// Of this role or user.
    pub principal: Option<Arn>,
    /// Whether those alone that hold now.
    pub active: bool,
    /// So many at most: the latest.
    pub most: u32,
}

/// A session that was issued. No secret, and `~` for what could be an address.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldSession {
    /// Its access key id.
    pub id: String,
    /// The ARN it stands for, without a session.
    pub account: String,
    /// When it was issued, milliseconds since 1970.
    pub issued: i64,
    /// Until when it holds.
    pub expires: i64,
    /// When it was used last, to the minute.
    pub used: Option<i64>,
    /// Whether it holds now.
    pub active: bool,
    /// The record of its issue.
    pub record: Audited,
}

impl Desk {
    /// Records in the order in which they were written, the last ones that fit.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn records(&self, filter: &RecordFilter) -> Result<Vec<Audited>, LedgerFault> {
        let rows = self.store.records(&pick(filter)).await?;
        let mut found: Vec<_> = rows.into_iter().map(audited).collect();
        let named = |audited: &Audited| IntentRef { chain: audited.chain.clone(), seq: audited.seq };
        let is_intent = |audited: &&Audited| part(&audited.record, "/kind") == Kind::Intent.as_str();
        let intents: Vec<_> = found.iter().filter(is_intent).map(named).collect();
        let mut became: HashMap<IntentRef, Vec<Value>> = HashMap::new();
        for (intent, row) in self.store.of_intents(&intents).await? {
            became.entry(intent).or_default().push(value(&row.record));
        }
        let mut policies = HashMap::new();
        for audited in &mut found {
            audited.became = became.remove(&named(audited)).unwrap_or_default();
            self.explain(audited, &mut policies).await?;
        }
        Ok(found)
    }

    /// The place of the last record in the order in which all were written: [`RecordFilter::after`] begins there.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn last_record(&self) -> Result<i64, LedgerFault> {
        Ok(self.store.last_written().await?)
    }

    /// The files of a version of the policy that was enforced, in order: name, and text where that is kept.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn policy_files(&self, digest: &str) -> Result<Vec<(String, Option<String>)>, LedgerFault> {
        let rows = self.store.policy_files(digest).await?;
        Ok(rows.iter().map(|row| versions::open(&self.seal, row)).collect())
    }

    /// Sessions, the latest last.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn sessions(&self, filter: &SessionFilter) -> Result<Vec<HeldSession>, LedgerFault> {
        let now = self.clock.now().millis();
        let pick = SessionPick {
            account: filter.principal.as_ref().map(Arn::without_session),
            at: filter.active.then_some(now),
            most: filter.most,
        };
        let rows = self.store.sessions(&pick).await?;
        let held = rows.into_iter().map(|row| HeldSession {
            id: row.id,
            account: row.account,
            issued: row.issued,
            expires: row.expires,
            used: row.used,
            active: row.issued <= now && now < row.expires,
            record: audited(WrittenRow { order: 0, record: row.record }),
        });
        Ok(held.collect())
    }

    /// Opens what is sealed in these records, in their order, once it is on record who looks at which, and what was asked
    /// for.
    ///
    /// # Errors
    /// When that cannot be recorded, or the store cannot be read: nothing is shown then.
    pub async fn reveal(
        &self,
        records: &[Audited],
        asked: &str,
        who: &Operator,
    ) -> Result<Vec<Unsealed>, LedgerFault> {
        let sealed = records.iter().filter(|audited| !part(&audited.record, "/inputs").is_null());
        let sealed: Vec<_> = sealed.map(|audited| format!("{}/{}", audited.chain, audited.seq)).collect();
        if !sealed.is_empty() {
            self.looked(sealed, asked, who).await?;
        }
        let mut all = Vec::with_capacity(records.len());
        for audited in records {
            all.push(self.unseal(audited).await?);
        }
        Ok(all)
    }

    async fn unseal(&self, audited: &Audited) -> Result<Unsealed, LedgerFault> {
        let inputs = part(&audited.record, "/inputs");
        if inputs.is_null() {
            return Ok(Unsealed::Nothing);
        }
        let sealed: SealedPart =
            serde_json::from_value(inputs.clone()).map_err(|fault| LedgerFault::Kept(form(fault)))?;
        let Some(row) = self.store.person(&sealed.person).await? else { return Ok(Unsealed::Erased) };
        let opened = DataKey::open(&self.seal, &row)
            .ok()
            .and_then(|key| key.unseal(&audited.chain, audited.seq, &sealed))
            .and_then(|inputs| serde_json::to_value(inputs).ok());
        Ok(opened.map_or(Unsealed::Locked, Unsealed::Opened))
    }

    /// Adds the rules that decided. Versions of the policy are read once.
    async fn explain(
        &self,
        audited: &mut Audited,
        policies: &mut HashMap<String, Vec<File>>,
    ) -> Result<(), LedgerFault> {
        let mut rules = deciding(&audited.record);
        if let Some(policy) = part(&audited.record, "/policy").as_str().filter(|_| !rules.is_empty()) {
            if !policies.contains_key(policy) {
                policies.insert(policy.to_owned(), self.policy_files(policy).await?);
            }
            let files = policies.get(policy).map(Vec::as_slice).unwrap_or_default();
            for rule in &mut rules {
                rule.text = rule_text::text(files, &rule.place);
            }
        }
        audited.rules = rules;
        Ok(())
    }
}

/// A part of a record, by its JSON pointer (RFC 6901); null where it is not there.
pub fn part<'v>(record: &'v Value, path: &str) -> &'v Value {
    static NULL: Value = Value::Null;
    record.pointer(path).unwrap_or(&NULL)
}

fn form(fault: serde_json::Error) -> Misfit {
    Misfit::form("inputs")(fault)
}

fn pick(filter: &RecordFilter) -> RecordPick {
    RecordPick {
        kinds: filter.kinds.iter().map(|kind| kind.as_str().to_owned()).collect(),
        operation: filter.operation.clone(),
        subject: filter.user.clone(),
        principal: filter.caller.as_ref().map(principal),
        since: filter.since.map(instant),
        until: filter.until.map(instant),
        // As a JSON text: no id needs an escape.
        text: filter.request.as_ref().map(|id| format!("\"{id}\"")),
        record: filter.record.clone(),
        after: filter.after,
        most: filter.most,
    }
}

/// A role is asked for with all its sessions.
fn principal(arn: &Arn) -> PrincipalPick {
    match &arn.resource {
        Resource::Role(role) => PrincipalPick::OrBegins(
            arn.to_string(),
            format!("arn:{}:sts::{}:assumed-role/{role}/", arn.partition, arn.account),
        ),
        Resource::User(_) | Resource::Session { .. } => PrincipalPick::Exactly(arn.to_string()),
    }
}

fn value(row: &RecordRow) -> Value {
    serde_json::from_slice(&row.bytes).unwrap_or_default()
}

fn audited(row: WrittenRow) -> Audited {
    Audited {
        order: row.order,
        seq: row.record.seq.unsigned_abs(),
        hash: Digest::of(&row.record.bytes).hex(),
        record: value(&row.record),
        chain: row.record.chain,
        became: Vec::new(),
        rules: Vec::new(),
    }
}

/// The rules that a record names, each once.
fn deciding(record: &Value) -> Vec<RuleText> {
    let mut rules: Vec<RuleText> = Vec::new();
    let mut add = |of: &str, named: &Value| {
        let (Some(rule), Some(place)) = (part(named, "/rule").as_str(), part(named, "/place").as_str())
        else {
            return;
        };
        match rules.iter_mut().find(|known| known.rule == rule && known.place == place) {
            Some(known) => known.of.push(of.to_owned()),
            None => rules.push(RuleText {
                rule: rule.to_owned(),
                place: place.to_owned(),
                of: vec![of.to_owned()],
                text: None,
            }),
        }
    };
    for ground in part(record, "/basis/grounds").as_array().into_iter().flatten() {
        add(part(ground, "/of").as_str().unwrap_or_default(), ground);
    }
    add("monitor", part(record, "/basis/monitor"));
    add(part(record, "/refusal/code").as_str().unwrap_or_default(), part(record, "/refusal"));
    rules
}
