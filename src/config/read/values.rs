//! Values of every section: paths, durations, counts, addresses, references to secrets.

use std::{
    ops::{Range, RangeInclusive},
    path::{Path, PathBuf},
    time::Duration,
};

use ipnet::IpNet;
use jiff::SignedDuration;
use serde_spanned::Spanned;

use super::Reader;
use crate::{
    config::{
        Located,
        raw::{self, Text, section::DURATIONS},
    },
    diagnostic::{Fault, Place, Source},
    operation::Address,
    secret::SecretRef,
};

/// The four ways to refer to a secret, as written.
pub(super) struct References<'a> {
    pub(super) what: &'static str,
    pub(super) file: Option<&'a raw::File>,
    pub(super) credential: Option<&'a Text>,
    pub(super) command: Option<&'a raw::Words>,
    pub(super) environment: Option<&'a Text>,
}

/// The four keys of a table that refer to one secret.
macro_rules! references {
    ($raw:expr, $what:literal, $file:ident, $credential:ident, $command:ident, $environment:ident) => {
        crate::config::read::values::References {
            what: $what,
            file: $raw.$file.as_ref(),
            credential: $raw.$credential.as_ref(),
            command: $raw.$command.as_ref(),
            environment: $raw.$environment.as_ref(),
        }
    };
}
pub(super) use references;

impl Reader<'_> {
    /// Where a secret is: named once, in `place`'s table.
    pub(super) fn reference(
        &mut self,
        references: &References<'_>,
        place: Place,
    ) -> Option<Located<SecretRef>> {
        let what = references.what;
        if references.given() != 1 {
            self.faults.push(
                Fault::error(
                    format!(
                        "give one of `{what}_file`, `{what}_credential`, `{what}_command` and `{what}_env`"
                    ),
                    place,
                )
                .hint("secrets stand in files of their own, not in the configuration"),
            );
            return None;
        }
        if let Some(name) = references.environment {
            let at = self.place(name.span());
            self.faults.push(
                Fault::warning(format!("the secret stands in the environment variable `{}`", name.get_ref()), at)
                    .hint("what the guard starts inherits the environment, and tools that inspect containers show it; a file of mode 0600 is neither"),
            );
        }
        if let Some(words) = references.command
            && !words.get_ref().first().is_some_and(|program| program.starts_with('/'))
        {
            let at = self.place(words.span());
            self.faults.push(
                Fault::error(format!("`{what}_command` begins with no absolute path"), at).hint(
                    "[\"/usr/bin/program\", \"argument\"]: no shell is started, and no path is searched",
                ),
            );
            return None;
        }
        references
            .file
            .map(|file| self.located(file, |file| SecretRef::File(self.path(file))))
            .or_else(|| {
                let credential = |name: &String| SecretRef::Credential(name.clone());
                references.credential.map(|name| self.located(name, credential))
            })
            .or_else(|| {
                references.command.map(|words| self.located(words, |words| SecretRef::Command(words.clone())))
            })
            .or_else(|| {
                let environment = |name: &String| SecretRef::Environment(name.clone());
                references.environment.map(|name| self.located(name, environment))
            })
    }

    /// A value and the place of what it was made from.
    pub(super) fn located<T, U>(&self, from: &Spanned<T>, make: impl FnOnce(&T) -> U) -> Located<U> {
        Located { value: make(from.get_ref()), place: self.place(from.span()) }
    }

    /// A file named in the configuration.
    pub(super) fn file(&self, file: &raw::File) -> Located<PathBuf> {
        self.located(file, |file| self.path(file))
    }

    pub(super) fn address(&mut self, text: &Text) -> Option<Address> {
        self.address_in(text, text.get_ref())
    }

    /// An address that is written as a part of a value.
    pub(super) fn address_in(&mut self, text: &Text, address: &str) -> Option<Address> {
        match Address::read(address) {
            Ok(address) => Some(address),
            Err(fault) => {
                self.fault(
                    text,
                    format!("`{address}`: {fault}"),
                    "a plain address, such as security@example.com",
                );
                None
            }
        }
    }

    pub(super) fn sentence(&mut self, text: &Text) -> Option<String> {
        if text.get_ref().split_whitespace().count() < 3 {
            self.fault(
                text,
                "this takes a sentence that says why".into(),
                "it is shown to whoever reads the configuration",
            );
            return None;
        }
        Some(text.get_ref().clone())
    }

    pub(super) fn duration(&mut self, text: Option<&Text>) -> Option<Duration> {
        let text = text?;
        let parsed = text
            .get_ref()
            .parse::<SignedDuration>()
            .ok()
            .and_then(|duration| Duration::try_from(duration).ok());
        let found = parsed.filter(|duration| DURATIONS.contains(duration));
        if found.is_none() {
            self.fault(
                text,
                format!("`{}` is no duration", text.get_ref()),
                "such as 500ms, 10s, 2m; more than 0, at most 24h",
            );
        }
        found
    }

    /// A duration within bounds of its own.
    pub(super) fn duration_within(
        &mut self,
        text: Option<&Text>,
        bounds: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let found = self.duration(text)?;
        if bounds.contains(&found) {
            return Some(found);
        }
        if let Some(text) = text {
            let message =
                format!("`{}` is not between {:?} and {:?}", text.get_ref(), bounds.start(), bounds.end());
            let place = self.place(text.span());
            self.faults.push(Fault::error(message, place));
        }
        None
    }

    /// Networks: at least one, each written as the network it is.
    pub(super) fn networks(&mut self, raw: &Spanned<Vec<Text>>, key: &str, hint: &str) -> Vec<IpNet> {
        if raw.get_ref().is_empty() {
            let place = self.place(raw.span());
            self.faults.push(Fault::error(format!("`{key}` names none"), place).hint(hint));
        }
        let mut found = Vec::new();
        for text in raw.get_ref() {
            let written = text.get_ref();
            match written.parse::<IpNet>() {
                Ok(network) if network.addr() == network.network() => found.push(network),
                Ok(network) => {
                    let hint = format!("{} is the network of that address", network.trunc());
                    self.fault(text, format!("`{written}` is an address in a network"), &hint);
                }
                Err(_) => self.fault(text, format!("`{written}` is no network"), "such as 10.0.0.0/16"),
            }
        }
        found
    }

    pub(super) fn count(
        &mut self,
        number: Option<&Spanned<usize>>,
        bounds: RangeInclusive<usize>,
    ) -> Option<usize> {
        let number = number?;
        if bounds.contains(number.get_ref()) {
            return Some(*number.get_ref());
        }
        let place = self.place(number.span());
        self.faults.push(Fault::error(
            format!("{} is not between {} and {}", number.get_ref(), bounds.start(), bounds.end()),
            place,
        ));
        None
    }

    /// Relative paths are of the configuration's directory.
    pub(super) fn path(&self, path: &Path) -> PathBuf {
        match Path::new(&*self.source.name).parent() {
            Some(directory) if path.is_relative() => directory.join(path),
            Some(_) | None => path.to_owned(),
        }
    }

    pub(super) fn place(&self, span: Range<usize>) -> Place {
        self.source.at(span)
    }

    /// The place of a value that is shown nowhere: in the file that faults quote it is three dots.
    pub(super) fn hidden(&self, text: &Text) -> Place {
        let (span, source) = (text.span(), self.source);
        let parts = source.text.get(..span.start).zip(source.text.get(span.end..));
        let shown = parts.map(|(before, after)| format!("{before}...{after}")).unwrap_or_default();
        let source = Source::new(source.name.clone(), shown).within(source.local.clone());
        source.at(span.start..span.start.saturating_add(3))
    }

    pub(super) fn fault(&mut self, at: &Text, message: String, hint: &str) {
        let place = self.place(at.span());
        self.faults.push(Fault::error(message, place).hint(hint));
    }
}

impl References<'_> {
    pub(super) fn given(&self) -> usize {
        usize::from(self.file.is_some())
            + usize::from(self.credential.is_some())
            + usize::from(self.command.is_some())
            + usize::from(self.environment.is_some())
    }
}
