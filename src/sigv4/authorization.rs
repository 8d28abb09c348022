//! The `Authorization` header: one algorithm, three parts, each once.
//!
//! Reading is by shape alone: nothing here knows a key, a clock or a configured Region. Only the header form is read;
//! a signature in the query is no signature here.

use std::{error::Error, fmt};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";

/// The longest access key id that AWS documents (IAM API, `AccessKey`).
const KEY_ID_MAX: usize = 128;
/// No Region or service name comes near this.
const SCOPE_NAME_MAX: usize = 64;

/// What a client says it signed, and with which key. Nothing of it is proven. Has no `Debug`: a received signature is
/// not logged.
#[derive(Clone)]
pub struct Claimed<'a> {
    /// The access key id: 1 to 128 characters of `[A-Za-z0-9_-]`.
    pub access_key_id: &'a str,
    /// The scope's day, `YYYYMMDD`: eight digits, not necessarily a day of the calendar.
    pub date: &'a str,
    /// The scope's Region: 1 to 64 characters of `[a-z0-9-]`.
    pub region: &'a str,
    /// The scope's service: 1 to 64 characters of `[a-z0-9-]`.
    pub service: &'a str,
    /// The signed header names: lower case, sorted, unique, at least one.
    pub signed_headers: Vec<&'a str>,
    /// The signature, thirty-two bytes.
    pub signature: [u8; 32],
}

/// Why an `Authorization` value is not one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorizationFault {
    /// Another algorithm: Signature Version 2 or 4A, Bearer, lower case ...
    Algorithm,
    /// A part is missing, doubled, empty, unknown or misshapen.
    Form(&'static str),
}

impl<'a> Claimed<'a> {
    /// Reads an `Authorization` value. Parts may come in any order, with or without one space after the comma; a
    /// doubled, extra, empty or misshapen part is a fault; the terminator must be `aws4_request`.
    ///
    /// # Errors
    /// [`AuthorizationFault::Algorithm`] for every other algorithm, without looking further; otherwise the first fault
    /// of form.
    pub fn read(value: &'a str) -> Result<Self, AuthorizationFault> {
        let (algorithm, parts) = value.split_once(' ').unwrap_or((value, ""));
        if algorithm != ALGORITHM {
            return Err(AuthorizationFault::Algorithm);
        }
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for (place, part) in parts.split(',').enumerate() {
            let part = if place == 0 { part } else { part.strip_prefix(' ').unwrap_or(part) };
            let Some((name, value)) = part.split_once('=') else {
                return Err(AuthorizationFault::Form("a part is not of the form name=value"));
            };
            let slot = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return Err(AuthorizationFault::Form("a part has an unknown name")),
            };
            if slot.replace(value).is_some() {
                return Err(AuthorizationFault::Form("a part is there twice"));
            }
        }
        let credential = credential.ok_or(AuthorizationFault::Form("there is no Credential"))?;
        let signed_headers = signed_headers.ok_or(AuthorizationFault::Form("there is no SignedHeaders"))?;
        let signature = signature.ok_or(AuthorizationFault::Form("there is no Signature"))?;

        let [access_key_id, date, region, service] = read_credential(credential)?;
        Ok(Self {
            access_key_id,
            date,
            region,
            service,
            signed_headers: read_signed_headers(signed_headers)?,
            signature: read_signature(signature)?,
        })
    }
}

impl fmt::Display for AuthorizationFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Algorithm => f.write_str("the authorization algorithm is not AWS4-HMAC-SHA256"),
            Self::Form(what) => write!(f, "the authorization header is misshapen: {what}"),
        }
    }
}

impl Error for AuthorizationFault {}

/// Key id, day, Region and service.
fn read_credential(text: &str) -> Result<[&str; 4], AuthorizationFault> {
    let mut pieces = text.split('/');
    let (Some(key_id), Some(date), Some(region), Some(service), Some(terminator), None) =
        (pieces.next(), pieces.next(), pieces.next(), pieces.next(), pieces.next(), pieces.next())
    else {
        return Err(AuthorizationFault::Form("the Credential has not five pieces"));
    };
    let is_key_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !consists_of(key_id, KEY_ID_MAX, is_key_id) {
        return Err(AuthorizationFault::Form("the access key id is not one"));
    }
    if date.len() != 8 || !consists_of(date, 8, |byte| byte.is_ascii_digit()) {
        return Err(AuthorizationFault::Form("the scope's date is not eight digits"));
    }
    let is_scope_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !consists_of(region, SCOPE_NAME_MAX, is_scope_name) {
        return Err(AuthorizationFault::Form("the scope's region is not a name"));
    }
    if !consists_of(service, SCOPE_NAME_MAX, is_scope_name) {
        return Err(AuthorizationFault::Form("the scope's service is not a name"));
    }
    if terminator != TERMINATOR {
        return Err(AuthorizationFault::Form("the scope does not end in aws4_request"));
    }
    Ok([key_id, date, region, service])
}

/// Names in strictly ascending order: every AWS client sorts them, and the order is itself signed.
fn read_signed_headers(text: &str) -> Result<Vec<&str>, AuthorizationFault> {
    let names: Vec<&str> = text.split(';').collect();
    if !names.iter().all(|name| consists_of(name, usize::MAX, is_lower_token)) {
        return Err(AuthorizationFault::Form("a signed header is not a lower-case name"));
    }
    if !names.is_sorted_by(|left, right| left < right) {
        return Err(AuthorizationFault::Form("the signed headers are not sorted, each once"));
    }
    Ok(names)
}

/// Sixty-four lower-case hexadecimal digits, as every AWS client writes them: one spelling, one signature.
fn read_signature(text: &str) -> Result<[u8; 32], AuthorizationFault> {
    const FAULT: AuthorizationFault =
        AuthorizationFault::Form("the Signature is not 64 lower-case hexadecimal digits");
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(FAULT);
    }
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| FAULT)?;
    Ok(bytes)
}

fn consists_of(text: &str, max: usize, is_allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.len() <= max && text.bytes().all(is_allowed)
}

/// A `tchar` of RFC 9110 section 5.6.2, capitals left out.
fn is_lower_token(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CREDENTIAL: &str = "Credential=AKIDEXAMPLE/20261121/us-east-1/connect/aws4_request";
    const HEADERS: &str = "SignedHeaders=content-type;host;x-amz-date";
    const SIGNATURE: &str = "Signature=45fdeca29a2a3b25f1acf1507feff383ad71143a55ada61d80e5ac0348fe873e";

    fn fault(value: &str) -> AuthorizationFault {
        Claimed::read(value).err().unwrap_or_else(|| panic!("`{value}` was read"))
    }

    fn form_fault(value: &str) -> &'static str {
        match fault(value) {
            AuthorizationFault::Form(what) => what,
            AuthorizationFault::Algorithm => panic!("`{value}`: algorithm"),
        }
    }

    #[test]
    fn reads_what_clients_send() {
        let value = format!("{ALGORITHM} {CREDENTIAL}, {HEADERS}, {SIGNATURE}");
        let claimed = Claimed::read(&value).ok().unwrap();
        assert_eq!(claimed.access_key_id, "AKIDEXAMPLE");
        assert_eq!(claimed.date, "20261121");
        assert_eq!(claimed.region, "us-east-1");
        assert_eq!(claimed.service, "connect");
        assert_eq!(claimed.signed_headers, ["content-type", "host", "x-amz-date"]);
        assert_eq!(claimed.signature[0], 0x45);
        assert_eq!(claimed.signature[31], 0x3e);
    }

    #[test]
    fn s9_order_and_spacing_of_parts_are_free() {
        let parts = [CREDENTIAL, HEADERS, SIGNATURE];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let [first, second, third] = order.map(|place: usize| parts[place]);
            for comma in [",", ", "] {
                let value = format!("{ALGORITHM} {first}{comma}{second}{comma}{third}");
                let claimed = Claimed::read(&value).ok().unwrap();
                assert_eq!(claimed.service, "connect", "{value}");
                assert_eq!(claimed.signed_headers.len(), 3, "{value}");
            }
        }
    }

    #[test]
    fn s9_doubled_extra_missing_and_empty_parts_are_refused() {
        let whole = format!("{ALGORITHM} {CREDENTIAL}, {HEADERS}, {SIGNATURE}");
        for part in [CREDENTIAL, HEADERS, SIGNATURE] {
            assert_eq!(form_fault(&format!("{whole}, {part}")), "a part is there twice");
            let name = part.split_once('=').unwrap().0;
            assert_eq!(form_fault(&format!("{whole}, {name}=")), "a part is there twice");
            let other = format!("{}=x", name.to_lowercase());
            assert_eq!(form_fault(&format!("{whole}, {other}")), "a part has an unknown name");
        }
        assert_eq!(form_fault(&format!("{whole}, Extra=1")), "a part has an unknown name");
        for loose in [",", ", ", " ,", ",,", ", x"] {
            assert!(Claimed::read(&format!("{whole}{loose}")).is_err(), "{loose:?}");
        }
        assert_eq!(form_fault(&format!("{ALGORITHM} {HEADERS}, {SIGNATURE}")), "there is no Credential");
        assert_eq!(
            form_fault(&format!("{ALGORITHM} {CREDENTIAL}, {SIGNATURE}")),
            "there is no SignedHeaders"
        );
        assert_eq!(form_fault(&format!("{ALGORITHM} {CREDENTIAL}, {HEADERS}")), "there is no Signature");
        for empty in ["Credential=", "SignedHeaders=", "Signature="] {
            let parts = [CREDENTIAL, HEADERS, SIGNATURE]
                .map(|part| if part.starts_with(empty) { empty } else { part });
            assert!(Claimed::read(&format!("{ALGORITHM} {}", parts.join(", "))).is_err(), "{empty}");
        }
    }

    #[test]
    fn s9_stray_spaces_are_refused() {
        for value in [
            format!("{ALGORITHM}  {CREDENTIAL}, {HEADERS}, {SIGNATURE}"),
            format!(" {ALGORITHM} {CREDENTIAL}, {HEADERS}, {SIGNATURE}"),
            format!("{ALGORITHM} {CREDENTIAL},  {HEADERS}, {SIGNATURE}"),
            format!("{ALGORITHM} {CREDENTIAL} , {HEADERS}, {SIGNATURE}"),
            format!("{ALGORITHM} {CREDENTIAL},\t{HEADERS}, {SIGNATURE}"),
            format!("{ALGORITHM} {CREDENTIAL}, {HEADERS}, {SIGNATURE} "),
            format!("{ALGORITHM}\t{CREDENTIAL}, {HEADERS}, {SIGNATURE}"),
            format!("{ALGORITHM} {CREDENTIAL} {HEADERS} {SIGNATURE}"),
            format!("{ALGORITHM} {CREDENTIAL}; {HEADERS}; {SIGNATURE}"),
        ] {
            assert!(Claimed::read(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn s5_a9_every_other_algorithm_is_refused_alike() {
        let parts = format!("{CREDENTIAL}, {HEADERS}, {SIGNATURE}");
        for algorithm in [
            "aws4-hmac-sha256",
            "AWS4-HMAC-SHA1",
            "AWS4-HMAC-SHA256-PAYLOAD",
            "AWS4-ECDSA-P256-SHA256",
            "AWS4-HMAC-SHA256,",
            "AWS",
            "AWS3-HTTPS",
            "Bearer",
            "Basic",
            "",
        ] {
            assert_eq!(fault(&format!("{algorithm} {parts}")), AuthorizationFault::Algorithm, "{algorithm}");
        }
        assert_eq!(fault("AWS AKIDEXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg="), AuthorizationFault::Algorithm);
        assert_eq!(fault(""), AuthorizationFault::Algorithm);
        assert!(matches!(fault(ALGORITHM), AuthorizationFault::Form(_)), "the algorithm alone has no parts");
    }

    #[test]
    fn s9_the_scope_has_one_shape() {
        let with = |credential: &str| {
            form_fault(&format!("{ALGORITHM} Credential={credential}, {HEADERS}, {SIGNATURE}"))
        };
        let long_id = "A".repeat(129);
        for (credential, what) in [
            ("AKIDEXAMPLE/20261121/us-east-1/connect", "the Credential has not five pieces"),
            ("AKIDEXAMPLE/20261121/us-east-1/connect/aws4_request/", "the Credential has not five pieces"),
            ("A/KID/20261121/us-east-1/connect/aws4_request", "the Credential has not five pieces"),
            ("/20261121/us-east-1/connect/aws4_request", "the access key id is not one"),
            ("AKID EXAMPLE/20261121/us-east-1/connect/aws4_request", "the access key id is not one"),
            ("AKIDÉ/20261121/us-east-1/connect/aws4_request", "the access key id is not one"),
            (&format!("{long_id}/20261121/us-east-1/connect/aws4_request"), "the access key id is not one"),
            ("AKIDEXAMPLE/2026112/us-east-1/connect/aws4_request", "the scope's date is not eight digits"),
            ("AKIDEXAMPLE/202611211/us-east-1/connect/aws4_request", "the scope's date is not eight digits"),
            ("AKIDEXAMPLE/2026-1-1/us-east-1/connect/aws4_request", "the scope's date is not eight digits"),
            ("AKIDEXAMPLE/20261121//connect/aws4_request", "the scope's region is not a name"),
            ("AKIDEXAMPLE/20261121/US-EAST-1/connect/aws4_request", "the scope's region is not a name"),
            ("AKIDEXAMPLE/20261121/*/connect/aws4_request", "the scope's region is not a name"),
            ("AKIDEXAMPLE/20261121/us-east-1//aws4_request", "the scope's service is not a name"),
            ("AKIDEXAMPLE/20261121/us-east-1/Connect/aws4_request", "the scope's service is not a name"),
            ("AKIDEXAMPLE/20261121/us-east-1/connect/AWS4_REQUEST", "the scope does not end in aws4_request"),
            (
                "AKIDEXAMPLE/20261121/us-east-1/connect/aws4_requests",
                "the scope does not end in aws4_request",
            ),
            ("AKIDEXAMPLE/20261121/us-east-1/connect/", "the scope does not end in aws4_request"),
        ] {
            assert_eq!(with(credential), what, "{credential}");
        }
        let longest = "A".repeat(128);
        let value = format!(
            "{ALGORITHM} Credential={longest}/20261121/us-east-1/connect/aws4_request, {HEADERS}, {SIGNATURE}"
        );
        assert!(Claimed::read(&value).is_ok());
    }

    #[test]
    fn s9_signed_headers_are_lower_case_sorted_and_unique() {
        let with = |names: &str| {
            Claimed::read(&format!("{ALGORITHM} {CREDENTIAL}, SignedHeaders={names}, {SIGNATURE}")).err()
        };
        assert_eq!(with("host;x-amz-date"), None);
        assert_eq!(with("host"), None);
        for names in
            ["", ";", "host;", ";host", "host;;x-amz-date", "Host", "host:x", "hos t", "höst", "host;x\u{7f}"]
        {
            let fault = AuthorizationFault::Form("a signed header is not a lower-case name");
            assert_eq!(with(names), Some(fault), "{names}");
        }
        for names in ["host;host", "x-amz-date;host", "host;x-amz-date;host"] {
            let fault = AuthorizationFault::Form("the signed headers are not sorted, each once");
            assert_eq!(with(names), Some(fault), "{names}");
        }
    }

    #[test]
    fn s9_the_signature_has_one_spelling() {
        let digits = SIGNATURE.split_once('=').unwrap().1;
        let with = |digits: &str| {
            Claimed::read(&format!("{ALGORITHM} {CREDENTIAL}, {HEADERS}, Signature={digits}")).err()
        };
        assert_eq!(with(digits), None);
        for bad in [
            "",
            digits.strip_prefix("4").unwrap(),
            digits.strip_prefix("45").unwrap(),
            &format!("{digits}0"),
            &format!("{digits}00"),
            &digits.to_uppercase(),
            &digits.replace('4', "g"),
            &digits.replacen('4', "=", 1),
        ] {
            let fault = AuthorizationFault::Form("the Signature is not 64 lower-case hexadecimal digits");
            assert_eq!(with(bad), Some(fault), "{bad}");
        }
    }

    #[test]
    fn faults_name_no_input() {
        let secretish = "s3cr3t";
        for value in [format!("Bearer {secretish}"), format!("{ALGORITHM} Signature={secretish}")] {
            assert!(!fault(&value).to_string().contains(secretish));
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_never_reads_another_algorithm(value in ".{0,200}") {
            if Claimed::read(&value).is_ok() {
                prop_assert!(value.starts_with("AWS4-HMAC-SHA256 "));
            }
        }

        #[test]
        fn any_one_character_changed_is_refused_or_read_differently(place in 0usize..200, put in any::<char>()) {
            let value = format!("{ALGORITHM} {CREDENTIAL}, {HEADERS}, {SIGNATURE}");
            let mut characters: Vec<char> = value.chars().collect();
            let place = place % characters.len();
            prop_assume!(characters[place] != put);
            characters[place] = put;
            let changed: String = characters.into_iter().collect();
            if let Ok(read) = Claimed::read(&changed) {
                let original = Claimed::read(&value).ok().unwrap();
                prop_assert!(
                    read.access_key_id != original.access_key_id
                        || read.date != original.date
                        || read.region != original.region
                        || read.service != original.service
                        || read.signed_headers != original.signed_headers
                        || read.signature != original.signature
                );
            }
        }
    }
}
