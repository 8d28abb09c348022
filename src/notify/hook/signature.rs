//! Signatures of the Standard Webhooks specification, version 1.0.0 (github.com/standard-webhooks/standard-webhooks): the
//! content that is signed is `{webhook-id}.{webhook-timestamp}.{body}`, under HMAC-SHA256, in base64, named `v1`.
//!
//! The time is that of the attempt; the id is that of the message, the same on each attempt.

use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// The secret's length in bytes, by the specification.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// The keys that sign, the current one first.
pub(super) struct Keys(Vec<Key>);

impl Keys {
    /// Reads `whsec_...` secrets; none when one of them is none.
    pub(super) fn read(secrets: &[Secret]) -> Option<Self> {
        secrets.iter().map(key).collect::<Option<_>>().map(Self)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of `webhook-signature`: one signature for each key. `seconds` since 1970.
    pub(super) fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let signatures = self.0.iter().map(|key| {
            let mut context = Context::with_key(key);
            context.update(format!("{id}.{seconds}.").as_bytes());
            context.update(body);
            format!("v1,{}", STANDARD.encode(context.sign()))
        });
        signatures.collect::<Vec<_>>().join(" ")
    }
}

/// The value of `webhook-id`: no full stop in it (it parts what is signed), nor anything else that a header cannot hold.
pub(super) fn id(message_id: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
    message_id.chars().take(200).map(plain).collect()
}

fn key(secret: &Secret) -> Option<Key> {
    let text = secret.expose_str()?.trim_end().strip_prefix("whsec_")?;
    let bytes = Zeroizing::new(STANDARD.decode(text).ok()?);
    LENGTHS.contains(&bytes.len()).then(|| Key::new(HMAC_SHA256, &bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the specification's reference libraries.
    #[test]
    fn the_reference_vector_holds() {
        let keys = Keys::read(&[Secret::new(b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_vec())]).unwrap();
        let signed = keys.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn secrets_are_long_enough_and_written_in_one_way() {
        let read = |text: String| Keys::read(&[Secret::new(text.into_bytes())]);
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        assert!(read(of(24)).is_some() && read(of(64)).is_some() && read(of(32) + "\n").is_some());
        for text in [
            of(23),
            of(65),
            of(0),
            String::new(),
            "whsec_!".into(),
            of(32).replace("whsec_", ""),
            of(32) + "A",
        ] {
            assert!(read(text.clone()).is_none(), "{text}");
        }
        assert!(Keys::read(&[]).unwrap().is_empty());
    }

    #[test]
    fn an_id_cannot_part_what_is_signed() {
        assert_eq!(id("address-changed.00ff"), "address-changed_00ff");
        assert_eq!(id("a.1.{\r\n}"), "a_1_____");
    }
}
