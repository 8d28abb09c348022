//! What there is to show of streams.

use serde_json::Value;

use super::{
    Shown, duration, list,
    sections::{all, file, path, shown_url},
};
use crate::{
    config::{Config, HookPlace, StreamPlace, StreamReceiver, SyslogPlace, UrlPlace},
    notify::HookFormat,
};

impl Shown<'_> {
    pub(super) fn streams(&mut self, config: &Config) {
        for (at, stream) in config.streams.iter().enumerate() {
            self.stream(&format!("stream[{at}]"), stream);
        }
    }

    fn stream(&mut self, key: &str, stream: &StreamPlace) {
        self.say(format!("{key}.name"), stream.name.as_str());
        match &stream.to {
            StreamReceiver::Syslog(to) => self.syslog(key, to),
            StreamReceiver::Webhook(to) => self.stream_hook(key, to),
        }
        self.say(format!("{key}.required"), stream.required);
        self.say(format!("{key}.timeout"), duration(stream.timeout));
        let kinds: Vec<&str> = stream.kinds.iter().map(|kind| kind.as_str()).collect();
        self.say(format!("{key}.kinds"), all(&kinds));
    }

    fn syslog(&mut self, key: &str, to: &SyslogPlace) {
        self.say(format!("{key}.kind"), "syslog");
        self.say(format!("{key}.address"), format!("{}:{}", to.host, to.port));
        self.say(format!("{key}.facility"), to.facility.as_str());
        self.say(format!("{key}.ca_file"), file(to.ca_file.as_ref()));
        match &to.certificate {
            Some((certificate, secret)) => {
                self.say(format!("{key}.certificate"), path(&certificate.value));
                self.secret(&format!("{key}.key"), secret);
            }
            None => self.say(format!("{key}.certificate"), Value::Null),
        }
    }

    fn stream_hook(&mut self, key: &str, to: &HookPlace) {
        self.say(format!("{key}.kind"), "webhook");
        match &to.url {
            UrlPlace::Written(url) => {
                self.say(format!("{key}.url"), shown_url(url, HookFormat::CloudEvents));
            }
            UrlPlace::Secret(at) => self.secret(&format!("{key}.url"), at),
        }
        for (what, secret) in ["secret", "previous"].into_iter().zip(&to.secrets) {
            self.secret(&format!("{key}.{what}"), secret);
        }
        self.say(format!("{key}.ca_file"), file(to.ca_file.as_ref()));
        self.say(format!("{key}.private"), list(&to.private));
    }
}
