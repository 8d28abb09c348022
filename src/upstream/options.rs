//! What a site needs beyond its place: where Connect is, and as whom the guard calls it.

use crate::{
    client::{ClientBounds, Endpoint},
    operation::Site,
};

/// One `[[upstream]]`.
#[derive(Debug, Clone)]
pub struct SiteOptions {
    /// The place.
    pub site: Site,
    /// Connect's endpoint: from the Region, FIPS, or given.
    pub endpoint: Endpoint,
    /// Bounds of the client.
    pub bounds: ClientBounds,
    /// Where the guard's credentials come from.
    pub credentials: CredentialSource,
    /// The Region's STS: asked for a role; and by whoever checks the configuration who the guard is.
    pub sts: Endpoint,
}

impl SiteOptions {
    /// The roles that the guard assumes for it.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        let (changes, ordinary) = match &self.credentials {
            CredentialSource::Role { arn, ordinary, .. } => (Some(arn), ordinary.as_ref()),
            CredentialSource::Chain | CredentialSource::Profile(_) => (None, None),
        };
        changes.into_iter().chain(ordinary).map(String::as_str)
    }
}

/// Where the guard's own credentials come from.
#[derive(Debug, Clone)]
pub enum CredentialSource {
    /// The AWS SDK's default chain: environment, profile, web identity, container, instance.
    Chain,
    /// A profile of the shared configuration files, and nothing when it gives none. Keys in the environment are an
    /// error then: the SDK would take them first.
    Profile(String),
    /// A role, assumed with what the chain gives.
    Role {
        /// Its ARN.
        arn: String,
        /// The ARN of another, for ordinary operations alone: named, asked for and assumed as the first.
        ordinary: Option<String>,
        /// The external id its trust policy asks for.
        external_id: Option<String>,
        /// How sessions of it are named.
        names: SessionNames,
    },
}

/// How the sessions are named under which the guard works: what `CloudTrail` shows of who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionNames {
    /// All `connect-guard`.
    Fixed,
    /// What is done for a caller is done in a session that bears the caller's name.
    Caller {
        /// And whose `SourceIdentity` is the same: nothing assumed further on can change that.
        source_identity: bool,
    },
}

/// The endpoint's name for a Region: `connect.{region}.amazonaws.com`, `connect-fips.{region}.amazonaws.com` with FIPS
/// (in `us-gov-west-1` the normal name is the FIPS one), `.amazonaws.com.cn` in the partition `aws-cn`. Only for a Region
/// of the form `[a-z]{2}(-[a-z]+)+-[0-9]` that is of the partition (`cn-*` of `aws-cn`, `us-gov-*` of `aws-us-gov`, every
/// other of `aws`); none otherwise.
/// Source: <https://docs.aws.amazon.com/general/latest/gr/connect_region.html>.
pub fn endpoint_host(partition: &str, region: &str, fips: bool) -> Option<String> {
    if !is_region(region) || partition_of(region) != Some(partition) {
        return None;
    }
    let suffix = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    let service = if fips && region != "us-gov-west-1" { "connect-fips" } else { "connect" };
    Some(format!("{service}.{region}.{suffix}"))
}

/// The name of a Region's STS: `sts.{region}.amazonaws.com`, `sts-fips.{region}.amazonaws.com` with FIPS (in the partition
/// `aws-us-gov` the normal name is the FIPS one). None where [`endpoint_host`] has none.
/// Source: <https://docs.aws.amazon.com/general/latest/gr/sts.html>.
pub fn sts_host(partition: &str, region: &str, fips: bool) -> Option<String> {
    let host = endpoint_host(partition, region, false)?;
    let service = if fips && partition != "aws-us-gov" { "sts-fips" } else { "sts" };
    Some(format!("{service}.{}", host.strip_prefix("connect.")?))
}

/// The partition of a Region, by its name; none for those whose names end in domains that are not published.
fn partition_of(region: &str) -> Option<&'static str> {
    if region.starts_with("cn-") {
        return Some("aws-cn");
    }
    if region.starts_with("us-gov-") {
        return Some("aws-us-gov");
    }
    let isolated = region.split('-').any(|part| part.starts_with("iso"));
    (!isolated).then_some("aws")
}

fn is_region(region: &str) -> bool {
    let letters = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let parts: Vec<&str> = region.split('-').collect();
    match parts.as_slice() {
        [first, middle @ .., last] => {
            first.len() == 2
                && letters(first)
                && !middle.is_empty()
                && middle.iter().all(letters)
                && last.len() == 1
                && last.bytes().all(|byte| byte.is_ascii_digit())
        }
        [] | [_] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d16_names_are_the_published_ones() {
        for (partition, region, fips, host) in [
            ("aws", "us-east-1", false, "connect.us-east-1.amazonaws.com"),
            ("aws", "us-east-1", true, "connect-fips.us-east-1.amazonaws.com"),
            ("aws", "ap-northeast-2", false, "connect.ap-northeast-2.amazonaws.com"),
            ("aws-us-gov", "us-gov-west-1", false, "connect.us-gov-west-1.amazonaws.com"),
            ("aws-us-gov", "us-gov-west-1", true, "connect.us-gov-west-1.amazonaws.com"),
            ("aws-cn", "cn-north-1", false, "connect.cn-north-1.amazonaws.com.cn"),
        ] {
            assert_eq!(endpoint_host(partition, region, fips).as_deref(), Some(host));
        }
    }

    #[test]
    fn d16_so_are_those_of_sts() {
        for (partition, region, fips, host) in [
            ("aws", "us-east-1", false, Some("sts.us-east-1.amazonaws.com")),
            ("aws", "us-east-1", true, Some("sts-fips.us-east-1.amazonaws.com")),
            ("aws-us-gov", "us-gov-west-1", true, Some("sts.us-gov-west-1.amazonaws.com")),
            ("aws-cn", "cn-north-1", false, Some("sts.cn-north-1.amazonaws.com.cn")),
            ("aws", "cn-north-1", false, None),
            ("aws", "us-east-1.evil.com", false, None),
        ] {
            assert_eq!(sts_host(partition, region, fips).as_deref(), host, "{region}");
        }
    }

    #[test]
    fn d13_nothing_else_is_a_region() {
        for region in [
            "",
            "-",
            "us",
            "us-1",
            "us--1",
            "us-east",
            "us-east-",
            "us-east-12",
            "us-east-x",
            "us-east-1.evil.com",
            "evil.com#",
            "evil.com/us-east-1",
            "us-east-1@evil.com",
            "US-EAST-1",
            "usa-east-1",
            "us-e4st-1",
            "us-east-1 ",
            "us-east-1\n",
            "169.254.169.254",
            "us-east-\u{0661}",
        ] {
            assert_eq!(endpoint_host("aws", region, false), None, "{region:?}");
        }
    }

    #[test]
    fn d13_a_region_is_of_its_partition() {
        for (partition, region) in [
            ("aws", "cn-north-1"),
            ("aws", "us-gov-west-1"),
            ("aws", "us-iso-east-1"),
            ("aws-cn", "us-east-1"),
            ("aws-us-gov", "us-east-1"),
            ("", "us-east-1"),
            ("aws-iso", "us-iso-east-1"),
        ] {
            assert_eq!(endpoint_host(partition, region, false), None, "{partition} {region}");
        }
    }
}
