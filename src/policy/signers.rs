//! Who may sign a policy: OpenSSH's `allowed_signers` (ssh-keygen(1), ALLOWED SIGNERS), Ed25519 keys alone.
//!
//! What is not understood is a fault and never passed over: an option that narrows what a key may do would be lost.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::diagnostic::{Fault, Faults, Source};

use super::signature::{ED25519, NAMESPACE, Wire};

/// Who may sign a policy. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signers(Vec<Signer>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Signer {
    /// As the file has it: `security@example.com`.
    name: String,
    key: [u8; 32],
}

/// Why a line names no signer, and what to do about it.
type LineFault = (&'static str, &'static str);

/// A line each: the name, and the key in hexadecimal digits.
impl fmt::Display for Signers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|signer| writeln!(f, "{} {}", signer.name, hex::encode(signer.key)))
    }
}

impl Signers {
    /// Reads an `allowed_signers` file: in each line names, options, `ssh-ed25519`, the key, and a remark.
    ///
    /// # Errors
    /// Every line that is not understood wholly, and a file without any signer.
    pub fn read(source: &Source) -> Result<Self, Faults> {
        let mut faults = Faults::new();
        let mut signers: Vec<Signer> = Vec::new();
        let mut start = 0;
        for raw in source.text.split_inclusive('\n') {
            let line = raw.trim_end_matches(['\r', '\n']);
            let place = source.at(start..start + line.len());
            start += raw.len();
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            match signer(line) {
                Ok(signer) if signers.iter().any(|other| other.key == signer.key) => {
                    faults.push(
                        Fault::error("this key is listed twice", place).hint("keep one line for each key"),
                    );
                }
                Ok(signer) => signers.push(signer),
                Err((message, hint)) => faults.push(Fault::error(message, place).hint(hint)),
            }
        }
        if faults.is_empty() && signers.is_empty() {
            let fault = Fault::error("no signer is listed", source.at(0..0));
            faults.push(fault.hint("write NAME ssh-ed25519 KEY, as in the .pub file of the key"));
        }
        if faults.is_empty() { Ok(Self(signers)) } else { Err(faults) }
    }

    /// The name of the signer who has this key.
    pub(super) fn name_of(&self, key: &[u8; 32]) -> Option<&str> {
        self.0.iter().find(|signer| signer.key == *key).map(|signer| signer.name.as_str())
    }
}

fn signer(line: &str) -> Result<Signer, LineFault> {
    let mut words = line.split_ascii_whitespace();
    let name = words.next().ok_or(FORM)?;
    if name.contains('"') {
        return Err(("the signer's name is in quotes", "write it without quotes"));
    }
    let mut word = words.next().ok_or(FORM)?;
    if let Some(namespaces) = word.strip_prefix("namespaces=") {
        if !namespaces.trim_matches('"').split(',').any(|one| one == NAMESPACE) {
            return Err((
                "the key is for signatures of something else",
                "add connect-guard-policy to its namespaces",
            ));
        }
        word = words.next().ok_or(FORM)?;
    }
    match word {
        ED25519 => {}
        _ if is_key_type(word) => {
            return Err(("the key is not an Ed25519 one", "make one with ssh-keygen -t ed25519"));
        }
        _ => {
            return Err((
                "the line has an option that is not known here",
                "only namespaces=\"...\" is known: to end a key's validity, take its line away",
            ));
        }
    }
    let key = STANDARD.decode(words.next().ok_or(FORM)?).map_err(|_| FORM)?;
    let key = Wire::ed25519(&key).ok_or(FORM)?;
    Ok(Signer { name: name.to_owned(), key })
}

const FORM: LineFault =
    ("the line names no signer", "write NAME ssh-ed25519 KEY, as in the .pub file of the key");

fn is_key_type(word: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-"].iter().any(|begin| word.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of the test vector 1 of RFC 8032, section 7.1.
    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3BSKR";

    fn read(text: &str) -> Result<Signers, String> {
        Signers::read(&Source::new("allowed_signers", text)).map_err(|faults| faults.plain())
    }

    #[test]
    fn lines_name_signers_with_their_keys() {
        let text = format!(
            "# who may sign\n\nsecurity@example.com namespaces=\"git,connect-guard-policy\" ssh-ed25519 {KEY} a remark\n"
        );
        let signers = read(&text).unwrap();
        let key = hex::decode("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        assert!(key.is_ok());
        assert_eq!(signers.0.len(), 1);
        assert_eq!(signers.0[0].name, "security@example.com");
        assert_eq!(signers.name_of(&signers.0[0].key), Some("security@example.com"));
        assert_eq!(signers.name_of(&[0; 32]), None);
    }

    #[test]
    fn what_is_not_understood_is_a_fault() {
        let twice = format!("a ssh-ed25519 {KEY}\nb ssh-ed25519 {KEY}\n");
        for (text, fault) in [
            ("", "no signer is listed"),
            ("# nobody\n", "no signer is listed"),
            ("a@example.com\n", "names no signer"),
            ("a ssh-ed25519 AAAA\n", "names no signer"),
            ("a ssh-ed25519 !!!!\n", "names no signer"),
            ("a ssh-rsa AAAA\n", "not an Ed25519"),
            ("a ecdsa-sha2-nistp256 AAAA\n", "not an Ed25519"),
            (&format!("a cert-authority ssh-ed25519 {KEY}\n"), "option that is not known"),
            (&format!("a valid-before=\"20270101\" ssh-ed25519 {KEY}\n"), "option that is not known"),
            (&format!("a namespaces=\"git\" ssh-ed25519 {KEY}\n"), "something else"),
            (&format!("a namespaces=\"connect*\" ssh-ed25519 {KEY}\n"), "something else"),
            (&format!("\"a b\" ssh-ed25519 {KEY}\n"), "in quotes"),
            (&twice, "listed twice"),
        ] {
            let found = read(text).unwrap_err();
            assert!(found.contains(fault), "{text}: {found}");
        }
    }
}
