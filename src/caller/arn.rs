//! The ARNs of principals: IAM users and roles, and STS sessions of roles.
//!
//! A role's path is lost in the ARN of its sessions, and a session's name is chosen by whoever assumes the role
//!: so `assumed-role/R/S` is the role `R`, with `S` as a remark. Read strictly and compared exactly:
//! letter case counts, patterns are no ARNs. Grammar:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>.

use std::{error::Error, fmt};

/// The ARN of a principal, parsed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Arn {
    /// `aws`, `aws-cn`, `aws-us-gov`, `aws-eusc`, `aws-iso` or `aws-iso-` and one letter.
    pub partition: String,
    /// Twelve digits.
    pub account: String,
    /// What it names.
    pub resource: Resource,
}

/// What a principal's ARN names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Resource {
    /// `arn:aws:iam::A:user/PATH/NAME`: the name, with its path and without a leading `/`.
    User(String),
    /// `arn:aws:iam::A:role/NAME`: a role, named without its path.
    Role(String),
    /// `arn:aws:sts::A:assumed-role/ROLE/SESSION`.
    Session {
        /// The role's name.
        role: String,
        /// The session's name, 2 to 64 characters: chosen by the caller, never identity.
        session: String,
    },
}

/// Why a text is not the ARN of a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArnFault {
    /// Not six parts, or not of IAM or STS, or with a Region.
    Form,
    /// Not a partition of AWS.
    Partition,
    /// The account is not twelve digits.
    Account,
    /// Not a user, a role or an assumed role (the account's root is none of them); or a name is empty, too long or has
    /// characters that IAM does not allow.
    Resource,
    /// A role with its path: STS ARNs never show it.
    RolePath,
}

/// Characters of a user's, role's or session's name (`NameType` of the IAM API).
const NAME_MAX: usize = 64;
/// The shortest session name STS accepts (`roleSessionNameType` of the STS API).
const SESSION_MIN: usize = 2;
/// Characters of a path (`pathType` of the IAM API).
const PATH_MAX: usize = 512;

impl Arn {
    /// Reads an ARN.
    pub fn read(text: &str) -> Result<Self, ArnFault> {
        let parts: Vec<&str> = text.split(':').collect();
        let ["arn", partition, service, "", account, resource] = parts.as_slice() else {
            return Err(ArnFault::Form);
        };
        if !is_partition(partition) {
            return Err(ArnFault::Partition);
        }
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ArnFault::Account);
        }
        let resource = match *service {
            "iam" => Resource::of_iam(resource)?,
            "sts" => Resource::of_sts(resource)?,
            _ => return Err(ArnFault::Form),
        };
        Ok(Self { partition: (*partition).to_owned(), account: (*account).to_owned(), resource })
    }

    /// The ARN that stands for the principal whatever its session is called: `arn:P:iam::A:role/R` for a session.
    pub fn without_session(&self) -> String {
        let Self { partition, account, resource } = self;
        match resource {
            Resource::User(name) => format!("arn:{partition}:iam::{account}:user/{name}"),
            Resource::Role(role) | Resource::Session { role, .. } => {
                format!("arn:{partition}:iam::{account}:role/{role}")
            }
        }
    }
}

impl Resource {
    fn of_iam(text: &str) -> Result<Self, ArnFault> {
        if let Some(role) = text.strip_prefix("role/") {
            return match role.rsplit_once('/') {
                None if is_name(role) => Ok(Self::Role(role.to_owned())),
                Some((path, name)) if is_path(path) && is_name(name) => Err(ArnFault::RolePath),
                None | Some(_) => Err(ArnFault::Resource),
            };
        }
        let user = text.strip_prefix("user/").ok_or(ArnFault::Resource)?;
        let is_user = match user.rsplit_once('/') {
            None => is_name(user),
            Some((path, name)) => is_path(path) && is_name(name),
        };
        if is_user { Ok(Self::User(user.to_owned())) } else { Err(ArnFault::Resource) }
    }

    fn of_sts(text: &str) -> Result<Self, ArnFault> {
        let assumed = text.strip_prefix("assumed-role/").ok_or(ArnFault::Resource)?;
        let (role, session) = assumed.split_once('/').ok_or(ArnFault::Resource)?;
        if is_name(role) && is_name(session) && session.len() >= SESSION_MIN {
            Ok(Self::Session { role: role.to_owned(), session: session.to_owned() })
        } else {
            Err(ArnFault::Resource)
        }
    }
}

/// As it was read.
impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.resource {
            Resource::User(_) | Resource::Role(_) => f.write_str(&self.without_session()),
            Resource::Session { role, session } => {
                write!(f, "arn:{}:sts::{}:assumed-role/{role}/{session}", self.partition, self.account)
            }
        }
    }
}

impl fmt::Display for ArnFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "not the ARN of an IAM or STS principal",
            Self::Partition => "not a partition of AWS",
            Self::Account => "the account in an ARN is twelve digits",
            Self::Resource => "an ARN here names a user, a role or an assumed role",
            Self::RolePath => "a role is named without its path",
        })
    }
}

impl Error for ArnFault {}

fn is_partition(text: &str) -> bool {
    match text {
        "aws" | "aws-cn" | "aws-us-gov" | "aws-eusc" | "aws-iso" => true,
        other => other
            .strip_prefix("aws-iso-")
            .is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|byte| byte.is_ascii_lowercase())),
    }
}

fn is_name(text: &str) -> bool {
    (1..=NAME_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte))
}

/// The part between the first `/` and the one before the name. IAM allows more characters here; patterns and
/// separators among them are refused, so that nothing but a name can be meant.
fn is_path(text: &str) -> bool {
    text.len() <= PATH_MAX - 2 && text.split('/').all(is_name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn role(name: &str) -> Resource {
        Resource::Role(name.to_owned())
    }

    fn session(role: &str, session: &str) -> Resource {
        Resource::Session { role: role.to_owned(), session: session.to_owned() }
    }

    #[test]
    fn s16_reads_users_roles_and_sessions() {
        for (text, resource, stands_for) in [
            ("arn:aws:iam::111122223333:role/IdentityDesk", role("IdentityDesk"), None),
            ("arn:aws:iam::111122223333:user/mary", Resource::User("mary".to_owned()), None),
            ("arn:aws:iam::111122223333:user/desk/a/mary", Resource::User("desk/a/mary".to_owned()), None),
            (
                "arn:aws:sts::111122223333:assumed-role/IdentityDesk/mary.major@example.com",
                session("IdentityDesk", "mary.major@example.com"),
                Some("arn:aws:iam::111122223333:role/IdentityDesk"),
            ),
        ] {
            let arn = Arn::read(text).unwrap();
            assert_eq!(arn.resource, resource);
            assert_eq!((arn.partition.as_str(), arn.account.as_str()), ("aws", "111122223333"));
            assert_eq!(arn.to_string(), text);
            assert_eq!(arn.without_session(), stands_for.unwrap_or(text));
        }
    }

    #[test]
    fn s16_every_session_of_a_role_stands_for_the_role() {
        let one = Arn::read("arn:aws:sts::111122223333:assumed-role/Desk/kim").unwrap();
        let other = Arn::read("arn:aws:sts::111122223333:assumed-role/Desk/mary").unwrap();
        let longer = Arn::read("arn:aws:sts::111122223333:assumed-role/Desk2/kim").unwrap();
        assert_ne!(one, other);
        assert_eq!(one.without_session(), other.without_session());
        assert_ne!(one.without_session(), longer.without_session());
    }

    #[test]
    fn s16_partitions_are_a_closed_list() {
        for partition in
            ["aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f"]
        {
            let text = format!("arn:{partition}:iam::111122223333:role/R");
            assert_eq!(Arn::read(&text).unwrap().to_string(), text);
        }
        for partition in [
            "",
            "AWS",
            "Aws",
            "aws-",
            "aws-gov",
            "aws-iso-",
            "aws-iso-bb",
            "aws-iso-B",
            "aws-isob",
            "*",
            "aws ",
        ] {
            let text = format!("arn:{partition}:iam::111122223333:role/R");
            assert_eq!(Arn::read(&text), Err(ArnFault::Partition), "{text}");
        }
    }

    #[test]
    fn f2_a_role_path_is_told_apart_and_a_session_holds_no_slash() {
        for text in [
            "arn:aws:iam::111122223333:role/path/Role",
            "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Desk_0123456789abcdef",
        ] {
            assert_eq!(Arn::read(text), Err(ArnFault::RolePath), "{text}");
        }
        for text in [
            "arn:aws:sts::111122223333:assumed-role/path/Role/kim",
            "arn:aws:sts::111122223333:assumed-role/Role/evil/kim",
            "arn:aws:sts::111122223333:assumed-role/Role/",
            "arn:aws:sts::111122223333:assumed-role/Role",
            "arn:aws:sts::111122223333:assumed-role//kim",
            "arn:aws:sts::111122223333:assumed-role/Role/k",
            "arn:aws:sts::111122223333:assumed-role/Role/*",
        ] {
            assert_eq!(Arn::read(text), Err(ArnFault::Resource), "{text}");
        }
    }

    #[test]
    fn f3_no_pattern_is_an_arn() {
        for resource in [
            "role/*",
            "role/R*",
            "role/R?",
            "user/*",
            "user/desk/*",
            "user/[a]",
            "role/$",
            "role/R|S",
            "role/*/R",
        ] {
            let text = format!("arn:aws:iam::111122223333:{resource}");
            assert_eq!(Arn::read(&text), Err(ArnFault::Resource), "{text}");
        }
        for account in
            ["*", "", "11112222333", "1111222233334", "11112222333x", "１11122223333", " 11122223333"]
        {
            let text = format!("arn:aws:iam::{account}:role/R");
            assert_eq!(Arn::read(&text), Err(ArnFault::Account), "{text}");
        }
    }

    #[test]
    fn f5_letter_case_and_services_are_exact() {
        for text in [
            "ARN:aws:iam::111122223333:role/R",
            "arn:aws:IAM::111122223333:role/R",
            "arn:aws:iam:us-east-1:111122223333:role/R",
            "arn:aws:sts:us-east-1:111122223333:assumed-role/R/kim",
            "arn:aws:s3::111122223333:role/R",
            "arn:aws::111122223333:role/R",
            "arn:aws:iam::111122223333",
            "arn:aws:iam::111122223333:role/R:x",
            "arn:aws:iam::111122223333:role:R",
            "",
            "R",
        ] {
            assert_eq!(Arn::read(text), Err(ArnFault::Form), "{text}");
        }
        for text in [
            "arn:aws:iam::111122223333:Role/R",
            "arn:aws:iam::111122223333:assumed-role/R/kim",
            "arn:aws:sts::111122223333:role/R",
            "arn:aws:sts::111122223333:user/mary",
            "arn:aws:sts::111122223333:federated-user/mary",
            "arn:aws:iam::111122223333:group/desk",
        ] {
            assert_eq!(Arn::read(text), Err(ArnFault::Resource), "{text}");
        }
    }

    #[test]
    fn s16_root_is_nobody_here() {
        for service in ["iam", "sts"] {
            assert_eq!(Arn::read(&format!("arn:aws:{service}::111122223333:root")), Err(ArnFault::Resource));
        }
    }

    #[test]
    fn s16_names_have_the_lengths_and_characters_of_iam() {
        let at = |resource: String| Arn::read(&format!("arn:aws:iam::111122223333:{resource}")).is_ok();
        assert!(at(format!("role/{}", "r".repeat(64))));
        assert!(!at(format!("role/{}", "r".repeat(65))));
        assert!(at("role/A1+=,.@_-".to_owned()));
        for name in ["", " ", "a b", "zoë", "a\n", "a%2F", "a\\b", "a;b", "\u{0}"] {
            assert!(!at(format!("role/{name}")), "{name:?}");
            assert!(!at(format!("user/{name}")), "{name:?}");
        }
        for user in ["/mary", "desk//mary", "desk/", "/"] {
            assert!(!at(format!("user/{user}")), "{user}");
        }
        assert!(at(format!("user/{}/mary", vec!["p"; 255].join("/"))));
        assert!(!at(format!("user/{}/mary", vec!["p"; 257].join("/"))));
        let session =
            |name: &str| Arn::read(&format!("arn:aws:sts::111122223333:assumed-role/R/{name}")).is_ok();
        assert!(session("ab") && session(&"s".repeat(64)));
        assert!(!session("a") && !session(&"s".repeat(65)));
    }

    #[test]
    fn every_fault_says_something_of_its_own() {
        let faults =
            [ArnFault::Form, ArnFault::Partition, ArnFault::Account, ArnFault::Resource, ArnFault::RolePath];
        let said: std::collections::BTreeSet<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), faults.len());
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_shown_as_it_was(text in "arn:aws(-cn)?:(iam|sts)::[0-9]{11,13}:(role|user|assumed-role)(/[a-zA-Z*@ ]{0,3}){1,3}") {
            if let Ok(arn) = Arn::read(&text) {
                prop_assert_eq!(arn.to_string(), text);
                let role = Arn::read(&arn.without_session()).unwrap();
                prop_assert_eq!(role.without_session(), arn.without_session());
            }
        }

        #[test]
        fn nothing_makes_it_panic(text in ".*") {
            drop(Arn::read(&text));
        }
    }
}
