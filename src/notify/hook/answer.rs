//! What a receiver's answer means, by the Standard Webhooks specification ("delivery success and failure").
//!
//! | status | means |
//! |---|---|
//! | 2xx | taken |
//! | 410 | the receiver wants no more: a dead letter, and an alarm on the other channels |
//! | 400, 413, 422 | this message is not taken: it waits, the others go on |
//! | 429, 502, 503, 504 | too much for the receiver: it is left alone for a while |
//! | everything else: 3xx (never followed), 401, 403, 404, 5xx | ours or the receiver's to mend: what is for it waits |
//!
//! `Retry-After` (RFC 9110 section 10.2.3) is honoured on every one that waits, up to an hour.

use std::time::Duration;

use jiff::fmt::rfc2822;

use crate::{clock::Now, notify::unsent::Verdict};

/// The longest `Retry-After` that is honoured.
const LONGEST: Duration = Duration::from_hours(1);

/// What the status of an answer that is not 2xx means for the message.
pub(in crate::notify) fn verdict(status: u16) -> Verdict {
    match status {
        410 => Verdict::Never,
        400 | 413 | 422 => Verdict::Message,
        _ => Verdict::Channel,
    }
}

/// How long the receiver asks to be left alone: seconds, or a date.
pub(super) fn retry_after(headers: &[(String, String)], now: Now) -> Option<Duration> {
    let (_, value) = headers.iter().find(|(name, _)| name == "retry-after")?;
    let wait = if let Ok(seconds) = value.trim().parse() {
        Duration::from_secs(seconds)
    } else {
        let at = rfc2822::parse(value.trim()).ok()?.timestamp().as_millisecond();
        Duration::from_millis(u64::try_from(at.saturating_sub(now.millis())).ok()?)
    };
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_meaning() {
        for (verdict_is, statuses) in [
            (Verdict::Never, &[410][..]),
            (Verdict::Message, &[400, 413, 422]),
            (
                Verdict::Channel,
                &[301, 302, 307, 308, 401, 403, 404, 405, 408, 418, 429, 500, 502, 503, 504, 599],
            ),
        ] {
            for status in statuses {
                assert_eq!(verdict(*status), verdict_is, "{status}");
            }
        }
    }

    #[test]
    fn retry_after_is_read_and_bounded() {
        let now = Now::from("1994-11-06T08:49:00Z".parse::<jiff::Timestamp>().unwrap());
        let read = |value: &str| retry_after(&[("retry-after".to_owned(), value.to_owned())], now);
        for (value, wait) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("86400", Some(3_600)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sun, 06 Nov 1994 08:48:37 GMT", None),
            ("Sun, 06 Nov 2094 08:49:37 GMT", None),
            ("-1", None),
            ("soon", None),
            ("99999999999999999999999", None),
        ] {
            // The date a hundred years on has another day of the week: no date at all.
            assert_eq!(read(value), wait.map(Duration::from_secs), "{value}");
        }
        assert_eq!(retry_after(&[], now), None);
    }
}
