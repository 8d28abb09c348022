//! `[mail]` and `[notify]`: who is told.

use serde_spanned::Spanned;

use super::{File, Text, Words, section::sections};

sections! {
    Mail {
        /// The mail server: a name, or an address.
        host: Text,
        /// Its port; 465 with `tls = "implicit"`.
        port: Option<Spanned<u16>>,
        /// How the connection is protected. There is no way to send in clear.
        tls: Text = one_of("starttls", "implicit"),
        /// Trust these CAs, PEM, instead of the platform's.
        ca_file: Option<File>,
        /// Whom the guard logs in as.
        username: Option<Text>,
        /// The password.
        password_file: Option<File>,
        password_credential: Option<Text>,
        password_command: Option<Words>,
        password_env: Option<Text>,
        /// The sender's address.
        from: Text,
        /// The security team's addresses: told of everything. May be left out where routes say who is.
        security: Option<Spanned<Vec<Text>>>,
        /// For one message.
        timeout: Option<Text> = duration(),
    }

    Notify [Default] {
        /// What has to be done with the notices before a change is sent.
        before: Option<Text> = one_of("queued", "acknowledged"),
        /// With `before = "acknowledged"`: who has to take the announcement, as `mail:ADDRESS` or `hook:NAME`.
        acknowledged_by: Option<Spanned<Vec<Text>>>,
        /// With `before = "acknowledged"`: how long all of them have.
        patience: Option<Text> = duration(500..=20_000),
        /// The language of messages, as templates name it.
        language: Option<Text>,
        /// A directory of templates that replace those compiled in.
        templates: Option<File>,
        /// Who is told what. Every route that matches counts; of every kind somebody must be told.
        #[serde(default)]
        route: Vec<Spanned<Route>>,
        /// Webhooks.
        #[serde(default)]
        hook: Vec<Spanned<Hook>>,
    }

    Route {
        /// Kinds of notices, or `["*"]`.
        kinds: Option<Spanned<Vec<Text>>>,
        /// Nothing less grave than this.
        severity: Option<Text> = one_of("info", "warning", "critical"),
        /// Ids of an upstream's instances, or `["*"]`.
        instances: Option<Spanned<Vec<Text>>>,
        /// Addresses.
        mail: Option<Spanned<Vec<Text>>>,
        /// Names of `[[notify.hook]]`.
        hooks: Option<Spanned<Vec<Text>>>,
        /// Their language.
        language: Option<Text> = otherwise("that of [notify]"),
    }

    Hook {
        /// Its name: 1 to 64 of A-Z a-z 0-9 . _ -
        name: Text,
        /// What is posted.
        format: Text = one_of("cloudevents", "slack", "teams", "pagerduty"),
        /// Where to: https. Whoever reads it may post there, so `url_file` keeps that of Slack and Teams.
        url: Option<Text>,
        /// A URL that is a secret itself.
        url_file: Option<File>,
        url_credential: Option<Text>,
        url_command: Option<Words>,
        url_env: Option<Text>,
        /// What signs (Standard Webhooks: whsec_...), or PagerDuty's routing key.
        secret_file: Option<File>,
        secret_credential: Option<Text>,
        secret_command: Option<Words>,
        secret_env: Option<Text>,
        /// Signs as well while the receiver changes over.
        previous_file: Option<File>,
        previous_credential: Option<Text>,
        previous_command: Option<Words>,
        previous_env: Option<Text>,
        /// Trust these CAs, PEM, instead of the platform's.
        ca_file: Option<File>,
        /// Networks not of the public Internet that it may be in.
        private: Option<Spanned<Vec<Text>>>,
        /// Whether it is shown no values; true when absent, but for `cloudevents`.
        masked: Option<bool>,
        /// For one call.
        timeout: Option<Text> = duration(500..=60_000),
    }
}
