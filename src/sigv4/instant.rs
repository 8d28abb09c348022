//! The `x-amz-date` header: sixteen characters, one spelling for each second.

use jiff::{Timestamp, civil::DateTime, tz::Offset};

/// The instant of an `x-amz-date` value, `YYYYMMDD'T'HHMMSS'Z'` (ISO 8601 basic format, UTC, whole seconds). None when
/// it is anything else: another spelling, a day that no calendar has, a leap second, white space.
pub fn instant(x_amz_date: &str) -> Option<Timestamp> {
    let is_of_form = x_amz_date.len() == 16 && x_amz_date.get(8..9) == Some("T") && x_amz_date.ends_with('Z');
    let number = |from: usize, to: usize| {
        let digits =
            x_amz_date.get(from..to).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        digits.parse::<i16>().ok()
    };
    let pair = |from: usize| number(from, from + 2).and_then(|number| i8::try_from(number).ok());
    let (year, [month, day, hour, minute, second]) = (number(0, 4)?, [4, 6, 9, 11, 13].map(pair));
    let civil = DateTime::new(year, month?, day?, hour?, minute?, second?, 0).ok().filter(|_| is_of_form)?;
    Offset::UTC.to_timestamp(civil).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORM: &str = "%Y%m%dT%H%M%SZ";

    #[test]
    fn reads_the_strict_form() {
        assert_eq!(instant("20261121T161102Z").unwrap().to_string(), "2026-11-21T16:11:02Z");
        assert_eq!(instant("20240229T000000Z").unwrap().to_string(), "2024-02-29T00:00:00Z");
        assert_eq!(instant("19700101T000000Z").unwrap(), Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn v4_every_other_form_is_refused() {
        for value in [
            "",
            "20261121",
            "20261121T161102",
            "20261121T161102z",
            "20261121t161102Z",
            "20261121 161102Z",
            "2026-11-21T16:11:02Z",
            "20261121T161102+0000",
            "20261121T161102.000Z",
            "20261121T161102Z ",
            " 20261121T161102Z",
            "20261121T 61102Z",
            "2026112 T161102Z",
            "2026 121T161102Z",
            "+2026121T161102Z",
            "-0261121T161102Z",
            "20261321T161102Z",
            "20260230T161102Z",
            "20230229T000000Z",
            "20261121T240000Z",
            "20261121T166002Z",
            "20161231T235960Z",
            "Sat, 21 Nov 2026 16:11:02 GMT",
            "1795277462",
            "２０２６1121T161102Z",
        ] {
            assert_eq!(instant(value), None, "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn each_second_has_one_spelling(seconds in 0i64..=253_370_764_800) {
            let at = Timestamp::from_second(seconds).unwrap();
            let text = at.strftime(FORM).to_string();
            prop_assert_eq!(text.len(), 16);
            prop_assert_eq!(instant(&text), Some(at));
        }

        #[test]
        fn never_panics(value in ".{0,24}") {
            if instant(&value).is_some() {
                prop_assert_eq!(value.len(), 16);
            }
        }
    }
}
