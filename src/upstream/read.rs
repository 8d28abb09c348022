//! The closed list of reads. A request that the guard sends of its own accord is one of these six or none: there is no
//! other way from here to a request, and every one of them is built from typed values.

use bytes::Bytes;

use crate::{
    operation::{Built, InstanceId, UserId},
    wire::{
        RequestTarget,
        json::{Json, Object},
    },
};

/// What is asked for on one page: the most that each list gives.
const PAGE: i64 = 100;

/// A read. `next` is the token of the page before.
#[derive(Clone, Copy)]
pub(super) enum Read<'a> {
    /// `DescribeUser`
    User(&'a InstanceId, &'a UserId),
    /// `SearchUsers`, by exact Username.
    UsersNamed {
        /// Where.
        instance: &'a InstanceId,
        /// The Username.
        username: &'a str,
        /// The page.
        next: Option<&'a str>,
    },
    /// `DescribeInstance`
    Instance(&'a InstanceId),
    /// `DescribeSecurityProfile`
    Profile(&'a InstanceId, &'a str),
    /// `ListSecurityProfilePermissions`
    Permissions {
        /// Where.
        instance: &'a InstanceId,
        /// The security profile's id.
        profile: &'a str,
        /// The page.
        next: Option<&'a str>,
    },
    /// `SearchEmailAddresses`, all of the instance's.
    ChannelAddresses {
        /// Where.
        instance: &'a InstanceId,
        /// The page.
        next: Option<&'a str>,
    },
}

impl<'a> Read<'a> {
    /// The page after the one that gave this token; what has no pages stays what it is.
    pub(super) fn after<'b>(self, next: &'b str) -> Read<'b>
    where
        'a: 'b,
    {
        let next = Some(next);
        match self {
            Self::User(instance, user) => Read::User(instance, user),
            Self::Instance(instance) => Read::Instance(instance),
            Self::Profile(instance, profile) => Read::Profile(instance, profile),
            Self::UsersNamed { instance, username, next: _ } => Read::UsersNamed { instance, username, next },
            Self::Permissions { instance, profile, next: _ } => Read::Permissions { instance, profile, next },
            Self::ChannelAddresses { instance, next: _ } => Read::ChannelAddresses { instance, next },
        }
    }

    /// The operation's name.
    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::User(..) => "DescribeUser",
            Self::UsersNamed { .. } => "SearchUsers",
            Self::Instance(_) => "DescribeInstance",
            Self::Profile(..) => "DescribeSecurityProfile",
            Self::Permissions { .. } => "ListSecurityProfilePermissions",
            Self::ChannelAddresses { .. } => "SearchEmailAddresses",
        }
    }

    /// Whether `ResourceNotFoundException` means that what a request is about does not exist. A security profile that is
    /// not found is a read that failed.
    pub(super) fn is_of_the_target(&self) -> bool {
        match self {
            Self::User(..) | Self::Instance(_) => true,
            Self::UsersNamed { .. }
            | Self::Profile(..)
            | Self::Permissions { .. }
            | Self::ChannelAddresses { .. } => false,
        }
    }

    /// Whether the room for it was reserved with the request that needs it.
    pub(super) fn is_reserved(&self) -> bool {
        match self {
            Self::User(..) => true,
            Self::UsersNamed { .. }
            | Self::Instance(_)
            | Self::Profile(..)
            | Self::Permissions { .. }
            | Self::ChannelAddresses { .. } => false,
        }
    }

    /// The request.
    pub(super) fn build(&self) -> Built {
        match self {
            Self::User(instance, user) => get(&["users", instance.as_str(), user.as_str()]),
            Self::Instance(instance) => get(&["instance", instance.as_str()]),
            Self::Profile(instance, profile) => get(&["security-profiles", instance.as_str(), profile]),
            Self::Permissions { instance, profile, next } => {
                let mut built = get(&["security-profiles-permissions", instance.as_str(), profile]);
                built.target.push_str("?maxResults=");
                built.target.push_str(&PAGE.to_string());
                if let Some(next) = next {
                    built.target.push_str("&nextToken=");
                    built.target.push_str(&RequestTarget::encode(next));
                }
                built
            }
            Self::UsersNamed { instance, username, next } => {
                let mut condition = Object::new();
                condition.set("FieldName", "Username".into());
                condition.set("Value", (*username).into());
                condition.set("ComparisonType", "EXACT".into());
                let mut criteria = Object::new();
                criteria.set("StringCondition", condition.into());
                search("/search-users", instance, *next, Some(criteria))
            }
            Self::ChannelAddresses { instance, next } => {
                search("/search-email-addresses", instance, *next, None)
            }
        }
    }
}

fn get(segments: &[&str]) -> Built {
    let mut target = String::new();
    for segment in segments {
        target.push('/');
        target.push_str(&RequestTarget::encode(segment));
    }
    Built { method: "GET", target, headers: Vec::new(), body: Bytes::new() }
}

fn search(path: &str, instance: &InstanceId, next: Option<&str>, criteria: Option<Object>) -> Built {
    let mut members = Object::new();
    members.set("InstanceId", instance.as_str().into());
    members.set("MaxResults", PAGE.into());
    if let Some(next) = next {
        members.set("NextToken", Json::from(next));
    }
    if let Some(criteria) = criteria {
        members.set("SearchCriteria", criteria.into());
    }
    Built {
        method: "POST",
        target: path.to_owned(),
        headers: vec![("content-type", "application/json".to_owned())],
        body: members.write().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        operation::lookup,
        wire::{Method, RequestTarget},
    };

    fn instance() -> InstanceId {
        InstanceId::read("i-1").unwrap()
    }

    #[test]
    fn each_read_is_the_operation_that_it_says() {
        let (instance, user) = (instance(), UserId::read("u-1").unwrap());
        for (read, expected) in [
            (Read::User(&instance, &user), "GET /users/i-1/u-1"),
            (Read::Instance(&instance), "GET /instance/i-1"),
            (Read::Profile(&instance, "s-1"), "GET /security-profiles/i-1/s-1"),
            (
                Read::Permissions { instance: &instance, profile: "s-1", next: None },
                "GET /security-profiles-permissions/i-1/s-1?maxResults=100",
            ),
            (
                Read::Permissions { instance: &instance, profile: "s-1", next: Some("a+b/c=") },
                "GET /security-profiles-permissions/i-1/s-1?maxResults=100&nextToken=a%2Bb%2Fc%3D",
            ),
            (Read::UsersNamed { instance: &instance, username: "mary", next: None }, "POST /search-users"),
            (Read::ChannelAddresses { instance: &instance, next: None }, "POST /search-email-addresses"),
        ] {
            let built = read.build();
            assert_eq!(format!("{} {}", built.method, built.target), expected);
            let target = RequestTarget::read(&built.target).unwrap();
            let (route, _) = lookup(Method::read(built.method).unwrap(), &target).unwrap();
            assert_eq!(route.operation, read.operation());
            assert_eq!(route.class, crate::operation::Class::Read);
            assert_eq!(route.body, !built.body.is_empty());
            assert!(target.query().iter().all(|pair| route.query.contains(&pair.name.as_str())));
        }
    }

    #[test]
    fn a_username_cannot_become_anything_else() {
        let instance = instance();
        let read = Read::UsersNamed { instance: &instance, username: "a\",\"x\":\"", next: Some("t") };
        let mut body = Json::read_object(&read.build().body).unwrap();
        assert_eq!(body.take_string("InstanceId").unwrap().as_deref(), Some("i-1"));
        assert_eq!(body.take_string("NextToken").unwrap().as_deref(), Some("t"));
        assert!(body.take("MaxResults").is_some());
        let mut criteria = body.take_object("SearchCriteria").unwrap().unwrap();
        let mut condition = criteria.take_object("StringCondition").unwrap().unwrap();
        assert_eq!(condition.take_string("FieldName").unwrap().as_deref(), Some("Username"));
        assert_eq!(condition.take_string("ComparisonType").unwrap().as_deref(), Some("EXACT"));
        assert_eq!(condition.take_string("Value").unwrap().as_deref(), Some("a\",\"x\":\""));
        for rest in [body, criteria, condition] {
            rest.finish().unwrap();
        }
    }

    #[test]
    fn a_profile_cannot_become_another_path() {
        let instance = instance();
        assert_eq!(
            Read::Profile(&instance, "a/../b?c").build().target,
            "/security-profiles/i-1/a%2F..%2Fb%3Fc"
        );
    }
}
