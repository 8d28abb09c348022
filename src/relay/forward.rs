//! What the application sends, on its way to the gateway: signed with the session, sent once, the answer handed on as it
//! comes.
//!
//! Nothing is sent twice: the application's SDK tries again, with the same `amz-sdk-invocation-id`, and the gateway knows
//! by it what it has done already. Whatever happens, 503 means that nothing was carried out, and 500 that nobody knows.

use std::{
    collections::BTreeSet,
    fs, io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::time::Instant;

use super::{
    NoSession, RelayOptions,
    answer::Granted,
    held::{HeldSession, Without},
    listener::{SessionListener, presented},
    request::{self, Rebuilt},
};
use crate::{
    client::{Client, ClientError, Failure, Outgoing, Presented, Streaming, TrustFault, Unusable},
    clock::Clock,
    secret::Digest,
    server::Service,
    sigv4::{Signable, SigningFault, sign},
    wire::{Body, ErrorType, FAULT, Head, Malformed, Origin, Reply, RequestId, WireRequest},
};

/// The service's name in a signature's scope.
const SERVICE: &str = "connect";
/// When whoever finds no session, or no place, may come back.
const AGAIN: Duration = Duration::from_secs(1);
/// Fields of an answer that are handed on. The rest are the connection's.
const PASSED: [&str; 6] = [
    "content-type",
    "retry-after",
    "x-amz-retry-after",
    "x-amzn-connect-requestid",
    "x-amzn-errortype",
    "x-amzn-requestid",
];
/// Errors of the gateway that are about the relay's own session or clock, not about the application.
const OURS: [ErrorType; 5] = [
    ErrorType::ExpiredToken,
    ErrorType::InvalidSignature,
    ErrorType::MissingAuthenticationToken,
    ErrorType::RequestTimeTooSkewed,
    ErrorType::UnrecognizedClient,
];

/// What of these the application brought about itself, by the word in [`FAULT`]: a Region that the gateway does not serve. With
/// another session it would be the same, so the session stays and the application is told.
const THEIRS: &str = "scope";

/// The sidecar: a [`Service`] for what the application sends.
pub(crate) struct Relay {
    options: RelayOptions,
    hosts: BTreeSet<String>,
    session: HeldSession,
    gateway: ArcSwap<Client>,
    /// What the client was made of: the CA file and the certificate.
    made_of: Mutex<Digest>,
    clock: Clock,
}

/// Why a request was not sent.
enum Unsent {
    Without(Without),
    Signing(SigningFault),
}

impl Relay {
    /// A relay for applications that call it by an address, by `localhost` or by one of `hosts`. Reads the environment,
    /// AWS's files, the CA file and the certificate; calls nobody. [`Relay::keep`] has to run.
    ///
    /// # Errors
    /// What is configured cannot be used.
    pub(crate) async fn open(
        options: RelayOptions,
        hosts: BTreeSet<String>,
        clock: Clock,
    ) -> Result<Arc<Self>, NoSession> {
        let listener = SessionListener::open(options.session.clone(), clock.clone()).await?;
        let (client, made_of) = gateway(&options)?;
        Ok(Arc::new(Self {
            hosts,
            session: HeldSession::new(listener, clock.clone()),
            gateway: ArcSwap::from_pointee(client),
            made_of: Mutex::new(made_of),
            options,
            clock,
        }))
    }

    /// Keeps the session fresh for as long as it is polled; with each one the CA file and the certificate are read again.
    pub(crate) async fn keep(&self) {
        self.session.keep(|| self.renew()).await;
    }

    /// Waits until the first session was had, or could not be had.
    pub(crate) async fn tried(&self) {
        self.session.tried().await;
    }

    /// Why requests would be answered 503 now; none when they would not.
    pub(crate) fn unready(&self) -> Option<String> {
        if self.session.usable().is_some() {
            return None;
        }
        Some(
            self.session
                .fault()
                .map_or_else(|| "there is no session yet".to_owned(), |fault| fault.to_string()),
        )
    }

    /// A client of what the files hold now, when that is something else; what is open stays with the old one.
    fn renew(&self) {
        match gateway(&self.options) {
            Ok((client, made_of)) => {
                let mut known = self.made_of.lock().unwrap_or_else(PoisonError::into_inner);
                if *known != made_of {
                    *known = made_of;
                    self.gateway.store(Arc::new(client));
                    tracing::info!("the certificate or the authorities of the gateway's client are new");
                }
            }
            Err(fault) => {
                tracing::warn!(%fault, "the gateway's client stays as it was");
            }
        }
    }

    async fn forward(&self, request: WireRequest) -> Reply {
        let begun = Instant::now();
        let id = request.head.origin.request_id.clone();
        let operation = request::operation(&request.head);
        let reply = match request::rebuild(request) {
            Ok(rebuilt) => self.send(rebuilt, &id, operation).await,
            Err(malformed) => Reply::error(malformed.error, &malformed.why, &id),
        };
        let total_ms = (begun.elapsed().as_secs_f64() * 1_000_000.0).round() / 1000.0;
        let theirs = reply.headers.iter().find(|(name, _)| *name == "x-amzn-requestid");
        let gateway = theirs.map(|(_, value)| value.as_str()).filter(|theirs| *theirs != id.as_str());
        tracing::info!(request = %id, gateway, operation, status = reply.status, total_ms, "request");
        reply
    }

    async fn send(&self, rebuilt: Rebuilt, id: &RequestId, operation: &str) -> Reply {
        let client = self.gateway.load_full();
        let (outgoing, notes, session) = match self.sign(rebuilt, client.authority()).await {
            Ok(signed) => signed,
            Err(unsent) => {
                match &unsent {
                    Unsent::Without(Without::Failed(fault)) => {
                        tracing::warn!(request = %id, operation, %fault, "there is no session");
                    }
                    Unsent::Without(Without::Waiting) => {
                        tracing::warn!(request = %id, operation, "there is no session yet");
                    }
                    Unsent::Signing(fault) => tracing::warn!(request = %id, operation, %fault, "not signed"),
                }
                return not_sent(id, "the relay has no session with the guard");
            }
        };
        match client.stream_with(outgoing, &notes).await {
            Ok(answer) => self.answered(answer, &session, id, operation),
            Err(error) => {
                tracing::warn!(request = %id, operation, %error, "no answer of the gateway");
                match error {
                    ClientError { sent: true, .. } => unknown(id),
                    ClientError { sent: false, why: Failure::Busy } => {
                        not_sent(id, "too many requests are under way")
                    }
                    ClientError { sent: false, .. } => not_sent(id, "the guard cannot be reached"),
                }
            }
        }
    }

    /// Signs with the session of this moment, for the Region that the application signed for.
    async fn sign(
        &self,
        rebuilt: Rebuilt,
        authority: &str,
    ) -> Result<(Outgoing, Vec<(String, String)>, Arc<Granted>), Unsent> {
        let session = self.session.session().await.map_err(Unsent::Without)?;
        let Rebuilt { method, target, headers: given, notes, agent, body, region } = rebuilt;
        let mut headers = vec![("host", authority.to_owned())];
        headers.extend(given);
        let more = notes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let fields: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).chain(more).collect();
        let signable = Signable { method, target: &target, headers: &fields, body: &body };
        let region = region.as_deref().unwrap_or(&self.options.region);
        let added = sign(signable, &session.credentials, region, SERVICE, self.clock.now())
            .map_err(Unsent::Signing)?;
        headers.extend(added);
        headers.extend(agent.map(|agent| ("user-agent", agent)));
        Ok((Outgoing { method, target, headers, body }, notes, session))
    }

    /// The gateway's answer; or what it means when it is about the relay itself, or not the gateway's.
    fn answered(&self, answer: Streaming, session: &Granted, id: &RequestId, operation: &str) -> Reply {
        let status = answer.status;
        let error = field(&answer, "x-amzn-errortype");
        let is_guard = field(&answer, "x-amzn-requestid").is_some();
        let is_theirs = field(&answer, FAULT) == Some(THEIRS);
        match status {
            403 if !is_theirs && OURS.iter().any(|ours| Some(ours.name()) == error) => {
                let error = error.unwrap_or_default();
                tracing::error!(request = %id, operation, error, "the gateway does not accept the relay's session");
                self.session.reject(&session.credentials.access_key_id);
                not_sent(id, "the guard does not accept the relay's session")
            }
            200..=299 | 400..=599 if is_guard => passed(answer),
            _ => {
                tracing::warn!(request = %id, operation, status, "what was answered is no answer of a gateway");
                unknown(id)
            }
        }
    }
}

impl Service for Relay {
    fn admit(&self, head: &Head) -> Result<usize, Reply> {
        request::check(head, &self.hosts).map_err(|malformed| {
            let id = &head.origin.request_id;
            tracing::warn!(request = %id, why = malformed.why, "refused");
            Reply::error(malformed.error, &malformed.why, id)
        })?;
        Ok(self.options.body)
    }

    async fn call(self: Arc<Self>, request: WireRequest) -> Reply {
        self.forward(request).await
    }

    fn malformed(&self, malformed: &Malformed, origin: &Origin) {
        tracing::warn!(request = %origin.request_id, why = malformed.why, "malformed");
    }

    fn unread(&self, origin: &Origin) {
        tracing::warn!(request = %origin.request_id, "the body did not come");
    }
}

/// A client of the gateway, and a digest of what it was made of.
fn gateway(options: &RelayOptions) -> Result<(Client, Digest), NoSession> {
    let presented = options.session.certificate.as_ref().map(presented).transpose()?;
    let ca = match &options.gateway.ca_file {
        None => Vec::new(),
        Some(path) => fs::read(path).map_err(|source: io::Error| {
            NoSession::Client(Unusable::Trust(TrustFault::CaFile { path: path.clone(), source }))
        })?,
    };
    let client = Client::presenting(&options.gateway, options.bounds, presented.as_ref())
        .map_err(NoSession::Client)?;
    let parts = match &presented {
        None => vec![ca.as_slice()],
        Some(Presented { chain, key }) => vec![ca.as_slice(), chain.as_slice(), key.expose()],
    };
    Ok((client, Digest::of_list(parts)))
}

fn field<'a>(answer: &'a Streaming, name: &str) -> Option<&'a str> {
    answer.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn passed(answer: Streaming) -> Reply {
    let mut headers = Vec::new();
    for name in PASSED {
        headers.extend(field(&answer, name).map(|value| (name, value.to_owned())));
    }
    Reply { status: answer.status, headers, body: Body::Stream(answer.body), close: false }
}

/// Nothing took effect.
fn not_sent(id: &RequestId, why: &str) -> Reply {
    let words = format!("The request was not carried out: {why}. Request id: {id}");
    Reply::error(ErrorType::ServiceUnavailable, &words, id).retry_after(AGAIN)
}

/// It was sent, and nobody knows what became of it.
fn unknown(id: &RequestId) -> Reply {
    let words = format!("The outcome of the request is not known. Request id: {id}");
    Reply::error(ErrorType::InternalService, &words, id)
}
