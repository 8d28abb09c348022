//! The data key of a person: seals what a record holds of them, and hashes what the record says of their values.
//!
//! The key stands beside the chain, sealed by the guard's own. Deleting that row makes everything under it unreadable,
//! and no hash in the chain can be tried against a guess any more; the chain still verifies, since its hashes are over
//! the sealed bytes.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    secret::{HashKey, Seal, SealError, Sealed, Secret, random},
    store::{Misfit, NewPerson, PersonRow},
};

use super::record::{Inputs, SealedPart};

/// The one key id within a data key's seal.
const KEY_ID: &str = "data";

/// A person's data key, open.
pub(super) struct DataKey {
    token: String,
    seal: Seal,
    hash: HashKey,
}

/// A row for a person that has none yet: a random token and a random key.
pub(super) fn new_person(seal: &Seal, person: String) -> Result<NewPerson, SealError> {
    let token = hex::encode(random::<16>()?);
    let key = seal.seal(&purpose(&token), &random::<32>()?)?;
    Ok(NewPerson { person, row: PersonRow { token, key } })
}

impl DataKey {
    /// Opens a person's row.
    pub(super) fn open(seal: &Seal, row: &PersonRow) -> Result<Self, SealError> {
        let secret = seal.open(&purpose(&row.token), &row.key)?;
        let hash = HashKey::new(&secret);
        // Sealing and hashing never share a key.
        let sealing = Secret::new(hash.hash("data key for sealing", b"").bytes().to_vec());
        Ok(Self { token: row.token.clone(), seal: Seal::new(vec![(KEY_ID.into(), sealing)])?, hash })
    }

    /// A keyed hash that can be checked as long as the row is there.
    pub(super) fn hash(&self, what: &str, value: &str) -> String {
        self.hash.hash(what, value.as_bytes()).hex()
    }

    /// Seals inputs for one place of one chain.
    pub(super) fn seal(&self, chain: &str, seq: u64, inputs: &Inputs) -> Result<SealedPart, Misfit> {
        let plain = serde_json::to_vec(inputs).map_err(Misfit::form("inputs"))?;
        let sealed = self.seal.seal(&place(chain, seq), &plain).map_err(Misfit::seal("inputs"))?;
        Ok(SealedPart { person: self.token.clone(), sealed: STANDARD.encode(sealed.bytes) })
    }

    /// Opens the inputs of one place of one chain; none when they are another person's or do not open.
    pub(super) fn unseal(&self, chain: &str, seq: u64, part: &SealedPart) -> Option<Inputs> {
        if part.person != self.token {
            return None;
        }
        let sealed = Sealed { key_id: KEY_ID.into(), bytes: STANDARD.decode(&part.sealed).ok()? };
        let plain = self.seal.open(&place(chain, seq), &sealed).ok()?;
        serde_json::from_slice(plain.expose()).ok()
    }
}

fn purpose(token: &str) -> String {
    format!("data key of {token}")
}

fn place(chain: &str, seq: u64) -> String {
    format!("inputs of {seq} in {chain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seal: &Seal) -> DataKey {
        let row = new_person(seal, "person".into()).unwrap().row;
        DataKey::open(seal, &row).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_and_with_its_key_only() {
        let seal = Seal::new(vec![("k1".into(), Secret::new(vec![7; 32]))]).unwrap();
        let (one, other) = (key(&seal), key(&seal));
        let inputs = Inputs { words: Some("why".into()), ..Inputs::default() };
        let part = one.seal("gw-1", 7, &inputs).unwrap();
        let words =
            |key: &DataKey, chain, seq, part| key.unseal(chain, seq, part).and_then(|inputs| inputs.words);
        assert_eq!(words(&one, "gw-1", 7, &part).as_deref(), Some("why"));
        assert_eq!(words(&one, "gw-2", 7, &part), None);
        assert_eq!(words(&one, "gw-1", 8, &part), None);
        assert_eq!(words(&other, "gw-1", 7, &part), None);
        let renamed = SealedPart { person: other.token.clone(), sealed: part.sealed.clone() };
        assert_eq!(words(&other, "gw-1", 7, &renamed), None);
    }

    #[test]
    fn hashes_are_of_a_person_a_purpose_and_a_value() {
        let seal = Seal::new(vec![("k1".into(), Secret::new(vec![7; 32]))]).unwrap();
        let (one, other) = (key(&seal), key(&seal));
        let hash = one.hash("recipient", "mary@example.org");
        assert_eq!(hash, one.hash("recipient", "mary@example.org"));
        for different in [
            one.hash("recipient", "mary@example.com"),
            one.hash("attempt", "mary@example.org"),
            other.hash("recipient", "mary@example.org"),
        ] {
            assert_ne!(hash, different);
        }
    }

    #[test]
    fn a_key_in_the_place_of_another_does_not_open() {
        let seal = Seal::new(vec![("k1".into(), Secret::new(vec![7; 32]))]).unwrap();
        let [one, other] = ["one", "other"].map(|person| new_person(&seal, person.into()).unwrap().row);
        let swapped = PersonRow { token: other.token, key: one.key.clone() };
        assert!(DataKey::open(&seal, &one).is_ok());
        assert!(DataKey::open(&seal, &swapped).is_err());
    }
}
