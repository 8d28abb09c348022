//! From when and until when a certificate is valid: the one thing of it that the TLS library reads and does not say.
//!
//! It reads DER as far as the validity (RFC 5280 section 4.1) of a certificate that the TLS library has taken already,
//! and trusts none of its lengths for that.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// The period in which a certificate is valid: milliseconds since 1970, both ends within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) not_before: i64,
    pub(super) not_after: i64,
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `version [0] EXPLICIT`, which version 1 leaves out.
const VERSION: u8 = 0xa0;

impl Validity {
    /// Reads a certificate; none when it is none.
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        let (mut certificate, _) = inside(certificate, SEQUENCE)?;
        let mut to_be_signed = take(&mut certificate, SEQUENCE)?;
        let rest = &mut to_be_signed;
        if rest.first() == Some(&VERSION) {
            take(rest, VERSION)?;
        }
        take(rest, INTEGER)?; // the serial number
        take(rest, SEQUENCE)?; // the algorithm of the signature
        take(rest, SEQUENCE)?; // the issuer
        let mut validity = take(rest, SEQUENCE)?;
        let (not_before, not_after) = (time(&mut validity)?, time(&mut validity)?);
        validity.is_empty().then_some(Self { not_before, not_after })
    }
}

/// The content of the first element, which must be of this kind; moves on behind it.
fn take<'a>(from: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (content, rest) = inside(from, tag)?;
    *from = rest;
    Some(content)
}

/// The content of the first element, which must be of this kind, and what follows it.
fn inside(from: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = from.split_first()?;
    if *found != tag {
        return None;
    }
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match *first {
        short @ 0..=0x7f => (usize::from(short), rest),
        // More than a certificate of 16 MiB there is not.
        long @ 0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (length.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// A `Time`: seconds in UTC, which RFC 5280 section 4.1.2.5 has no choice about.
fn time(from: &mut &[u8]) -> Option<i64> {
    let (digits, century) = match *from.first()? {
        UTC_TIME => (take(from, UTC_TIME)?, None),
        GENERALIZED_TIME => {
            let whole = take(from, GENERALIZED_TIME)?;
            let (century, digits) = whole.split_at_checked(2)?;
            (digits, Some(pair(century)?))
        }
        _ => return None,
    };
    let (digits, zone) = digits.split_at_checked(12)?;
    if zone != b"Z" {
        return None;
    }
    let mut pairs = digits.chunks(2).map(pair);
    let mut next = || pairs.next().flatten();
    let year = next()?;
    // Two digits mean 1950 to 2049.
    let century = century.unwrap_or(if year >= 50 { 19 } else { 20 });
    let [month, day, hour, minute, second] = [next()?, next()?, next()?, next()?, next()?];
    let year = i16::from(century) * 100 + i16::from(year);
    let civil = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    // A date on the last day of 9999, which means "never" (RFC 5280 section 4.1.2.5), is later than a timestamp can be.
    let at = civil.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp());
    Some(at.as_millisecond())
}

fn pair(digits: &[u8]) -> Option<i8> {
    let [tens, ones] = digits else { return None };
    let digit = |octet: u8| octet.is_ascii_digit().then(|| (octet - b'0').cast_signed());
    Some(digit(*tens)? * 10 + digit(*ones)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn made(from: (i32, u8, u8), until: (i32, u8, u8)) -> Vec<u8> {
        let mut params = CertificateParams::new(["guard.example.com".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from.0, from.1, from.2);
        params.not_after = date_time_ymd(until.0, until.1, until.2);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn millis(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn both_forms_of_time_are_read() {
        let short = Validity::of(&made((1951, 2, 3), (2049, 12, 31))).unwrap();
        assert_eq!(short.not_before, millis("1951-02-03T00:00:00Z"));
        assert_eq!(short.not_after, millis("2049-12-31T00:00:00Z"));
        let long = Validity::of(&made((2024, 2, 29), (9999, 12, 31))).unwrap();
        assert_eq!(long.not_before, millis("2024-02-29T00:00:00Z"));
        assert_eq!(long.not_after, Timestamp::MAX.as_millisecond());
    }

    #[test]
    fn times_that_are_none_are_not_read() {
        let read = |octets: &[u8]| {
            let mut from = [&[UTC_TIME, u8::try_from(octets.len()).unwrap()], octets].concat();
            from.push(0);
            time(&mut from.as_slice())
        };
        assert_eq!(read(b"261121210301Z"), Some(millis("2026-11-21T21:03:01Z")));
        for none in [b"261121210301+0000".as_slice(), b"261321210301Z", b"2611212103Z", b"26112121030aZ", b""]
        {
            assert_eq!(read(none), None, "{}", none.escape_ascii());
        }
    }

    #[test]
    fn nothing_cut_short_is_read() {
        let whole = made((2024, 1, 1), (2034, 1, 1));
        for length in 0..whole.len() {
            assert_eq!(Validity::of(&whole[..length]), None);
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_read_without_a_fault(octets: Vec<u8>) {
            let _ = Validity::of(&octets);
        }
    }
}
