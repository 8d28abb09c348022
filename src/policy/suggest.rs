//! The smallest allow rules for what was seen: by caller, action, instance and field, and not one combination more. What a
//! log cannot say stays a key that no policy loads with, so that nobody hands out accounts by copying.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use crate::operation::{Class, Field};

use super::{Past, past::Logged, rule::NO_INSTANCE};

/// Operations that need a closed list of what they may give, by the key of that list.
const GIVING: [(&str, &str); 4] = [
    ("UpdateUserSecurityProfiles", "grants"),
    ("AssociateSecurityProfiles", "grants"),
    ("CreateSecurityProfile", "permissions"),
    ("UpdateSecurityProfile", "permissions"),
];

/// How often, by instance and by what was done.
type ByInstance<K> = BTreeMap<String, Counts<K>>;
/// How often, by what was done.
type Counts<K> = BTreeMap<K, u64>;

/// Calls that were done, counted by what a rule tells apart.
#[derive(Debug, Default)]
pub struct Suggestions {
    calls: u64,
    span: Option<(jiff::Timestamp, jiff::Timestamp)>,
    /// Operations without fields and lists: class, then instance, then operation.
    plain: BTreeMap<(Who, bool), ByInstance<&'static str>>,
    /// `UpdateUserIdentityInfo`: instance, then what changed.
    identity: BTreeMap<Who, ByInstance<Part>>,
    /// `CreateUser`: instance, then what was given.
    created: BTreeMap<(Who, String), Given>,
    /// Operations that give something: operation and instance, then what was given.
    given: BTreeMap<(Who, &'static str, String), Given>,
    /// What no rule is suggested for.
    passed_over: BTreeMap<String, u64>,
}

/// Who asked: a role or user, and its unique id where it is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Who {
    caller: String,
    unique_id: Option<String>,
}

/// A field that was set or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Text(Field),
    Removed(Field),
    Address(Field),
}

/// What was given, as far as the log says it.
#[derive(Debug, Default)]
struct Given {
    count: u64,
    unsaid: bool,
    names: BTreeSet<String>,
    fields: BTreeSet<Field>,
    members: BTreeSet<String>,
}

impl Suggestions {
    /// One more call that was done.
    pub fn add(&mut self, past: &Past) {
        self.calls += 1;
        let at = past.at().timestamp();
        self.span = Some(self.span.map_or((at, at), |(from, to)| (from.min(at), to.max(at))));
        let who = Who { caller: past.caller(), unique_id: past.unique_id().map(str::to_owned) };
        let instance = past.instance().unwrap_or(NO_INSTANCE).to_owned();
        let operation = past.operation();
        match past.class() {
            Class::Forbidden => {
                self.pass_over(format!(
                    "calls of {operation}, which the guard refuses whatever a policy says"
                ));
            }
            Class::Identity if operation == "CreateUser" => {
                let given = self.created.entry((who, instance)).or_default();
                given.add(past.grants(), past.members());
                given.fields.extend(past.fields().keys());
            }
            Class::Identity if past.log() == Logged::Fieldless || past.fields().is_empty() => {
                self.pass_over(format!(
                    "calls of {operation} of which the log does not say which fields changed"
                ));
            }
            Class::Identity => {
                let parts = self.identity.entry(who).or_default().entry(instance).or_default();
                for (field, set) in past.fields() {
                    *parts.entry(Part::of(field, set)).or_default() += 1;
                }
            }
            Class::Sensitive | Class::Write | Class::Read => {
                if let Some((_, list)) = GIVING.iter().find(|(name, _)| *name == operation) {
                    let names = if *list == "grants" { past.grants() } else { past.permissions() };
                    self.given.entry((who, operation, instance)).or_default().add(names, past.members());
                } else {
                    let sensitive = past.class() == Class::Sensitive;
                    let of = self.plain.entry((who, sensitive)).or_default().entry(instance).or_default();
                    *of.entry(operation).or_default() += 1;
                }
            }
        }
    }

    /// So many calls for which no rule is suggested, and why not.
    pub fn pass_over_all(&mut self, why: &str, count: u64) {
        *self.passed_over.entry(why.to_owned()).or_default() += count;
    }

    /// The rules, as a file of a policy directory. It loads once every `.._to_be_written` was answered.
    pub fn toml(&self) -> String {
        let mut file = Page { text: String::new(), rules: 0, span: self.days() };
        file.head(self);
        for ((who, sensitive), instances) in &self.plain {
            for (counts, instances) in alike(instances) {
                let actions: Vec<&str> = counts.keys().copied().collect();
                let more = if *sensitive {
                    vec![
                        "# These lead to a takeover, or hide one: name `users` or `user_ids` where you can."
                            .to_owned(),
                    ]
                } else {
                    Vec::new()
                };
                file.rule(who, &counted(&counts, |name| (*name).to_owned()), &actions, &instances, &more);
            }
        }
        for (who, instances) in &self.identity {
            file.identity(who, instances);
        }
        for ((who, instance), given) in &self.created {
            file.created(who, instance, given);
        }
        for ((who, operation, instance), given) in &self.given {
            let list = GIVING.iter().find(|(name, _)| name == operation).map_or("grants", |(_, list)| *list);
            let seen = vec![(operation.to_string(), given.count)];
            let mut more = vec![given.list(list)];
            more.extend(given.members());
            file.rule(who, &seen, &[operation], std::slice::from_ref(instance), &more);
        }
        file.text
    }

    fn pass_over(&mut self, why: String) {
        *self.passed_over.entry(why).or_default() += 1;
    }

    fn days(&self) -> String {
        let day = |at: jiff::Timestamp| at.to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
        self.span.map_or_else(String::new, |(from, to)| format!("from {} to {}", day(from), day(to)))
    }
}

impl Part {
    fn of(field: Field, set: Option<bool>) -> Self {
        match (set, field.is_address()) {
            (Some(false), _) => Self::Removed(field),
            (Some(true) | None, true) => Self::Address(field),
            (Some(true) | None, false) => Self::Text(field),
        }
    }

    fn words(self) -> String {
        match self {
            Self::Text(field) | Self::Address(field) => field.name().to_owned(),
            Self::Removed(field) => format!("{field} (removed)"),
        }
    }
}

impl Given {
    fn add(&mut self, names: Option<&[String]>, members: &[String]) {
        self.count += 1;
        self.members.extend(members.iter().cloned());
        match names {
            Some(names) => self.names.extend(names.iter().cloned()),
            None => self.unsaid = true,
        }
    }

    /// The closed list, or a key that has to be written first.
    fn list(&self, key: &str) -> String {
        if self.unsaid || self.names.is_empty() {
            return format!(
                "# The log does not say all that was given. Write `{key} = [\"..\"]` in the place of the next line:\n\
                 {key}_to_be_written = true"
            );
        }
        format!("{key} = {}", list(self.names.iter()))
    }

    /// The members of the body that were given besides.
    fn members(&self) -> Option<String> {
        (!self.members.is_empty()).then(|| format!("members   = {}", list(self.members.iter())))
    }
}

/// A file in the making.
struct Page {
    text: String,
    rules: usize,
    span: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn head(&mut self, of: &Suggestions) {
        let calls = if of.calls == 1 { "call" } else { "calls" };
        let head = format!(
            "# Suggested from {} {calls} {}. It allows what was done, and nothing else.",
            of.calls, self.span
        );
        self.line(head.replace(" .", ".").as_str());
        self.line("# What was done is not what should go on: read each rule, narrow it, and give it a reason of its own.");
        self.line("# Lines that end with `_to_be_written` keep the file from loading until somebody has answered them.");
        for (why, count) in &of.passed_over {
            self.line(&format!("# Not in it: {count} {why}."));
        }
        self.line("version = 1");
    }

    fn rule(
        &mut self,
        who: &Who,
        seen: &[(String, u64)],
        actions: &[&str],
        instances: &[String],
        more: &[String],
    ) {
        self.rules += 1;
        let parts: Vec<String> = seen.iter().map(|(what, count)| format!("{what} {count}")).collect();
        self.text.push('\n');
        self.line(&format!("# Seen: {}.", parts.join(", ")));
        if who.unique_id.is_none() {
            self.line(
                "# The log has no unique id: whoever makes a role of this name again is this caller, too.",
            );
        }
        self.line("[[allow]]");
        let id = format!("seen-{}-{}", slug(&who.caller), self.rules);
        let reason = format!("Seen {}: write why it is to go on", self.span);
        let actions: Vec<String> = actions.iter().map(|name| format!("connect:{name}")).collect();
        self.line(&format!("id        = {}", quoted(&id)));
        self.line(&format!("reason    = {}", quoted(&reason)));
        self.line(&format!("callers   = {}", list([&who.caller])));
        if let Some(id) = &who.unique_id {
            self.line(&format!("unique_ids = {}", list([id])));
        }
        self.line(&format!("actions   = {}", list(actions.iter())));
        self.line(&format!("instances = {}", list(instances.iter())));
        for line in more {
            self.line(line);
        }
    }

    /// Names and removals in one rule; addresses in another, which does not load as it is.
    fn identity(&mut self, who: &Who, instances: &ByInstance<Part>) {
        for address in [false, true] {
            let of: ByInstance<Part> = instances
                .iter()
                .map(|(instance, parts)| {
                    let parts = parts.iter().filter(|(part, _)| matches!(part, Part::Address(_)) == address);
                    (instance.clone(), parts.map(|(part, count)| (*part, *count)).collect())
                })
                .collect();
            for (parts, instances) in alike(&of) {
                let mut more = Vec::new();
                let set = parts.keys().filter_map(|part| match part {
                    Part::Text(field) | Part::Address(field) => Some(field.name()),
                    Part::Removed(_) => None,
                });
                let removed = parts.keys().filter_map(|part| match part {
                    Part::Removed(field) => Some(field.name()),
                    Part::Text(_) | Part::Address(_) => None,
                });
                let (set, removed): (Vec<_>, Vec<_>) = (set.collect(), removed.collect());
                more.extend((!set.is_empty()).then(|| format!("fields    = {}", list(set.iter()))));
                more.extend((!removed.is_empty()).then(|| format!("remove    = {}", list(removed.iter()))));
                more.extend(address.then(binding));
                let seen = counted(&parts, |part| part.words());
                self.rule(who, &seen, &["UpdateUserIdentityInfo"], &instances, &more);
            }
        }
    }

    fn created(&mut self, who: &Who, instance: &str, given: &Given) {
        let fields: Vec<&str> = given.fields.iter().map(|field| field.name()).collect();
        let mut more = vec![
            "# Which Usernames? Write `usernames = [\"..\"]` in the place of the next line:".to_owned(),
            "usernames_to_be_written = true".to_owned(),
            given.list("grants"),
            "# A password set with CreateUser is refused, whatever was done before: `password = \"allow\"` says otherwise."
                .to_owned(),
        ];
        if fields.is_empty() {
            more.push("# The log does not say which fields. Write `fields = [\"..\"]` in the place of the next line:".into());
            more.push("fields_to_be_written = true".into());
        } else {
            more.push(format!("fields    = {}", list(fields.iter())));
        }
        more.extend(given.members());
        more.extend(given.fields.iter().any(|field| field.is_address()).then(binding));
        self.rule(
            who,
            &[("CreateUser".to_owned(), given.count)],
            &["CreateUser"],
            &[instance.to_owned()],
            &more,
        );
    }
}

/// What keeps a rule about addresses from loading.
fn binding() -> String {
    "# To which address? No log says it, and a rule without an answer would hand out every account it reaches.\n\
     # Write one of these in the place of the next line:\n\
     #   email_from = \"{username}@example.com\"\n\
     #   email_directory = \"hr\"\n\
     address_to_be_written = true"
        .to_owned()
}

/// Instances about which the same is to be said, with the counts of all.
fn alike<K: Ord + Clone>(instances: &ByInstance<K>) -> Vec<(Counts<K>, Vec<String>)> {
    let mut found: BTreeMap<Vec<K>, (Counts<K>, Vec<String>)> = BTreeMap::new();
    for (instance, counts) in instances.iter().filter(|(_, counts)| !counts.is_empty()) {
        let (sum, names) = found.entry(counts.keys().cloned().collect()).or_default();
        for (what, count) in counts {
            *sum.entry(what.clone()).or_default() += count;
        }
        names.push(instance.clone());
    }
    found.into_values().collect()
}

fn counted<K: Ord>(counts: &Counts<K>, words: impl Fn(&K) -> String) -> Vec<(String, u64)> {
    counts.iter().map(|(what, count)| (words(what), *count)).collect()
}

/// The last part of an ARN, as an id has it.
fn slug(caller: &str) -> String {
    let name = caller.rsplit('/').next().unwrap_or_default();
    let mut slug = String::new();
    for letter in name.chars().take(40) {
        if letter.is_ascii_uppercase() && slug.ends_with(|last: char| last.is_ascii_lowercase()) {
            slug.push('-');
        }
        slug.push(if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' });
    }
    slug.trim_matches('-').chars().take(40).collect()
}

fn list<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let mut text = "[".to_owned();
    for (number, item) in texts.into_iter().enumerate() {
        let comma = if number == 0 { "" } else { ", " };
        // Writing to a text cannot fail.
        let _ = write!(text, "{comma}{}", quoted(item.as_ref()));
    }
    text + "]"
}

/// A text in quotes: what JSON escapes, TOML escapes alike; but for one letter.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}
