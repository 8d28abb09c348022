//! `[[caller]]` and `[mail]`: who may ask, and who is told.

use std::{collections::BTreeSet, time::Duration};

use jiff::{SignedDuration, civil, tz::TimeZone};
use serde_spanned::Spanned;

use super::{Reader, values::references};
use crate::{
    caller::{Arn, ArnFault, GuardKey, Principal, Resource},
    clock::Now,
    config::{
        CallerKey, MailPlace,
        raw::{self, Text},
    },
    diagnostic::{Fault, Place},
    notify::MailTls,
    operation::Address,
};

/// A caller's key ends at most so long from now: 90 days, and the rest of the day it is issued on.
const KEY_MAX: SignedDuration = SignedDuration::from_hours(24 * 91);

impl Reader<'_> {
    pub(super) fn callers(&mut self, raw: &[Spanned<raw::Caller>]) -> Vec<CallerKey> {
        let mut ids = BTreeSet::new();
        let mut found = Vec::new();
        for caller in raw {
            let place = self.place(caller.span());
            let caller = caller.get_ref();
            if !ids.insert(caller.key_id.get_ref().clone()) {
                self.fault(
                    &caller.key_id,
                    format!("two callers have the key `{}`", caller.key_id.get_ref()),
                    "issue another",
                );
            }
            found.extend(self.caller(caller, place));
        }
        found
    }

    fn caller(&mut self, raw: &raw::Caller, place: Place) -> Option<CallerKey> {
        let arn = self.principal(&raw.principal);
        let unique_id = raw.unique_id.as_ref().map(|id| self.unique_id(id, arn.as_ref()));
        if !GuardKey::is_id(raw.key_id.get_ref()) {
            let message = format!("`{}` is no key id", raw.key_id.get_ref());
            self.fault(
                &raw.key_id,
                message,
                "`connect-guard caller issue` makes one: GK and 18 characters of A-Z 2-7",
            );
        }
        let hint = "leave it out, and the key may be used from anywhere";
        let networks = raw
            .networks
            .as_ref()
            .map(|networks| self.networks(networks, "networks", hint))
            .unwrap_or_default();
        let expires = self.expiry(&raw.expires);
        let references =
            references!(raw, "secret", secret_file, secret_credential, secret_command, secret_env);
        let secret = self.reference(&references, place.clone());
        Some(CallerKey {
            key_id: raw.key_id.get_ref().clone(),
            secret: secret?,
            principal: Principal { arn: arn?, unique_id },
            expires: expires?,
            networks,
            place,
        })
    }

    /// A role or a user. A session is neither: its name is chosen by whoever assumes the role.
    pub(super) fn principal(&mut self, text: &Text) -> Option<Arn> {
        let written = text.get_ref();
        match Arn::read(written) {
            Ok(arn) if matches!(arn.resource, Resource::Session { .. }) => {
                let hint = format!("name the role: {}", arn.without_session());
                self.fault(text, format!("`{written}` is a session of a role"), &hint);
                None
            }
            Ok(arn) => Some(arn),
            Err(ArnFault::RolePath) => {
                let hint = "leave the path out: arn:aws:iam::111122223333:role/NAME";
                self.fault(text, format!("`{written}`: {}", ArnFault::RolePath), hint);
                None
            }
            Err(fault) => {
                self.fault(text, format!("`{written}`: {fault}"), "arn:aws:iam::111122223333:role/NAME");
                None
            }
        }
    }

    /// `AROA...` of a role, `AIDA...` of a user.
    pub(super) fn unique_id(&mut self, text: &Text, arn: Option<&Arn>) -> String {
        let id = text.get_ref();
        let (prefix, kind) = match arn.map(|arn| &arn.resource) {
            Some(Resource::User(_)) => ("AIDA", "user"),
            Some(Resource::Role(_) | Resource::Session { .. }) | None => ("AROA", "role"),
        };
        let plain = id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if !plain || !id.starts_with(prefix) {
            self.fault(
                text,
                format!("`{id}` is no unique id of a {kind}"),
                "AROA... of a role: aws iam get-role --role-name NAME --query Role.RoleId; AIDA... of a user",
            );
        }
        id.clone()
    }

    /// A day, through its last moment in UTC, or an instant with its offset.
    fn expiry(&mut self, at: &Spanned<toml::value::Datetime>) -> Option<jiff::Timestamp> {
        let written = at.get_ref().to_string();
        let day = written.parse::<civil::Date>().ok().filter(|_| at.get_ref().time.is_none());
        let end = match day {
            Some(day) => day
                .tomorrow()
                .ok()
                .and_then(|next| next.to_zoned(TimeZone::UTC).ok())
                .map(|next| Now::from(next.timestamp()).plus(-SignedDuration::from_nanos(1)).timestamp()),
            None => written.parse().ok(),
        };
        let place = self.place(at.span());
        if end.is_none() {
            self.faults.push(
                Fault::error(format!("`{written}` is no end"), place)
                    .hint("a day such as 2027-01-31 (through it, UTC), or an instant with its offset"),
            );
        } else if end > Some(self.now.plus(KEY_MAX).timestamp()) {
            self.faults.push(
                Fault::error(format!("`{written}` is more than 90 days from now"), place)
                    .hint("issue another key before this one ends; a key that never ends is never changed"),
            );
        } else if end <= Some(self.now.timestamp()) {
            self.faults.push(Fault::warning(format!("this key ended on {written}"), place));
        }
        end
    }

    pub(super) fn mail(&mut self, spanned: &Spanned<raw::Mail>) -> Option<MailPlace> {
        let place = self.place(spanned.span());
        let raw = spanned.get_ref();
        let tls = match raw.tls.get_ref().as_str() {
            "starttls" => Some(MailTls::StartTls),
            "implicit" => Some(MailTls::Implicit),
            other => {
                self.fault(
                    &raw.tls,
                    format!("`{other}` is no protection"),
                    "write starttls (required) or implicit; there is no other",
                );
                None
            }
        };
        let references =
            references!(raw, "password", password_file, password_credential, password_command, password_env);
        let credentials = match &raw.username {
            Some(name) => {
                if name.get_ref().is_empty() {
                    self.fault(
                        name,
                        "`username` is empty".into(),
                        "leave it out where the server asks for none",
                    );
                }
                self.reference(&references, place.clone()).map(|password| (name.get_ref().clone(), password))
            }
            None if references.given() > 0 => {
                self.faults.push(Fault::error("a password, and no `username`", place.clone()));
                None
            }
            None => None,
        };
        let port = raw.port.as_ref().map(|port| {
            if *port.get_ref() == 0 {
                let at = self.place(port.span());
                self.faults.push(Fault::error("0 is no port", at).hint("587 for starttls, 465 for implicit"));
            }
            *port.get_ref()
        });
        let timeout = self.duration(raw.timeout.as_ref()).unwrap_or(Duration::from_secs(30));
        let from = self.address(&raw.from);
        let security =
            raw.security.as_ref().map(|security| self.addresses(security, "security")).unwrap_or_default();
        let tls = tls?;
        Some(MailPlace {
            host: raw.host.get_ref().clone(),
            port: port.unwrap_or(match tls {
                MailTls::StartTls => 587,
                MailTls::Implicit => 465,
            }),
            tls,
            ca_file: raw.ca_file.as_ref().map(|file| self.path(file.get_ref())),
            credentials,
            from: from?,
            security,
            timeout,
            place,
        })
    }

    /// Addresses: at least one, each once.
    pub(super) fn addresses(&mut self, raw: &Spanned<Vec<Text>>, key: &str) -> Vec<Address> {
        if raw.get_ref().is_empty() {
            let at = self.place(raw.span());
            self.faults.push(
                Fault::error(format!("`{key}` names nobody"), at)
                    .hint("without somebody to tell, no change is made"),
            );
        }
        let mut found = Vec::new();
        for text in raw.get_ref() {
            let Some(address) = self.address(text) else { continue };
            if found.contains(&address) {
                self.fault(text, format!("`{}` is there twice", text.get_ref()), "everybody is told once");
            } else {
                found.push(address);
            }
        }
        found
    }
}
