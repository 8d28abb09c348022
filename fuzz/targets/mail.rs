//! What a mail server answers: a message counts as taken only when the server said so after the content, memory is bounded
//! though the server never stops, and there are four outcomes. The first octet says whether TLS comes at once, and how the replies
//! are cut. One input in 128 is said all over again for ever.
#![no_main]

use connect_guard::fuzzing::mail;
use connect_guard_fuzz::Dice;
use libfuzzer_sys::fuzz_target;

/// Replies of a dialogue, each of at most 16 KiB and what is read ahead.
const MOST: usize = 16 * (16 + 8) * 1024;

fuzz_target!(|octets: &[u8]| {
    let Some((how, script)) = octets.split_first() else { return };
    let (implicit, again) = (how & 1 != 0, Dice::of(octets).below(128) == 0);
    // As much as is taken at most, octet by octet, takes longer than all else.
    let least = if again { 2 } else { 0 };
    let piece = [1, 7, 64, usize::MAX][usize::from(how >> 2) % 4 | least];
    let ended = mail(script, implicit, piece, again).expect("a runtime");
    assert!(ended.taken <= MOST, "{} octets were taken", ended.taken);
    assert_eq!(ended.retry_after, None);
    match ended.told {
        Ok(said) => {
            assert!(said.is_ascii() && !said.contains('@') && said.len() <= 4 + 203, "{said}");
            assert!(said.starts_with('2'), "{said}");
            if !again {
                let codes = codes(script);
                assert!(codes.windows(2).any(|two| *two == [3, 2]), "{codes:?}: {said}");
            }
        }
        Err((why, verdict)) => {
            assert!(!why.contains('@') && !why.contains(char::is_control) && why.len() < 1024, "{why}");
            match verdict {
                "never" | "message" => {
                    let of_mailbox = why.starts_with("the mail server did not accept RCPT TO: ")
                        || why.starts_with("the mail server did not accept the content: ");
                    assert!(of_mailbox, "{why}");
                    let (_, said) = why.split_once(": ").expect("what it said");
                    assert!(
                        said.starts_with(if verdict == "never" { &['5'][..] } else { &['4', '5'] }),
                        "{why}"
                    );
                }
                other => assert_eq!(other, "channel"),
            }
        }
    }
});

/// The first digit of each line that ends a reply.
fn codes(script: &[u8]) -> Vec<u8> {
    // CRLF alone ends a line (RFC 5321, section 2.3.8).
    let ends = |at: &usize| *at == 0 || script[..*at].ends_with(b"\r\n");
    (0..script.len())
        .filter(ends)
        .filter_map(|at| match &script[at..] {
            [first, second, third, rest @ ..]
                if [first, second, third].iter().all(|digit| digit.is_ascii_digit())
                    && rest.first() != Some(&b'-') =>
            {
                Some(first - b'0')
            }
            _ => None,
        })
        .collect()
}
