//! `[[notify.hook]]`: where webhooks are, and what they take.

use std::collections::BTreeSet;

use serde_spanned::Spanned;

use super::{Reader, is_name, values::references};
use crate::{
    config::{
        HookPlace, Located, UrlPlace,
        raw::{self, Text},
        secrets::url_fault,
    },
    diagnostic::{Fault, Place, nearest},
    notify::{HookFormat, HookUrl},
    secret::SecretRef,
};

impl Reader<'_> {
    pub(super) fn hooks(&mut self, raw: &[Spanned<raw::Hook>]) -> Vec<HookPlace> {
        let mut names = BTreeSet::new();
        let mut found = Vec::new();
        for hook in raw {
            let name = &hook.get_ref().name;
            if !is_name(name.get_ref()) {
                let message = format!("`{}` is no name of a hook", name.get_ref());
                self.fault(name, message, "1 to 64 characters of A-Z a-z 0-9 . _ -");
            }
            if !names.insert(name.get_ref()) {
                let message = format!("two hooks are called `{}`", name.get_ref());
                self.fault(name, message, "each has its own name");
            }
            found.extend(self.hook(hook));
        }
        found
    }

    pub(super) fn hook(&mut self, spanned: &Spanned<raw::Hook>) -> Option<HookPlace> {
        let place = self.place(spanned.span());
        let raw = spanned.get_ref();
        let format = self.hook_format(&raw.format);
        let url = self.hook_url(raw, &place);
        let secrets = self.hook_secrets(raw, format, &place);
        let hint = "leave it out: then the hook is on the public Internet";
        let private =
            raw.private.as_ref().map(|networks| self.networks(networks, "private", hint)).unwrap_or_default();
        let timeout =
            self.duration_within(raw.timeout.as_ref(), raw::Hook::timeout()).unwrap_or(HookPlace::TIMEOUT);
        Some(HookPlace {
            name: raw.name.get_ref().clone(),
            url: url?,
            format: format?,
            secrets,
            ca_file: raw.ca_file.as_ref().map(|file| self.file(file)),
            private,
            timeout,
            place,
        })
    }

    /// Hooks that are shown no values: unless the configuration says otherwise, those that many people read.
    pub(super) fn masked(raw: &[Spanned<raw::Hook>], hooks: &[HookPlace]) -> BTreeSet<String> {
        let said = |name: &str| {
            raw.iter()
                .map(Spanned::get_ref)
                .find(|hook| hook.name.get_ref() == name)
                .and_then(|hook| hook.masked)
        };
        let is_masked = |hook: &&HookPlace| {
            said(&hook.name).unwrap_or(match hook.format {
                HookFormat::CloudEvents => false,
                HookFormat::Slack | HookFormat::Teams | HookFormat::PagerDuty => true,
            })
        };
        hooks.iter().filter(is_masked).map(|hook| hook.name.clone()).collect()
    }

    fn hook_format(&mut self, text: &Text) -> Option<HookFormat> {
        let written = text.get_ref();
        let found = written.parse().ok();
        if found.is_none() {
            let known = HookFormat::ALL.map(HookFormat::as_str);
            let hint = nearest(written, known).map_or_else(
                || format!("the formats are: {}", known.join(", ")),
                |known| format!("did you mean `{known}`?"),
            );
            self.fault(text, format!("no format is `{written}`"), &hint);
        }
        found
    }

    /// Written in the file, or kept like a secret: whoever knows Slack's or Teams' may post there.
    fn hook_url(&mut self, raw: &raw::Hook, place: &Place) -> Option<UrlPlace> {
        let references = references!(raw, "url", url_file, url_credential, url_command, url_env);
        let Some(text) = &raw.url else {
            if references.given() == 0 {
                self.faults.push(
                    Fault::error("`url` is missing", place.clone())
                        .hint("url = \"https://...\", or url_file where the URL is a secret itself"),
                );
                return None;
            }
            return self.reference(&references, place.clone()).map(UrlPlace::Secret);
        };
        if references.given() > 0 {
            let fault = Fault::error("`url`, and a reference to another", self.hidden(text));
            self.faults.push(fault.hint("give one of them"));
        }
        match HookUrl::read(text.get_ref()) {
            Ok(_) => Some(UrlPlace::Written(text.get_ref().clone())),
            Err(fault) => {
                self.faults.push(url_fault(fault, self.hidden(text)));
                None
            }
        }
    }

    /// The current secret, and the one before it while the receiver is told.
    fn hook_secrets(
        &mut self,
        raw: &raw::Hook,
        format: Option<HookFormat>,
        place: &Place,
    ) -> Vec<Located<SecretRef>> {
        let current = references!(raw, "secret", secret_file, secret_credential, secret_command, secret_env);
        let previous =
            references!(raw, "previous", previous_file, previous_credential, previous_command, previous_env);
        let (has_current, has_previous) = (current.given() > 0, previous.given() > 0);
        let mut found = Vec::new();
        if has_current {
            found.extend(self.reference(&current, place.clone()));
        }
        if has_previous {
            found.extend(self.reference(&previous, place.clone()));
        }
        if has_previous && !has_current {
            self.faults.push(
                Fault::error("a previous secret, and no current one", place.clone())
                    .hint("both sign while the receiver is told of the new one"),
            );
        }
        let Some(format) = format else { return found };
        let fault = match (format, has_current) {
            (HookFormat::CloudEvents, false) => Some((
                "no secret signs what this hook is told",
                "secret_file = \"secrets/hook\": whsec_ and base64",
            )),
            (HookFormat::PagerDuty, false) => {
                Some(("there is no routing key", "secret_file = \"secrets/pagerduty\": the integration key"))
            }
            (HookFormat::PagerDuty, true) if has_previous => {
                Some(("PagerDuty has one routing key", "leave the previous one out"))
            }
            (HookFormat::Slack | HookFormat::Teams, true) => {
                Some(("this format is not signed", "leave the secret out; the URL is the secret: url_file"))
            }
            (HookFormat::CloudEvents | HookFormat::PagerDuty, true)
            | (HookFormat::Slack | HookFormat::Teams, false) => None,
        };
        if let Some((message, hint)) = fault {
            self.faults.push(Fault::error(message, place.clone()).hint(hint));
        }
        if matches!(format, HookFormat::Slack | HookFormat::Teams)
            && let Some(url) = &raw.url
        {
            let at = self.hidden(url);
            self.faults.push(
                Fault::warning("whoever reads this URL may post there", at)
                    .hint("keep it in a file of its own: url_file"),
            );
        }
        found
    }
}
