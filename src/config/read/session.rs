//! `[session]` and `[freeze]`: who gets a session for what, and who may stop everything.

use std::collections::BTreeSet;

use serde_spanned::Spanned;

use super::{Reader, is_name, listener::Kind, values::references};
use crate::{
    caller::{Arn, Resource},
    config::{
        Listen, Located, SessionPlace,
        raw::{self, Raw, Text},
    },
    diagnostic::{Fault, Place},
    secret::SecretRef,
    session::{FreezeRights, SessionOptions},
};

/// The longest audience.
const AUDIENCE: usize = 256;

impl Reader<'_> {
    pub(super) fn session(
        &mut self,
        raw: &Raw,
        listen: Vec<Listen>,
        freeze: FreezeRights,
    ) -> Option<SessionPlace> {
        let listener = raw.listen.iter().find(|listen| Kind::of(listen.get_ref()) == Kind::Session);
        let Some(section) = &raw.session else {
            if let Some(listener) = listener {
                let place = self.place(listener.get_ref().kind.span());
                self.faults.push(
                    Fault::error("a session listener, and no `[session]`", place)
                        .hint("[[session.key]], and whom to believe: [session.sts] or [[session.issuer]]"),
                );
            }
            return None;
        };
        let place = self.place(section.span());
        let section = section.get_ref();
        let keys = self.session_keys(section, &place);
        let audience = self.audience(section, raw, &place);
        let standard = SessionOptions::default();
        let lifetime = self
            .duration_within(section.lifetime.as_ref(), raw::Session::lifetime())
            .unwrap_or(standard.lifetime);
        let sts = section.sts.as_ref().map(|sts| self.sts(sts.get_ref()));
        let issuers = self.issuers(section);
        let roles = self.roles(section);
        if listener.is_some() {
            self.believed(section, raw, &place);
        } else if section.sts.is_some() || !section.issuer.is_empty() {
            self.faults.push(
                Fault::warning("no `[[listen]]` is of the kind session: nobody is given one here", place)
                    .hint("sessions that another guard issued with these keys are taken all the same"),
            );
        }
        let options = SessionOptions { audience: audience?, lifetime, sts, issuers, roles, freeze };
        Some(SessionPlace { listen, keys, options })
    }

    fn session_keys(&mut self, section: &raw::Session, place: &Place) -> Vec<(String, Located<SecretRef>)> {
        if section.key.is_empty() {
            self.faults.push(
                Fault::error("`[session]` has no key", place.clone())
                    .hint("[[session.key]] id, secret_file; make one with: openssl rand -hex 32"),
            );
        }
        self.key_list(&section.key)
    }

    /// As written, or the first host of the first session listener that has any.
    fn audience(&mut self, section: &raw::Session, raw: &Raw, place: &Place) -> Option<String> {
        let mut sessions = raw
            .listen
            .iter()
            .map(Spanned::get_ref)
            .filter(|listen| Kind::of(listen) == Kind::Session)
            .peekable();
        let Some(text) = &section.audience else {
            if sessions.peek().is_none() {
                return Some(String::new());
            }
            let host = sessions.find_map(|listen| listen.hosts.as_ref()?.get_ref().first());
            if host.is_none() {
                self.faults.push(
                    Fault::error("`audience` is missing", place.clone())
                        .hint("the name proofs are made for; or give the session listener `hosts`"),
                );
            }
            let host = host?;
            if !is_audience(host.get_ref()) {
                let message = format!("`{}` cannot be the audience", host.get_ref());
                self.fault(host, message, "name another in [session]: audience");
            }
            return Some(host.get_ref().to_ascii_lowercase());
        };
        let written = text.get_ref();
        if !is_audience(written) {
            let hint = format!("1 to {AUDIENCE} characters of A-Z a-z 0-9 . _ : / -");
            self.fault(text, format!("`{written}` is no audience"), &hint);
        }
        Some(written.clone())
    }

    /// Somebody can be given a session.
    fn believed(&mut self, section: &raw::Session, raw: &Raw, place: &Place) {
        let by_certificate = raw.listen.iter().map(Spanned::get_ref).any(|listen| {
            Kind::of(listen) == Kind::Session && listen.client_ca.is_some() && !raw.certificate.is_empty()
        });
        if section.sts.is_none() && section.issuer.is_empty() && !by_certificate {
            self.faults.push(
                Fault::error("nobody can be given a session", place.clone()).hint(
                    "[session.sts], [[session.issuer]], or `client_ca` at the session listener and [[certificate]]",
                ),
            );
        }
    }

    pub(super) fn freeze(&mut self, raw: &Raw) -> FreezeRights {
        let Some(section) = &raw.freeze else { return FreezeRights::default() };
        let place = self.place(section.span());
        if !raw.listen.iter().any(|listen| Kind::of(listen.get_ref()) == Kind::Session) {
            self.faults.push(
                Fault::error("`[freeze]`, and no session listener", place.clone())
                    .hint("freezes are asked for there: [[listen]] kind = \"session\""),
            );
        }
        let section = section.get_ref();
        let rights = FreezeRights {
            freeze: self.callers_named(section.may_freeze.as_ref(), "may_freeze"),
            unfreeze: self.callers_named(section.may_unfreeze.as_ref(), "may_unfreeze"),
        };
        if section.may_freeze.is_some() && section.may_unfreeze.is_none() {
            self.faults.push(
                Fault::warning("nobody may lift a freeze", place)
                    .hint("may_unfreeze names who lifts what somebody else froze"),
            );
        }
        rights
    }

    /// As rules name callers: a user, a role, or roles with `*` inside the name.
    fn callers_named(&mut self, raw: Option<&Spanned<Vec<Text>>>, key: &str) -> Vec<String> {
        let Some(raw) = raw else { return Vec::new() };
        if raw.get_ref().is_empty() {
            let at = self.place(raw.span());
            self.faults.push(Fault::error(format!("`{key}` names nobody"), at).hint("leave it out"));
        }
        let mut names = BTreeSet::new();
        for text in raw.get_ref() {
            let written = text.get_ref();
            if !names.insert(written) {
                self.fault(text, format!("`{written}` is named twice"), "once is enough");
            }
            match written.rsplit_once(":role/") {
                Some((before, name)) if name.contains('*') => {
                    let tried = format!("{before}:role/{}", name.replace('*', "x"));
                    if before.contains('*')
                        || name.chars().all(|one| one == '*')
                        || Arn::read(&tried).is_err()
                    {
                        let hint =
                            "`*` stands inside the name of a role: arn:aws:iam::111122223333:role/Desk*";
                        self.fault(text, format!("`{written}` names too much, or nobody"), hint);
                    }
                }
                Some(_) | None => {
                    self.principal(text);
                }
            }
        }
        raw.get_ref().iter().map(|text| text.get_ref().clone()).collect()
    }

    /// A role: no user, no session, no path.
    pub(super) fn role_arn(&mut self, text: &Text) -> Option<Arn> {
        let arn = self.principal(text)?;
        if matches!(arn.resource, Resource::Role(_)) {
            return Some(arn);
        }
        let hint = "arn:aws:iam::111122223333:role/NAME";
        self.fault(text, format!("`{}` is no role", text.get_ref()), hint);
        None
    }

    /// Keys with their ids, the current one first.
    pub(super) fn key_list(&mut self, raw: &[Spanned<raw::SealKey>]) -> Vec<(String, Located<SecretRef>)> {
        let mut ids = BTreeSet::new();
        let mut found = Vec::new();
        for key in raw {
            let place = self.place(key.span());
            let key = key.get_ref();
            let id = key.id.get_ref();
            if !is_name(id) {
                let hint = "1 to 64 characters of A-Z a-z 0-9 . _ -";
                self.fault(&key.id, format!("`{id}` is no id of a key"), hint);
            }
            if !ids.insert(id) {
                self.fault(&key.id, format!("two keys have the id `{id}`"), "each key has its own");
            }
            let references =
                references!(key, "secret", secret_file, secret_credential, secret_command, secret_env);
            found.extend(self.reference(&references, place).map(|secret| (id.clone(), secret)));
        }
        found
    }
}

fn is_audience(text: &str) -> bool {
    (1..=AUDIENCE).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:/-".contains(&byte))
}
