//! `[[stream]]`: who is brought every record as it is made.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use serde_spanned::Spanned;

use super::{Reader, is_name};
use crate::{
    config::{
        Located, StreamPlace, StreamReceiver, SyslogPlace,
        raw::{self, Text},
    },
    diagnostic::{Fault, Place, nearest},
    ledger::Kind,
    notify::{Facility, HookFormat, HookUrl},
    secret::SecretRef,
};

/// What there is.
const KINDS: [&str; 2] = ["syslog", "webhook"];

impl Reader<'_> {
    pub(super) fn streams(&mut self, raw: &[Spanned<raw::Stream>]) -> Vec<StreamPlace> {
        let mut names = BTreeSet::new();
        let mut found = Vec::new();
        for stream in raw {
            let name = &stream.get_ref().name;
            if !is_name(name.get_ref()) {
                let message = format!("`{}` is no name of a stream", name.get_ref());
                self.fault(name, message, "1 to 64 characters of A-Z a-z 0-9 . _ -");
            }
            if !names.insert(name.get_ref()) {
                let message = format!("two streams are called `{}`", name.get_ref());
                self.fault(
                    name,
                    message,
                    "each has its own name, under which the ledger knows how far it came",
                );
            }
            found.extend(self.stream(stream));
        }
        found
    }

    fn stream(&mut self, spanned: &Spanned<raw::Stream>) -> Option<StreamPlace> {
        let place = self.place(spanned.span());
        let raw = spanned.get_ref();
        let timeout = self
            .duration_within(raw.timeout.as_ref(), raw::Stream::timeout())
            .unwrap_or(StreamPlace::TIMEOUT);
        let kinds = raw.kinds.as_ref().map(|kinds| self.record_kinds(kinds)).unwrap_or_default();
        let required = raw.required.unwrap_or(false);
        if let (true, Some(written)) = (required && !kinds.is_empty(), &raw.kinds)
            && !kinds.contains(&Kind::Intent)
        {
            let at = self.place(written.span());
            let fault = Fault::error("a required stream takes no intents", at);
            self.faults.push(fault.hint("add \"intent\": a change waits for its record to be taken"));
        }
        let to = match raw.kind.get_ref().as_str() {
            "syslog" => self.syslog(raw, &place).map(|to| StreamReceiver::Syslog(Box::new(to))),
            "webhook" => self.stream_hook(spanned, timeout),
            other => {
                let hint = nearest(other, KINDS).map_or_else(
                    || format!("the kinds are: {}", KINDS.join(", ")),
                    |known| format!("did you mean `{known}`?"),
                );
                self.fault(&raw.kind, format!("no kind of stream is `{other}`"), &hint);
                None
            }
        };
        Some(StreamPlace { name: raw.name.get_ref().clone(), to: to?, required, timeout, kinds, place })
    }

    fn syslog(&mut self, raw: &raw::Stream, place: &Place) -> Option<SyslogPlace> {
        self.without(
            "syslog",
            place,
            &[
                ("url", raw.url.is_some() || raw.url_file.is_some() || raw.url_credential.is_some()),
                ("url", raw.url_command.is_some() || raw.url_env.is_some()),
                ("secret", raw.secret_file.is_some() || raw.secret_credential.is_some()),
                ("secret", raw.secret_command.is_some() || raw.secret_env.is_some()),
                ("previous", raw.previous_file.is_some() || raw.previous_credential.is_some()),
                ("previous", raw.previous_command.is_some() || raw.previous_env.is_some()),
                ("private", raw.private.is_some()),
            ],
        );
        let certificate = self.presented(raw, place);
        let facility = raw.facility.as_ref().and_then(|word| self.facility(word)).unwrap_or_default();
        let Some(address) = &raw.address else {
            let fault = Fault::error("`address` is missing", place.clone());
            self.faults.push(fault.hint("address = \"siem.example.com:6514\""));
            return None;
        };
        let (host, port) = self.receiver(address)?;
        let ca_file = raw.ca_file.as_ref().map(|file| self.file(file));
        Some(SyslogPlace { host, port, ca_file, certificate, facility })
    }

    /// A webhook is what a hook for notices is, but for what it is told.
    fn stream_hook(&mut self, spanned: &Spanned<raw::Stream>, timeout: Duration) -> Option<StreamReceiver> {
        let raw = spanned.get_ref();
        self.without(
            "webhook",
            &self.place(spanned.span()),
            &[
                ("address", raw.address.is_some()),
                ("facility", raw.facility.is_some()),
                ("certificate", raw.certificate.is_some()),
                ("key", raw.key_file.is_some() || raw.key_credential.is_some()),
            ],
        );
        let hook = raw::Hook {
            name: raw.name.clone(),
            format: Spanned::new(raw.kind.span(), HookFormat::CloudEvents.as_str().to_owned()),
            url: raw.url.clone(),
            url_file: raw.url_file.clone(),
            url_credential: raw.url_credential.clone(),
            url_command: raw.url_command.clone(),
            url_env: raw.url_env.clone(),
            secret_file: raw.secret_file.clone(),
            secret_credential: raw.secret_credential.clone(),
            secret_command: raw.secret_command.clone(),
            secret_env: raw.secret_env.clone(),
            previous_file: raw.previous_file.clone(),
            previous_credential: raw.previous_credential.clone(),
            previous_command: raw.previous_command.clone(),
            previous_env: raw.previous_env.clone(),
            ca_file: raw.ca_file.clone(),
            private: raw.private.clone(),
            masked: None,
            timeout: None,
        };
        let mut hook = self.hook(&Spanned::new(spanned.span(), hook))?;
        hook.timeout = timeout;
        Some(StreamReceiver::Webhook(Box::new(hook)))
    }

    /// What is of the other kind of stream alone.
    fn without(&mut self, kind: &str, place: &Place, given: &[(&str, bool)]) {
        let mut said = BTreeSet::new();
        for (key, _) in given.iter().filter(|(_, is_given)| *is_given) {
            if said.insert(key) {
                let message = format!("a stream of kind `{kind}` has no `{key}`");
                self.faults.push(Fault::error(message, place.clone()).hint("leave it out"));
            }
        }
    }

    fn presented(
        &mut self,
        raw: &raw::Stream,
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
                        .hint("give both, or neither: then the receiver is shown none"),
                );
                None
            }
        }
    }

    fn facility(&mut self, word: &Text) -> Option<Facility> {
        let written = word.get_ref();
        let found = written.parse().ok();
        if found.is_none() {
            let known = Facility::WORDS.map(|(word, _)| word);
            let hint = nearest(written, known).map_or_else(
                || format!("the facilities are: {}", known.join(", ")),
                |known| format!("did you mean `{known}`?"),
            );
            self.fault(word, format!("no facility is `{written}`"), &hint);
        }
        found
    }

    /// `HOST:PORT`, read as the authority of a URL is.
    fn receiver(&mut self, text: &Text) -> Option<(String, u16)> {
        let written = text.get_ref();
        let found = HookUrl::read(&format!("https://{written}/")).ok();
        let found = found.filter(|url| url.target == "/" && written.ends_with(&format!(":{}", url.port)));
        if found.is_none() {
            self.fault(
                text,
                format!("`{written}` is no HOST:PORT"),
                "such as siem.example.com:6514, always TLS",
            );
        }
        found.map(|url| (url.host, url.port))
    }

    fn record_kinds(&mut self, raw: &Spanned<Vec<Text>>) -> BTreeSet<Kind> {
        self.words(raw, "kinds", |reader, text| {
            let written = text.get_ref();
            let found = written.parse().ok();
            if found.is_none() {
                let known = Kind::ALL.map(Kind::as_str);
                let hint = nearest(written, known).map_or_else(
                    || format!("the kinds are: {}", known.join(", ")),
                    |known| format!("did you mean `{known}`?"),
                );
                reader.fault(text, format!("no kind of record is `{written}`"), &hint);
            }
            found
        })
    }
}
