//! The policy, the ledger, and what proves it.

use serde_spanned::Spanned;

use super::{File, Text, Words, section::sections};

sections! {
    PolicyPlace {
        /// The policy directory, looked at every two seconds.
        directory: File,
        /// How long the rules in force are kept while the directory is broken; then changes are refused.
        max_stale: Option<Text> = duration(),
        /// Whose signature (policy.sig) the directory must bear: an `allowed_signers` file, outside of the directory.
        signers: Option<File>,
    }

    Store {
        /// `sqlite:PATH`, with `?reserve=BYTES` and `max_bytes=BYTES`; or
        /// `postgres://USER@HOST/DATABASE?sslrootcert=FILE&password_file=FILE`, which several guards share.
        url: Text,
        /// This guard's name, which is its chain's name: 1 to 64 of A-Z a-z 0-9 . _ -
        replica: Option<Text>,
        /// A write that takes longer has failed.
        timeout: Option<Text> = duration(),
        /// A sentence that accepts a store that a restart may lose.
        ephemeral: Option<Text>,
    }

    Evidence [Default] {
        /// How often it is recorded where the chains end, when there is anything new.
        every: Option<Text> = duration(1_000..=86_400_000),
        /// A file that a line is appended to each time: on another machine's disk, or append-only.
        heads_file: Option<File>,
        /// The name of one of `[[notify.hook]]`: each line is posted.
        heads_webhook: Option<Text>,
    }

    Retention [Default] {
        /// How long records stay in the store; for ever when absent.
        records: Option<Text> = days(30..=36_500),
        /// The directory of segments.
        directory: Option<File>,
    }

    Keys {
        /// Keys that seal: the first seals, the others only open what was sealed before a rotation.
        seal: Vec<Spanned<SealKey>>,
        /// The key of keyed hashes: 32 bytes, raw or as 64 hexadecimal digits.
        hash_file: Option<File>,
        hash_credential: Option<Text>,
        hash_command: Option<Words>,
        hash_env: Option<Text>,
    }

    SealKey {
        /// Its name, in what is sealed with it: 1 to 64 of A-Z a-z 0-9 . _ -
        id: Text,
        /// The key: 32 bytes, raw or as 64 hexadecimal digits.
        secret_file: Option<File>,
        secret_credential: Option<Text>,
        secret_command: Option<Words>,
        secret_env: Option<Text>,
    }

    Stream {
        /// Under which the ledger knows how far it came: 1 to 64 of A-Z a-z 0-9 . _ -
        name: Text,
        /// How: RFC 5424 over TLS, or lines that are posted.
        kind: Text = one_of("syslog", "webhook"),
        /// Of syslog: `HOST:PORT`. The name is verified.
        address: Option<Text>,
        /// Of syslog: the facility, from local0 to local7, or one of audit, auth, authpriv, daemon, user.
        facility: Option<Text>,
        /// Of syslog: the chain, PEM, for a receiver that asks for one.
        certificate: Option<File>,
        /// Of syslog: its key, PEM.
        key_file: Option<File>,
        key_credential: Option<Text>,
        /// Of a webhook: where to, https.
        url: Option<Text>,
        /// Of a webhook: a URL that is a secret itself.
        url_file: Option<File>,
        url_credential: Option<Text>,
        url_command: Option<Words>,
        url_env: Option<Text>,
        /// Of a webhook: what signs (Standard Webhooks: whsec_...).
        secret_file: Option<File>,
        secret_credential: Option<Text>,
        secret_command: Option<Words>,
        secret_env: Option<Text>,
        /// Of a webhook: signs as well while the receiver changes over.
        previous_file: Option<File>,
        previous_credential: Option<Text>,
        previous_command: Option<Words>,
        previous_env: Option<Text>,
        /// Of a webhook: networks not of the public Internet that it may be in.
        private: Option<Spanned<Vec<Text>>>,
        /// Trust these CAs, PEM, instead of the platform's.
        ca_file: Option<File>,
        /// Whether no change is sent before its record was taken.
        required: Option<bool>,
        /// For each step: connecting, writing, an answer; and for a record that is required.
        timeout: Option<Text> = duration(500..=60_000),
        /// Kinds of records, or `["*"]`.
        kinds: Option<Spanned<Vec<Text>>>,
    }
}
