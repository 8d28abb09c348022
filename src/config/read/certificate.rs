//! Client certificates: where they are asked for, what they suffice for, and whom each stands for.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use serde_spanned::Spanned;

use super::{Reader, listener::Kind};
use crate::{
    caller::{CertificateName, Principal},
    config::{
        Located,
        raw::{self, Raw, Text},
    },
    diagnostic::{Fault, nearest},
    wire::{Require, is_spiffe_id},
};

/// Claims of one certificate, and characters of each, as a session holds them.
const CLAIMS: usize = 16;
const CLAIM: usize = 256;
/// Characters of a claim's name.
const NAME: usize = 128;

/// What must be proven at a listener.
pub(super) struct Proofs {
    pub(super) crl: Option<Located<PathBuf>>,
    pub(super) require: Require,
    pub(super) region: Option<String>,
}

impl Reader<'_> {
    pub(super) fn proofs(&mut self, raw: &raw::Listen, kind: Kind, whole: &Raw) -> Proofs {
        let crl = raw.crl_file.as_ref().map(|file| self.file(file));
        if let (Some(crl), None) = (&crl, &raw.client_ca) {
            self.faults.push(
                Fault::error("`crl_file`, and no `client_ca`", crl.place.clone())
                    .hint("it lists certificates of those CAs"),
            );
        }
        if kind == Kind::Session {
            let spans = [
                ("require", raw.require.as_ref().map(Spanned::span)),
                ("region", raw.region.as_ref().map(Spanned::span)),
            ];
            for (key, span) in spans {
                let Some(span) = span else { continue };
                let at = self.place(span);
                self.faults.push(
                    Fault::error(format!("`{key}` is of gateway listeners"), at)
                        .hint("a session listener takes the proofs that [session] names"),
                );
            }
            return Proofs { crl, require: Require::Signature, region: None };
        }
        let require = self.require(raw, whole);
        let region = self.region_of(raw, require, whole);
        Proofs { crl, require, region }
    }

    fn require(&mut self, raw: &raw::Listen, whole: &Raw) -> Require {
        let Some(text) = &raw.require else { return Require::Signature };
        let written = text.get_ref().as_str();
        let require = match written {
            "signature" => return Require::Signature,
            "certificate" => Require::Certificate,
            "both" => Require::Both,
            _ => {
                let known = ["signature", "certificate", "both"];
                let hint = nearest(written, known).map_or_else(
                    || format!("write one of: {}", known.join(", ")),
                    |known| format!("did you mean `{known}`?"),
                );
                self.fault(text, format!("`{written}` is nothing to require"), &hint);
                return Require::Signature;
            }
        };
        if raw.client_ca.is_none() {
            self.fault(
                text,
                "a certificate is required, and there is no `client_ca`".into(),
                "name the CAs they come from",
            );
        }
        if whole.certificate.is_empty() {
            let hint = "[[certificate]] spiffe or subject, principal";
            self.fault(
                text,
                "a certificate is required, and no `[[certificate]]` says whom one stands for".into(),
                hint,
            );
        }
        require
    }

    /// Unsigned requests name no Region: it is said here, or there is one only.
    fn region_of(&mut self, raw: &raw::Listen, require: Require, whole: &Raw) -> Option<String> {
        let served: BTreeSet<&str> =
            whole.upstream.iter().map(|upstream| upstream.get_ref().region.get_ref().as_str()).collect();
        match (&raw.region, require) {
            (Some(text), Require::Certificate) => {
                let region = text.get_ref();
                if !served.contains(region.as_str()) {
                    let known: Vec<&str> = served.into_iter().collect();
                    let hint = format!("the Regions of the upstreams are: {}", known.join(", "));
                    self.fault(text, format!("no upstream is in `{region}`"), &hint);
                }
                Some(region.clone())
            }
            (Some(text), Require::Signature | Require::Both) => {
                let hint = "a signature names its Region: leave it out";
                self.fault(text, "`region` says nothing where a signature is required".into(), hint);
                None
            }
            (None, Require::Certificate) if served.len() > 1 => {
                let at = raw.require.as_ref().unwrap_or(&raw.kind);
                let hint = "region = \"us-east-1\": one listener for each Region";
                self.fault(at, "unsigned requests name no Region, and there are several".into(), hint);
                None
            }
            (None, Require::Certificate) => served.first().map(|region| (*region).to_owned()),
            (None, Require::Signature | Require::Both) => None,
        }
    }

    pub(super) fn certificates(&mut self, raw: &Raw) -> Vec<CertificateName> {
        let asked = raw
            .listen
            .iter()
            .any(|listen| listen.get_ref().client_ca.is_some() && Kind::of(listen.get_ref()) != Kind::Status);
        if let (Some(first), false) = (raw.certificate.first(), asked) {
            let place = self.place(first.span());
            self.faults.push(
                Fault::error("no listener asks for certificates", place)
                    .hint("give a gateway or session listener `client_ca`"),
            );
        }
        let mut names = BTreeSet::new();
        let mut found = Vec::new();
        for certificate in &raw.certificate {
            let name = certificate.get_ref().spiffe.as_ref().or(certificate.get_ref().subject.as_ref());
            if let Some(name) = name.filter(|name| !names.insert(name.get_ref().as_str())) {
                let message = format!("two certificates are called `{}`", name.get_ref());
                self.fault(name, message, "one stands for one principal");
            }
            found.extend(self.certificate_name(certificate));
        }
        found
    }

    fn certificate_name(&mut self, spanned: &Spanned<raw::Certificate>) -> Option<CertificateName> {
        let raw = spanned.get_ref();
        match (&raw.spiffe, &raw.subject) {
            (Some(id), None) if !is_spiffe_id(id.get_ref()) => {
                let hint = "spiffe://TRUST-DOMAIN/PATH, as it stands in the certificate";
                self.fault(id, format!("`{}` is no SPIFFE id", id.get_ref()), hint);
            }
            (None, Some(subject)) if !is_subject(subject.get_ref()) => {
                let hint = "as RFC 4514 writes it, such as CN=desk,O=Example";
                self.fault(subject, format!("`{}` is no subject", subject.get_ref()), hint);
            }
            (Some(_), None) | (None, Some(_)) => {}
            (None, None) | (Some(_), Some(_)) => {
                let place = self.place(spanned.span());
                self.faults.push(
                    Fault::error("give one of `spiffe` and `subject`", place)
                        .hint("what the certificate says of whom it was issued to"),
                );
            }
        }
        let arn = self.principal(&raw.principal);
        let unique_id = raw.unique_id.as_ref().map(|id| self.unique_id(id, arn.as_ref()));
        let claims = raw.claims.as_ref().map(|claims| self.claims(claims)).unwrap_or_default();
        Some(CertificateName {
            spiffe: raw.spiffe.as_ref().map(|id| id.get_ref().clone()),
            subject: raw.subject.as_ref().map(|subject| subject.get_ref().clone()),
            principal: Principal { arn: arn?, unique_id },
            claims,
        })
    }

    /// Names and values that a session can hold.
    pub(super) fn claims(&mut self, raw: &Spanned<BTreeMap<Text, Text>>) -> BTreeMap<String, String> {
        if raw.get_ref().is_empty() || raw.get_ref().len() > CLAIMS {
            let at = self.place(raw.span());
            self.faults.push(Fault::error(format!("`claims` names 1 to {CLAIMS}"), at));
        }
        for (name, value) in raw.get_ref() {
            for (text, most) in [(name, NAME), (value, CLAIM)] {
                let length = text.get_ref().chars().count();
                if length == 0 || length > most || text.get_ref().chars().any(char::is_control) {
                    let hint = format!("1 to {most} characters, none of them a control character");
                    self.fault(text, "this is no claim".into(), &hint);
                }
            }
        }
        raw.get_ref().iter().map(|(name, value)| (name.get_ref().clone(), value.get_ref().clone())).collect()
    }
}

/// Attributes with their types; what exactly they are, the certificate says.
fn is_subject(text: &str) -> bool {
    text.contains('=') && text.trim() == text && !text.chars().any(char::is_control)
}
