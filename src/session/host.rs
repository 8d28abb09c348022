//! The hosts of STS: one for each Region, from a fixed table. Nothing a client says becomes part of a host name.
//!
//! Source: <https://docs.aws.amazon.com/general/latest/gr/sts.html>. Opt-in Regions are among them: an account that has
//! not opted in is refused by STS itself.

/// The regional host of STS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StsHost {
    /// The Region, as in the signature's scope.
    pub region: &'static str,
    /// `aws`, `aws-cn` or `aws-us-gov`: what the ARNs of its principals begin with.
    pub partition: &'static str,
}

/// Commercial Regions.
const AWS: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];
/// China.
const AWS_CN: &[&str] = &["cn-north-1", "cn-northwest-1"];
/// `GovCloud`.
const AWS_US_GOV: &[&str] = &["us-gov-east-1", "us-gov-west-1"];

impl StsHost {
    /// The host of a Region; none for a Region that is not in the table.
    pub fn of(region: &str) -> Option<Self> {
        [("aws", AWS), ("aws-cn", AWS_CN), ("aws-us-gov", AWS_US_GOV)].into_iter().find_map(
            |(partition, regions)| {
                let region = regions.iter().find(|known| **known == region)?;
                Some(Self { region, partition })
            },
        )
    }

    /// The host's name: `sts.REGION.amazonaws.com`, in China `sts.REGION.amazonaws.com.cn`.
    pub fn name(self) -> String {
        let suffix = if self.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("sts.{}.{suffix}", self.region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(region: &str) -> Option<(&'static str, String)> {
        StsHost::of(region).map(|host| (host.partition, host.name()))
    }

    #[test]
    fn v1_each_region_has_one_host() {
        assert_eq!(name("us-east-1"), Some(("aws", "sts.us-east-1.amazonaws.com".into())));
        assert_eq!(name("cn-north-1"), Some(("aws-cn", "sts.cn-north-1.amazonaws.com.cn".into())));
        assert_eq!(name("us-gov-west-1"), Some(("aws-us-gov", "sts.us-gov-west-1.amazonaws.com".into())));
    }

    #[test]
    fn v1_nothing_else_is_a_region() {
        for region in
            ["", "us-east-9", "US-EAST-1", "us-east-1.example.com/", "us-east-1 ", "*", "sts", "aws-global"]
        {
            assert_eq!(StsHost::of(region), None, "{region}");
        }
    }
}
