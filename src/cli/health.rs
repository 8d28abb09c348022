//! `health`: asks the status listener of this machine, for container health checks where there is neither shell nor curl.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::{Exit, args::Format, check, output::Output, serve::runtime};
use crate::{client::probe, config::StatusListen};

/// For everything: connecting, TLS, the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whom to ask, and which certificate to expect.
struct Asked {
    address: SocketAddr,
    chain: Option<Vec<u8>>,
}

/// What a status listener answers.
#[derive(Serialize, Deserialize)]
struct Health {
    ok: bool,
    reasons: Vec<Reason>,
}

#[derive(Serialize, Deserialize)]
struct Reason {
    part: String,
    why: String,
}

/// Asks whether the guard lives, or is ready, and says why not.
pub(super) fn health(config: Option<&Path>, url: Option<&str>, ready: bool, output: Output) -> Exit {
    let asked = match url.map_or_else(|| first(config, output), |url| named(url, output)) {
        Ok(asked) => asked,
        Err(exit) => return exit,
    };
    let path = if ready { "/readyz" } else { "/livez" };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.error(&error.to_string());
            return Exit::Failed;
        }
    };
    let health = runtime.block_on(ask(&asked, path));
    runtime.shutdown_background();
    tell(&health, ready, output)
}

/// The one of this URL.
fn named(url: &str, output: Output) -> Result<Asked, Exit> {
    address_of(url).map(|address| Asked { address, chain: None }).ok_or_else(|| {
        output.error(&format!("`{url}` is no status listener of this machine"));
        output.hint("http://ADDRESS:PORT of loopback; one that speaks TLS is asked with --config");
        Exit::Usage
    })
}

/// The first status listener of the configuration that asks for no certificate of ours.
fn first(config: Option<&Path>, output: Output) -> Result<Asked, Exit> {
    // Whatever is worth a look is said where the guard starts; a probe says what it was asked.
    let (config, _) = check::read(config).map_err(|unread| unread.told(output))?;
    let Some(listen) = config.status.iter().find(|listen| listen.client_ca.is_none()) else {
        let why = if config.status.is_empty() {
            "the configuration has no status listener"
        } else {
            "every status listener asks for a client's certificate"
        };
        output.error(why);
        output.hint("add [[listen]] with kind = \"status\": it listens on loopback, in plain HTTP");
        return Err(Exit::Usage);
    };
    let chain = match &listen.tls {
        None => None,
        Some((certificate, _)) => Some(std::fs::read(&certificate.value).map_err(|error| {
            output.error(&format!("cannot read the certificate `{}`: {error}", certificate.value.display()));
            Exit::Failed
        })?),
    };
    Ok(Asked { address: here(listen), chain })
}

/// Where this machine reaches it: what listens everywhere listens on loopback.
fn here(listen: &StatusListen) -> SocketAddr {
    let ip = match listen.address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.address.port())
}

/// `http://ADDRESS:PORT`, of loopback.
fn address_of(url: &str) -> Option<SocketAddr> {
    let address = url.strip_prefix("http://")?;
    let address = address.strip_suffix('/').unwrap_or(address);
    let address: SocketAddr = match address.strip_prefix("localhost:") {
        Some(port) => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port.parse().ok()?),
        None => address.parse().ok()?,
    };
    (address.ip().to_canonical().is_loopback() && address.port() != 0).then_some(address)
}

async fn ask(asked: &Asked, path: &str) -> Health {
    let unasked = |why: String| Health {
        ok: false,
        reasons: vec![Reason { part: "status".to_owned(), why: format!("{}: {why}", asked.address) }],
    };
    match timeout(PATIENCE, probe(asked.address, asked.chain.as_deref(), path)).await {
        Err(_) => unasked(format!("no answer within {} s", PATIENCE.as_secs())),
        Ok(Err(fault)) => unasked(fault.to_string()),
        Ok(Ok((status, body))) => match (status, serde_json::from_slice::<Health>(&body)) {
            (200, Ok(health)) if health.ok => health,
            (503, Ok(health)) if !health.ok => health,
            (status, _) => unasked(format!("answered {status}, as no guard does")),
        },
    }
}

fn tell(health: &Health, ready: bool, output: Output) -> Exit {
    match (output.format(), health.ok) {
        (Format::Json, _) => output.data(&serde_json::to_string(health).unwrap_or_default()),
        (Format::Human | Format::Plain, true) => output.data(if ready { "ready" } else { "live" }),
        (Format::Human | Format::Plain, false) => {
            for Reason { part, why } in &health.reasons {
                output.data(&format!("{part}: {why}"));
            }
        }
    }
    if health.ok { Exit::Done } else { Exit::Failed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_asked_by_url() {
        for (url, expected) in [
            ("http://127.0.0.1:9464", Some("127.0.0.1:9464")),
            ("http://localhost:9464/", Some("127.0.0.1:9464")),
            ("http://[::1]:9464", Some("[::1]:9464")),
            ("https://127.0.0.1:9464", None),
            ("http://192.0.2.1:9464", None),
            ("http://127.0.0.1", None),
            ("http://127.0.0.1:0", None),
            ("http://127.0.0.1:9464/livez", None),
            ("http://user@127.0.0.1:9464", None),
            ("http://status.example.com:9464", None),
        ] {
            let expected = expected.map(|address| address.parse().unwrap());
            assert_eq!(address_of(url), expected, "{url}");
        }
    }
}
