//! How much is sent at once, and when it is tried again.

use std::time::Duration;

use crate::{ledger::Streamed, secret::random};

/// Octets of a webhook's body, but for one record that is larger.
const BODY: usize = 512 * 1024;
/// Before the first try after a failure at least; twice as long before each one after it.
pub(super) const AGAIN: Duration = Duration::from_millis(250);

/// The lines of as many records as one body may hold, and the last of them where these are not all.
pub(super) fn body(records: &[Streamed]) -> (Vec<u8>, Option<u64>) {
    let (mut lines, mut last) = (Vec::new(), None);
    for record in records {
        if !lines.is_empty() && lines.len() + record.line.len() > BODY {
            return (lines, last);
        }
        lines.extend_from_slice(&record.line);
        lines.push(b'\n');
        last = Some(record.seq);
    }
    (lines, None)
}

/// How long to wait after so many failures: twice as long each time, up to the longest, and of that some part between a half
/// and the whole, so that guards do not come all at once.
pub(super) fn pause(failures: u32, most: Duration) -> Duration {
    let whole = AGAIN.saturating_mul(1 << failures.clamp(1, 16)).min(most);
    // Without randomness they come all at once.
    let part = random::<2>().map_or(u16::MAX, u16::from_le_bytes);
    whole / 2 + whole.mul_f64(f64::from(part) / f64::from(u16::MAX) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Grade;

    const LONGEST: Duration = Duration::from_secs(30);

    #[test]
    fn a_pause_grows_to_its_bound_and_differs() {
        let mut seen = std::collections::BTreeSet::new();
        for failures in 1..40 {
            let pause = pause(failures, LONGEST);
            assert!(pause <= LONGEST && pause >= AGAIN, "{failures}: {pause:?}");
            assert!(failures < 8 || pause >= LONGEST / 2, "{failures}: {pause:?}");
            seen.insert(pause);
        }
        assert!(seen.len() > 20, "{seen:?}");
    }

    #[test]
    fn a_body_is_bounded_and_holds_one_record_at_least() {
        let record = |seq, octets| {
            let line = vec![b'x'; octets];
            Streamed { seq, at: None, kind: None, grade: Grade::Info, line }
        };
        let (lines, cut) = body(&[record(1, 10), record(2, 10)]);
        assert_eq!((lines.len(), cut), (22, None));
        let (lines, cut) = body(&[record(1, 10), record(2, BODY), record(3, 1)]);
        assert_eq!((lines.len(), cut), (11, Some(1)));
        let (lines, cut) = body(&[record(2, BODY + 1), record(3, 1)]);
        assert_eq!((lines.len(), cut), (BODY + 2, Some(2)));
    }
}
