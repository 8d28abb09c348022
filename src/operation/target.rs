//! What an operation is about: one key, however it was spelt. A bare id and its ARN are the same target; a replica
//! instance in another Region has the same id and is another target.

use std::fmt;

use crate::wire::RequestTarget;

/// An instance id: a UUID-like text of 1 to 100 characters of `[A-Za-z0-9-]`, compared exactly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(String);

/// A user id: 1 to 256 characters of `[A-Za-z0-9-]`, compared exactly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(String);

/// Where an instance lives: one `[[upstream]]` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its name in the configuration.
    pub name: String,
    /// `aws`, `aws-cn`, `aws-us-gov` ...
    pub partition: String,
    /// Twelve digits.
    pub account: String,
    /// The Region.
    pub region: String,
    /// The instances reached through it.
    pub instances: Vec<InstanceId>,
}

/// All sites. The signature's Region and the instance select exactly one.
#[derive(Debug, Clone, Default)]
pub struct Sites(Vec<Site>);

/// Of what in an instance an operation is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The instance, or something in it that the guard does not know by type: the labels' values, behind the operation's name
    /// where that is a guarded one.
    Other(Vec<String>),
    /// An existing user.
    User(UserId),
    /// A user to be created under this Username.
    Username(String),
    /// A security profile.
    SecurityProfile(String),
    /// The resource of this ARN, tagged or untagged; not a user or a security profile of the instance.
    Resource(String),
}

/// The target key: partition / account / Region / instance / subject.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The site's name.
    pub site: String,
    /// The partition.
    pub partition: String,
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
    /// The instance; none for the operations that have none.
    pub instance: Option<InstanceId>,
    /// Of what.
    pub subject: Subject,
}

impl InstanceId {
    /// Reads a bare id.
    pub fn read(text: &str) -> Option<Self> {
        is_id(text, 100).then(|| Self(text.to_owned()))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl UserId {
    /// Reads a bare id.
    pub fn read(text: &str) -> Option<Self> {
        is_id(text, 256).then(|| Self(text.to_owned()))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Sites {
    /// All sites; a Region and instance may be in one of them only (checked by the configuration).
    pub fn new(sites: Vec<Site>) -> Self {
        Self(sites)
    }

    /// The sites.
    pub fn iter(&self) -> std::slice::Iter<'_, Site> {
        self.0.iter()
    }

    /// The one site that has this instance in this Region.
    pub fn of_instance(&self, region: &str, instance: &InstanceId) -> Option<&Site> {
        self.0.iter().find(|site| site.region == region && site.instances.contains(instance))
    }

    /// The one site of a Region, for operations without an instance; none when there are several.
    pub fn of_region(&self, region: &str) -> Option<&Site> {
        let mut found = self.0.iter().filter(|site| site.region == region);
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }
}

impl<'a> IntoIterator for &'a Sites {
    type Item = &'a Site;
    type IntoIter = std::slice::Iter<'a, Site>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Target {
    /// The user this is about, when it is about an existing one.
    pub fn user(&self) -> Option<&UserId> {
        match &self.subject {
            Subject::User(user) => Some(user),
            Subject::Other(_) | Subject::Username(_) | Subject::SecurityProfile(_) | Subject::Resource(_) => {
                None
            }
        }
    }
}

/// `partition/account/region/instance/kind:subject`: the key under which the ledger knows it. Injective: every text is
/// percent-encoded, and the instance is empty where there is none.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.partition, &self.account, &self.region] {
            write!(f, "{}/", RequestTarget::encode(part))?;
        }
        let instance = self.instance.as_ref().map_or("", InstanceId::as_str);
        write!(f, "{instance}/{}:", self.subject.kind())?;
        match &self.subject {
            Subject::Other(labels) => {
                for (at, label) in labels.iter().enumerate() {
                    let before = if at == 0 { "" } else { "/" };
                    write!(f, "{before}{}", RequestTarget::encode(label))?;
                }
                Ok(())
            }
            Subject::User(user) => f.write_str(user.as_str()),
            Subject::Username(text) | Subject::SecurityProfile(text) | Subject::Resource(text) => {
                f.write_str(&RequestTarget::encode(text))
            }
        }
    }
}

impl Subject {
    fn kind(&self) -> &'static str {
        match self {
            Self::Other(_) => "other",
            Self::User(_) => "user",
            Self::Username(_) => "username",
            Self::SecurityProfile(_) => "security-profile",
            Self::Resource(_) => "resource",
        }
    }
}

fn is_id(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(name: &str, region: &str, instances: &[&str]) -> Site {
        Site {
            name: name.into(),
            partition: "aws".into(),
            account: "111122223333".into(),
            region: region.into(),
            instances: instances.iter().map(|id| InstanceId::read(id).unwrap()).collect(),
        }
    }

    fn target(instance: Option<&str>, subject: Subject) -> String {
        Target {
            site: "main".into(),
            partition: "aws".into(),
            account: "111122223333".into(),
            region: "us-east-1".into(),
            instance: instance.and_then(InstanceId::read),
            subject,
        }
        .to_string()
    }

    #[test]
    fn d9_d10_an_id_is_letters_digits_and_hyphens() {
        assert!(InstanceId::read("a1b2c3d4-5678-90ab-cdef-EXAMPLE11111").is_some());
        assert!(InstanceId::read(&"a".repeat(100)).is_some());
        assert!(InstanceId::read(&"a".repeat(101)).is_none());
        assert!(UserId::read(&"a".repeat(256)).is_some());
        assert!(UserId::read(&"a".repeat(257)).is_none());
        for text in
            ["", "*", ".", "..", "mary@example.com", "a b", "a/b", "a_b", "a%20", "ä", "a\n", "arn:aws"]
        {
            assert!(InstanceId::read(text).is_none(), "{text}");
            assert!(UserId::read(text).is_none(), "{text}");
        }
        assert_ne!(UserId::read("abc"), UserId::read("ABC"));
    }

    #[test]
    fn one_region_and_instance_is_one_site() {
        let sites = Sites::new(vec![
            site("one", "us-east-1", &["i-1", "i-2"]),
            site("two", "us-east-1", &["i-3"]),
            site("replica", "us-west-2", &["i-1"]),
        ]);
        let of = |region, id| {
            sites.of_instance(region, &InstanceId::read(id).unwrap()).map(|site| site.name.as_str())
        };
        assert_eq!(of("us-east-1", "i-1"), Some("one"));
        assert_eq!(of("us-west-2", "i-1"), Some("replica"));
        assert_eq!(of("us-west-2", "i-2"), None);
        assert_eq!(of("eu-central-1", "i-1"), None);
        assert_eq!(sites.of_region("us-west-2").map(|site| site.name.as_str()), Some("replica"));
        assert_eq!(sites.of_region("us-east-1"), None);
        assert_eq!(sites.iter().count(), 3);
    }

    #[test]
    fn keys_are_injective() {
        let keys = [
            target(None, Subject::Other(vec![])),
            target(Some("i"), Subject::Other(vec![])),
            target(Some("i"), Subject::Other(vec!["a".into(), "b".into()])),
            target(Some("i"), Subject::Other(vec!["a/b".into()])),
            target(Some("i"), Subject::Other(vec!["a%2Fb".into()])),
            target(Some("i"), Subject::User(UserId::read("a").unwrap())),
            target(Some("i"), Subject::Username("a".into())),
            target(Some("i"), Subject::SecurityProfile("a".into())),
            target(Some("i"), Subject::Resource("a".into())),
            target(None, Subject::Resource("a".into())),
        ];
        let unique: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(unique.len(), keys.len());
        assert_eq!(keys[5], "aws/111122223333/us-east-1/i/user:a");
        assert_eq!(keys[0], "aws/111122223333/us-east-1//other:");
    }
}
