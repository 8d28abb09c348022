//! `expires`, `hours`, `quota` and lengths of time.

use std::ops::Range;

use jiff::{SignedDuration, Timestamp, civil, tz};
use toml::value::Datetime;

use crate::policy::{
    QuotaOf,
    hours::{Hours, time, weekday},
    rule::Quota,
};

use super::table::{Reading, Table, Text};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// No quota is counted over a longer time.
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// `expires = 2027-06-30`: the first instant at which it holds no more, midnight UTC after that day.
pub(super) fn ends(
    key: &'static str,
    table: &mut Table<'_>,
    reading: &mut Reading<'_>,
) -> Option<(Timestamp, Range<usize>)> {
    let (datetime, span) = table.datetime(key, reading)?;
    let ends = match datetime {
        Datetime { date: Some(date), time: None, offset: None } => day(date).and_then(|day| {
            let next = day.tomorrow().ok()?;
            next.to_zoned(tz::TimeZone::UTC).ok().map(|midnight| midnight.timestamp())
        }),
        Datetime { .. } => None,
    };
    if ends.is_none() {
        reading.error_hint(
            format!("`{key}` is a day"),
            span.clone(),
            format!("write a date alone: {key} = 2027-06-30; it holds through that day, UTC"),
        );
    }
    ends.map(|ends| (ends, span))
}

/// An instant: a date and time with an offset.
pub(super) fn instant(
    key: &'static str,
    table: &mut Table<'_>,
    reading: &mut Reading<'_>,
) -> Option<Timestamp> {
    let (datetime, span) = table.datetime(key, reading)?;
    let instant = match datetime {
        Datetime { date: Some(_), time: Some(_), offset: Some(_) } => datetime.to_string().parse().ok(),
        Datetime { .. } => None,
    };
    if instant.is_none() {
        reading.error_hint(
            format!("`{key}` is an instant"),
            span,
            format!("write date, time and offset: {key} = 2027-03-12T10:00:00Z"),
        );
    }
    instant
}

/// `hours = { days = ["mon"], from = "07:00", to = "19:00", zone = "Europe/Berlin" }`
pub(super) fn hours(table: &mut Table<'_>, reading: &mut Reading<'_>) -> Option<Hours> {
    let mut table = table.table("hours", reading)?;
    let hint = "hours have days, from, to and zone";
    for key in ["days", "from", "to", "zone"] {
        table.require(key, hint, reading);
    }
    let days = table.texts("days", reading).map(|days| {
        days.iter()
            .filter_map(|day| {
                let found = weekday(&day.value);
                if found.is_none() {
                    reading.error_hint(
                        format!("`{}` is no day", day.value),
                        day.span.clone(),
                        format!("days are: {}", DAYS.join(", ")),
                    );
                }
                found
            })
            .collect::<Vec<_>>()
    });
    let from = clock("from", &mut table, reading);
    let to = clock("to", &mut table, reading);
    let zone = table.text("zone", reading).and_then(|zone| zone_of(&zone, reading));
    let span = table.span.clone();
    table.finish(reading);
    let (days, from, to, zone) = (days?, from?, to?, zone?);
    if from == to {
        reading.error_hint(
            "`from` and `to` are the same second",
            span,
            "for whole days write from = \"00:00\", to = \"24:00\"",
        );
        return None;
    }
    Some(Hours { days, from, to, zone })
}

/// `quota = { changes = 1, per = "1h", of = "user" }`
pub(super) fn quota(table: &mut Table<'_>, reading: &mut Reading<'_>) -> Option<Quota> {
    let mut table = table.table("quota", reading)?;
    for key in ["changes", "per", "of"] {
        table.require(key, "a quota has changes, per and of", reading);
    }
    let changes = table.number("changes", reading);
    let per = table.text("per", reading).and_then(|per| duration("per", &per, reading));
    let of = table.text("of", reading).and_then(|of| {
        let found = match of.value.as_str() {
            "user" => Some(QuotaOf::User),
            "caller" => Some(QuotaOf::Caller),
            "instance" => Some(QuotaOf::Instance),
            _ => None,
        };
        if found.is_none() {
            reading.error_hint(
                format!("a quota is not counted by `{}`", of.value),
                of.span,
                "it is counted of: user, caller, instance",
            );
        }
        found
    });
    table.finish(reading);
    Some(Quota { changes: changes?, per: per?, of: of? })
}

/// `30m`, `24h`, `7d`: from one minute to 366 days.
pub(super) fn duration(key: &str, text: &Text, reading: &mut Reading<'_>) -> Option<SignedDuration> {
    let found = || {
        let unit = text.value.chars().next_back()?;
        let seconds = match unit {
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        let count: u32 = text.value.strip_suffix(unit)?.parse().ok()?;
        let length = SignedDuration::from_secs(i64::from(count).checked_mul(seconds)?);
        let plain = text.value.starts_with(|first: char| first.is_ascii_digit());
        (plain && count > 0 && length <= LONGEST).then_some(length)
    };
    let found = found();
    if found.is_none() {
        reading.error_hint(
            format!("`{key}` is no length of time"),
            text.span.clone(),
            "write 30m, 24h or 7d; at most 366d",
        );
    }
    found
}

fn clock(key: &'static str, table: &mut Table<'_>, reading: &mut Reading<'_>) -> Option<civil::Time> {
    let text = table.text(key, reading)?;
    let found = time(&text.value);
    if found.is_none() {
        reading.error_hint(
            format!("`{}` is no time of day", text.value),
            text.span,
            "write HH:MM, from 00:00 to 24:00",
        );
    }
    found
}

/// A zone of the bundled database: what a policy means must not depend on the machine that reads it.
fn zone_of(text: &Text, reading: &mut Reading<'_>) -> Option<tz::TimeZone> {
    let found = tz::TimeZoneDatabase::bundled().get(&text.value).ok();
    if found.is_none() {
        reading.error_hint(
            format!("`{}` is no time zone", text.value),
            text.span.clone(),
            "write a name of the IANA database, such as Europe/Berlin or UTC",
        );
    }
    found
}

fn day(date: toml::value::Date) -> Option<civil::Date> {
    civil::Date::new(
        i16::try_from(date.year).ok()?,
        i8::try_from(date.month).ok()?,
        i8::try_from(date.day).ok()?,
    )
    .ok()
}
