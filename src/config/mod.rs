//! From one file to each part's plain options. Every fault of the file at once, with its place; no defaults that open
//! anything. What is secret stands in other files, and is read by [`Config::secrets`].

mod meant;
mod parse;
mod raw;
mod read;
mod reference;
mod relay;
mod secrets;
mod show;
mod streams;

pub use meant::{
    AwsOptions, CallerKey, Caps, Config, Drain, EvidencePlace, HookPlace, Listen, Located, LogFormat,
    MailPlace, NotifyOptions, Overrides, ProxyProtocol, RetentionPlace, SessionPlace, StatusListen,
    StorePlace, Timeouts, UrlPlace,
};
pub(crate) use read::endpoint;
pub(crate) use reference::{Entry, Reference};
pub(crate) use relay::{Person, RelayAt, RelayFile, RelayListen};
pub use secrets::{HookSecrets, Secrets, StreamSecrets};
pub use show::{Origin, Setting};
pub use streams::{StreamPlace, StreamReceiver, SyslogPlace};

use crate::{
    clock::Now,
    diagnostic::{Faults, Source},
};

impl Config {
    /// Reads a configuration. Relative paths are of the file's directory; keys of callers may end at most 90 days after
    /// `now`. Warnings come with the configuration.
    pub fn read(source: &Source, overrides: &Overrides, now: Now) -> Result<(Self, Faults), Faults> {
        let raw = parse::parse(source)?;
        read::Reader::new(source, overrides, now).config(raw)
    }
}

#[cfg(test)]
mod tests;
