//! What a policy says, for whoever audits it: the parts of a page, in words, without a form.

use std::collections::{BTreeMap, BTreeSet};

use crate::{clock::Now, operation::Field, secret::Digest};

use super::{
    Capability, Policy, PolicyFiles, Query, RuleRef,
    emergency::{Revoked, Who},
    rule::{Action, Allow, Conditions, Deny, Scope},
    words,
};

/// What a policy says.
#[derive(Debug, Clone)]
pub struct Overview {
    /// What may be done by the rules in force.
    pub capabilities: Vec<Capability>,
    /// Every allow rule and every monitor, those that have ended too, by file and line.
    pub allows: Vec<Written>,
    /// Every deny, those of `deny.d` too.
    pub denies: Vec<Denied>,
    /// Protected permissions, Usernames and user ids.
    pub protected: [BTreeSet<String>; 3],
    /// Shared mailboxes.
    pub shared: BTreeSet<String>,
    /// `xn--` domains that are listed.
    pub internationalised: BTreeSet<String>,
    /// Who is shut out: in words, why, and where it is written.
    pub revoked: Vec<(String, String, String)>,
    /// Which policy of a row of policies it is; none where it does not say.
    pub epoch: Option<u64>,
    /// The files of the directory: name and SHA-256; of a list of addresses also when it was last written.
    pub files: Vec<(String, Digest, Option<Now>)>,
}

/// A rule as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Which.
    pub rule: RuleRef,
    /// Why it is there.
    pub reason: String,
    /// The last day on which it holds, UTC; none without an end.
    pub until: Option<String>,
    /// Whether that day is over.
    pub ended: bool,
    /// The sentences that somebody signed for what is dangerous in it.
    pub sentences: Vec<(&'static str, String)>,
}

/// A deny as it is written. An empty list matches everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// Which, why, until when.
    pub written: Written,
    /// Whom.
    pub callers: BTreeSet<String>,
    /// Which operations.
    pub actions: BTreeSet<String>,
    /// On which instances.
    pub instances: BTreeSet<String>,
    /// Which users, in words.
    pub users: Vec<String>,
    /// Which fields.
    pub fields: Vec<Field>,
    /// Which domains of wanted addresses.
    pub domains: BTreeSet<String>,
    /// What else it depends on, in words.
    pub conditions: Vec<String>,
}

impl Policy {
    /// What this policy says; `files` are those that it was compiled from.
    pub fn overview(&self, files: &PolicyFiles, now: Now) -> Overview {
        let rules = self.rules();
        let sources = Texts::of(files);
        let denies = rules.deny.iter().chain(&self.emergency().deny);
        let protected = &rules.protected;
        let mut overview = Overview {
            capabilities: self.who_can(&Query::default(), now),
            allows: rules.allow.iter().chain(&rules.monitor).map(|allow| sources.allow(allow, now)).collect(),
            denies: denies.map(|deny| denied(deny, now)).collect(),
            protected: [
                protected.permissions.clone(),
                protected.users.written().into_iter().collect(),
                protected.user_ids.clone(),
            ],
            shared: rules.shared.clone(),
            internationalised: rules.internationalised.clone(),
            revoked: self.emergency().revoked.iter().map(revoked).collect(),
            epoch: rules.epoch,
            files: digests(files),
        };
        overview.allows.sort_by_cached_key(|written| place_of(&written.rule));
        overview.denies.sort_by_cached_key(|denied| place_of(&denied.written.rule));
        overview
    }
}

/// What the compiled rules leave out: reasons and sentences, which decide nothing.
struct Texts(BTreeMap<String, toml::Table>);

impl Texts {
    fn of(files: &PolicyFiles) -> Self {
        let mut texts = BTreeMap::new();
        for source in &files.rules {
            let Ok(file) = source.text.parse::<toml::Table>() else { continue };
            let of = |key: &str| file.get(key).and_then(toml::Value::as_array).into_iter().flatten();
            for rule in of("allow").chain(of("monitor")).filter_map(toml::Value::as_table) {
                if let Some(id) = rule.get("id").and_then(toml::Value::as_str) {
                    texts.insert(id.to_owned(), rule.clone());
                }
            }
        }
        Self(texts)
    }

    fn allow(&self, allow: &Allow, now: Now) -> Written {
        let table = self.0.get(&*allow.rule.id);
        let text = |key: &str| {
            let value = table.and_then(|table| table.get(key)).and_then(toml::Value::as_str);
            value.map(str::to_owned)
        };
        let because =
            table.and_then(|table| table.get("email_any_in")?.get("because")?.as_str()).map(str::to_owned);
        let sentences = [
            ("any mailbox of a domain", because),
            ("addresses with a +", text("plus")),
            ("protected users", text("protected")),
        ];
        Written {
            sentences: sentences.into_iter().filter_map(|(what, text)| Some((what, text?))).collect(),
            ..written(&allow.rule, &text("reason").unwrap_or_default(), &allow.scope, now)
        }
    }
}

fn written(rule: &RuleRef, reason: &str, scope: &Scope, now: Now) -> Written {
    let ends = scope.conditions.ends;
    Written {
        rule: rule.clone(),
        reason: reason.to_owned(),
        until: ends.map(words::last_day),
        ended: ends.is_some_and(|ends| ends <= now.timestamp()),
        sentences: Vec::new(),
    }
}

fn denied(deny: &Deny, now: Now) -> Denied {
    let scope = &deny.scope;
    let roles = scope.callers.roles.iter().map(|(account, role)| format!("{account}{role}"));
    let actions = scope.actions.iter().map(|action| match action {
        Action::Named(name) => format!("connect:{name}"),
        Action::Wild(prefix, _) => format!("connect:{prefix}*"),
    });
    let lasting = Conditions { ends: None, ..scope.conditions.clone() };
    Denied {
        written: written(&deny.rule, &deny.reason, scope, now),
        callers: scope.callers.exact.iter().cloned().chain(roles).collect(),
        actions: actions.collect(),
        instances: scope.instances.iter().cloned().collect(),
        users: words::of_users(scope),
        fields: deny.fields.iter().copied().collect(),
        domains: deny.domains.iter().cloned().collect(),
        conditions: words::of_conditions(&lasting),
    }
}

fn revoked(revoked: &Revoked) -> (String, String, String) {
    let who = match &revoked.who {
        Who::Principal(arn) => format!("the caller {arn}"),
        Who::UniqueId(id) => format!("whoever has the unique id {id}"),
        Who::KeyId(id) => format!("the key {id}"),
        Who::Session(name) => format!("the session {name}"),
        Who::IssuedBefore(instant) => format!("every proof issued before {instant}"),
    };
    (who, revoked.reason.to_string(), revoked.rule.place.to_string())
}

fn digests(files: &PolicyFiles) -> Vec<(String, Digest, Option<Now>)> {
    let read = |source: &crate::diagnostic::Source, modified| {
        (source.local.to_string(), Digest::of(source.text.as_bytes()), modified)
    };
    let rules = files.rules.iter().map(|source| read(source, None));
    let lists = files.directories.iter().map(|file| read(&file.source, Some(file.modified)));
    let urgent = files.deny.iter().chain(&files.revoked).flatten().map(|source| read(source, None));
    rules.chain(lists).chain(urgent).collect()
}

/// File and line.
fn place_of(rule: &RuleRef) -> (String, usize) {
    let (file, line) = rule.place.rsplit_once(':').unwrap_or((&rule.place, "0"));
    (file.to_owned(), line.parse().unwrap_or(0))
}
