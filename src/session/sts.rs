//! The one question that STS is asked: who signed this? Sent once, to the host of a Region that is configured, over TLS
//! verified for that host's own name wherever the connection is led.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{net::lookup_host, time::timeout};

use crate::{
    caller::Principal,
    client::{Client, ClientBounds, ClientError, Endpoint},
};

use super::{
    ExchangeFault, StsHost, StsOptions,
    answer::{self, AnswerFault, BODY_MAX},
    proof::StsProof,
};

/// Addresses of a host named in the configuration that clients are kept for, and that are tried for one question.
const ADDRESSES: usize = 4;

/// STS, as far as it is configured.
pub(super) struct Sts {
    options: StsOptions,
    lines: BTreeMap<&'static str, Line>,
}

/// The way to one host.
struct Line {
    host: StsHost,
    /// A client for each address that is connected to; none is the one that the host's own name has.
    clients: Mutex<BTreeMap<Option<SocketAddr>, Arc<Client>>>,
}

/// Why nobody is proven.
#[derive(Debug)]
pub(super) enum StsFault {
    /// The Region is not configured.
    Region,
    /// The name of the address to connect to instead has none.
    Address,
    /// There was no client to be had, or no answer.
    Client(ClientError),
    /// The CA file cannot be read any more.
    Trust,
    /// The answer is none that proves somebody.
    Answer(AnswerFault),
}

impl Sts {
    /// Looks at the options, and makes a client for each Region. Asks nothing yet.
    pub(super) fn new(options: &StsOptions) -> Result<Self, ExchangeFault> {
        let is_account = |text: &String| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        if options.accounts.is_empty() || !options.accounts.iter().all(is_account) {
            return Err(ExchangeFault::Accounts);
        }
        if options.regions.is_empty() {
            return Err(ExchangeFault::Region(String::new()));
        }
        let mut lines = BTreeMap::new();
        for region in &options.regions {
            let host = StsHost::of(region).ok_or_else(|| ExchangeFault::Region(region.clone()))?;
            let line = Line { host, clients: Mutex::default() };
            // Now rather than at the first proof, what can be found out.
            if let Ok(address) = fixed(options) {
                line.client(address, options).map_err(ExchangeFault::Client)?;
            }
            lines.insert(host.region, line);
        }
        Ok(Self { options: options.clone(), lines })
    }

    /// Whether the STS of a Region is asked at all.
    pub(super) fn serves(&self, host: StsHost) -> bool {
        self.lines.contains_key(host.region)
    }

    /// Asks who signed.
    pub(super) async fn ask(&self, proof: &StsProof, audience: &str) -> Result<Principal, StsFault> {
        let line = self.lines.get(proof.host.region).ok_or(StsFault::Region)?;
        let mut last = StsFault::Address;
        for address in addresses(&self.options).await? {
            let client = line.client(address, &self.options).map_err(|_| StsFault::Trust)?;
            match client.send(proof.request(audience)).await {
                Ok(answer) => {
                    let is_served = |account: &str| self.options.accounts.contains(account);
                    return answer::read(&answer, line.host, is_served).map_err(StsFault::Answer);
                }
                // Once that something may have been sent there is no second time.
                Err(error) if error.sent => return Err(StsFault::Client(error)),
                Err(error) => last = StsFault::Client(error),
            }
        }
        Err(last)
    }
}

impl Line {
    fn client(
        &self,
        address: Option<SocketAddr>,
        options: &StsOptions,
    ) -> Result<Arc<Client>, crate::client::Unusable> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&address) {
            return Ok(client.clone());
        }
        let endpoint = endpoint(options, self.host, address);
        let bounds = ClientBounds {
            connect: options.timeout,
            answer: options.timeout,
            idle_body: options.timeout,
            body: BODY_MAX,
            pool: 8,
            in_flight: 64,
            ..ClientBounds::default()
        };
        let client = Arc::new(Client::new(endpoint, bounds)?);
        while clients.len() >= ADDRESSES {
            clients.pop_first();
        }
        clients.insert(address, client.clone());
        Ok(client)
    }
}

/// The host, where it is reached.
pub(super) fn endpoint(options: &StsOptions, host: StsHost, address: Option<SocketAddr>) -> Endpoint {
    Endpoint { host: host.name(), port: 443, address, ca_file: options.ca_file.clone() }
}

/// Where to connect, one after the other; none is where the host's own name leads.
pub(super) async fn addresses(options: &StsOptions) -> Result<Vec<Option<SocketAddr>>, StsFault> {
    match fixed(options) {
        Ok(address) => Ok(vec![address]),
        Err((name, port)) => found(name, port, options.timeout).await,
    }
}

/// The address to connect to, when it is known: none for that of the host's own name; otherwise the name and port to ask
/// for.
fn fixed(options: &StsOptions) -> Result<Option<SocketAddr>, (&str, u16)> {
    match &options.address {
        None => Ok(None),
        Some((host, port)) => match host.parse::<IpAddr>() {
            Ok(address) => Ok(Some(SocketAddr::new(address, *port))),
            Err(_) => Err((host, *port)),
        },
    }
}

async fn found(name: &str, port: u16, within: Duration) -> Result<Vec<Option<SocketAddr>>, StsFault> {
    let found = timeout(within, lookup_host((name, port))).await.map_err(|_| StsFault::Address)?;
    Ok(found.map_err(|_| StsFault::Address)?.take(ADDRESSES).map(Some).collect())
}
