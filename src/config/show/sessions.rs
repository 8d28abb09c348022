//! What there is to show of sessions, certificates, freezes and AWS.

use serde_json::{Value, json};

use super::{Shown, duration, list, sections::path};
use crate::{
    caller::CertificateName,
    config::{AwsOptions, Config, SessionPlace},
    session::{Algorithm, IssuerOptions, Jwks, RoleMapping, StsOptions},
};

impl Shown<'_> {
    pub(super) fn sessions(&mut self, config: &Config) {
        if let Some(session) = &config.session {
            self.session(session);
        }
        for (at, certificate) in config.certificates.iter().enumerate() {
            self.certificate_name(&format!("certificate[{at}]"), certificate);
        }
        self.say("freeze.may_freeze", list(&config.freeze.freeze));
        self.say("freeze.may_unfreeze", list(&config.freeze.unfreeze));
    }

    fn session(&mut self, session: &SessionPlace) {
        let options = &session.options;
        self.say("session.audience", options.audience.as_str());
        self.say("session.lifetime", duration(options.lifetime));
        for (at, (id, secret)) in session.keys.iter().enumerate() {
            self.say(format!("session.key[{at}].id"), id.as_str());
            self.secret(&format!("session.key[{at}].secret"), secret);
        }
        if let Some(sts) = &options.sts {
            self.sts(sts);
        }
        for (at, issuer) in options.issuers.iter().enumerate() {
            self.issuer(&format!("session.issuer[{at}]"), issuer);
        }
        for (at, role) in options.roles.iter().enumerate() {
            self.role(&format!("session.role[{at}]"), role);
        }
    }

    fn sts(&mut self, sts: &StsOptions) {
        self.say("session.sts.accounts", list(&sts.accounts));
        self.say("session.sts.regions", list(&sts.regions));
        let address = sts.address.as_ref().map(|(host, port)| {
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
        });
        self.say("session.sts.address", address);
        self.say("session.sts.ca_file", sts.ca_file.as_deref().map_or(Value::Null, path));
        self.say("session.sts.timeout", duration(sts.timeout));
    }

    fn issuer(&mut self, key: &str, issuer: &IssuerOptions) {
        self.say(format!("{key}.issuer"), issuer.issuer.as_str());
        self.say(format!("{key}.audiences"), list(&issuer.audiences));
        self.say(format!("{key}.algorithms"), list(issuer.algorithms.iter().copied().map(Algorithm::name)));
        match &issuer.jwks {
            Jwks::File(file) => self.say(format!("{key}.jwks_file"), path(file)),
            Jwks::Url { url, ca_file, private } => {
                self.say(format!("{key}.jwks_url"), url.as_str());
                self.say(format!("{key}.ca_file"), ca_file.as_deref().map_or(Value::Null, path));
                self.say(format!("{key}.private"), list(private));
            }
        }
        self.say(format!("{key}.leeway"), duration(issuer.leeway));
    }

    fn role(&mut self, key: &str, role: &RoleMapping) {
        self.say(format!("{key}.issuer"), role.issuer.as_str());
        self.say(format!("{key}.claims"), json!(role.claims));
        self.say(format!("{key}.role"), role.role.to_string());
        self.say(format!("{key}.carry"), list(&role.carry));
    }

    pub(super) fn aws(&mut self, aws: &AwsOptions) {
        let AwsOptions { principals, admins, break_glass, vpcs, vpc_endpoints, networks, exempt } = aws;
        self.say("aws.principals", list(principals));
        self.say("aws.admins", list(admins));
        self.say("aws.break_glass", break_glass.as_deref());
        self.say("aws.vpcs", list(vpcs));
        self.say("aws.vpc_endpoints", list(vpc_endpoints));
        self.say("aws.networks", list(networks));
        for (at, (principal, because)) in exempt.iter().enumerate() {
            self.say(format!("aws.exempt[{at}].principal"), principal.as_str());
            self.say(format!("aws.exempt[{at}].because"), because.as_str());
        }
    }

    fn certificate_name(&mut self, key: &str, certificate: &CertificateName) {
        match (&certificate.spiffe, &certificate.subject) {
            (Some(id), _) => self.say(format!("{key}.spiffe"), id.as_str()),
            (None, subject) => self.say(format!("{key}.subject"), subject.as_deref()),
        }
        self.say(format!("{key}.principal"), certificate.principal.arn.to_string());
        self.say(format!("{key}.unique_id"), certificate.principal.unique_id.as_deref());
        self.say(format!("{key}.claims"), json!(certificate.claims));
    }
}
