//! Who calls: keys, sessions, certificates, and who may freeze.

use std::collections::BTreeMap;

use serde_spanned::Spanned;

use super::{File, SealKey, Text, Words, section::sections};

sections! {
    Caller {
        /// The key's id: `connect-guard caller issue` makes one.
        key_id: Text,
        /// Whom it stands for: the ARN of a role or a user.
        principal: Text,
        /// The unique id of that role, where a rule asks for it.
        unique_id: Option<Text>,
        /// Its last day, UTC, or an instant; without quotes, at most 90 days ahead.
        expires: Spanned<toml::value::Datetime>,
        /// From where it may be used; from anywhere when absent.
        networks: Option<Spanned<Vec<Text>>>,
        /// The key's secret.
        secret_file: Option<File>,
        secret_credential: Option<Text>,
        secret_command: Option<Words>,
        secret_env: Option<Text>,
    }

    Session {
        /// The name that proofs by STS are made for.
        audience: Option<Text> = otherwise("the first host of the session listener"),
        /// How long a session lasts at most.
        lifetime: Option<Text> = duration(60_000..=3_600_000),
        /// Keys that seal sessions: the first seals, the others only open what was issued before a rotation.
        #[serde(default)]
        key: Vec<Spanned<SealKey>>,
        /// Whoever signs `sts:GetCallerIdentity` with AWS credentials.
        sts: Option<Spanned<Sts>>,
        /// Whoever has a token of these issuers (`AssumeRoleWithWebIdentity`).
        #[serde(default)]
        issuer: Vec<Spanned<TokenIssuer>>,
        /// Roles that may be asked for with a token whose claims are all equal to these.
        #[serde(default)]
        role: Vec<Spanned<MappedRole>>,
    }

    Sts {
        /// Accounts whose principals are given sessions.
        accounts: Spanned<Vec<Text>>,
        /// Regions whose STS is asked.
        regions: Spanned<Vec<Text>>,
        /// `HOST:PORT` to connect to instead; the name that is verified stays STS's.
        address: Option<Text>,
        /// Trust these CAs, PEM, instead of the platform's.
        ca_file: Option<File>,
        /// For connecting, and for the answer.
        timeout: Option<Text> = duration(500..=30_000),
    }

    TokenIssuer {
        /// `iss`, letter by letter.
        issuer: Text,
        /// One of them must be in `aud`.
        audiences: Spanned<Vec<Text>>,
        /// Algorithms of JWS that tokens may be signed with, such as RS256 or ES256.
        algorithms: Spanned<Vec<Text>>,
        /// Where its keys are: https.
        jwks_url: Option<Text>,
        /// A file with its keys, instead of `jwks_url`, `ca_file` and `private`.
        jwks_file: Option<File>,
        /// Trust these CAs, PEM, instead of the platform's.
        ca_file: Option<File>,
        /// Networks not of the public Internet that `jwks_url` may be in.
        private: Option<Spanned<Vec<Text>>>,
        /// How far its clock may be off.
        leeway: Option<Text> = duration(1..=60_000),
    }

    MappedRole {
        /// The issuer of the token.
        issuer: Text,
        /// Claims of the token, and what each must be.
        claims: Spanned<BTreeMap<Text, Text>>,
        /// The role: its ARN, without a path.
        role: Text,
        /// Claims that become part of the session: rules may ask for them.
        carry: Option<Spanned<Vec<Text>>>,
    }

    Certificate {
        /// The SPIFFE id in the certificate; or `subject`.
        spiffe: Option<Text>,
        /// The certificate's subject as RFC 4514 writes it; or `spiffe`.
        subject: Option<Text>,
        /// Whom it stands for: the ARN of a role or a user.
        principal: Text,
        /// The unique id of that role, where a rule asks for it.
        unique_id: Option<Text>,
        /// What is claimed with it: rules may ask for them.
        claims: Option<Spanned<BTreeMap<Text, Text>>>,
    }

    Freeze {
        /// Who may freeze: users, roles, or roles with * inside the name.
        may_freeze: Option<Spanned<Vec<Text>>>,
        /// Who may lift what somebody else froze. Whoever froze does not lift it.
        may_unfreeze: Option<Spanned<Vec<Text>>>,
    }
}
