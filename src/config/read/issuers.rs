//! `[session.sts]`, `[[session.issuer]]`, `[[session.role]]`: whom to believe, and who that makes somebody.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use serde_spanned::Spanned;

use super::Reader;
use crate::{
    config::raw::{self, Text},
    diagnostic::{Fault, nearest},
    session::{Algorithm, IssuerOptions, Jwks, RoleMapping, StsHost, StsOptions},
};

/// How far an issuer's clock may be off, unless the configuration says otherwise; and at most.
const LEEWAY: Duration = Duration::from_secs(30);
/// How long STS may take, unless the configuration says otherwise.
const STS: Duration = Duration::from_secs(5);
/// Claims of a token that one session carries.
const CARRIED: usize = 16;

impl Reader<'_> {
    pub(super) fn sts(&mut self, raw: &raw::Sts) -> StsOptions {
        let accounts = self.set(&raw.accounts, "accounts");
        for account in raw.accounts.get_ref() {
            let written = account.get_ref();
            if written.len() != 12 || !written.bytes().all(|byte| byte.is_ascii_digit()) {
                let hint = "an account is twelve digits, in quotes";
                self.fault(account, format!("`{written}` is no account"), hint);
            }
        }
        let regions = self.set(&raw.regions, "regions");
        for region in raw.regions.get_ref() {
            if StsHost::of(region.get_ref()).is_none() {
                let message = format!("`{}` is no Region whose STS is known", region.get_ref());
                self.fault(region, message, "such as us-east-1");
            }
        }
        let address = raw.address.as_ref().and_then(|text| self.host_and_port(text));
        if let (Some(text), 2..) = (&raw.address, regions.len()) {
            let hint = "one address is of one Region: leave the others out";
            self.fault(text, "one `address`, and several Regions".into(), hint);
        }
        StsOptions {
            accounts,
            regions,
            address,
            ca_file: raw.ca_file.as_ref().map(|file| self.path(file.get_ref())),
            timeout: self.duration_within(raw.timeout.as_ref(), raw::Sts::timeout()).unwrap_or(STS),
        }
    }

    /// A name or an address, and a port.
    fn host_and_port(&mut self, text: &Text) -> Option<(String, u16)> {
        let found = text.get_ref().rsplit_once(':').and_then(|(host, port)| {
            let port = port.parse::<u16>().ok().filter(|port| *port != 0)?;
            let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
            let host = bare.unwrap_or(host);
            let is_label = |label: &str| {
                !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            };
            let is_host = match host.parse::<IpAddr>() {
                Ok(address) => address.is_ipv6() == bare.is_some() && !address.is_unspecified(),
                Err(_) => bare.is_none() && host.len() <= 253 && host.split('.').all(is_label),
            };
            is_host.then(|| (host.to_owned(), port))
        });
        if found.is_none() {
            let hint = "HOST:PORT, such as vpce-0example.sts.us-east-1.vpce.amazonaws.com:443";
            self.fault(text, format!("`{}` is no address", text.get_ref()), hint);
        }
        found
    }

    pub(super) fn issuers(&mut self, section: &raw::Session) -> Vec<IssuerOptions> {
        let mut names = BTreeSet::new();
        let mut found = Vec::new();
        for issuer in &section.issuer {
            let name = &issuer.get_ref().issuer;
            let written = name.get_ref();
            if written.is_empty()
                || written.len() > 512
                || !written.bytes().all(|byte| byte.is_ascii_graphic())
            {
                let hint = "what tokens have in `iss`, letter by letter";
                self.fault(name, format!("`{written}` is no issuer"), hint);
            }
            if !names.insert(written) {
                self.fault(name, format!("the issuer `{written}` is named twice"), "each is named once");
            }
            if !section.role.iter().any(|role| role.get_ref().issuer.get_ref() == written) {
                let hint = "[[session.role]] issuer, claims, role";
                self.fault(name, "this issuer's tokens are for no role".into(), hint);
            }
            found.extend(self.issuer(issuer));
        }
        found
    }

    fn issuer(&mut self, spanned: &Spanned<raw::TokenIssuer>) -> Option<IssuerOptions> {
        let raw = spanned.get_ref();
        let audiences = self.set(&raw.audiences, "audiences");
        let algorithms = self.algorithms(&raw.algorithms);
        let jwks = self.jwks(spanned);
        let leeway = self.duration_within(raw.leeway.as_ref(), raw::TokenIssuer::leeway());
        Some(IssuerOptions {
            issuer: raw.issuer.get_ref().clone(),
            audiences,
            algorithms,
            jwks: jwks?,
            leeway: leeway.unwrap_or(LEEWAY),
        })
    }

    fn algorithms(&mut self, raw: &Spanned<Vec<Text>>) -> Vec<Algorithm> {
        self.set(raw, "algorithms");
        let mut found = Vec::new();
        for text in raw.get_ref() {
            let written = text.get_ref();
            let Some(algorithm) = Algorithm::read(written) else {
                let known = Algorithm::ALL.map(Algorithm::name);
                let hint = nearest(written, known).map_or_else(
                    || format!("the algorithms are: {}", known.join(", ")),
                    |known| format!("did you mean `{known}`?"),
                );
                self.fault(text, format!("no algorithm is `{written}`"), &hint);
                continue;
            };
            found.push(algorithm);
        }
        found
    }

    fn jwks(&mut self, spanned: &Spanned<raw::TokenIssuer>) -> Option<Jwks> {
        let raw = spanned.get_ref();
        let of_url = [
            ("ca_file", raw.ca_file.as_ref().map(Spanned::span)),
            ("private", raw.private.as_ref().map(Spanned::span)),
        ];
        if raw.jwks_url.is_none() {
            for (key, span) in of_url {
                let Some(span) = span else { continue };
                let at = self.place(span);
                self.faults.push(Fault::error(format!("`{key}`, and no `jwks_url`"), at));
            }
        }
        match (&raw.jwks_url, &raw.jwks_file) {
            (None, Some(file)) => Some(Jwks::File(self.path(file.get_ref()))),
            (Some(url), None) => {
                if !is_https(url.get_ref()) {
                    let message = format!("`{}` is no URL of keys", url.get_ref());
                    self.fault(url, message, "https://HOST[:PORT]/PATH, without credentials or fragment");
                }
                let hint = "leave it out: then the keys are on the public Internet";
                let private = raw.private.as_ref().map(|networks| self.networks(networks, "private", hint));
                Some(Jwks::Url {
                    url: url.get_ref().clone(),
                    ca_file: raw.ca_file.as_ref().map(|file| self.path(file.get_ref())),
                    private: private.unwrap_or_default(),
                })
            }
            (None, None) | (Some(_), Some(_)) => {
                let place = self.place(spanned.span());
                self.faults.push(
                    Fault::error("give one of `jwks_url` and `jwks_file`", place)
                        .hint("the keys that sign this issuer's tokens"),
                );
                None
            }
        }
    }

    pub(super) fn roles(&mut self, section: &raw::Session) -> Vec<RoleMapping> {
        let mut seen: BTreeSet<(&str, BTreeMap<&str, &str>)> = BTreeSet::new();
        let mut found = Vec::new();
        for spanned in &section.role {
            let raw = spanned.get_ref();
            let issuer = raw.issuer.get_ref();
            if !section.issuer.iter().any(|known| known.get_ref().issuer.get_ref() == issuer) {
                let known = section.issuer.iter().map(|known| known.get_ref().issuer.get_ref().as_str());
                let hint = nearest(issuer, known).map_or_else(
                    || "[[session.issuer]] says where its keys are".to_owned(),
                    |known| format!("did you mean `{known}`?"),
                );
                self.fault(&raw.issuer, format!("no issuer is `{issuer}`"), &hint);
            }
            let claims = self.claims(&raw.claims);
            let written = raw.claims.get_ref().iter();
            let written =
                written.map(|(name, value)| (name.get_ref().as_str(), value.get_ref().as_str())).collect();
            if !seen.insert((issuer, written)) {
                let at = self.place(raw.claims.span());
                self.faults.push(
                    Fault::error("these claims of this issuer have a role already", at)
                        .hint("the first that fits is taken: this one never would be"),
                );
            }
            let carry = raw.carry.as_ref().map(|carry| self.set(carry, "carry")).unwrap_or_default();
            if let (Some(text), true) = (&raw.carry, carry.len() > CARRIED) {
                let at = self.place(text.span());
                self.faults.push(Fault::error(format!("a session carries at most {CARRIED} claims"), at));
            }
            let role = self.role_arn(&raw.role);
            let carry = carry.into_iter().collect();
            found.extend(role.map(|role| RoleMapping { issuer: issuer.clone(), claims, role, carry }));
        }
        found
    }

    /// A list of different texts, none of them empty.
    fn set(&mut self, raw: &Spanned<Vec<Text>>, key: &str) -> BTreeSet<String> {
        if raw.get_ref().is_empty() {
            let at = self.place(raw.span());
            self.faults.push(
                Fault::error(format!("`{key}` names none"), at).hint("nothing is taken for everything"),
            );
        }
        let mut found = BTreeSet::new();
        for text in raw.get_ref() {
            if text.get_ref().is_empty() {
                self.fault(text, format!("one of `{key}` is empty"), "leave it out");
            } else if !found.insert(text.get_ref().clone()) {
                self.fault(text, format!("`{}` is named twice", text.get_ref()), "once is enough");
            }
        }
        found
    }
}

/// `https://HOST[:PORT][/PATH][?QUERY]`.
fn is_https(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let (host, port) =
        authority.rsplit_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.bytes().all(|byte| byte.is_ascii_graphic())
        && !text.contains(['#', '@', '\\'])
        && host.split('.').all(is_label)
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0))
}
