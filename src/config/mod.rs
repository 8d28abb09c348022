//! From one file to each part's plain options. Every fault of the file at once, with its place; no defaults that open
//! anything. What is secret stands in other files, and is read by [`Config::secrets`].

mod meant;
mod parse;
mod raw;
mod read;
mod secrets;
mod show;

pub use meant::{
    CallerKey, Caps, Config, Drain, HookPlace, HookUrl, Listen, Located, LogFormat, MailPlace, NotifyOptions,
    Overrides, ProxyProtocol, StatusListen, StorePlace, Timeouts,
};
pub use secrets::{HookSecrets, Secrets};
pub use show::{Origin, Setting};

use crate::{
    clock::Now,
    diagnostic::{Faults, Source},
};

/// What is wrong with the URL of a hook; it goes on "the URL of a hook ...". Never quotes it: it may be a secret.
fn hook_url(url: &str) -> Result<(), &'static str> {
    let uri: http::Uri = match url.parse() {
        Ok(uri) => uri,
        Err(_) => return Err("cannot be read"),
    };
    if uri.scheme_str() != Some("https") {
        return Err("is not https");
    }
    if url.contains('#') {
        return Err("has a fragment");
    }
    let Some(authority) = uri.authority() else { return Err("has no host") };
    if authority.as_str().contains('@') {
        return Err("holds credentials");
    }
    let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
    if authority.host().is_empty() || !(port.is_empty() || authority.port_u16().is_some_and(|port| port != 0))
    {
        return Err("has no host, or no port after its colon");
    }
    Ok(())
}

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
