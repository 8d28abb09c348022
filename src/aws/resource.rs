//! From an operation to the ARNs that IAM authorizes it on.

use crate::operation::{InstanceId, Site};

use super::reference::{DEPENDENT, KINDS};

/// The kinds of what tags are guarded on.
const GUARDED: [&str; 2] = ["/agent", "/security-profile"];
/// What is granted where the reference does not name an operation: the instance, and all below it.
const UNKNOWN: [&str; 2] = ["instance", "/*"];

/// Which of the resources that can be tagged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tagged {
    /// Users and security profiles: tags decide there who reaches whom.
    Guarded,
    /// Everything else.
    Others,
}

/// The kinds of resources of an operation; none where the reference does not name it.
pub(super) fn known(operation: &str) -> Option<Vec<&'static str>> {
    let named = KINDS.iter().find(|(_, names)| names.split_whitespace().any(|name| name == operation));
    named.map(|(kinds, _)| kinds.split_whitespace().collect())
}

/// The kinds that an operation is granted on.
pub(super) fn kinds(operation: &str) -> Vec<&'static str> {
    known(operation).unwrap_or_else(|| UNKNOWN.to_vec())
}

/// The kinds that `TagResource` and `UntagResource` are granted on.
pub(super) fn tagged(operation: &str, which: Tagged) -> Vec<&'static str> {
    let is_of = |kind: &&str| GUARDED.contains(kind) == (which == Tagged::Guarded);
    kinds(operation).into_iter().filter(is_of).collect()
}

/// Whether a kind is the instance or something of it.
pub(super) fn is_of_instance(kind: &str) -> bool {
    kind == "instance" || kind.starts_with('/')
}

/// Actions that a caller needs beside an operation: those that the guard's role is granted, and those that it is not,
/// since they reach into other services.
pub(super) fn dependent(operation: &str) -> (Vec<&'static str>, Vec<&'static str>) {
    let named = DEPENDENT.iter().find(|(name, _)| *name == operation);
    let actions = named.into_iter().flat_map(|(_, actions)| actions.split_whitespace());
    actions.partition(|action| action.starts_with("connect:") || *action == "ds:DescribeDirectories")
}

/// The ARNs of a kind at a site and its instances.
pub(super) fn arns(kind: &str, site: &Site, instances: &[&InstanceId]) -> Vec<String> {
    let Site { partition, account, region, .. } = site;
    let connect = format!("arn:{partition}:connect:{region}");
    let each = |end: &str| -> Vec<String> {
        let one = |id: &&InstanceId| format!("{connect}:{account}:instance/{}{end}", id.as_str());
        instances.iter().map(one).collect()
    };
    match kind {
        "*" => vec!["*".to_owned()],
        "instance" => each(""),
        "/*" => each("/*"),
        "aws:view" => vec![format!("{connect}:aws:view/*")],
        "wisdom:ai-agent" => vec![format!("arn:{partition}:wisdom:{region}:{account}:ai-agent/*")],
        below if below.starts_with('/') => each(&format!("{below}/*")),
        of_the_account => vec![format!("{connect}:{account}:{of_the_account}/*")],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::operation::routes;

    #[test]
    fn the_reference_names_each_operation_once_and_no_other() {
        let names: Vec<&str> = KINDS.iter().flat_map(|(_, names)| names.split_whitespace()).collect();
        let set: BTreeSet<&str> = names.iter().copied().collect();
        let routes: BTreeSet<&str> = routes().iter().map(|route| route.operation).collect();
        assert_eq!(set.len(), names.len());
        assert!(set.is_subset(&routes), "{:?}", set.difference(&routes));
        assert_eq!(routes.difference(&set).count(), 53);
        assert!(DEPENDENT.iter().all(|(name, _)| set.contains(name)));
    }

    #[test]
    fn a_user_is_an_agent_of_the_instance() {
        let site = Site {
            name: "main".to_owned(),
            partition: "aws".to_owned(),
            account: "111122223333".to_owned(),
            region: "us-east-1".to_owned(),
            instances: vec![InstanceId::read("a1").unwrap()],
        };
        let found = |operation| -> Vec<String> {
            let instances: Vec<&InstanceId> = site.instances.iter().collect();
            kinds(operation).iter().flat_map(|kind| arns(kind, &site, &instances)).collect()
        };
        let connect = "arn:aws:connect:us-east-1:111122223333";
        assert_eq!(found("UpdateUserIdentityInfo"), [format!("{connect}:instance/a1/agent/*")]);
        assert_eq!(found("SearchUsers"), [format!("{connect}:instance/a1")]);
        assert_eq!(found("ListInstances"), ["*"]);
        assert_eq!(found("DescribePhoneNumber"), [format!("{connect}:phone-number/*")]);
        assert_eq!(
            found("UpdateUserConfig"),
            [format!("{connect}:instance/a1"), format!("{connect}:instance/a1/*")]
        );
        assert_eq!(tagged("TagResource", Tagged::Guarded), ["/agent", "/security-profile"]);
        assert!(!tagged("TagResource", Tagged::Others).iter().any(|kind| GUARDED.contains(kind)));
    }

    #[test]
    fn nothing_of_another_service_is_granted_beside_an_operation() {
        assert_eq!(dependent("DescribeInstance"), (vec!["ds:DescribeDirectories"], vec![]));
        let (granted, left) = dependent("AssociateLexBot");
        assert_eq!(granted, Vec::<&str>::new());
        assert!(left.contains(&"iam:PutRolePolicy"));
    }
}
