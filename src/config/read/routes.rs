//! `[notify]` and `[[notify.route]]`: who is told what, and who must have been told before a change is made.

use std::{collections::BTreeSet, time::Duration};

use serde_spanned::Spanned;

use super::Reader;
use crate::{
    config::{
        MailPlace, NotifyOptions,
        raw::{self, Raw, Text},
    },
    diagnostic::{Fault, Place, nearest},
    notice::{Before, Kind, Recipient, Route, Routing, RoutingFault, Severity},
    operation::InstanceId,
};

impl Reader<'_> {
    pub(super) fn notify(&mut self, raw: &Raw, mail: Option<&MailPlace>) -> NotifyOptions {
        let notify = &raw.notify;
        let hooks = self.hooks(&notify.hook);
        let names: Vec<&str> =
            notify.hook.iter().map(|hook| hook.get_ref().name.get_ref().as_str()).collect();
        let mut routes: Vec<Route> =
            mail.filter(|mail| !mail.security.is_empty()).map(everything).into_iter().collect();
        for route in &notify.route {
            let place = self.place(route.span());
            routes.push(self.route(route.get_ref(), &place, &names, raw));
        }
        let language = notify.language.as_ref().map(|text| self.language(text));
        let before = self.before(notify, &names, raw);
        let masked = Self::masked(&notify.hook, &hooks);
        let language = language.unwrap_or_else(|| "en".to_owned());
        let routing = Routing { routes, language, masked, before };
        self.covered(&routing, raw);
        let templates = notify.templates.as_ref().map(|file| self.file(file));
        NotifyOptions { routing, hooks, templates }
    }

    fn route(&mut self, raw: &raw::Route, place: &Place, hooks: &[&str], file: &Raw) -> Route {
        let mail = raw.mail.as_ref().map(|mail| self.addresses(mail, "mail")).unwrap_or_default();
        let named = raw.hooks.as_ref().map(|hooks_of| self.named_hooks(hooks_of, hooks)).unwrap_or_default();
        if raw.mail.is_none() && raw.hooks.is_none() {
            self.faults.push(
                Fault::error("this route leads to nobody", place.clone())
                    .hint("mail = [\"security@example.com\"], hooks = [\"NAME\"], or both"),
            );
        }
        Route {
            kinds: raw.kinds.as_ref().map(|kinds| self.kinds(kinds)).unwrap_or_default(),
            least: raw.severity.as_ref().map_or(Severity::Info, |text| self.severity(text)),
            instances: raw
                .instances
                .as_ref()
                .map(|instances| self.route_instances(instances, file))
                .unwrap_or_default(),
            mail,
            hooks: named,
            language: raw.language.as_ref().map(|text| self.language(text)),
        }
    }

    /// Words of a list in which `"*"` stands for all and then stands alone; all is the empty set.
    pub(super) fn words<T: Ord>(
        &mut self,
        raw: &Spanned<Vec<Text>>,
        key: &str,
        mut read: impl FnMut(&mut Self, &Text) -> Option<T>,
    ) -> BTreeSet<T> {
        let all = raw.get_ref().iter().any(|text| text.get_ref() == "*");
        if raw.get_ref().is_empty() || all && raw.get_ref().len() > 1 {
            let at = self.place(raw.span());
            let message =
                if all { format!("`{key}` names all, and some") } else { format!("`{key}` names none") };
            self.faults.push(Fault::error(message, at).hint(format!("{key} = [\"*\"] are all")));
        }
        if all {
            return BTreeSet::new();
        }
        raw.get_ref().iter().filter_map(|text| read(self, text)).collect()
    }

    fn kinds(&mut self, raw: &Spanned<Vec<Text>>) -> BTreeSet<Kind> {
        self.words(raw, "kinds", |reader, text| {
            let written = text.get_ref();
            let found = written.parse().ok();
            if found.is_none() {
                let known = Kind::ALL.map(Kind::as_str);
                let hint = nearest(written, known).map_or_else(
                    || format!("the kinds are: {}", known.join(", ")),
                    |known| format!("did you mean `{known}`?"),
                );
                reader.fault(text, format!("no kind of notice is `{written}`"), &hint);
            }
            found
        })
    }

    fn severity(&mut self, text: &Text) -> Severity {
        text.get_ref().parse().unwrap_or_else(|_| {
            let hint = nearest(text.get_ref(), ["info", "warning", "critical"]).map_or_else(
                || "write info, warning or critical".to_owned(),
                |known| format!("did you mean `{known}`?"),
            );
            self.fault(text, format!("no severity is `{}`", text.get_ref()), &hint);
            Severity::Info
        })
    }

    fn route_instances(&mut self, raw: &Spanned<Vec<Text>>, file: &Raw) -> BTreeSet<String> {
        let known: Vec<&str> = file
            .upstream
            .iter()
            .flat_map(|upstream| upstream.get_ref().instances.get_ref())
            .map(|instance| instance.get_ref().as_str())
            .collect();
        self.words(raw, "instances", |reader, text| {
            let written = text.get_ref();
            if InstanceId::read(written).is_none() || !known.contains(&written.as_str()) {
                let hint = nearest(written, known.iter().copied()).map_or_else(
                    || "an instance that an `[[upstream]]` names".to_owned(),
                    |known| format!("did you mean `{known}`?"),
                );
                reader.fault(text, format!("no upstream has the instance `{written}`"), &hint);
            }
            Some(written.clone())
        })
    }

    fn named_hooks(&mut self, raw: &Spanned<Vec<Text>>, known: &[&str]) -> Vec<String> {
        if raw.get_ref().is_empty() {
            let at = self.place(raw.span());
            self.faults.push(Fault::error("`hooks` names none", at).hint("leave it out, or name one"));
        }
        let mut found = Vec::new();
        for text in raw.get_ref() {
            self.known_hook(text, text.get_ref(), known);
            if found.contains(text.get_ref()) {
                self.fault(text, format!("`{}` is there twice", text.get_ref()), "every hook is told once");
            } else {
                found.push(text.get_ref().clone());
            }
        }
        found
    }

    fn known_hook(&mut self, text: &Text, name: &str, known: &[&str]) {
        if known.contains(&name) {
            return;
        }
        let hint = nearest(name, known.iter().copied()).map_or_else(
            || format!("add [[notify.hook]] with name = \"{name}\""),
            |known| format!("did you mean `{known}`?"),
        );
        self.fault(text, format!("no hook is called `{name}`"), &hint);
    }

    /// A tag of letters, digits and hyphens (BCP 47), the name of a directory of templates.
    fn language(&mut self, text: &Text) -> String {
        let written = text.get_ref();
        let is_part = |part: &str| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        if !written.split('-').all(is_part) || !written.starts_with(|first: char| first.is_ascii_lowercase())
        {
            self.fault(text, format!("`{written}` is no language"), "such as en, de or pt-BR");
        }
        written.clone()
    }

    fn before(&mut self, raw: &raw::Notify, hooks: &[&str], file: &Raw) -> Before {
        // Longer than its bounds no caller waits, and shorter no mail server takes a message.
        let patience = self
            .duration_within(raw.patience.as_ref(), raw::Notify::patience())
            .unwrap_or(Duration::from_secs(5));
        let by = raw.acknowledged_by.as_ref().map(|by| self.recipients(by, hooks)).unwrap_or_default();
        let written = raw.before.as_ref().map_or("queued", |text| text.get_ref());
        match (written, &raw.before) {
            ("acknowledged", Some(text)) => {
                if raw.acknowledged_by.is_none() {
                    let hint = "acknowledged_by = [\"mail:security@example.com\"], or \"hook:NAME\"";
                    self.fault(text, "`acknowledged_by` is missing".into(), hint);
                }
                return Before::Acknowledged { by, patience };
            }
            ("queued", _) | (_, None) => {}
            (other, Some(text)) => {
                let hint = nearest(other, ["queued", "acknowledged"]).map_or_else(
                    || "write queued or acknowledged".to_owned(),
                    |known| format!("did you mean `{known}`?"),
                );
                self.fault(text, format!("`{other}` says not when a change may be made"), &hint);
                return Before::Queued;
            }
        }
        let unused = [
            ("acknowledged_by", raw.acknowledged_by.as_ref().map(Spanned::span)),
            ("patience", raw.patience.as_ref().map(Spanned::span)),
        ];
        for (key, span) in unused {
            let Some(span) = span else { continue };
            let at = self.place(span);
            self.faults.push(
                Fault::error(format!("`{key}` says nothing while nobody is asked"), at)
                    .hint("before = \"acknowledged\", or leave it out"),
            );
        }
        if let Some(ephemeral) = file.store.as_ref().and_then(|store| store.get_ref().ephemeral.as_ref()) {
            self.fault(
                ephemeral,
                "a store that may be lost, and nobody is told before a change".into(),
                "[notify] before = \"acknowledged\" and acknowledged_by: what is lost with the store was told then",
            );
        }
        Before::Queued
    }

    /// `mail:ADDRESS` and `hook:NAME`.
    fn recipients(&mut self, raw: &Spanned<Vec<Text>>, hooks: &[&str]) -> Vec<Recipient> {
        if raw.get_ref().is_empty() {
            let at = self.place(raw.span());
            self.faults.push(
                Fault::error("`acknowledged_by` names nobody", at)
                    .hint("\"mail:security@example.com\" or \"hook:NAME\""),
            );
        }
        let mut found: Vec<Recipient> = Vec::new();
        for text in raw.get_ref() {
            let written = text.get_ref();
            let recipient = match written.split_once(':') {
                Some(("mail", address)) => self.address_in(text, address).map(Recipient::Mail),
                Some(("hook", name)) => {
                    self.known_hook(text, name, hooks);
                    Some(Recipient::Hook(name.to_owned()))
                }
                Some(_) | None => {
                    self.fault(
                        text,
                        format!("`{written}` is nobody who can be told"),
                        "mail:ADDRESS or hook:NAME",
                    );
                    None
                }
            };
            if let Some(recipient) = recipient {
                if found.contains(&recipient) {
                    self.fault(text, format!("`{written}` is there twice"), "everybody is asked once");
                }
                found.push(recipient);
            }
        }
        found
    }

    /// Whatever happens, somebody is told: of every kind, of every severity, of every instance.
    fn covered(&mut self, routing: &Routing, raw: &Raw) {
        let Some(mail) = &raw.mail else { return };
        // A fault elsewhere may be why a route leads nowhere.
        let Err(RoutingFault::Nobody(kinds)) = routing.check() else { return };
        if self.faults.fatal() {
            return;
        }
        let at = self.place(mail.span());
        let (message, hint) = if routing.routes.is_empty() {
            ("nobody is told".to_owned(), "security = [\"security@example.com\"], or a `[[notify.route]]`")
        } else {
            let hint = "one route with kinds = [\"*\"], every severity and every instance; or `security`";
            (RoutingFault::Nobody(kinds).to_string(), hint)
        };
        self.faults.push(Fault::error(message, at).hint(hint));
    }
}

/// `[mail] security`: one route for everything.
fn everything(mail: &MailPlace) -> Route {
    Route {
        kinds: BTreeSet::new(),
        least: Severity::Info,
        instances: BTreeSet::new(),
        mail: mail.security.clone(),
        hooks: Vec::new(),
        language: None,
    }
}
