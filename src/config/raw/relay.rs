//! The relay's own file as written.

use serde_spanned::Spanned;

use super::{File, Log, Text, section::sections};

sections! {
    Raw {
        /// Where the application calls the relay. The section has to be there.
        listen: Option<Spanned<Listen>>,
        /// Where the guard is, and how the relay proves who it is. The section has to be there.
        relay: Option<Spanned<Relay>>,
        /// Where the relay is asked whether it lives and is ready; nowhere when absent.
        #[serde(default)]
        status: Option<Spanned<Status>>,
        /// How long ending may take once the relay is told to.
        #[serde(default)]
        drain: Drain,
        /// Logs.
        #[serde(default)]
        log: Log,
    }

    Listen {
        /// `ADDRESS:PORT`: of this machine alone, unless there is a certificate. Or `socket`.
        address: Option<Text>,
        /// A Unix socket, instead of `address`.
        socket: Option<File>,
        /// Permissions of the socket's file, in octal.
        mode: Option<Text>,
        /// The chain, PEM: then it speaks TLS, at any address.
        certificate: Option<File>,
        /// The certificate's key, PEM: a file that nobody else may read.
        key_file: Option<File>,
        key_credential: Option<Text>,
        /// Names by which it may be called, besides addresses and localhost.
        hosts: Option<Spanned<Vec<Text>>>,
    }

    Relay {
        /// The guard's gateway listener, `https://HOST[:PORT]`.
        gateway: Text,
        /// `ADDRESS:PORT` to connect to instead of what its name resolves to.
        gateway_address: Option<Text>,
        /// The guard's session listener, `https://HOST[:PORT]`.
        session: Text,
        /// `ADDRESS:PORT` to connect to instead of what its name resolves to.
        session_address: Option<Text>,
        /// Trust these CAs, PEM, for both instead of the platform's.
        ca_file: Option<File>,
        /// Trust these CAs, PEM, for the session listener.
        session_ca_file: Option<File> = otherwise("those of `ca_file`"),
        /// With the proof `sts`: as the guard's `[session]` says.
        audience: Option<Text> = otherwise("the host of `session`"),
        /// The Region of requests that are not signed; signed ones say it themselves.
        region: Text,
        /// How it proves who it is.
        proof: Text = one_of("sts", "web-identity", "certificate"),
        /// With the proof `sts`: a profile, instead of the AWS SDK's own order.
        profile: Option<Text>,
        /// With the proof `sts`: whose STS the guard asks.
        sts_region: Option<Text> = otherwise("`region`"),
        /// With the proof `web-identity`: the file with the token, read for every session.
        token_file: Option<File>,
        /// With the proof `web-identity`: the role that the guard's `[[session.role]]` maps the token's claims to.
        role: Option<Text>,
        /// With the proof `web-identity`: a name for the session, 2 to 64 characters. It proves nothing.
        label: Option<Text>,
        /// The chain, PEM, that is shown to both listeners, whatever the proof.
        certificate: Option<File>,
        /// Its key, PEM: nobody else may be able to read it.
        key_file: Option<File>,
        /// Name, TCP and TLS together.
        connect_timeout: Option<Text> = duration(),
        /// From the first octet of a request to the head of its answer.
        answer_timeout: Option<Text> = duration(),
        /// Requests under way at once; the next is answered 503.
        in_flight: Option<Spanned<usize>> = number(1..=65_536),
        /// Octets of a request's body.
        body: Option<Spanned<usize>> = number(1_024..=16_777_216),
    }

    Status {
        /// `ADDRESS:PORT`, plain HTTP.
        address: Text,
    }

    Drain [Default] {
        /// What is under way.
        requests: Option<Text> = duration(1_000..=600_000),
    }
}
