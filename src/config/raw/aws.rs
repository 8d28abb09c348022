//! `[[upstream]]`, `[aws]` and `[limits]`: Connect, and whom the guard is there.

use std::collections::BTreeMap;

use serde_spanned::Spanned;

use super::{File, Text, section::sections};

sections! {
    Upstream {
        /// Its name, in logs and records: 1 to 64 of A-Z a-z 0-9 . _ -
        name: Text,
        /// The account that the instances are in: twelve digits, in quotes.
        account: Text,
        /// Its Region.
        region: Text,
        /// The partition that the Region is of: aws, aws-cn or aws-us-gov.
        partition: Option<Text>,
        /// The ids of the instances that are served. There is no pattern for all.
        instances: Spanned<Vec<Text>>,
        /// Connect's endpoint, `https://HOST[:PORT]`.
        endpoint: Option<Text> = otherwise("that of the Region"),
        /// Whether the Region's FIPS endpoints are used; not beside `endpoint`.
        fips: Option<Spanned<bool>>,
        /// `ADDRESS:PORT` to connect to instead of what the endpoint's name resolves to.
        address: Option<Text>,
        /// Trust these CAs, PEM, instead of the platform's.
        ca_file: Option<File>,
        /// The profile that the guard's credentials come from; not beside `role`. The AWS SDK's default chain when
        /// both are absent.
        profile: Option<Text>,
        /// The role that the guard assumes.
        role: Option<Text>,
        /// Another role, for ordinary operations alone.
        ordinary_role: Option<Text>,
        /// What the role's trust policy asks for.
        external_id: Option<Text>,
        /// How sessions of the role are named: with the caller's name, or all `connect-guard`.
        session_name: Option<Text> = one_of("caller", "fixed"),
        /// Whether the session's name is its `SourceIdentity` as well. The role must allow `sts:SetSourceIdentity`.
        source_identity: Option<Spanned<bool>>,
        /// `ADDRESS:PORT` to reach the Region's STS at: an endpoint in a VPC.
        sts_address: Option<Text>,
        /// Trust these CAs, PEM, for STS instead of the platform's.
        sts_ca_file: Option<File>,
        /// Name, TCP and TLS together.
        connect_timeout: Option<Text> = duration(),
        /// From the first octet of a request to the head of its answer.
        answer_timeout: Option<Text> = duration(),
        /// Requests under way at once; the next is answered 503.
        in_flight: Option<Spanned<usize>> = number(1..=65_536),
    }

    Aws {
        /// Whom the guard runs as: nobody else may assume its roles.
        principals: Option<Spanned<Vec<Text>>>,
        /// Who may change these roles, policies and alarms.
        admins: Option<Spanned<Vec<Text>>>,
        /// The role for when the guard cannot be used: every use is told.
        break_glass: Option<Text>,
        /// VPCs that the guard's roles may be used from; from anywhere when neither these, `vpc_endpoints` nor
        /// `networks` are named.
        vpcs: Option<Spanned<Vec<Text>>>,
        /// VPC endpoints that they may be used through.
        vpc_endpoints: Option<Spanned<Vec<Text>>>,
        /// Public networks that they may be used from, as AWS sees them.
        networks: Option<Spanned<Vec<Text>>>,
        /// Who may do beside the guard what is the guard's.
        #[serde(default)]
        exempt: Vec<Exempt>,
    }

    Exempt {
        /// The ARN of a role or a user, with its path.
        principal: Text,
        /// A sentence that says why.
        because: Text,
    }

    Limits [Default] {
        /// Failed proofs of one source.
        failures: Option<Spanned<Rate>>,
        /// Requests of one caller.
        caller: Option<Spanned<Rate>>,
        /// Refused changes of one caller, each of which is a record.
        refusals: Option<Spanned<Rate>>,
        /// How much of Connect's rate for a read that the guard needs itself callers may use: from 0 to 1.
        caller_read_share: Option<Spanned<f64>>,
        /// Connect's own rate, for each operation, account and Region.
        connect: Option<Spanned<Rate>>,
        /// Rates of operations that AWS raised, by name.
        #[serde(default)]
        operations: BTreeMap<Text, Spanned<Rate>>,
        /// Callers and sources remembered at most; a new one beyond is refused.
        keys: Option<Spanned<usize>> = number(16..=16_777_216),
        /// Octets of a body of an identity or sensitive operation.
        change_body: Option<Spanned<usize>> = number(1_024..=1_048_576),
        /// Octets of every other body.
        ordinary_body: Option<Spanned<usize>> = number(1_024..=16_777_216),
        /// Octets of bodies held at once, at all listeners; a source has a quarter.
        bodies_at_once: Option<Spanned<usize>> = number(16_777_216..=17_179_869_184),
    }

    Rate [Clone, Copy] {
        /// From 0.001 to 1000000 a second.
        per_second: f64,
        /// From 1 to 100000 at once.
        burst: u32,
    }
}
