//! Session tokens: nothing that was not issued opens, and nothing that was issued and then changed, be it by one bit. The first
//! octet says what is made of the others: a text, the inside of a token, or places of a good one that are changed.
#![no_main]

use std::{collections::BTreeMap, sync::LazyLock};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use connect_guard::{
    caller::{Arn, Principal, Session, SessionKeys, TokenFault, Voucher},
    fuzzing::{Now, Secret},
};
use libfuzzer_sys::fuzz_target;

struct Issued {
    keys: SessionKeys,
    token: String,
    now: Now,
}

static ISSUED: LazyLock<Issued> = LazyLock::new(|| {
    let secret = |fill: u8| Secret::new(vec![fill; 32]);
    let keys = vec![("2026-11".to_owned(), secret(1)), ("2026-10".to_owned(), secret(2))];
    let Ok(keys) = SessionKeys::new(keys) else { panic!("keys") };
    let at = |second| Now::from(jiff::Timestamp::from_second(second).expect("a time"));
    let session = Session {
        id: "GSAAAAAAAAAAAAAAAAA2".to_owned(),
        principal: Principal {
            arn: Arn::read("arn:aws:sts::111122223333:assumed-role/IdentityDesk/mary").expect("an ARN"),
            unique_id: Some("AROAEXAMPLEID".to_owned()),
        },
        voucher: Voucher::Sts,
        issued: at(1_800_000_000),
        expires: at(1_800_000_900),
        claims: BTreeMap::new(),
        label: None,
    };
    let Ok(issued) = keys.issue(&session) else { panic!("a session") };
    Issued { keys, token: issued.token, now: at(1_800_000_001) }
});

fuzz_target!(|octets: &[u8]| {
    let Issued { keys, token, now } = &*ISSUED;
    let Some((kind, octets)) = octets.split_first() else {
        assert!(keys.open(token, *now).is_ok());
        return;
    };
    let changed = match kind % 5 {
        0 => String::from_utf8_lossy(octets).into_owned(),
        1 => URL_SAFE_NO_PAD.encode(octets),
        2 => {
            let id = if octets.len() % 2 == 0 { "2026-11" } else { "2026-10" };
            URL_SAFE_NO_PAD.encode([&[1, 7], id.as_bytes(), octets].concat())
        }
        3 => {
            let mut whole = URL_SAFE_NO_PAD.decode(token).expect("base64");
            for three in octets.chunks_exact(3) {
                let at = usize::from(u16::from_be_bytes([three[0], three[1]])) % whole.len();
                whole[at] ^= three[2];
            }
            URL_SAFE_NO_PAD.encode(whole)
        }
        _ => {
            let mut text: Vec<char> = token.chars().collect();
            for three in octets.chunks_exact(3) {
                let at = usize::from(three[0]) % (text.len() + 1);
                match three[1] % 4 {
                    0 => text.insert(at, char::from(three[2])),
                    1 if at < text.len() => drop(text.remove(at)),
                    2 => text.truncate(at),
                    _ => text.iter_mut().skip(at).take(1).for_each(|one| *one = char::from(three[2])),
                }
            }
            text.into_iter().collect()
        }
    };
    let opened = keys.open(&changed, *now);
    if changed == *token {
        assert!(opened.is_ok());
    } else {
        assert!(opened == Err(TokenFault::Forged), "{changed}");
        assert!(keys.open_sealed("nonce", &changed).is_err());
    }
    assert!(keys.open_sealed("nonce", token).is_err());
});
