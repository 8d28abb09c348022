//! What a receiver of webhooks answers: it took the message only with one status of 2xx in one reading, memory is bounded though
//! it never stops, and there are three outcomes. The first octet says how the answer is cut. One answer in sixteen comes again
//! for ever.
#![no_main]

use std::time::Duration;

use connect_guard::fuzzing::webhook;
use connect_guard_fuzz::Dice;
use libfuzzer_sys::fuzz_target;

/// A head, interim ones, the body as far as it is read, and what is read ahead.
const MOST: usize = 512 * 1024;

fuzz_target!(|octets: &[u8]| {
    let Some((how, script)) = octets.split_first() else { return };
    let again = Dice::of(octets).below(16) == 0;
    let least = if again { 2 } else { 0 };
    let piece = [1, 7, 64, usize::MAX][usize::from(how >> 1) % 4 | least];
    let ended = webhook(script, piece, again).expect("a runtime");
    assert!(ended.taken <= MOST, "{} octets were taken", ended.taken);
    assert!(ended.retry_after.is_none_or(|wait| wait <= Duration::from_secs(3_600)));
    match ended.told {
        Ok(said) => {
            assert!(said.is_ascii() && !said.contains('@') && said.len() <= 4 + 203, "{said}");
            let status = said.get(..3).and_then(|status| status.parse::<u16>().ok());
            assert!(status.is_some_and(|status| (200..300).contains(&status)), "{said}");
            assert!(again || final_status(script) == status, "{said}");
            assert_eq!(ended.retry_after, None);
        }
        Err((why, verdict)) => {
            assert!(!why.contains(char::is_control) && why.len() < 1024, "{why}");
            let status = why.strip_prefix("the webhook was answered ").and_then(|rest| rest.get(..3));
            let meant = match status.map(str::parse::<u16>) {
                Some(Ok(410)) => "never",
                Some(Ok(400 | 413 | 422)) => "message",
                Some(Ok(status)) => {
                    assert!(!(200..300).contains(&status), "{why}");
                    "channel"
                }
                Some(Err(_)) | None => {
                    assert!(
                        why.starts_with("the webhook was not answered: ") || why.contains("within"),
                        "{why}"
                    );
                    "channel"
                }
            };
            assert_eq!(verdict, meant, "{why}");
        }
    }
});

/// The status of the first head that is not an interim one.
fn final_status(mut script: &[u8]) -> Option<u16> {
    loop {
        let mut room = [httparse::EMPTY_HEADER; 128];
        let mut answer = httparse::Response::new(&mut room);
        let Ok(httparse::Status::Complete(length)) = answer.parse(script) else { return None };
        match answer.code {
            Some(100..=199) => script = &script[length..],
            code => return code,
        }
    }
}
