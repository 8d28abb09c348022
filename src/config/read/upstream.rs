//! `[[upstream]]`: where Connect is. The host it is reached at comes from here only.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use serde_spanned::Spanned;

use super::{Reader, is_name};
use crate::{
    caller::{Arn, ArnFault, Resource},
    client::{ClientBounds, Endpoint},
    config::raw::{self, Text},
    diagnostic::{Fault, Place},
    operation::{InstanceId, Site},
    upstream::{CredentialSource, SessionNames, SiteOptions, endpoint_host, sts_host},
};

impl Reader<'_> {
    pub(super) fn upstreams(&mut self, raw: &[Spanned<raw::Upstream>]) -> Vec<SiteOptions> {
        if raw.is_empty() {
            self.faults.push(
                Fault::bare("there is no `[[upstream]]`").hint("name an account, a Region and its instances"),
            );
        }
        let mut names = BTreeSet::new();
        let mut instances = BTreeSet::new();
        let mut found = Vec::new();
        for upstream in raw {
            let place = self.place(upstream.span());
            let upstream = upstream.get_ref();
            if !names.insert(upstream.name.get_ref()) {
                let message = format!("two upstreams are called `{}`", upstream.name.get_ref());
                self.fault(&upstream.name, message, "each has its own name");
            }
            for instance in upstream.instances.get_ref() {
                let region = upstream.region.get_ref();
                if !instances.insert((region, instance.get_ref())) {
                    let message = format!("`{}` is named twice in {region}", instance.get_ref());
                    self.fault(instance, message, "an instance of a Region is in one upstream");
                }
            }
            found.extend(self.upstream(upstream, &place));
        }
        found
    }

    fn upstream(&mut self, raw: &raw::Upstream, place: &Place) -> Option<SiteOptions> {
        let site = self.site(raw);
        let host = self.host(raw, &site);
        let address = raw.address.as_ref().and_then(|text| self.reached_at(text));
        let credentials = self.credentials(raw, &site, place);
        let standard = ClientBounds::default();
        let bounds = ClientBounds {
            connect: self.duration(raw.connect_timeout.as_ref()).unwrap_or(standard.connect),
            answer: self.duration(raw.answer_timeout.as_ref()).unwrap_or(standard.answer),
            in_flight: self
                .count(raw.in_flight.as_ref(), raw::Upstream::in_flight())
                .unwrap_or(standard.in_flight),
            ..standard
        };
        let ca_file = raw.ca_file.as_ref().map(|file| self.path(file.get_ref()));
        let sts = self.sts_of(raw, &site);
        let (host, port) = host?;
        Some(SiteOptions {
            site,
            endpoint: Endpoint { host, port, address, ca_file },
            bounds,
            credentials: credentials?,
            sts: sts?,
        })
    }

    fn site(&mut self, raw: &raw::Upstream) -> Site {
        let name = raw.name.get_ref();
        if !is_name(name) {
            self.fault(
                &raw.name,
                format!("`{name}` is no name of an upstream"),
                "1 to 64 characters of A-Z a-z 0-9 . _ -",
            );
        }
        let account = raw.account.get_ref();
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            let message = format!("`{account}` is no account");
            self.fault(&raw.account, message, "an account is twelve digits, in quotes");
        }
        if raw.instances.get_ref().is_empty() {
            let at = self.place(raw.instances.span());
            self.faults
                .push(Fault::error("no instance is named", at).hint("the guard serves named instances only"));
        }
        let mut instances = Vec::new();
        for instance in raw.instances.get_ref() {
            match InstanceId::read(instance.get_ref()) {
                Some(id) => instances.push(id),
                None => self.fault(
                    instance,
                    format!("`{}` is no instance id", instance.get_ref()),
                    "the id, not the ARN",
                ),
            }
        }
        let partition = raw.partition.as_ref().map_or("aws", |text| text.get_ref());
        Site {
            name: name.clone(),
            partition: partition.to_owned(),
            account: account.clone(),
            region: raw.region.get_ref().clone(),
            instances,
        }
    }

    /// The endpoint as written, or that of the Region, which is checked in either case: signatures name it.
    fn host(&mut self, raw: &raw::Upstream, site: &Site) -> Option<(String, u16)> {
        let fips = raw.fips.as_ref().is_some_and(|fips| *fips.get_ref());
        let host = endpoint_host(&site.partition, &site.region, fips);
        if host.is_none() {
            let message = format!("`{}` is no Region of the partition `{}`", site.region, site.partition);
            self.fault(&raw.region, message, "such as us-east-1");
        }
        let Some(endpoint) = &raw.endpoint else { return host.map(|host| (host, 443)) };
        if let Some(fips) = &raw.fips {
            let at = self.place(fips.span());
            self.faults.push(
                Fault::error("`fips` says nothing beside `endpoint`", at)
                    .hint("write the FIPS endpoint itself"),
            );
        }
        let found = read_endpoint(endpoint.get_ref());
        if found.is_none() {
            self.fault(
                endpoint,
                format!("`{}` is no endpoint", endpoint.get_ref()),
                "https://HOST or https://HOST:PORT, a DNS name and nothing after it; `address` says where it is",
            );
        }
        found
    }

    /// Where the endpoint is reached instead of at what its name resolves to. Never where machines get their credentials
    /// from (`169.254.0.0/16`, `fe80::/10`), and never what is no address of one host.
    fn reached_at(&mut self, text: &Text) -> Option<SocketAddr> {
        let found = text.get_ref().parse::<SocketAddr>().ok().filter(|address| {
            let ip = address.ip().to_canonical();
            let is_local_link = match ip {
                IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
                IpAddr::V6(ip) => ip.is_unicast_link_local(),
            };
            address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !is_local_link
        });
        if found.is_none() {
            let message = format!("`{}` is no address of an endpoint", text.get_ref());
            self.fault(text, message, "ADDRESS:PORT, such as 192.0.2.10:443");
        }
        found
    }

    fn credentials(&mut self, raw: &raw::Upstream, site: &Site, place: &Place) -> Option<CredentialSource> {
        if raw.role.is_none() {
            self.of_a_role(raw);
        }
        match (&raw.profile, &raw.role) {
            (None, None) => Some(CredentialSource::Chain),
            (Some(profile), None) => Some(CredentialSource::Profile(profile.get_ref().clone())),
            (None, Some(role)) => {
                self.role(role, site);
                Some(CredentialSource::Role {
                    arn: role.get_ref().clone(),
                    ordinary: raw.ordinary_role.as_ref().map(|ordinary| self.ordinary(ordinary, role, site)),
                    external_id: raw.external_id.as_ref().map(|id| id.get_ref().clone()),
                    names: self.session_names(raw),
                })
            }
            (Some(_), Some(_)) => {
                self.faults.push(Fault::error("give one of `profile` and `role`", place.clone()));
                None
            }
        }
    }

    /// What is said to STS when a role is assumed, and says nothing otherwise.
    fn of_a_role(&mut self, raw: &raw::Upstream) {
        let is_caller = raw.session_name.as_ref().is_some_and(|text| text.get_ref() == "caller");
        let said = [
            ("ordinary_role", raw.ordinary_role.as_ref().map(Spanned::span)),
            ("external_id", raw.external_id.as_ref().map(Spanned::span)),
            ("session_name", raw.session_name.as_ref().filter(|_| is_caller).map(Spanned::span)),
            ("source_identity", raw.source_identity.as_ref().filter(|set| *set.get_ref()).map(Spanned::span)),
        ];
        for (key, span) in said {
            let Some(span) = span else { continue };
            let at = self.place(span);
            self.faults.push(
                Fault::error(format!("`{key}`, and no `role`"), at)
                    .hint("it is told to STS when a role is assumed"),
            );
        }
        if !is_caller {
            self.session_names(raw);
        }
    }

    /// With a role, sessions are named after callers unless the configuration says otherwise.
    fn session_names(&mut self, raw: &raw::Upstream) -> SessionNames {
        let source_identity = raw.source_identity.as_ref().is_some_and(|set| *set.get_ref());
        let Some(text) = &raw.session_name else { return SessionNames::Caller { source_identity } };
        match text.get_ref().as_str() {
            "caller" => SessionNames::Caller { source_identity },
            "fixed" => {
                if let Some(set) = raw.source_identity.as_ref().filter(|_| source_identity) {
                    let at = self.place(set.span());
                    self.faults.push(
                        Fault::error("`source_identity`, and no caller in the session's name", at)
                            .hint("session_name = \"caller\", or leave it out"),
                    );
                }
                SessionNames::Fixed
            }
            other => {
                self.fault(text, format!("`{other}` is no way to name sessions"), "write caller or fixed");
                SessionNames::Fixed
            }
        }
    }

    /// The STS of the Region. A Region that is none is a fault already.
    fn sts_of(&mut self, raw: &raw::Upstream, site: &Site) -> Option<Endpoint> {
        let fips = raw.fips.as_ref().is_some_and(|fips| *fips.get_ref());
        let address = raw.sts_address.as_ref().and_then(|text| self.reached_at(text));
        let ca_file = raw.sts_ca_file.as_ref().map(|file| self.path(file.get_ref()));
        let host = sts_host(&site.partition, &site.region, fips)?;
        Some(Endpoint { host, port: 443, address, ca_file })
    }

    /// Another role than that for changes.
    fn ordinary(&mut self, text: &Text, changes: &Text, site: &Site) -> String {
        self.role(text, site);
        if text.get_ref() == changes.get_ref() {
            let hint = "leave it out: one role for everything is the default";
            self.fault(text, format!("`{}` is the role for changes", text.get_ref()), hint);
        }
        text.get_ref().clone()
    }

    /// A role to assume is named with its path, and is of the partition.
    fn role(&mut self, text: &Text, site: &Site) {
        let arn = text.get_ref();
        let is_role = match Arn::read(arn) {
            Ok(read) => matches!(read.resource, Resource::Role(_)),
            Err(fault) => fault == ArnFault::RolePath,
        };
        if !is_role || !arn.starts_with(&format!("arn:{}:", site.partition)) {
            let message = format!("`{arn}` is no role of the partition `{}`", site.partition);
            self.fault(text, message, "such as arn:aws:iam::111122223333:role/connect-guard");
        }
    }
}

/// `https://HOST[:PORT]`, nothing after it. The host is a DNS name and no address in any spelling: its last label begins
/// with a letter (URL standard, "ends in a number").
pub(crate) fn read_endpoint(text: &str) -> Option<(String, u16)> {
    let rest = text.strip_prefix("https://")?;
    let (host, port) = match rest.split_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port.parse().ok()?),
        Some(_) => return None,
        None => (rest, 443),
    };
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let last = host.rsplit('.').next()?;
    let is_host = host.len() <= 253
        && host.split('.').all(is_label)
        && last.starts_with(|first: char| first.is_ascii_alphabetic());
    (is_host && port != 0).then(|| (host.to_ascii_lowercase(), port))
}
