//! Conditions of rules in words, for people who audit a policy and do not program.

use std::{collections::BTreeSet, fmt::Write as _};

use jiff::{SignedDuration, Timestamp, civil::Weekday, tz::TimeZone};

use super::{
    QuotaOf,
    binding::{Binding, Piece, Placeholder, Template},
    hours::Hours,
    rule::{Allow, Conditions, Mode, PasswordRule, Quota, Restore, Scope},
};

/// As many names are written out; more are counted.
const MOST: usize = 50;

/// Which users a rule is about.
pub(super) fn of_users(scope: &Scope) -> Vec<String> {
    let mut words = Vec::new();
    if !scope.users.is_empty() {
        words.push(format!("only for the users {}", quoted(&scope.users.written())));
    }
    if !scope.user_ids.is_empty() {
        words.push(format!("only for the user ids {}", quoted(&scope.user_ids.iter().collect())));
    }
    words
}

/// By whom and when, beside the callers.
pub(super) fn of_conditions(conditions: &Conditions) -> Vec<String> {
    let mut words = Vec::new();
    if !conditions.unique_ids.is_empty() {
        words.push(format!("only with the unique id {}", quoted(&conditions.unique_ids)));
    }
    words.extend(conditions.permission_set.iter().map(|set| format!("only by the permission set `{set}`")));
    words.extend(conditions.hours.iter().map(hours));
    words.extend(conditions.ends.map(through));
    words
}

/// To which address.
pub(super) fn of_binding(allow: &Allow) -> Vec<String> {
    let mut words: Vec<String> = allow.binding.iter().map(binding).collect();
    if allow.plus.is_some() {
        words.push("addresses with a `+` too".to_owned());
    }
    words
}

/// Which Usernames may be created.
pub(super) fn of_usernames(allow: &Allow) -> String {
    format!("with the Usernames {}", quoted(&allow.usernames.written()))
}

/// Which security profiles may be given.
pub(super) fn of_grants(allow: &Allow) -> String {
    if allow.grants.is_empty() {
        "without giving a security profile".to_owned()
    } else {
        format!("giving the security profiles {} and no other", quoted(&allow.grants.iter().collect()))
    }
}

/// Which members of a body may be given besides.
pub(super) fn of_members(allow: &Allow) -> String {
    format!("with the members {}", quoted(&allow.members.iter().collect()))
}

/// Which permissions may be put into a security profile.
pub(super) fn of_permissions(allow: &Allow) -> String {
    if allow.permissions.is_empty() {
        "without putting a permission into it".to_owned()
    } else {
        format!("with the permissions {} and no other", quoted(&allow.permissions.iter().collect()))
    }
}

/// Whether a new user may be given a password.
pub(super) fn of_password(allow: &Allow) -> &'static str {
    match allow.password {
        PasswordRule::Refuse => "without a password",
        PasswordRule::Allow => "with a password too",
    }
}

/// Protection, quota, ticket, whose user, and whether it is a monitor.
pub(super) fn of_limits(allow: &Allow) -> Vec<String> {
    let mut words = Vec::new();
    if allow.mode == Mode::Monitor {
        words.push("in monitor mode, where no rule allows it".to_owned());
    }
    words.extend(
        allow.own.as_ref().map(|claim| format!("only for the caller's own user, by the claim `{claim}`")),
    );
    words.extend(allow.ticket.as_ref().map(|ticket| {
        format!("only with a ticket like `{}` in the signed header `{}`", ticket.pattern, ticket.header)
    }));
    if allow.protected.is_some() {
        words.push("protected users too".to_owned());
    }
    words.extend(allow.quota.as_ref().map(|limit| quota(limit, allow.restore)));
    words
}

/// `a`, `b` and 3 more.
pub(super) fn quoted<T: AsRef<str> + Ord>(names: &BTreeSet<T>) -> String {
    let shown: Vec<String> = names.iter().take(MOST).map(|name| format!("`{}`", name.as_ref())).collect();
    counted(shown, names.len())
}

/// Words in a row, and how many more there are.
pub(super) fn counted(shown: Vec<String>, all: usize) -> String {
    let more = all.saturating_sub(shown.len());
    if more > 0 {
        return format!("{} and {more} more", shown.join(", "));
    }
    match shown.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `24h`: in the largest unit that leaves nothing over.
pub(super) fn length(length: SignedDuration) -> String {
    let minutes = length.as_secs() / 60;
    if minutes % 1440 == 0 {
        format!("{}d", minutes / 1440)
    } else if minutes % 60 == 0 {
        format!("{}h", minutes / 60)
    } else {
        format!("{minutes}m")
    }
}

/// The last day on which a rule with this end holds.
pub(super) fn last_day(ends: Timestamp) -> String {
    let last = ends.saturating_sub(SignedDuration::from_secs(1)).unwrap_or(ends);
    last.to_zoned(TimeZone::UTC).date().to_string()
}

/// A binding.
pub(super) fn binding(binding: &Binding) -> String {
    match binding {
        Binding::From(template) => format!("only to the address `{}`", written(template)),
        Binding::Directory(directory) => format!(
            "only to the address that the directory `{}`, at most {} old, has for the user",
            directory.name,
            length(directory.max_age)
        ),
        Binding::AnyIn(domains) => format!("to any address at {}", quoted(domains)),
    }
}

/// A quota.
pub(super) fn quota(quota: &Quota, restore: Restore) -> String {
    let of = match quota.of {
        QuotaOf::User => "user",
        QuotaOf::Caller => "caller",
        QuotaOf::Instance => "instance",
    };
    let changes = if quota.changes == 1 { "change" } else { "changes" };
    let mut words = format!("at most {} {changes} in {} for each {of}", quota.changes, length(quota.per));
    if restore == Restore::Exempt {
        words.push_str(" (a change back to a former address is not counted)");
    }
    words
}

/// Hours.
pub(super) fn hours(hours: &Hours) -> String {
    let mut words = String::from("only on ");
    let week = [
        (Weekday::Monday, "mon"),
        (Weekday::Tuesday, "tue"),
        (Weekday::Wednesday, "wed"),
        (Weekday::Thursday, "thu"),
        (Weekday::Friday, "fri"),
        (Weekday::Saturday, "sat"),
        (Weekday::Sunday, "sun"),
    ];
    let days = week.iter().filter(|(day, _)| hours.days.contains(day)).map(|(_, name)| *name);
    words.push_str(&days.collect::<Vec<_>>().join(", "));
    let clock = |time: jiff::civil::Time| {
        if time.second() == 59 {
            "24:00".to_owned()
        } else {
            format!("{:02}:{:02}", time.hour(), time.minute())
        }
    };
    let zone = hours.zone.iana_name().unwrap_or("UTC");
    let _ = write!(words, " from {} to {} {zone}", clock(hours.from), clock(hours.to));
    words
}

/// Until when.
fn through(ends: Timestamp) -> String {
    format!("through {}", last_day(ends))
}

/// A template as it is written.
fn written(template: &Template) -> String {
    match template {
        Template::Username => "{username}".to_owned(),
        Template::Parts(pieces, domain) => {
            let mut text = String::new();
            for piece in pieces {
                match piece {
                    Piece::Literal(literal) => text.push_str(literal),
                    Piece::Of(Placeholder::Username) => text.push_str("{username}"),
                    Piece::Of(Placeholder::FirstName) => text.push_str("{first_name}"),
                    Piece::Of(Placeholder::LastName) => text.push_str("{last_name}"),
                }
            }
            format!("{text}@{domain}")
        }
    }
}
