//! An embedded STS: as much of AWS's Security Token Service, over TLS on this machine, as a guard can meet. It verifies
//! every signature, says who signed (`GetCallerIdentity`), gives credentials for a role (`AssumeRole`), and remembers
//! what it was asked.
//!
//! What it never does: it has no trust policies (whoever is known may assume any role), and it is no oracle for the real
//! STS. Source: <https://docs.aws.amazon.com/STS/latest/APIReference/>.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use jiff::SignedDuration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{certificates::Authority, connect::Credential};
use crate::{
    clock::Clock,
    secret::{Secret, random},
    sigv4::{Claimed, Signable, instant, verify},
    wire::RequestId,
};

/// The longest request body that is read.
const MOST_BODY: usize = 64 * 1024;
/// How far a signature's time may be from the system's.
const SKEW: SignedDuration = SignedDuration::from_mins(15);
/// How long credentials of an assumed role hold.
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// Somebody who is known to AWS.
#[derive(Clone)]
pub struct Identity {
    /// With which credentials.
    pub credential: Credential,
    /// The ARN that `GetCallerIdentity` gives.
    pub arn: String,
    /// The unique id that it gives: `AIDA...`, or `AROA...:session`.
    pub user_id: String,
}

/// What was asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The operation.
    pub action: String,
    /// The ARN of who asked; empty when that was not proven.
    pub by: String,
    /// The parameters, but for `Action` and `Version`.
    pub parameters: BTreeMap<String, String>,
    /// The names of the signed header fields.
    pub signed: Vec<String>,
}

/// A running embedded STS. It stops when it is dropped.
pub struct Sts {
    address: SocketAddr,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

/// Who has to know of the credentials that were given, and to accept them.
type Told = Box<dyn Fn(Vec<Credential>) + Send + Sync>;

struct Shared {
    authority: Authority,
    told: Mutex<Option<Told>>,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    identities: Vec<Identity>,
    asked: Vec<Asked>,
}

/// An answer: the status and the XML.
type Answer = (u16, String);

impl Sts {
    /// Starts one for a Region. Its certificate is for STS's regional endpoint there.
    ///
    /// # Errors
    /// When nothing can be listened on, or no certificate can be made.
    pub async fn start(region: &str, identities: Vec<Identity>) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let address = listener.local_addr()?;
        let authority = Authority::new("embedded sts")?;
        let host = format!("sts.{region}.amazonaws.com");
        let acceptor: TlsAcceptor = authority.issue(&[&host, "localhost"])?.server(&["http/1.1"])?.into();
        let state = Mutex::new(State { identities, asked: Vec::new() });
        let shared = Arc::new(Shared { authority, told: Mutex::default(), clock: Clock::system(), state });
        let stop = CancellationToken::new();
        tokio::spawn(accept(listener, acceptor, shared.clone(), stop.clone()));
        Ok(Self { address, shared, _stop: stop.drop_guard() })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate authority to trust, PEM.
    pub fn ca_pem(&self) -> &str {
        self.shared.authority.pem()
    }

    /// Somebody more is known.
    pub fn add(&self, identity: Identity) {
        self.shared.state().identities.push(identity);
    }

    /// Everything that was asked so far, oldest first.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.state().asked.clone()
    }

    /// The credentials it gave for roles, oldest first: for whoever has to know them.
    pub fn given(&self) -> Vec<Credential> {
        self.shared.given()
    }

    /// Tells of all credentials that it gave, each time that it gives some, before it answers: as all of AWS knows them at
    /// once.
    pub fn tell(&self, told: impl Fn(Vec<Credential>) + Send + Sync + 'static) {
        *self.shared.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(told));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn given(&self) -> Vec<Credential> {
        let state = self.state();
        let temporary = state.identities.iter().filter(|one| one.arn.contains(":assumed-role/"));
        temporary.map(|one| one.credential.clone()).collect()
    }

    /// Proof, then operation.
    fn answer(&self, head: &http::request::Parts, body: &[u8]) -> Answer {
        let mut parameters = form(body);
        let action = parameters.remove("Action").unwrap_or_default();
        let version = parameters.remove("Version").unwrap_or_default();
        let mut asked = Asked { action, by: String::new(), parameters, signed: Vec::new() };
        let proven = self.proven(head, body, &mut asked);
        let answer = match proven {
            Err(refused) => refused,
            Ok(_) if version != "2011-06-15" => error(400, "InvalidAction", "no such version"),
            Ok(identity) => match asked.action.as_str() {
                "GetCallerIdentity" => who(&identity),
                "AssumeRole" => self.assumed(&asked),
                _ => error(400, "InvalidAction", "no such operation"),
            },
        };
        self.state().asked.push(asked);
        answer
    }

    fn proven(
        &self,
        head: &http::request::Parts,
        body: &[u8],
        asked: &mut Asked,
    ) -> Result<Identity, Answer> {
        let headers: Vec<(&str, &str)> = head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default().trim()))
            .collect();
        let one = |wanted: &str| headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
        let missing = || error(403, "MissingAuthenticationToken", "Request is missing Authentication Token");
        let claimed = Claimed::read(one("authorization").ok_or_else(missing)?)
            .map_err(|fault| error(400, "IncompleteSignature", &fault.to_string()))?;
        asked.signed = claimed.signed_headers.iter().map(ToString::to_string).collect();
        let unknown =
            || error(403, "InvalidClientTokenId", "The security token included in the request is invalid.");
        let identity = {
            let state = self.state();
            let mut same =
                state.identities.iter().filter(|one| one.credential.access_key_id == claimed.access_key_id);
            same.next().cloned().ok_or_else(unknown)?
        };
        if one("x-amz-security-token") != identity.credential.session_token.as_deref() {
            return Err(unknown());
        }
        let date = one("x-amz-date").unwrap_or_default();
        let late =
            instant(date).is_none_or(|at| at.duration_until(self.clock.now().timestamp()).abs() > SKEW);
        if late || claimed.service != "sts" {
            return Err(error(403, "SignatureDoesNotMatch", "Signature expired or for another service"));
        }
        let target = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let signable = Signable { method: head.method.as_str(), target, headers: &headers, body };
        let secret = Secret::new(identity.credential.secret.clone().into_bytes());
        verify(&claimed, signable, date, &secret).map_err(|_| {
            error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match")
        })?;
        asked.by.clone_from(&identity.arn);
        Ok(identity)
    }

    fn assumed(&self, asked: &Asked) -> Answer {
        let parameter = |name: &str| asked.parameters.get(name).map(String::as_str).unwrap_or_default();
        let (role, session) = (parameter("RoleArn"), parameter("RoleSessionName"));
        let Some((account, name)) =
            role.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(":role/"))
        else {
            return error(400, "ValidationError", "RoleArn is not one");
        };
        if session.len() < 2 || session.len() > 64 {
            return error(400, "ValidationError", "RoleSessionName has 2 to 64 characters");
        }
        let Ok(bytes) = random::<20>() else { return error(500, "InternalFailure", "no random bytes") };
        let text = hex::encode_upper(bytes);
        let (id, secret) = text.split_at(16);
        let credential = Credential {
            access_key_id: format!("ASIA{id}"),
            secret: format!("secret-{secret}"),
            session_token: Some(format!("token-{text}")),
        };
        let arn = format!("arn:aws:sts::{account}:assumed-role/{name}/{session}");
        let user_id = format!("AROAEXAMPLEROLE000001:{session}");
        let ends = self.clock.now().plus(LIFETIME).timestamp().strftime("%Y-%m-%dT%H:%M:%SZ");
        let token = credential.session_token.clone().unwrap_or_default();
        let answer = format!(
            "<AssumedRoleUser><AssumedRoleId>{user_id}</AssumedRoleId><Arn>{arn}</Arn></AssumedRoleUser>\
             <Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
             <SessionToken>{token}</SessionToken><Expiration>{ends}</Expiration></Credentials>",
            credential.access_key_id, credential.secret,
        );
        self.state().identities.push(Identity { credential, arn, user_id });
        if let Some(told) = &*self.told.lock().unwrap_or_else(PoisonError::into_inner) {
            told(self.given());
        }
        result("AssumeRole", &answer)
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>, stop: CancellationToken) {
    let tracker = TaskTracker::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let Ok((tcp, _)) = accepted else { continue };
        let work = connection(tcp, acceptor.clone(), shared.clone());
        tracker.spawn(stop.clone().run_until_cancelled_owned(work));
    }
}

async fn connection(tcp: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let Ok(tls) = acceptor.accept(tcp).await else { return };
    let service = service_fn(|request| answer(request, shared.clone()));
    // However a connection ends: what was asked on it is remembered.
    drop(http1::Builder::new().serve_connection(TokioIo::new(tls), service).await);
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MOST_BODY).collect().await.map_err(io::Error::other)?.to_bytes();
    let (status, text) = shared.answer(&head, &body);
    Response::builder()
        .status(status)
        .header("content-type", "text/xml")
        .header("x-amzn-RequestId", RequestId::fresh().as_str())
        .body(Full::from(text))
        .map_err(io::Error::other)
}

fn who(identity: &Identity) -> Answer {
    let account = identity.arn.split(':').nth(4).unwrap_or_default();
    let (arn, id) = (&identity.arn, &identity.user_id);
    result("GetCallerIdentity", &format!("<Arn>{arn}</Arn><UserId>{id}</UserId><Account>{account}</Account>"))
}

fn result(action: &str, inner: &str) -> Answer {
    let text = format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  \
         <{action}Result>{inner}</{action}Result>\n  \
         <ResponseMetadata><RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId></ResponseMetadata>\n\
         </{action}Response>\n"
    );
    (200, text)
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    let text = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId></ErrorResponse>\n"
    );
    (status, text)
}

/// The parameters of a form; what is doubled keeps the first.
fn form(body: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(body);
    let mut parameters = BTreeMap::new();
    for pair in text.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        parameters.entry(decoded(name)).or_insert_with(|| decoded(value));
    }
    parameters
}

fn decoded(text: &str) -> String {
    let mut octets = Vec::new();
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next(), rest.next()].map(Option::unwrap_or_default);
                std::str::from_utf8(&digits)
                    .ok()
                    .and_then(|two| u8::from_str_radix(two, 16).ok())
                    .unwrap_or(b'?')
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_decoded() {
        let parameters = form(b"Action=A&b=c%3Ad+e&b=other");
        assert_eq!(parameters["Action"], "A");
        assert_eq!(parameters["b"], "c:d e");
    }
}
