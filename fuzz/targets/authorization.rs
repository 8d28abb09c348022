//! The `Authorization` field: what is accepted has one meaning, which is printed and read again, in whatever order.
#![no_main]

use connect_guard::fuzzing::Claimed;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let Ok(value) = std::str::from_utf8(octets) else { return };
    let Ok(claimed) = Claimed::read(value) else { return };
    let Claimed { access_key_id, date, region, service, signed_headers, signature } = &claimed;
    let hex: String = signature.iter().map(|octet| format!("{octet:02x}")).collect();
    let parts = [
        format!("Credential={access_key_id}/{date}/{region}/{service}/aws4_request"),
        format!("SignedHeaders={}", signed_headers.join(";")),
        format!("Signature={hex}"),
    ];

    // Nothing was left out of what was said, and nothing added.
    let said = value.strip_prefix("AWS4-HMAC-SHA256 ").expect("the one algorithm");
    let mut said: Vec<&str> = said.split(',').map(|part| part.strip_prefix(' ').unwrap_or(part)).collect();
    let mut printed: Vec<&str> = parts.iter().map(String::as_str).collect();
    said.sort_unstable();
    printed.sort_unstable();
    assert_eq!(said, printed);

    assert!((1..=128).contains(&access_key_id.len()) && date.len() == 8);
    assert!(!region.is_empty() && !service.is_empty() && !signed_headers.is_empty());
    assert!(signed_headers.windows(2).all(|two| two[0] < two[1]));
    assert!(signed_headers.iter().all(|name| *name == name.to_ascii_lowercase()));

    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        for comma in [", ", ","] {
            let text = order.map(|place: usize| parts[place].as_str()).join(comma);
            let text = format!("AWS4-HMAC-SHA256 {text}");
            let Ok(again) = Claimed::read(&text) else { panic!("{text}") };
            assert_eq!(
                (again.access_key_id, again.date, again.region, again.service),
                (*access_key_id, *date, *region, *service)
            );
            assert_eq!((&again.signed_headers, &again.signature), (signed_headers, signature));
        }
    }
});
