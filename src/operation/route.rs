//! The route table: every operation of Connect's API with its class. What is not in it does not exist.

use std::{collections::HashMap, sync::LazyLock};

use crate::wire::{Method, RequestTarget, Segment};

use super::routes::ROUTES;

/// The operation that ends a login: after it there is no user to be read, or to have an address.
pub const DELETE_USER: &str = "DeleteUser";

/// What an operation can lead to. A reviewed column: `tests/data/connect-routes.tsv` is its golden copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Sets who a user is: `UpdateUserIdentityInfo`, `CreateUser`.
    Identity,
    /// Leads to, enables or hides the same takeover.
    Sensitive,
    /// Mints a login for the signer: refused whatever the policy says.
    Forbidden,
    /// Changes something else.
    Write,
    /// Changes nothing.
    Read,
}

/// Where an operation names its instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InstanceIn {
    /// A path segment.
    Path,
    /// A member of the body, `InstanceId`.
    Body,
    /// A member of the query, `InstanceId` or `instanceId`.
    Query,
    /// In the ARN of the resource that is tagged.
    ResourceArn,
    /// A member of the body, `ResourceArn`: the instance's ARN.
    BodyArn,
    /// Nowhere.
    None,
}

/// One operation.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The template: `/users/{InstanceId}/{UserId}/identity-info`.
    pub template: &'static str,
    /// The operation's name: `UpdateUserIdentityInfo`.
    pub operation: &'static str,
    /// Its class. Tagging is [`Class::Sensitive`] here and an ordinary write when what is tagged is neither a user nor a
    /// security profile: the class of one request is that of its [`super::Operation`].
    pub class: Class,
    /// Whether it has a JSON body.
    pub body: bool,
    /// The query members it has; any other is refused.
    pub query: &'static [&'static str],
    /// The header members it has, lower-case; they must be signed to be passed on.
    pub headers: &'static [&'static str],
    /// Where its instance is named.
    pub instance: InstanceIn,
}

type Index = HashMap<(Method, usize, &'static str), Vec<&'static Route>>;

/// Routes by method, number of segments and first segment, which is a literal in every template.
static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index::new();
    for route in ROUTES {
        let first = route.parts().next().unwrap_or_default();
        index.entry((route.method, route.parts().count(), first)).or_default().push(route);
    }
    index
});

/// All routes, sorted by method and template.
pub fn routes() -> &'static [Route] {
    ROUTES
}

/// The route of a method and target, and the values of the template's labels in order. Literals are compared with the
/// raw segments: an escaped letter or another case is another path.
pub fn lookup(method: Method, target: &RequestTarget) -> Option<(&'static Route, Vec<String>)> {
    let segments = target.segments();
    let first = segments.first()?.raw.as_str();
    let candidates = INDEX.get(&(method, segments.len(), first))?;
    candidates.iter().find_map(|route| Some((*route, route.matched(segments)?)))
}

impl Class {
    /// Whether a request of this class is a change: typed, decided on what is true now, and recorded before it is sent.
    pub fn is_guarded(self) -> bool {
        match self {
            Self::Identity | Self::Sensitive | Self::Forbidden => true,
            Self::Write | Self::Read => false,
        }
    }
}

impl Route {
    /// The IAM action: `connect:UpdateUserIdentityInfo`.
    pub fn action(&self) -> String {
        format!("connect:{}", self.operation)
    }

    /// The members of its body that give or widen something, or move a user to where others may reach them, and that no
    /// other key of a rule is about: a rule names each of them in `members`. What is not listed is either typed (profiles,
    /// permissions, identity, password) or gives nothing.
    pub fn granting_members(&self) -> &'static [&'static str] {
        match self.operation {
            "CreateUser" => &["DirectoryUserId", "HierarchyGroupId", "Tags"],
            "CreateSecurityProfile" | "UpdateSecurityProfile" => &[
                "AllowedAccessControlHierarchyGroupId",
                "AllowedAccessControlTags",
                "AllowedFlowModules",
                "Applications",
                "GranularAccessControlConfiguration",
                "HierarchyRestrictedResources",
                "TagRestrictedResources",
                "Tags",
            ],
            _ => &[],
        }
    }

    /// The names of the template's labels, in order.
    pub(super) fn labels(&self) -> impl Iterator<Item = &'static str> {
        self.parts().filter_map(label)
    }

    /// The path with these values for the template's labels, encoded as AWS clients encode it.
    pub(super) fn path(&self, values: &[String]) -> String {
        let mut values = values.iter();
        let mut path = String::new();
        for part in self.parts() {
            path.push('/');
            match label(part) {
                Some(_) => path.push_str(&RequestTarget::encode(values.next().map_or("", String::as_str))),
                None => path.push_str(part),
            }
        }
        path
    }

    fn parts(&self) -> impl Iterator<Item = &'static str> {
        self.template.split('/').skip(1)
    }

    /// The labels' values when every literal is the raw segment. `segments` has as many as the template.
    fn matched(&self, segments: &[Segment]) -> Option<Vec<String>> {
        let mut values = Vec::new();
        for (part, segment) in self.parts().zip(segments) {
            match label(part) {
                Some(_) => values.push(segment.text.clone()),
                None if part == segment.raw => {}
                None => return None,
            }
        }
        Some(values)
    }
}

/// The name in a template's part, when it is a label.
fn label(part: &'static str) -> Option<&'static str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    const GOLDEN: &str = include_str!("../../tests/data/connect-routes.tsv");

    /// A route as the golden copy writes it.
    fn row(route: &Route) -> String {
        let list = |names: &[&str]| if names.is_empty() { "-".to_owned() } else { names.join(",") };
        let class = match route.class {
            Class::Identity => "identity",
            Class::Sensitive => "sensitive",
            Class::Forbidden => "forbidden",
            Class::Write => "write",
            Class::Read => "read",
        };
        let instance = match route.instance {
            InstanceIn::Path => "path",
            InstanceIn::Body => "body",
            InstanceIn::Query => "query",
            InstanceIn::BodyArn => "arn",
            InstanceIn::ResourceArn | InstanceIn::None => "-",
        };
        [
            route.method.as_str(),
            route.template,
            route.operation,
            class,
            if route.body { "json" } else { "-" },
            &list(route.query),
            &list(route.headers),
            instance,
        ]
        .join("\t")
    }

    fn find(method: Method, target: &str) -> Option<(&'static str, Vec<String>)> {
        let target = RequestTarget::read(target).ok()?;
        lookup(method, &target).map(|(route, labels)| (route.operation, labels))
    }

    #[test]
    fn the_table_is_its_golden_copy_in_every_column() {
        let golden: BTreeSet<_> =
            GOLDEN.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
        let table: BTreeSet<_> = routes().iter().map(row).collect();
        assert_eq!(golden.len(), 405);
        assert_eq!(routes().len(), 405);
        assert_eq!(golden, table);
    }

    #[test]
    fn the_table_is_sorted_and_names_each_operation_once() {
        assert!(routes().is_sorted_by_key(|route| (route.method, route.template)));
        let names: BTreeSet<_> = routes().iter().map(|route| route.operation).collect();
        assert_eq!(names.len(), 405);
    }

    #[test]
    fn the_classes_are_as_many_as_reviewed() {
        let mut counts = BTreeMap::new();
        for route in routes() {
            *counts.entry(route.class).or_insert(0) += 1;
        }
        let expected = [
            (Class::Identity, 2),
            (Class::Sensitive, 49),
            (Class::Forbidden, 2),
            (Class::Write, 194),
            (Class::Read, 158),
        ];
        assert_eq!(counts, expected.into());
    }

    #[test]
    fn d11_no_two_templates_of_one_method_match_one_path() {
        for (at, one) in routes().iter().enumerate() {
            for other in &routes()[at + 1..] {
                let overlap = one.method == other.method
                    && one.parts().count() == other.parts().count()
                    && one
                        .parts()
                        .zip(other.parts())
                        .all(|(a, b)| label(a).is_some() || label(b).is_some() || a == b);
                assert!(!overlap, "{} and {}", one.operation, other.operation);
            }
        }
    }

    #[test]
    fn every_template_is_plain() {
        for route in routes() {
            let plain = |part: &str| {
                !part.is_empty()
                    && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            };
            assert!(route.template.starts_with('/'));
            assert!(route.parts().next().is_some_and(plain), "{}", route.template);
            assert!(route.parts().all(|part| label(part).is_some() || plain(part)), "{}", route.template);
            let instances = route.labels().filter(|name| *name == "InstanceId").count();
            assert_eq!(instances, usize::from(route.instance == InstanceIn::Path), "{}", route.template);
            let tagged = route.labels().any(|name| name == "resourceArn");
            assert_eq!(tagged, route.instance == InstanceIn::ResourceArn, "{}", route.template);
        }
    }

    #[test]
    fn every_route_is_found_by_its_own_path() {
        for route in routes() {
            let values: Vec<_> =
                route.labels().enumerate().map(|(at, name)| format!("{name}-{at}")).collect();
            let found = find(route.method, &route.path(&values));
            assert_eq!(found, Some((route.operation, values)), "{}", route.template);
        }
    }

    #[test]
    fn d15_what_is_not_in_the_table_does_not_exist() {
        for target in
            ["/", "/users", "/unknown/i/u", "/users/i/u/identity-info/more", "/service/a/operation/b"]
        {
            for method in [Method::Get, Method::Post, Method::Put, Method::Delete] {
                assert_eq!(find(method, target), None, "{target}");
            }
        }
    }

    #[test]
    fn c14_another_method_on_the_guarded_path_is_unknown() {
        assert!(find(Method::Post, "/users/i/u/identity-info").is_some());
        for method in [Method::Get, Method::Put, Method::Delete] {
            assert_eq!(find(method, "/users/i/u/identity-info"), None);
        }
    }

    #[test]
    fn d5_d6_literals_are_compared_raw() {
        for target in ["/Users/i/u/identity-info", "/users/i/u/IDENTITY-INFO", "/users/i/u/identity%2Dinfo"] {
            assert_eq!(find(Method::Post, target), None, "{target}");
        }
    }

    #[test]
    fn labels_are_decoded_once_and_written_encoded() {
        let (operation, labels) = find(Method::Get, "/predefined-attributes/i/a%20b%3Ac").expect("a route");
        assert_eq!(
            (operation, labels.as_slice()),
            ("DescribePredefinedAttribute", &["i".into(), "a b:c".into()][..])
        );
        let route = routes().iter().find(|route| route.operation == operation).unwrap();
        assert_eq!(route.path(&labels), "/predefined-attributes/i/a%20b%3Ac");
        assert_eq!(route.action(), "connect:DescribePredefinedAttribute");
    }
}
