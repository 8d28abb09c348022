//! The relay's own file: where it listens, where the guard is, how it proves who it is.

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf, time::Duration};

use serde_spanned::Spanned;

use super::{Reader, listener::is_host, upstream::read_endpoint};
use crate::{
    caller::{Arn, Resource},
    client::{ClientBounds, Endpoint},
    config::{
        Located, RelayAt, RelayFile, RelayListen,
        raw::{
            Text,
            relay::{Drain, Listen, Raw, Relay},
        },
    },
    diagnostic::{Fault, Faults, Place, nearest},
    relay::{CertificateFiles, ProofBy, RelayOptions, SessionAt},
    secret::SecretRef,
    session::{StsHost, proof::is_audience},
    upstream::endpoint_host,
};

/// The proofs there are.
const PROOFS: [&str; 3] = ["sts", "web-identity", "certificate"];

impl Reader<'_> {
    pub(in crate::config) fn relay_file(mut self, raw: &Raw) -> Result<(RelayFile, Faults), Faults> {
        let listen = self
            .section(raw.listen.as_ref(), "listen", "address = \"127.0.0.1:8080\", or socket = \"/run/...\"")
            .and_then(|listen| self.relay_listen(listen));
        let relay = self
            .section(raw.relay.as_ref(), "relay", "gateway, session, region, proof")
            .and_then(|relay| self.relay(relay));
        let status = raw.status.as_ref().and_then(|status| self.own_address(&status.get_ref().address));
        let drain = self.duration_within(raw.drain.requests.as_ref(), Drain::requests());
        let drain = drain.unwrap_or(Duration::from_secs(30));
        let log = self.log(&raw.log);
        match (listen, relay) {
            (Some(listen), Some(relay)) if !self.faults.fatal() => {
                Ok((RelayFile { listen, status, drain, relay, log }, self.faults))
            }
            _ => Err(self.faults),
        }
    }

    fn relay_listen(&mut self, spanned: &Spanned<Listen>) -> Option<RelayListen> {
        let place = self.place(spanned.span());
        let raw = spanned.get_ref();
        let at = match (&raw.address, &raw.socket) {
            (Some(address), None) => self.tcp(address).map(RelayAt::Address),
            (None, Some(socket)) => {
                let mode = raw.mode.as_ref().and_then(|mode| self.mode(mode)).unwrap_or(0o600);
                Some(RelayAt::Socket { path: self.path(socket.get_ref()), mode })
            }
            (None, None) | (Some(_), Some(_)) => {
                self.faults.push(
                    Fault::error("give one of `address` and `socket`", place.clone())
                        .hint("address = \"127.0.0.1:8080\": then the application has AWS_ENDPOINT_URL_CONNECT=http://127.0.0.1:8080"),
                );
                None
            }
        };
        let tls = self.relay_certificate(raw, &place);
        if let (Some(RelayAt::Address(address)), Some(text), None) = (&at, &raw.address, &raw.certificate)
            && !address.ip().to_canonical().is_loopback()
        {
            self.fault(
                text,
                format!("{address} is not of this machine alone, and speaks plain HTTP"),
                "whoever reaches a relay acts as it: an address of 127.0.0.0/8, or `certificate` and `key_file`",
            );
        }
        let mut hosts = BTreeSet::new();
        for host in raw.hosts.iter().flat_map(Spanned::get_ref) {
            if !is_host(host.get_ref()) {
                self.fault(host, format!("`{}` is no host", host.get_ref()), "such as relay.example.com");
            }
            hosts.insert(host.get_ref().to_ascii_lowercase());
        }
        Some(RelayListen { at: at?, tls, hosts })
    }

    /// Permissions as `chmod` takes them: whoever may write may connect.
    fn mode(&mut self, text: &Text) -> Option<u32> {
        let written = text.get_ref();
        let found = u32::from_str_radix(written, 8)
            .ok()
            .filter(|mode| (3..=4).contains(&written.len()) && *mode <= 0o777 && mode & 0o600 == 0o600);
        if found.is_none() {
            let message = format!("`{written}` is no mode of a socket");
            self.fault(
                text,
                message,
                "in quotes: \"0600\" for this user alone, \"0660\" for its group as well",
            );
        }
        found
    }

    fn relay_certificate(
        &mut self,
        raw: &Listen,
        place: &Place,
    ) -> Option<(Located<PathBuf>, Located<SecretRef>)> {
        let key = match (&raw.key_file, &raw.key_credential) {
            (Some(file), None) => Some(self.located(file, |file| SecretRef::File(self.path(file)))),
            (None, Some(name)) => Some(self.located(name, |name| SecretRef::Credential(name.clone()))),
            (None, None) => None,
            (Some(_), Some(_)) => {
                self.faults.push(Fault::error("give one of `key_file` and `key_credential`", place.clone()));
                return None;
            }
        };
        match (&raw.certificate, key) {
            (Some(chain), Some(key)) => Some((self.file(chain), key)),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                self.faults.push(
                    Fault::error("`certificate` and its key go together", place.clone())
                        .hint("give both, or neither: plain HTTP, for this machine alone"),
                );
                None
            }
        }
    }

    fn tcp(&mut self, text: &Text) -> Option<SocketAddr> {
        let found = text.get_ref().parse().ok();
        if found.is_none() {
            let message = format!("`{}` is no address", text.get_ref());
            self.fault(text, message, "write ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080");
        }
        found
    }

    /// The status listener's: plain HTTP, so of this machine.
    fn own_address(&mut self, text: &Text) -> Option<SocketAddr> {
        let found = self.tcp(text)?;
        if !found.ip().to_canonical().is_loopback() {
            let at = self.place(text.span());
            self.faults.push(
                Fault::warning(format!("{found} is not of this machine alone, and speaks plain HTTP"), at)
                    .hint("an address of 127.0.0.0/8, unless a probe has to come from elsewhere"),
            );
        }
        Some(found)
    }

    fn relay(&mut self, spanned: &Spanned<Relay>) -> Option<RelayOptions> {
        let place = self.place(spanned.span());
        let raw = spanned.get_ref();
        let ca_file = raw.ca_file.as_ref().map(|file| self.path(file.get_ref()));
        let session_ca = raw.session_ca_file.as_ref().map(|file| self.path(file.get_ref()));
        let gateway = self.guard_at(&raw.gateway, raw.gateway_address.as_ref(), ca_file.clone());
        let endpoint = self.guard_at(&raw.session, raw.session_address.as_ref(), session_ca.or(ca_file));
        self.relay_region(&raw.region);
        let audience = match &raw.audience {
            Some(text) => self.relay_audience(text),
            None => endpoint.as_ref().map(|endpoint| endpoint.host.clone()),
        };
        let certificate = self.relay_presents(raw, &place);
        let proof = self.proof(raw, &place, certificate.is_some());
        let standard = ClientBounds::default();
        let bounds = ClientBounds {
            connect: self.duration(raw.connect_timeout.as_ref()).unwrap_or(standard.connect),
            // The gateway may wait for what became of an earlier attempt, and for an acknowledgement.
            answer: self.duration(raw.answer_timeout.as_ref()).unwrap_or(Duration::from_mins(1)),
            in_flight: self.count(raw.in_flight.as_ref(), Relay::in_flight()).unwrap_or(standard.in_flight),
            ..standard
        };
        let body = self.count(raw.body.as_ref(), Relay::body()).unwrap_or(1024 * 1024);
        let session = SessionAt { endpoint: endpoint?, audience: audience?, proof: proof?, certificate };
        Some(RelayOptions { gateway: gateway?, bounds, session, region: raw.region.get_ref().clone(), body })
    }

    fn guard_at(
        &mut self,
        text: &Text,
        address: Option<&Text>,
        ca_file: Option<PathBuf>,
    ) -> Option<Endpoint> {
        let found = read_endpoint(text.get_ref());
        if found.is_none() {
            self.fault(
                text,
                format!("`{}` is no listener of a guard", text.get_ref()),
                "https://HOST or https://HOST:PORT, a DNS name and nothing after it",
            );
        }
        let address = address.and_then(|text| self.tcp(text));
        let (host, port) = found?;
        Some(Endpoint { host, port, address, ca_file })
    }

    fn relay_region(&mut self, text: &Text) {
        let region = text.get_ref();
        if !["aws", "aws-cn", "aws-us-gov"].iter().any(|one| endpoint_host(one, region, false).is_some()) {
            self.fault(text, format!("`{region}` is no Region"), "such as us-east-1");
        }
    }

    fn relay_audience(&mut self, text: &Text) -> Option<String> {
        if is_audience(text.get_ref()) {
            return Some(text.get_ref().clone());
        }
        let message = format!("`{}` is no audience", text.get_ref());
        self.fault(text, message, "what the guard's `[session]` says: 1 to 256 of A-Z a-z 0-9 . _ : / -");
        None
    }

    fn relay_presents(&mut self, raw: &Relay, place: &Place) -> Option<CertificateFiles> {
        match (&raw.certificate, &raw.key_file) {
            (Some(chain), Some(key)) => {
                Some(CertificateFiles { chain: self.path(chain.get_ref()), key: self.path(key.get_ref()) })
            }
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                self.faults.push(Fault::error("`certificate` and `key_file` go together", place.clone()));
                None
            }
        }
    }

    fn proof(&mut self, raw: &Relay, place: &Place, presents: bool) -> Option<ProofBy> {
        let proof = raw.proof.get_ref().as_str();
        self.only(raw, proof);
        match proof {
            "sts" => {
                let region = raw.sts_region.as_ref().unwrap_or(&raw.region);
                if StsHost::of(region.get_ref()).is_none() {
                    let message = format!("sts has no host in `{}`", region.get_ref());
                    self.fault(region, message, "one of those that the guard's `[session.sts]` names");
                    return None;
                }
                let profile = raw.profile.as_ref().map(|profile| profile.get_ref().clone());
                Some(ProofBy::Sts { profile, region: region.get_ref().clone() })
            }
            "web-identity" => self.by_token(raw, place),
            "certificate" if presents => Some(ProofBy::Certificate),
            "certificate" => {
                let hint = "certificate = \"client.pem\" and key_file = \"client.key\"";
                self.faults.push(
                    Fault::error("the proof is a certificate, and none is given", place.clone()).hint(hint),
                );
                None
            }
            other => {
                let hint = nearest(other, PROOFS).map_or_else(
                    || format!("the proofs are: {}", PROOFS.join(", ")),
                    |known| format!("did you mean `{known}`?"),
                );
                self.fault(&raw.proof, format!("no proof is called `{other}`"), &hint);
                None
            }
        }
    }

    fn by_token(&mut self, raw: &Relay, place: &Place) -> Option<ProofBy> {
        let mut missing = |key: &str, hint: &str| {
            self.faults
                .push(Fault::error(format!("`web-identity`, and no `{key}`"), place.clone()).hint(hint));
        };
        if raw.token_file.is_none() {
            missing("token_file", "such as /var/run/secrets/tokens/connect-guard");
        }
        if raw.role.is_none() {
            missing("role", "the role that the guard's `[[session.role]]` maps the token's claims to");
        }
        let (token_file, role) = (raw.token_file.as_ref()?, raw.role.as_ref()?);
        if !Arn::read(role.get_ref()).is_ok_and(|arn| matches!(arn.resource, Resource::Role(_))) {
            let message = format!("`{}` is no role", role.get_ref());
            self.fault(role, message, "such as arn:aws:iam::111122223333:role/Desk");
        }
        let label = raw.label.as_ref().map_or("relay", |label| label.get_ref().as_str());
        let is_label = |byte: u8| byte.is_ascii_alphanumeric() || b"_=,.@-".contains(&byte);
        if let Some(text) = &raw.label
            && !((2..=64).contains(&label.len()) && label.bytes().all(is_label))
        {
            self.fault(text, format!("`{label}` is no label"), "2 to 64 of A-Z a-z 0-9 _ = , . @ -");
        }
        Some(ProofBy::WebIdentity {
            token_file: self.path(token_file.get_ref()),
            role: role.get_ref().clone(),
            label: label.to_owned(),
        })
    }

    /// What is written for one proof means nothing to another: whoever wrote it expects something.
    fn only(&mut self, raw: &Relay, proof: &str) {
        let span = |text: &Option<Text>| text.as_ref().map(Spanned::span);
        let keys = [
            ("profile", "sts", span(&raw.profile)),
            ("sts_region", "sts", span(&raw.sts_region)),
            ("audience", "sts", span(&raw.audience)),
            ("token_file", "web-identity", raw.token_file.as_ref().map(Spanned::span)),
            ("role", "web-identity", span(&raw.role)),
            ("label", "web-identity", span(&raw.label)),
        ];
        if !PROOFS.contains(&proof) {
            return;
        }
        for (key, of, span) in keys {
            let Some(span) = span.filter(|_| of != proof) else { continue };
            let at = self.place(span);
            self.faults.push(Fault::error(format!("`{key}` is of the proof `{of}`, not of `{proof}`"), at));
        }
    }
}
