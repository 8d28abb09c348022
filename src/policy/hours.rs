//! At which hours a rule holds: by the wall clock of a named zone.
//!
//! Both ends are inside, to the second: `to = "19:00"` still holds at 19:00:00 and no longer at 19:00:01. A window whose
//! `from` is after its `to` runs past midnight and belongs to the day on which it began. In the hour that a change to
//! winter time repeats, both passes count; times that a change to summer time skips never come.

use jiff::{
    civil::{Time, Weekday},
    tz::TimeZone,
};

use crate::clock::Now;

/// A daily window on some days of the week.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hours {
    /// The days on which a window begins.
    pub(super) days: Vec<Weekday>,
    /// Its first second.
    pub(super) from: Time,
    /// Its last second.
    pub(super) to: Time,
    /// Whose wall clock.
    pub(super) zone: TimeZone,
}

impl Hours {
    /// Whether they hold now.
    pub(super) fn hold(&self, now: Now) -> bool {
        let local = now.timestamp().to_zoned(self.zone.clone());
        let time = local.time().with().subsec_nanosecond(0).build().unwrap_or(local.time());
        let today = local.weekday();
        if self.from <= self.to {
            self.days.contains(&today) && self.from <= time && time <= self.to
        } else {
            (self.days.contains(&today) && self.from <= time)
                || (self.days.contains(&today.previous()) && time <= self.to)
        }
    }
}

/// `mon` to `sun`.
pub(super) fn weekday(text: &str) -> Option<Weekday> {
    Some(match text {
        "mon" => Weekday::Monday,
        "tue" => Weekday::Tuesday,
        "wed" => Weekday::Wednesday,
        "thu" => Weekday::Thursday,
        "fri" => Weekday::Friday,
        "sat" => Weekday::Saturday,
        "sun" => Weekday::Sunday,
        _ => return None,
    })
}

/// `HH:MM`; `24:00` is the last second of the day.
pub(super) fn time(text: &str) -> Option<Time> {
    if text == "24:00" {
        return Time::new(23, 59, 59, 0).ok();
    }
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !two_digits(hour) || !two_digits(minute) {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, tz};

    use super::*;

    fn hours(days: &[&str], from: &str, to: &str, zone: &str) -> Hours {
        Hours {
            days: days.iter().map(|day| weekday(day).unwrap()).collect(),
            from: time(from).unwrap(),
            to: time(to).unwrap(),
            zone: tz::TimeZoneDatabase::bundled().get(zone).unwrap(),
        }
    }

    fn at(text: &str) -> Now {
        text.parse::<Timestamp>().unwrap().into()
    }

    const WEEK: [&str; 5] = ["mon", "tue", "wed", "thu", "fri"];
    const ALL: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

    #[test]
    fn f8_both_ends_are_inside_in_four_zones() {
        // 2027-03-12 is a Friday.
        for (zone, first, last) in [
            ("UTC", "2027-03-12T07:00:00Z", "2027-03-12T19:00:00Z"),
            ("Europe/Berlin", "2027-03-12T06:00:00Z", "2027-03-12T18:00:00Z"),
            ("America/New_York", "2027-03-12T12:00:00Z", "2027-03-13T00:00:00Z"),
            ("Asia/Kathmandu", "2027-03-12T01:15:00Z", "2027-03-12T13:15:00Z"),
        ] {
            let hours = hours(&WEEK, "07:00", "19:00", zone);
            let second = jiff::SignedDuration::from_secs(1);
            assert!(hours.hold(at(first)), "{zone}");
            assert!(!hours.hold(at(first).plus(-second)), "{zone}");
            assert!(hours.hold(at(last)), "{zone}");
            assert!(hours.hold(at(last).plus(jiff::SignedDuration::from_millis(999))), "{zone}");
            assert!(!hours.hold(at(last).plus(second)), "{zone}");
        }
    }

    #[test]
    fn f8_days_are_those_of_the_zone() {
        let hours = hours(&["mon"], "00:00", "24:00", "Pacific/Auckland");
        // Sunday noon in UTC is Monday morning there.
        assert!(hours.hold(at("2027-03-14T12:00:00Z")));
        assert!(!hours.hold(at("2027-03-15T12:00:00Z")));
    }

    #[test]
    fn f8_past_midnight_belongs_to_the_day_it_began() {
        let hours = hours(&["fri"], "22:00", "06:00", "UTC");
        assert!(!hours.hold(at("2027-03-12T05:00:00Z")), "Friday early: began on Thursday");
        assert!(hours.hold(at("2027-03-12T22:00:00Z")));
        assert!(hours.hold(at("2027-03-13T06:00:00Z")), "Saturday early: began on Friday");
        assert!(!hours.hold(at("2027-03-13T06:00:01Z")));
        assert!(!hours.hold(at("2027-03-13T22:00:00Z")));
    }

    #[test]
    fn f8_summer_time_skips_and_winter_time_repeats() {
        let hours = hours(&ALL, "02:00", "02:59", "Europe/Berlin");
        // 2027-03-28: 02:00 to 03:00 does not exist.
        assert!(!hours.hold(at("2027-03-28T00:59:59Z")), "01:59:59");
        assert!(!hours.hold(at("2027-03-28T01:00:00Z")), "03:00:00");
        // 2027-10-31: 02:30 comes twice.
        assert!(hours.hold(at("2027-10-31T00:30:00Z")));
        assert!(hours.hold(at("2027-10-31T01:30:00Z")));
        assert!(!hours.hold(at("2027-10-31T02:30:00Z")));
    }

    #[test]
    fn f8_times_have_one_form() {
        for text in ["7:00", "07:0", "24:01", "25:00", "07:60", "0700", "07:00:00", "+7:00", ""] {
            assert!(time(text).is_none(), "{text}");
        }
    }
}
