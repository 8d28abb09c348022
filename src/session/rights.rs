//! Who may freeze, and who may lift that: named as rules name callers.

use std::collections::HashSet;

use crate::{
    caller::{Arn, Principal},
    policy::Pattern,
};

use super::FreezeRights;

/// Whom a list names.
#[derive(Default)]
struct Named {
    /// ARNs without sessions.
    exact: HashSet<String>,
    /// `arn:P:iam::A:role/`, and the pattern of the name.
    roles: Vec<(String, Pattern)>,
}

/// The rights of a configuration.
pub(super) struct Rights {
    freeze: Named,
    unfreeze: Named,
}

impl Rights {
    /// Reads the lists.
    ///
    /// # Errors
    /// The entry that is neither an ARN nor a role with `*` inside its name.
    pub(super) fn new(rights: &FreezeRights) -> Result<Self, String> {
        Ok(Self { freeze: Named::new(&rights.freeze)?, unfreeze: Named::new(&rights.unfreeze)? })
    }

    /// Whether somebody may freeze.
    pub(super) fn may_freeze(&self, principal: &Principal) -> bool {
        self.freeze.has(principal)
    }

    /// Whether somebody may lift a freeze of somebody else's.
    pub(super) fn may_unfreeze(&self, principal: &Principal) -> bool {
        self.unfreeze.has(principal)
    }

    /// Whether somebody may see which freezes there are.
    pub(super) fn may_see(&self, principal: &Principal) -> bool {
        self.may_freeze(principal) || self.may_unfreeze(principal)
    }
}

impl Named {
    fn new(texts: &[String]) -> Result<Self, String> {
        let mut named = Self::default();
        for text in texts {
            let fault = || text.clone();
            if !text.contains('*') {
                named.exact.insert(Arn::read(text).map_err(|_| fault())?.without_session());
                continue;
            }
            let (before, name) = text.split_once(":role/").ok_or_else(fault)?;
            // The rest must be a role's ARN, and the name must not be every name.
            let everything = name.bytes().all(|byte| byte == b'*');
            Arn::read(&format!("{before}:role/{}", name.replace('*', "x"))).map_err(|_| fault())?;
            let pattern = Pattern::read(name).filter(|_| !everything).ok_or_else(fault)?;
            named.roles.push((format!("{before}:role/"), pattern));
        }
        Ok(named)
    }

    fn has(&self, principal: &Principal) -> bool {
        let arn = principal.arn.without_session();
        self.exact.contains(&arn)
            || self
                .roles
                .iter()
                .any(|(before, pattern)| arn.strip_prefix(before).is_some_and(|name| pattern.matches(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(names: &[&str], who: &str) -> bool {
        let freeze = names.iter().map(|name| (*name).to_owned()).collect();
        let rights = Rights::new(&FreezeRights { freeze, unfreeze: Vec::new() }).unwrap();
        let principal = Principal { arn: Arn::read(who).unwrap(), unique_id: None };
        assert!(!rights.may_unfreeze(&principal));
        assert_eq!(rights.may_see(&principal), rights.may_freeze(&principal));
        rights.may_freeze(&principal)
    }

    #[test]
    fn s16_a_role_stands_for_its_sessions_and_for_no_other_role() {
        let desk = "arn:aws:iam::111122223333:role/SecurityDesk";
        let kim = "arn:aws:sts::111122223333:assumed-role/SecurityDesk/kim";
        for names in [&[desk][..], &[kim], &["arn:aws:iam::111122223333:role/Security*"]] {
            assert!(may(names, kim) && may(names, desk), "{names:?}");
            assert!(!may(names, "arn:aws:iam::111122223333:role/HelpDesk"));
            assert!(!may(names, "arn:aws:iam::444455556666:role/SecurityDesk"));
            assert!(!may(names, "arn:aws-cn:iam::111122223333:role/SecurityDesk"));
            assert!(!may(names, "arn:aws:iam::111122223333:user/SecurityDesk"));
        }
        assert!(!may(&[], kim));
    }

    #[test]
    fn f3_a_star_stands_inside_the_name_of_a_role_only() {
        for text in [
            "*",
            "arn:aws:iam::*:role/Desk",
            "arn:aws:iam::111122223333:user/*",
            "arn:aws:iam::111122223333:role/*",
            "arn:aws:iam::111122223333:role/a/*",
            "arn:*:iam::111122223333:role/Desk*",
            "SecurityDesk",
            "",
        ] {
            let rights = FreezeRights { freeze: vec![text.into()], unfreeze: Vec::new() };
            assert_eq!(Rights::new(&rights).err().as_deref(), Some(text));
        }
    }
}
