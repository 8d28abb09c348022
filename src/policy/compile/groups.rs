//! `[groups]`: callers or users that are named once and meant in many rules. A rule that names a group says the same as
//! one that names its members.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use crate::{
    diagnostic::{Fault, Faults, nearest},
    policy::{pattern::Names, rule::Callers},
};

use super::{
    Placed, placed,
    rules::is_id,
    scope::{self, Side},
    table::{Reading, Table, Text},
};

/// What stands before a group's name where its members are meant. No ARN and no Username begins so.
const PREFIX: &str = "group:";

/// The groups of a policy directory.
#[derive(Default)]
pub(super) struct Groups {
    known: BTreeMap<String, Group>,
    used: RefCell<BTreeSet<String>>,
}

struct Group {
    members: Members,
    place: Placed<()>,
}

enum Members {
    Callers(Callers),
    Users(Names),
    /// What it says is faulty, which is noted.
    Faulty,
}

/// The group that a text names.
pub(super) fn named(text: &Text) -> Option<&str> {
    text.value.strip_prefix(PREFIX)
}

impl Groups {
    /// Reads `[groups.NAME]` of a file.
    pub(super) fn read(&mut self, file: &mut Table<'_>, reading: &mut Reading<'_>) {
        let Some(mut table) = file.table("groups", reading) else { return };
        for (name, table) in table.named(reading) {
            let place = placed((), name.span.clone(), reading);
            let members = members(table, reading);
            if !is_id(&name, "group name", reading) {
                continue;
            }
            if let Some(other) = self.known.get(&name.value) {
                let hint = format!("the other one is at {}", other.place.source.at(other.place.span.clone()));
                reading.error_hint(format!("there are two groups `{}`", name.value), name.span, hint);
            } else {
                self.known.insert(name.value, Group { members, place });
            }
        }
    }

    /// Notes those that nothing names.
    pub(super) fn unused(&self, faults: &mut Faults) {
        let used = self.used.borrow();
        for (name, group) in self.known.iter().filter(|(name, _)| !used.contains(*name)) {
            let place = group.place.source.at(group.place.span.clone());
            faults.push(
                Fault::warning(format!("no rule names the group `{name}`"), place)
                    .hint("remove it")
                    .code("unused-group"),
            );
        }
    }
}

impl Reading<'_> {
    /// The callers of a group.
    pub(super) fn group_of_callers(&mut self, name: &str, text: &Text) -> Callers {
        self.group(name, text, |members| match members {
            Members::Callers(callers) => Some(callers.clone()),
            Members::Faulty => Some(Callers::default()),
            Members::Users(_) => None,
        })
    }

    /// The users of a group.
    pub(super) fn group_of_users(&mut self, name: &str, text: &Text) -> Names {
        self.group(name, text, |members| match members {
            Members::Users(users) => Some(users.clone()),
            Members::Faulty => Some(Names::default()),
            Members::Callers(_) => None,
        })
    }

    fn group<M: Default>(&mut self, name: &str, text: &Text, of: impl Fn(&Members) -> Option<M>) -> M {
        let Some(groups) = self.groups.clone() else {
            let hint = "this file is read by itself, whatever else is broken: write the members out";
            self.error_hint(format!("`{}`: groups are not known here", text.value), text.span.clone(), hint);
            return M::default();
        };
        groups.used.borrow_mut().insert(name.to_owned());
        let Some(group) = groups.known.get(name) else {
            let hint = match nearest(name, groups.known.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{PREFIX}{near}`?"),
                None => format!("write [groups.{name}] with callers or users"),
            };
            self.error_hint(format!("there is no group `{name}`"), text.span.clone(), hint);
            return M::default();
        };
        of(&group.members).unwrap_or_else(|| {
            let (is, not) = match group.members {
                Members::Users(_) => ("users", "callers"),
                Members::Callers(_) | Members::Faulty => ("callers", "users"),
            };
            let hint = format!("it is defined at {}", group.place.source.at(group.place.span.clone()));
            self.error_hint(
                format!("the group `{name}` is one of {is}, not of {not}"),
                text.span.clone(),
                hint,
            );
            M::default()
        })
    }

    /// Lets rules of this file name these groups.
    pub(super) fn knows(&mut self, groups: &Rc<Groups>) {
        self.groups = Some(Rc::clone(groups));
    }
}

/// Whether a group is named as a member, which is noted: who is meant is read in one place.
fn nested(table: &Table<'_>, reading: &mut Reading<'_>) -> bool {
    let groups = table.texts_of(&["callers", "users"]).filter(|text| named(text).is_some());
    let groups: Vec<Text> = groups.collect();
    for text in &groups {
        let message = format!("`{}`: a group is no member of a group", text.value);
        reading.error_hint(message, text.span.clone(), "name its members, or name both groups in the rules");
    }
    !groups.is_empty()
}

/// Exactly one of `callers` and `users`, and no group in it.
fn members(mut table: Table<'_>, reading: &mut Reading<'_>) -> Members {
    let given = (table.has("callers"), table.has("users"));
    let span = table.span.clone();
    let nested = nested(&table, reading);
    let members = match given {
        _ if nested => Members::Faulty,
        (true, false) => Members::Callers(scope::callers(Side::Allow, &mut table, reading)),
        (false, true) => Members::Users(scope::names("users", &mut table, reading)),
        (true, true) | (false, false) => {
            let hint = "write either callers = [\"arn:...\"] or users = [\"mary\"]";
            reading.error_hint("a group is one of callers or one of users", span, hint);
            Members::Faulty
        }
    };
    for key in ["callers", "users"] {
        let _ = table.value(key);
    }
    table.finish(reading);
    let empty = match &members {
        Members::Callers(callers) => callers.is_empty(),
        Members::Users(users) => users.is_empty(),
        Members::Faulty => true,
    };
    // An empty list is a fault already: nothing is empty here but what is faulty.
    if empty { Members::Faulty } else { members }
}
