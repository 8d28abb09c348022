//! `[[listen]]`, `[drain]` and `[log]`: where the guard is heard, and how it ends.

use serde_spanned::Spanned;

use super::{File, Text, section::sections};

sections! {
    Listen {
        /// What it is for.
        kind: Text = one_of("gateway", "session", "status"),
        /// `ADDRESS:PORT`. Of a status listener 127.0.0.1:9464 when absent; every other says it.
        address: Option<Text>,
        /// The chain, PEM, the listener's own certificate first. Only status listeners may do without: plain HTTP.
        certificate: Option<File>,
        /// The certificate's key, PEM: a file that nobody else may read.
        key_file: Option<File>,
        key_credential: Option<Text>,
        /// Clients must show a certificate of these CAs, PEM.
        client_ca: Option<File>,
        /// Certificates of those CAs that are revoked, PEM: a list of each CA.
        crl_file: Option<File>,
        /// What callers must prove at a gateway.
        require: Option<Text> = one_of("signature", "certificate", "both"),
        /// With `require = "certificate"` alone: the Region that unsigned requests are for, where there are several.
        region: Option<Text>,
        /// The names by which it may be called in `Host`: for every listener of callers or for none.
        hosts: Option<Spanned<Vec<Text>>> = otherwise("any"),
        /// PROXY protocol v2, required of everybody who connects.
        proxy_protocol: Option<Spanned<ProxyProtocol>>,
        /// Deadlines.
        timeouts: Option<Spanned<Timeouts>>,
        /// Caps.
        caps: Option<Spanned<Caps>>,
    }

    ProxyProtocol {
        /// Networks of the balancers that speak it. Everybody else is turned away.
        from: Spanned<Vec<Text>>,
    }

    Timeouts [Default] {
        /// TLS.
        handshake: Option<Text> = duration(),
        /// From the first octet of a request to the end of its head.
        head: Option<Text> = duration(),
        /// A whole body.
        body: Option<Text> = duration(),
        /// Between two requests of a connection.
        idle: Option<Text> = duration(),
        /// Without progress in writing.
        write: Option<Text> = duration(),
    }

    Caps [Default] {
        /// Connections at once.
        connections: Option<Spanned<usize>> = number(1..=1_000_000),
        /// Connections of one source: an IPv4 address, or an IPv6 /64.
        connections_per_source: Option<Spanned<usize>> = number(1..=1_000_000),
        /// Requests under way at once; the next is answered 503.
        requests: Option<Spanned<usize>> = number(1..=1_000_000),
        /// Requests of one source under way; a quarter of `requests` when absent.
        requests_per_source: Option<Spanned<usize>> = number(1..=1_000_000),
        /// Octets of a head.
        head: Option<Spanned<usize>> = number(1_024..=65_536),
        /// Header fields of a head.
        headers: Option<Spanned<usize>> = number(16..=256),
        /// Octets of path and query.
        target: Option<Spanned<usize>> = number(256..=32_768),
    }

    Drain [Default] {
        /// Requests under way; and as long again for changes that were begun.
        requests: Option<Text> = duration(1_000..=600_000),
        /// After that: notices under way. What is left goes out after the next start.
        notices: Option<Text> = duration(1_000..=600_000),
    }

    Log [Default] {
        /// For people, or one JSON object a line.
        format: Option<Text> = one_of("human", "json"),
    }
}
