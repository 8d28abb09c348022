use proptest::prelude::*;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, DnValue, KeyPair, SanType, date_time_ymd, string::Ia5String,
};

use super::*;

fn made(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = CertificateParams::new(["guard.example.com".to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    change(&mut params);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

fn valid(from: (i32, u8, u8), until: (i32, u8, u8)) -> Vec<u8> {
    made(|params| {
        params.not_before = date_time_ymd(from.0, from.1, from.2);
        params.not_after = date_time_ymd(until.0, until.1, until.2);
    })
}

fn at(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

fn with_uris(uris: &[&str]) -> Option<String> {
    let names = uris.iter().map(|uri| SanType::URI(Ia5String::try_from(*uri).unwrap()));
    peer(&made(|params| params.subject_alt_names.extend(names))).unwrap().spiffe
}

fn subject_of(parts: &[(DnType, DnValue)]) -> String {
    let certificate = made(|params| {
        for (kind, value) in parts {
            params.distinguished_name.push(kind.clone(), value.clone());
        }
    });
    peer(&certificate).unwrap().subject
}

fn utf8(text: &str) -> DnValue {
    DnValue::Utf8String(text.to_owned())
}

#[test]
fn both_forms_of_time_are_read() {
    let short = Validity::of(&valid((1951, 2, 3), (2049, 12, 31))).unwrap();
    assert_eq!(short.not_before, at("1951-02-03T00:00:00Z"));
    assert_eq!(short.not_after, at("2049-12-31T00:00:00Z"));
    let long = Validity::of(&valid((2024, 2, 29), (9999, 12, 31))).unwrap();
    assert_eq!(long.not_before, at("2024-02-29T00:00:00Z"));
    assert_eq!(long.not_after, Timestamp::MAX.as_millisecond());
}

#[test]
fn nothing_cut_short_and_nothing_with_more_is_read() {
    let whole = valid((2024, 1, 1), (2034, 1, 1));
    assert!(peer(&whole).is_some());
    for length in 0..whole.len() {
        assert!(Validity::of(&whole[..length]).is_none());
        assert!(peer(&whole[..length]).is_none());
    }
    assert!(peer(&[whole.as_slice(), &[0]].concat()).is_none());
}

#[test]
fn s16_exactly_one_uri_is_a_spiffe_id_or_there_is_none() {
    let (desk, other) = ("spiffe://example.com/desk", "spiffe://example.com/other");
    assert_eq!(with_uris(&[desk]).as_deref(), Some(desk));
    assert_eq!(with_uris(&[]), None);
    assert_eq!(with_uris(&[desk, other]), None);
    assert_eq!(with_uris(&[desk, desk]), None);
    assert_eq!(with_uris(&[desk, "https://example.com/"]), None);
    assert_eq!(with_uris(&["https://example.com/desk"]), None);
    assert_eq!(with_uris(&["spiffe://example.com"]), None);
    assert_eq!(with_uris(&["spiffe://Example.com/desk"]), None);
}

#[test]
fn s16_names_that_cannot_be_read_are_no_ones() {
    let (desk, mut certificate) = (b"spiffe://example.com/desk", Vec::new());
    certificate.extend(made(|params| {
        let uri = Ia5String::try_from(std::str::from_utf8(desk).unwrap()).unwrap();
        params.subject_alt_names.push(SanType::URI(uri));
    }));
    let place = certificate.windows(desk.len()).position(|window| window == desk).unwrap();
    certificate[place + 9] = 0xff;
    assert_eq!(peer(&certificate), None);
}

#[test]
fn a_subject_is_written_last_part_first() {
    let parts = [
        (DnType::CountryName, DnValue::PrintableString("DE".try_into().unwrap())),
        (DnType::OrganizationName, utf8("Example Corp")),
        (DnType::OrganizationalUnitName, utf8("Identity")),
        (DnType::CommonName, utf8("desk")),
    ];
    assert_eq!(subject_of(&parts), "CN=desk,OU=Identity,O=Example Corp,C=DE");
    assert_eq!(subject_of(&[]), "");
}

#[test]
fn s16_no_value_of_a_subject_reads_as_another_part() {
    for (value, written) in [
        ("desk,O=Example", r"CN=desk\,O=Example"),
        ("desk+O=Example", r"CN=desk\+O=Example"),
        (r"desk\", r"CN=desk\\"),
        (r#""desk";<>"#, r#"CN=\"desk\"\;\<\>"#),
        ("#61", r"CN=\#61"),
        (" desk ", r"CN=\ desk\ "),
        (" ", r"CN=\ "),
        ("a#b c", "CN=a#b c"),
        ("Gr\u{fc}n", r"CN=Gr\C3\BCn"),
        ("a\0b\n", r"CN=a\00b\0A"),
        ("a\u{202e}b", r"CN=a\E2\80\AEb"),
    ] {
        assert_eq!(subject_of(&[(DnType::CommonName, utf8(value))]), written);
    }
}

#[test]
fn what_rfc_4514_has_no_name_or_no_text_for_is_written_as_octets() {
    let serial = DnType::CustomDnType(vec![2, 5, 4, 5]);
    assert_eq!(subject_of(&[(serial, utf8("7"))]), "2.5.4.5=#0c0137");
    let wide = DnValue::BmpString("a".try_into().unwrap());
    assert_eq!(subject_of(&[(DnType::CommonName, wide)]), "CN=#1e020061");
}

#[test]
fn a_fingerprint_is_that_of_the_whole_certificate() {
    let certificate = valid((2024, 1, 1), (2034, 1, 1));
    let peer = peer(&certificate).unwrap();
    assert_eq!(peer.fingerprint, Digest::of(&certificate));
    assert_eq!(peer.not_after, at("2034-01-01T00:00:00Z"));
}

proptest! {
    #[test]
    fn any_octets_are_read_without_a_fault(octets: Vec<u8>, at in any::<prop::sample::Index>(), bits in 1u8..) {
        let _ = (Validity::of(&octets), peer(&octets), next_update(&octets));
        let mut bent = bent();
        let at = at.index(bent.len());
        bent[at] ^= bits;
        let _ = peer(&bent);
    }
}

/// A certificate to be bent.
fn bent() -> Vec<u8> {
    static WHOLE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    WHOLE.get_or_init(|| valid((2024, 1, 1), (2034, 1, 1))).clone()
}
