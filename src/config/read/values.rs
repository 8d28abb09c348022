//! Values of every section: paths, durations, counts, addresses, references to secrets.

use std::{
    ops::{Range, RangeInclusive},
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::SignedDuration;
use serde_spanned::Spanned;

use super::Reader;
use crate::{
    config::{Located, raw::Text},
    diagnostic::{Fault, Place},
    operation::Address,
    secret::SecretRef,
};

/// The four ways to refer to a secret, as written.
pub(super) struct References<'a> {
    pub(super) what: &'static str,
    pub(super) file: Option<&'a PathBuf>,
    pub(super) credential: Option<&'a String>,
    pub(super) command: Option<&'a Vec<String>>,
    pub(super) environment: Option<&'a Text>,
}

impl Reader<'_> {
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
                    .hint("other processes of this user can read it; a file cannot be read by them when its mode says so"),
            );
        }
        if references
            .command
            .is_some_and(|words| !words.first().is_some_and(|program| program.starts_with('/')))
        {
            self.faults.push(
                Fault::error(format!("`{what}_command` begins with no absolute path"), place).hint(
                    "[\"/usr/bin/program\", \"argument\"]: no shell is started, and no path is searched",
                ),
            );
            return None;
        }
        let value = references
            .file
            .map(|file| SecretRef::File(self.path(file)))
            .or_else(|| references.credential.map(|name| SecretRef::Credential(name.clone())))
            .or_else(|| references.command.map(|words| SecretRef::Command(words.clone())))
            .or_else(|| references.environment.map(|name| SecretRef::Environment(name.get_ref().clone())))?;
        Some(Located { value, place })
    }

    pub(super) fn address(&mut self, text: &Text) -> Option<Address> {
        match Address::read(text.get_ref()) {
            Ok(address) => Some(address),
            Err(fault) => {
                self.fault(
                    text,
                    format!("`{}`: {fault}", text.get_ref()),
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
        let found = parsed.filter(|duration| !duration.is_zero() && *duration <= Duration::from_hours(24));
        if found.is_none() {
            self.fault(
                text,
                format!("`{}` is no duration", text.get_ref()),
                "such as 500ms, 10s, 2m; more than 0, at most 24h",
            );
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
