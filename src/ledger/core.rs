//! What every part of the ledger needs: names, keys, the clock, and how things are hashed and written.

use std::{sync::Arc, time::Duration};

use crate::{
    caller::{Attempt, Principal},
    clock::Clock,
    operation::{Address, Change, Field, Identity, Subject, Target},
    secret::{Digest, HashKey, Seal},
    store::{AddressRow, Misfit, NewPerson, Op, Others, Place},
};

use super::{
    person::{DataKey, new_person},
    record::{self, Body, Kind, Stand},
};

/// How long an answer is remembered: skew both ways, and the longest back-off of an SDK.
pub(super) const MEMORY: i64 = 15 * 60 * 1000;

/// The fields that hold addresses.
pub(super) const ADDRESSES: [Field; 2] = [Field::Email, Field::SecondaryEmail];

/// Names, keys and the clock. Never changes.
pub(super) struct Core {
    /// The chain's name: the replica's.
    pub(super) chain: Arc<str>,
    /// This process, by a random name.
    pub(super) owner: String,
    /// Whether other processes share the store.
    pub(super) others: Others,
    pub(super) seal: Seal,
    pub(super) hash: HashKey,
    pub(super) clock: Clock,
    pub(super) lease: i64,
    pub(super) timeout: Duration,
}

impl Core {
    /// Milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        self.clock.now().millis()
    }

    /// The name under which tables know a target.
    pub(super) fn target(&self, target: &Target) -> String {
        self.hash.hash("target", target.to_string().as_bytes()).hex()
    }

    /// That a user has this Username: `CreateUser` is recorded under a target of that.
    pub(super) fn named(&self, user: &Target, username: &str) -> Op {
        let by_name = Target { subject: Subject::Username(username.to_owned()), ..user.clone() };
        Op::Named { person: self.target(user), name: self.target(&by_name) }
    }

    /// The name under which tables know the guard itself: what it says of its own accord is sealed with a key of its own.
    pub(super) fn itself(&self) -> String {
        self.hash.hash("guard", self.chain.as_bytes()).hex()
    }

    /// The name under which tables know the person that a caller is, for refusals without a target.
    pub(super) fn caller(&self, principal: &Principal) -> String {
        self.hash.hash("principal", principal.arn.to_string().as_bytes()).hex()
    }

    /// For what a quota is counted.
    pub(super) fn counted(&self, kind: &str, of: &str) -> String {
        self.hash.hash(&format!("quota of {kind}"), of.as_bytes()).hex()
    }

    /// An address as the tables know it: exactly (the domain in lower case), in lower case, and as a mailbox
    /// ([`Address::mailbox`]; also of what is not a plain address).
    pub(super) fn address(&self, target: &Target, text: &str) -> AddressRow {
        let (exact, mailbox) = match text.rsplit_once('@') {
            Some((local, domain)) => {
                let domain = domain.to_ascii_lowercase();
                let plain = local.split_once('+').map_or(local, |(plain, _)| plain);
                (format!("{local}@{domain}"), format!("{plain}@{domain}"))
            }
            None => (text.to_owned(), text.to_owned()),
        };
        // The mailbox is hashed as the folded form is: rows of before there were mailboxes are found by it.
        let folded =
            |text: &str| self.hash.hash("address, folded", text.to_ascii_lowercase().as_bytes()).hex();
        AddressRow {
            folded: folded(&exact),
            mailbox: folded(&mailbox),
            exact: self.hash.hash("address", exact.as_bytes()).hex(),
            instance: instance(target),
        }
    }

    /// The addresses of an identity, each in its field, as one: an address that moved from one field to another is not
    /// known by itself. Nothing that is an address has this hash.
    pub(super) fn together(&self, target: &Target, identity: &Identity) -> AddressRow {
        let mut text = String::new();
        for field in ADDRESSES {
            let value = identity.value(field).filter(|value| !value.is_empty());
            text.push_str(&value.map_or_else(String::new, |value| self.address(target, value).exact));
            text.push('/');
        }
        let hash = self.hash.hash("addresses together", text.as_bytes()).hex();
        AddressRow { exact: hash.clone(), folded: hash.clone(), mailbox: hash, instance: instance(target) }
    }

    /// The same for an address that was read.
    pub(super) fn plain_address(&self, target: &Target, address: &Address) -> AddressRow {
        self.address(target, &address.to_string())
    }

    /// The name of an attempt, which is that of the whole request, and the marks by which a second arrival is known.
    pub(super) fn attempt(
        &self,
        principal: &Principal,
        change: &Change,
        attempt: &Attempt,
    ) -> (String, Vec<String>) {
        // The target says where; what is sent there says what, so that no other request gets this one's answer. The body as
        // it came besides: a retry has the same octets.
        let built = change.build();
        let mut parts = vec![
            principal.arn.to_string(),
            principal.unique_id.clone().unwrap_or_default(),
            change.route().operation.to_owned(),
            change.target().to_string(),
            attempt.body.hex(),
            built.target,
            Digest::of(&built.body).hex(),
        ];
        for (name, value) in built.headers {
            parts.extend([name.to_owned(), value]);
        }
        // With their lengths: no two lists give one text.
        let text = parts.iter().map(|part| format!("{}:{part}", part.len())).collect::<Vec<_>>().concat();
        let marks = std::iter::once(format!("s:{}", attempt.signature.hex()))
            .chain(attempt.invocation.map(|invocation| format!("i:{}", invocation.hex())));
        (self.hash.hash("attempt", text.as_bytes()).hex(), marks.collect())
    }

    /// The row to be made for a person who has none.
    pub(super) fn new_person(&self, person: String) -> Result<NewPerson, Misfit> {
        new_person(&self.seal, person).map_err(Misfit::seal("data key"))
    }

    /// The data key of the person a step names.
    pub(super) fn data_key(&self, place: &Place) -> Result<DataKey, Misfit> {
        let row = place.person.as_ref().ok_or(Misfit::Missing("data key"))?;
        DataKey::open(&self.seal, row).map_err(Misfit::seal("data key"))
    }

    /// The exact bytes of a record in its place.
    pub(super) fn record(&self, place: &Place, at: i64, kind: Kind, body: Body) -> Result<Vec<u8>, Misfit> {
        let stand = Stand {
            chain: &self.chain,
            seq: place.seq,
            prev: place.prev,
            at: record::instant(at),
            guard: env!("CARGO_PKG_VERSION"),
            owner: &self.owner,
        };
        record::bytes(stand, kind, body)
    }
}

/// Which instance, across partitions, accounts and Regions.
fn instance(target: &Target) -> String {
    let instance = target.instance.as_ref().map_or("", |instance| instance.as_str());
    format!("{}/{}/{}/{instance}", target.partition, target.account, target.region)
}
