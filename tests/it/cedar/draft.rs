//! A rule, rolled, written twice: in the guard's language and in Cedar's.

use std::fmt::Write as _;

use super::Dice;

pub const LONG_AGO: &str = "2027-01-01T00:00:00Z";
pub const ROLES: [&str; 4] = ["DeskA", "DeskB", "Desk", "HelpDesk"];
pub const UNIQUE: [&str; 2] = ["AROAEXAMPLEONE", "AROAEXAMPLETWO"];
pub const INSTANCES: [&str; 2] =
    ["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111", "a1b2c3d4-5678-90ab-cdef-EXAMPLE22222"];
pub const NAMES: [&str; 3] = ["mary", "mark", "john"];
pub const DOMAINS: [&str; 3] = ["example.com", "example.org", "sub.example.com"];
pub const FIELDS: [&str; 4] = ["FirstName", "Email", "SecondaryEmail", "Mobile"];
/// Name, and whether it reads.
pub const ORDINARY: [(&str, bool); 4] = [
    ("DescribeUser", true),
    ("ListQueues", true),
    ("StartOutboundVoiceContact", false),
    ("CreateQueue", false),
];
pub const IDENTITY: &str = "UpdateUserIdentityInfo";
/// 2027-03-12, a Friday, at midnight UTC.
pub const DAY: i64 = 1_804_809_600;
const WEEK: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A fault put into the translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slip {
    None,
    /// A role's pattern is a prefix without an end.
    Prefix,
    /// The last day does not count.
    LastDay,
    /// The last second does not count.
    LastSecond,
    /// Whoever may set a field may remove it.
    Removal,
    /// Domains include those below them.
    SubDomain,
    /// A unique id that is not known is the right one.
    UniqueId,
    /// A deny about a domain holds for every address.
    DenyDomain,
    /// A wildcard of an allow reaches writes.
    Wildcard,
}

impl Slip {
    pub const ALL: [Self; 8] = [
        Self::Prefix,
        Self::LastDay,
        Self::LastSecond,
        Self::Removal,
        Self::SubDomain,
        Self::UniqueId,
        Self::DenyDomain,
        Self::Wildcard,
    ];
}

/// A rule. What is empty in a deny matches everything.
pub struct Draft {
    id: String,
    deny: bool,
    callers: Vec<&'static str>,
    actions: Actions,
    instances: Vec<&'static str>,
    unique_ids: Vec<&'static str>,
    users: Vec<&'static str>,
    user_ids: Vec<&'static str>,
    fields: Vec<&'static str>,
    remove: Vec<&'static str>,
    binding: Option<Binding>,
    domains: Vec<&'static str>,
    lifts: bool,
    /// Its last day, counted from the day of the questions.
    last_day: Option<i64>,
    /// Days, and the first and the last minute of each.
    hours: Option<(Vec<usize>, i64, i64)>,
}

enum Actions {
    Every,
    Identity,
    Named(Vec<&'static str>),
    Wild(&'static str),
}

enum Binding {
    /// The Username at this domain.
    From(&'static str),
    AnyIn(Vec<&'static str>),
}

impl Draft {
    pub fn rolled(number: usize, dice: &mut Dice) -> Self {
        let deny = dice.once_in(5);
        let identity = dice.below(3) > 0;
        let maybe = |dice: &mut Dice, of: &[&'static str], odds| {
            if dice.once_in(odds) { dice.some(of) } else { Vec::new() }
        };
        let mut draft = Self {
            id: format!("r{number}"),
            deny,
            callers: dice.some(&["DeskA", "DeskB", "Desk*", "HelpDesk", "*Desk", "D*k*A"]),
            actions: if identity {
                Actions::Identity
            } else {
                match dice.below(3) {
                    0 => Actions::Wild(""),
                    1 => Actions::Wild("StartOutbound"),
                    _ => Actions::Named(dice.some(&ORDINARY.map(|(name, _)| name))),
                }
            },
            instances: dice.some(&INSTANCES),
            unique_ids: maybe(dice, &UNIQUE, 4),
            users: Vec::new(),
            user_ids: maybe(dice, &["id-mary", "id-john"], 6),
            fields: Vec::new(),
            remove: Vec::new(),
            binding: None,
            domains: Vec::new(),
            lifts: false,
            last_day: dice.once_in(3).then(|| i64::try_from(dice.below(4)).unwrap() - 2),
            hours: dice.once_in(4).then(|| {
                let from = i64::try_from(dice.below(24)).unwrap() * 60;
                let to = (from + 60 * i64::try_from(1 + dice.below(23)).unwrap()) % 1440;
                (dice.some(&[0, 1, 2, 3, 4, 5, 6]), from, to)
            }),
        };
        if deny {
            draft.bluntly(identity, dice);
        } else if identity {
            draft.fields = dice.some(&FIELDS);
            draft.remove = maybe(dice, &["SecondaryEmail", "Mobile"], 2);
            draft.users = maybe(dice, &["mary", "ma*", "john"], 3);
            draft.lifts = dice.once_in(3);
            if draft.fields.iter().any(|field| field.ends_with("Email")) {
                draft.binding = Some(match dice.below(3) {
                    0 => Binding::From(DOMAINS[dice.below(3)]),
                    _ => Binding::AnyIn(dice.some(&DOMAINS)),
                });
            }
        }
        draft
    }

    fn bluntly(&mut self, identity: bool, dice: &mut Dice) {
        if dice.once_in(2) {
            self.callers.clear();
        }
        if dice.once_in(2) {
            self.instances.clear();
        }
        if dice.once_in(4) {
            self.actions = Actions::Every;
        }
        if identity {
            if dice.once_in(2) {
                self.fields = dice.some(&FIELDS);
            }
            if dice.once_in(3) {
                self.domains = dice.some(&DOMAINS);
            }
            if dice.once_in(3) {
                self.users = dice.some(&["mary", "ma*", "john"]);
            }
        }
    }

    pub fn toml(&self) -> String {
        let mut text = format!(
            "[[{}]]\nid = \"{}\"\nreason = \"test\"\n",
            if self.deny { "deny" } else { "allow" },
            self.id
        );
        let mut list = |key: &str, items: Vec<String>| {
            if !items.is_empty() {
                let _ = writeln!(text, "{key} = {items:?}");
            }
        };
        let own = |items: &[&str]| items.iter().map(|&item| item.to_owned()).collect::<Vec<_>>();
        list(
            "callers",
            self.callers.iter().map(|role| format!("arn:aws:iam::111122223333:role/{role}")).collect(),
        );
        list(
            "actions",
            match &self.actions {
                Actions::Every => Vec::new(),
                Actions::Identity => vec![format!("connect:{IDENTITY}")],
                Actions::Named(names) => names.iter().map(|name| format!("connect:{name}")).collect(),
                Actions::Wild(prefix) => vec![format!("connect:{prefix}*")],
            },
        );
        list("instances", own(&self.instances));
        list("unique_ids", own(&self.unique_ids));
        list("users", own(&self.users));
        list("user_ids", own(&self.user_ids));
        list("fields", own(&self.fields));
        list("remove", own(&self.remove));
        list("domains", own(&self.domains));
        match &self.binding {
            None => {}
            Some(Binding::From(domain)) => {
                let _ = writeln!(text, "email_from = \"{{username}}@{domain}\"");
            }
            Some(Binding::AnyIn(domains)) => {
                let _ =
                    writeln!(text, "email_any_in = {{ domains = {domains:?}, because = \"for this test\" }}");
            }
        }
        if self.lifts {
            text.push_str("protected = \"for this test\"\n");
        }
        if let Some(day) = self.last_day {
            let _ = writeln!(text, "expires = 2027-03-{}", 12 + day);
        }
        if let Some((days, from, to)) = &self.hours {
            let days: Vec<&str> = days.iter().map(|day| WEEK[*day]).collect();
            let clock = |minute: &i64| format!("{:02}:{:02}", minute / 60, minute % 60);
            let (from, to) = (clock(from), clock(to));
            let _ = writeln!(
                text,
                "hours = {{ days = {days:?}, from = \"{from}\", to = \"{to}\", zone = \"UTC\" }}"
            );
        }
        text
    }

    /// The same for Cedar. `protected` is the Username that is.
    pub fn cedar(&self, protected: Option<&str>, slip: Slip) -> String {
        let mut all = self.scope(slip);
        if self.deny {
            all.extend(self.about(slip));
        } else {
            all.extend(self.grants(slip));
            if let Some(name) = protected.filter(|_| !self.lifts) {
                all.push(format!("!(context.change && context.username == {name:?})"));
            }
        }
        let effect = if self.deny { "forbid" } else { "permit" };
        format!("{effect}(principal, action, resource) when {{ {} }};\n", all.join(" && "))
    }

    fn scope(&self, slip: Slip) -> Vec<String> {
        let mut all = vec!["true".to_owned()];
        let any = |items: Vec<String>| format!("({})", items.join(" || "));
        if !self.callers.is_empty() {
            let role = |role: &&str| {
                let open = if slip == Slip::Prefix && role.contains('*') { "*" } else { "" };
                format!("context.role like \"{role}{open}\"")
            };
            all.push(any(self.callers.iter().map(role).collect()));
        }
        match &self.actions {
            Actions::Every => {}
            Actions::Identity => all.push(format!("action == Action::{IDENTITY:?}")),
            Actions::Named(names) => {
                all.push(any(names.iter().map(|name| format!("action == Action::{name:?}")).collect()));
            }
            Actions::Wild(prefix) => {
                all.push(format!("context.operation like \"{prefix}*\""));
                if !self.deny {
                    let reads = prefix.is_empty() && slip != Slip::Wildcard;
                    all.push(if reads { "context.reads".into() } else { "!context.change".into() });
                }
            }
        }
        if !self.instances.is_empty() {
            all.push(any(self.instances.iter().map(|id| format!("resource == Instance::{id:?}")).collect()));
        }
        if !self.unique_ids.is_empty() {
            let missing = self.deny || slip == Slip::UniqueId;
            let known =
                any(self.unique_ids.iter().map(|id| format!("context.unique_id == {id:?}")).collect());
            all.push(if missing {
                format!("(!(context has unique_id) || {known})")
            } else {
                format!("(context has unique_id && {known})")
            });
        }
        if let Some(day) = self.last_day {
            let days = if slip == Slip::LastDay { day } else { day + 1 };
            all.push(format!("context.now < {}", DAY + days * 86_400));
        }
        if let Some((days, from, to)) = &self.hours {
            let on = |day: &str| any(days.iter().map(|one| format!("context.{day} == {one}")).collect());
            let until = if slip == Slip::LastSecond { "<" } else { "<=" };
            let (from, to) = (from * 60, to * 60);
            let (today, yesterday) = (on("weekday"), on("yesterday"));
            let (begun, open) = (format!("{from} <= context.second"), format!("context.second {until} {to}"));
            all.push(if from <= to {
                format!("({today} && {begun} && {open})")
            } else {
                format!("(({today} && {begun}) || ({yesterday} && {open}))")
            });
        }
        if !self.user_ids.is_empty() {
            let known = any(self.user_ids.iter().map(|id| format!("context.user_id == {id:?}")).collect());
            all.push(format!("context has user_id && {known}"));
        }
        if !self.users.is_empty() {
            let named =
                any(self.users.iter().map(|name| format!("context.username like {name:?}")).collect());
            all.push(format!("context.change && {named}"));
        }
        all
    }

    /// What an allow grants: the one field of a request, or the operation.
    fn grants(&self, slip: Slip) -> Vec<String> {
        if !matches!(self.actions, Actions::Identity) {
            return Vec::new();
        }
        let mut any = vec!["context.aim == \"operation\"".to_owned()];
        let field = |names: &[&str]| -> String {
            let all: Vec<String> = names.iter().map(|name| format!("context.field == {name:?}")).collect();
            format!("({})", if all.is_empty() { "false".to_owned() } else { all.join(" || ") })
        };
        let (set, removable) = (field(&self.fields), field(&self.remove));
        let texts: Vec<&str> = self.fields.iter().copied().filter(|name| !name.ends_with("Email")).collect();
        any.push(format!("context.aim == \"set\" && {}", field(&texts)));
        let removable = if slip == Slip::Removal { format!("({removable} || {set})") } else { removable };
        any.push(format!("context.aim == \"remove\" && {removable}"));
        let bound = match &self.binding {
            None => "false".to_owned(),
            Some(Binding::From(domain)) => {
                format!("context.local == context.username && context.domain == {domain:?}")
            }
            Some(Binding::AnyIn(domains)) => {
                let like = |domain: &&str| {
                    if slip == Slip::SubDomain {
                        format!("context.domain like \"*{domain}\"")
                    } else {
                        format!("context.domain == {domain:?}")
                    }
                };
                format!("({})", domains.iter().map(like).collect::<Vec<_>>().join(" || "))
            }
        };
        any.push(format!("context.aim == \"address\" && {set} && {bound}"));
        vec![format!("({})", any.iter().map(|one| format!("({one})")).collect::<Vec<_>>().join(" || "))]
    }

    /// What a deny is about: any of the fields that would change, whichever is asked about.
    fn about(&self, slip: Slip) -> Vec<String> {
        if self.fields.is_empty() && self.domains.is_empty() {
            return Vec::new();
        }
        let fields: Vec<&str> = if self.fields.is_empty() { FIELDS.to_vec() } else { self.fields.clone() };
        let mut any = Vec::new();
        for field in fields {
            if self.domains.is_empty() || slip == Slip::DenyDomain {
                any.push(format!("context.changing.contains({field:?})"));
            }
            for domain in &self.domains {
                any.push(format!("context.addressed.contains({:?})", format!("{field}@{domain}")));
            }
        }
        vec!["context.change".to_owned(), format!("({})", any.join(" || "))]
    }
}
