//! How a caller is called in the trail: the name of the session under which the guard works for them. Pure.
//!
//! STS takes 2 to 64 characters of `[\\w+=,.@-]`, as IAM does in names. Two callers never share a name: `ROLE` and
//! `ROLE,SESSION` (or `ROLE,AROA...`) are of the guard's own account and can be read in one way only; every other name ends
//! in `,,` and eighty bits of a hash over the whole caller, which no name of the first kind can contain.

use crate::{
    caller::{Principal, Resource},
    secret::Digest,
};

/// The longest name STS takes.
const LONGEST: usize = 64;
/// Hexadecimal digits of the hash.
const HASH: usize = 20;
/// What stands before the hash.
const MARK: &str = ",,";

/// The name for a caller. `account` is the one whose roles need no telling apart.
pub(super) fn session_name(principal: &Principal, account: &str) -> String {
    let Principal { arn, unique_id } = principal;
    let unique_id = unique_id.as_deref();
    let (name, detail, telling) = match &arn.resource {
        Resource::Role(role) => (role.as_str(), unique_id, true),
        // A session may be called like a unique id.
        Resource::Session { role, session } => {
            (role.as_str(), Some(session.as_str()), !session.starts_with("AROA"))
        }
        Resource::User(user) => (user.rsplit('/').next().unwrap_or_default(), None, false),
    };
    let plain = detail.map_or_else(|| name.to_owned(), |detail| format!("{name},{detail}"));
    let parts = [Some(name), detail];
    let is_plain = telling
        && arn.account == account
        && (2..=LONGEST).contains(&plain.len())
        && parts
            .iter()
            .flatten()
            .all(|part| !part.is_empty() && part.chars().all(|one| one != ',' && fits(one)));
    if is_plain {
        return plain;
    }
    let whole = [arn.to_string(), unique_id.unwrap_or_default().to_owned()];
    let hash: String = Digest::of_list(whole).hex().chars().take(HASH).collect();
    let kept = LONGEST.saturating_sub(MARK.len()).saturating_sub(HASH);
    let shown: String = plain.chars().map(|one| if fits(one) { one } else { '.' }).take(kept).collect();
    format!("{shown}{MARK}{hash}")
}

fn fits(one: char) -> bool {
    one.is_ascii_alphanumeric() || "_+=,.@-".contains(one)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::caller::Arn;

    fn of(arn: &str, unique_id: Option<&str>) -> String {
        let principal = Principal { arn: Arn::read(arn).unwrap(), unique_id: unique_id.map(str::to_owned) };
        session_name(&principal, "111122223333")
    }

    #[test]
    fn callers_are_called_by_role_and_session() {
        let role = "arn:aws:iam::111122223333:role/IdentityDesk";
        assert_eq!(of(role, None), "IdentityDesk");
        assert_eq!(of(role, Some("AROAEXAMPLE")), "IdentityDesk,AROAEXAMPLE");
        let session = "arn:aws:sts::111122223333:assumed-role/IdentityDesk/kim@example.com";
        assert_eq!(of(session, Some("AROAEXAMPLE")), "IdentityDesk,kim@example.com");
    }

    #[test]
    fn no_two_callers_share_a_name() {
        let long = "x".repeat(64);
        let one = |arn: &str| arn.to_owned();
        let mut names = BTreeSet::new();
        let callers = [
            (one("arn:aws:iam::111122223333:role/Desk"), None),
            (one("arn:aws:iam::111122223333:role/Desk"), Some("AROAEXAMPLE")),
            (one("arn:aws:iam::444455556666:role/Desk"), None),
            (one("arn:aws:iam::111122223333:user/Desk"), None),
            (one("arn:aws:iam::111122223333:user/a/Desk"), None),
            (one("arn:aws:sts::111122223333:assumed-role/Desk/AROAEXAMPLE"), Some("AROAEXAMPLE")),
            (one("arn:aws:sts::111122223333:assumed-role/Desk/kim"), None),
            (one("arn:aws:sts::444455556666:assumed-role/Desk/kim"), None),
            (one("arn:aws:iam::111122223333:role/Desk,kim"), None),
            (one("arn:aws:sts::111122223333:assumed-role/a,b/cc"), None),
            (one("arn:aws:sts::111122223333:assumed-role/a/b,cc"), None),
            (one("arn:aws:iam::111122223333:role/a"), None),
            (format!("arn:aws:iam::111122223333:role/{long}"), None),
            (format!("arn:aws:sts::111122223333:assumed-role/{long}/one"), None),
            (format!("arn:aws:sts::111122223333:assumed-role/{long}/two"), None),
        ];
        for (arn, unique_id) in &callers {
            let name = of(arn, *unique_id);
            assert!((2..=64).contains(&name.len()) && name.chars().all(fits), "{name}");
            assert!(names.insert(name.clone()), "{arn}: {name}");
        }
        // Nobody can be called like somebody whose name ends in a hash: the mark is in no such name.
        let hashed: Vec<&String> = names.iter().filter(|name| name.contains(MARK)).collect();
        assert_eq!(hashed.len(), 11, "{hashed:?}");
        for name in hashed {
            let taken = format!("arn:aws:iam::111122223333:role/{name}");
            assert_ne!(&of(&taken, None), name);
        }
    }
}
