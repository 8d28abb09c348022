//! ARNs of Connect's own resources. Every AWS client sends them where an id is expected, and they mean the same.

use super::{InstanceId, Site, UserId};

/// The ARN of a resource of Connect, taken apart: `arn:P:connect:R:A:instance/I/agent/U`.
///
/// Form: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonconnect.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ConnectArn<'a> {
    partition: &'a str,
    region: &'a str,
    account: &'a str,
    resource: &'a str,
}

/// What the ARN names, as far as the guard tells resources apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named<'a> {
    /// A user of this instance.
    User(InstanceId, UserId),
    /// A security profile of this instance.
    SecurityProfile(InstanceId, &'a str),
    /// The instance itself, or something else in it.
    In(InstanceId),
    /// A traffic distribution group. It may belong to another Region, where it was created.
    TrafficDistributionGroup(&'a str),
    /// Something of the account, outside every instance.
    Elsewhere,
}

impl<'a> ConnectArn<'a> {
    /// Reads one. Nothing is trimmed, folded or decoded: letters of another case are another text.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next();
        if next()? != "arn" {
            return None;
        }
        let (partition, service, region, account, resource) = (next()?, next()?, next()?, next()?, next()?);
        let lower = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        let well_formed = service == "connect"
            && lower(partition)
            && lower(region)
            && account.len() == 12
            && account.bytes().all(|b| b.is_ascii_digit())
            && resource.split('/').all(is_plain_part);
        well_formed.then_some(Self { partition, region, account, resource })
    }

    /// What it names; none when it begins as a resource of an instance and does not go on as one.
    pub(super) fn named(&self) -> Option<Named<'a>> {
        let parts: Vec<&'a str> = self.resource.split('/').collect();
        Some(match parts.as_slice() {
            ["instance", instance, "agent", user] => {
                Named::User(InstanceId::read(instance)?, UserId::read(user)?)
            }
            ["instance", instance, "security-profile", profile] => {
                Named::SecurityProfile(InstanceId::read(instance)?, is_id(profile).then_some(profile)?)
            }
            ["instance", instance, ..] => Named::In(InstanceId::read(instance)?),
            ["traffic-distribution-group", group] => {
                Named::TrafficDistributionGroup(is_id(group).then_some(group)?)
            }
            [_, _] => Named::Elsewhere,
            _ => return None,
        })
    }

    /// The instance that it names, and nothing in it.
    pub(super) fn instance(&self) -> Option<InstanceId> {
        InstanceId::read(self.resource.strip_prefix("instance/")?)
    }

    /// The id of a resource of this kind in this instance, and of nothing else.
    pub(super) fn id_of(&self, kind: &str, instance: &InstanceId) -> Option<&'a str> {
        let rest = self.resource.strip_prefix("instance/")?.strip_prefix(instance.as_str())?;
        let id = rest.strip_prefix('/')?.strip_prefix(kind)?.strip_prefix('/')?;
        is_id(id).then_some(id)
    }

    /// Whether a part of it, in any case, is how users or security profiles are named: then it may mean one, whatever
    /// stands around it.
    pub(super) fn may_guard(&self) -> bool {
        self.resource
            .split('/')
            .any(|part| part.eq_ignore_ascii_case("agent") || part.eq_ignore_ascii_case("security-profile"))
    }

    /// Whether it is of this site's partition, account and Region.
    pub(super) fn is_of(&self, site: &Site) -> bool {
        self.is_of_account(site) && self.region == site.region
    }

    /// Whether it is of this site's partition and account, in whatever Region.
    pub(super) fn is_of_account(&self, site: &Site) -> bool {
        self.partition == site.partition && self.account == site.account
    }
}

impl InstanceId {
    /// The instance whose ARN this is: `arn:P:connect:R:A:instance/I`, and nothing after it.
    pub fn of_arn(text: &str) -> Option<Self> {
        ConnectArn::read(text)?.instance()
    }
}

/// Whether a text is a bare id: 1 to 256 characters of `[A-Za-z0-9_-]`.
pub(super) fn is_id(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn is_plain_part(part: &str) -> bool {
    !part.is_empty()
        && !part.bytes().all(|b| b == b'.')
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:$-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = "arn:aws:connect:us-east-1:111122223333:";

    fn named(resource: &str) -> Option<String> {
        let text = format!("{PREFIX}{resource}");
        Some(match ConnectArn::read(&text)?.named()? {
            Named::User(instance, user) => format!("user {} {}", instance.as_str(), user.as_str()),
            Named::SecurityProfile(instance, profile) => format!("profile {} {profile}", instance.as_str()),
            Named::In(instance) => format!("in {}", instance.as_str()),
            Named::TrafficDistributionGroup(group) => format!("group {group}"),
            Named::Elsewhere => "elsewhere".into(),
        })
    }

    #[test]
    fn d8_d10_what_an_arn_names() {
        for (resource, expected) in [
            ("instance/i-1", "in i-1"),
            ("instance/i-1/agent/u-1", "user i-1 u-1"),
            ("instance/i-1/security-profile/s-1", "profile i-1 s-1"),
            ("instance/i-1/queue/q-1", "in i-1"),
            ("instance/i-1/queue/agent/u-1", "in i-1"),
            ("traffic-distribution-group/g-1", "group g-1"),
            ("phone-number/p-1", "elsewhere"),
        ] {
            assert_eq!(named(resource).as_deref(), Some(expected), "{resource}");
        }
    }

    #[test]
    fn d8_d10_what_is_no_arn_of_connect() {
        for resource in [
            "",
            "/",
            "instance",
            "instance/",
            "instance//agent/u",
            "instance/i/agent/u/",
            "instance/i/agent/*",
            "instance/i/agent/..",
            "instance/i.j",
            "instance/i/agent/u u",
            "instance/i/agent/%75",
            "agent",
            "instance/i/agent/mary@example.com",
            "traffic-distribution-group/a.b",
            "phone-number/..",
        ] {
            assert_eq!(named(resource), None, "{resource}");
        }
        for text in [
            "arn:aws:connect:us-east-1:111122223333",
            "arn:aws:iam:us-east-1:111122223333:instance/i",
            "ARN:aws:connect:us-east-1:111122223333:instance/i",
            "arn:AWS:connect:us-east-1:111122223333:instance/i",
            "arn::connect:us-east-1:111122223333:instance/i",
            "arn:aws:connect::111122223333:instance/i",
            "arn:aws:connect:us-east-1::instance/i",
            "arn:aws:connect:us-east-1:11112222333:instance/i",
            "arn:aws:connect:us-east-1:11112222333x:instance/i",
            " arn:aws:connect:us-east-1:111122223333:instance/i",
        ] {
            assert_eq!(ConnectArn::read(text), None, "{text}");
        }
    }

    #[test]
    fn an_id_is_of_its_kind_and_instance() {
        let instance = InstanceId::read("i-1").unwrap();
        let id = |resource: &str, kind| {
            let text = format!("{PREFIX}{resource}");
            ConnectArn::read(&text).unwrap().id_of(kind, &instance).map(str::to_owned)
        };
        assert_eq!(id("instance/i-1/rule/r-1", "rule").as_deref(), Some("r-1"));
        assert_eq!(id("instance/i-1/rule/r-1", "queue"), None);
        assert_eq!(id("instance/i-2/rule/r-1", "rule"), None);
        assert_eq!(id("instance/i-11/rule/r-1", "rule"), None);
        assert_eq!(id("instance/i-1/rule/r-1/x", "rule"), None);
    }

    #[test]
    fn anything_like_a_user_or_a_profile_may_be_one() {
        let guards = |resource: &str| {
            let text = format!("{PREFIX}{resource}");
            ConnectArn::read(&text).unwrap().may_guard()
        };
        assert!(guards("instance/i/agent/u"));
        assert!(guards("instance/i/Agent/u"));
        assert!(guards("instance/i/SECURITY-profile/s"));
        assert!(guards("instance/i/queue/agent/u"));
        assert!(!guards("instance/i/queue/q"));
        assert!(!guards("instance/i/agent-group/g"));
    }
}
