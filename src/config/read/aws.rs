//! `[aws]`: what `connect-guard aws` writes policies from. Names are exact: a pattern in a policy of AWS reaches whoever
//! finds a name that fits.

use std::{collections::BTreeSet, net::IpAddr};

use ipnet::IpNet;
use serde_spanned::Spanned;

use super::Reader;
use crate::{
    caller::{Arn, ArnFault, Resource},
    config::{
        AwsOptions,
        raw::{self, Text},
    },
    diagnostic::Fault,
    upstream::SiteOptions,
};

impl Reader<'_> {
    pub(super) fn aws(&mut self, raw: Option<&Spanned<raw::Aws>>, sites: &[SiteOptions]) -> AwsOptions {
        let Some(section) = raw.map(Spanned::get_ref) else { return AwsOptions::default() };
        let mut named: BTreeSet<String> =
            sites.iter().flat_map(SiteOptions::roles).map(str::to_owned).collect();
        let principals = self.iam_list(section.principals.as_ref(), "principals", &mut named);
        let admins = self.iam_list(section.admins.as_ref(), "admins", &mut named);
        let break_glass = section.break_glass.as_ref().and_then(|text| {
            let arn = self.iam_name(text, &mut named)?;
            if !arn.contains(":role/") {
                self.fault(text, format!("`{arn}` is no role"), "arn:aws:iam::111122223333:role/NAME");
            }
            Some(arn)
        });
        let mut exempt = Vec::new();
        for one in &section.exempt {
            let because = self.sentence(&one.because);
            exempt.extend(self.iam_name(&one.principal, &mut named).zip(because));
        }
        AwsOptions {
            principals,
            admins,
            break_glass,
            vpcs: self.ids(section.vpcs.as_ref(), "vpcs", "vpc-"),
            vpc_endpoints: self.ids(section.vpc_endpoints.as_ref(), "vpc_endpoints", "vpce-"),
            networks: self.public(section.networks.as_ref()),
            exempt,
        }
    }

    fn iam_list(
        &mut self,
        raw: Option<&Spanned<Vec<Text>>>,
        key: &str,
        named: &mut BTreeSet<String>,
    ) -> Vec<String> {
        let Some(raw) = raw else { return Vec::new() };
        if raw.get_ref().is_empty() {
            let at = self.place(raw.span());
            self.faults.push(Fault::error(format!("`{key}` names nobody"), at).hint("leave it out"));
        }
        raw.get_ref().iter().filter_map(|text| self.iam_name(text, named)).collect()
    }

    /// A user, or a role with its path: as IAM has them, named once.
    fn iam_name(&mut self, text: &Text, named: &mut BTreeSet<String>) -> Option<String> {
        let written = text.get_ref();
        let is_principal = match Arn::read(written) {
            Ok(arn) => !matches!(arn.resource, Resource::Session { .. }),
            Err(fault) => fault == ArnFault::RolePath,
        };
        if !is_principal {
            let hint = "a role or a user as IAM names it, with its path and without `*`";
            self.fault(text, format!("`{written}` is no principal of IAM"), hint);
            return None;
        }
        if !named.insert(written.clone()) {
            let hint = "a principal has one part: the guard's role, its own principal, an administrator, an exemption";
            self.fault(text, format!("`{written}` is named twice"), hint);
            return None;
        }
        Some(written.clone())
    }

    fn ids(&mut self, raw: Option<&Spanned<Vec<Text>>>, key: &str, prefix: &str) -> Vec<String> {
        let Some(raw) = raw else { return Vec::new() };
        if raw.get_ref().is_empty() {
            let at = self.place(raw.span());
            self.faults.push(Fault::error(format!("`{key}` names none"), at).hint("leave it out"));
        }
        for text in raw.get_ref() {
            let rest = text.get_ref().strip_prefix(prefix).unwrap_or_default();
            if rest.is_empty() || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                self.fault(
                    text,
                    format!("`{}` is no id", text.get_ref()),
                    &format!("such as {prefix}0example"),
                );
            }
        }
        raw.get_ref().iter().map(|text| text.get_ref().clone()).collect()
    }

    /// `aws:SourceIp` is the address that AWS sees: a private one is never it.
    fn public(&mut self, raw: Option<&Spanned<Vec<Text>>>) -> Vec<IpNet> {
        let Some(raw) = raw else { return Vec::new() };
        let found = self.networks(raw, "networks", "leave it out");
        for text in raw.get_ref() {
            let Ok(network) = text.get_ref().parse::<IpNet>() else { continue };
            let is_private = match network.addr() {
                IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
                IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback() || ip.is_unicast_link_local(),
            };
            if is_private || network.prefix_len() == 0 {
                let hint = "AWS sees the public address; requests through an endpoint have `vpcs` or `vpc_endpoints`";
                self.fault(text, format!("`{network}` is no public network"), hint);
            }
        }
        found
    }
}
