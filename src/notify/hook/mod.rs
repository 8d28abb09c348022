//! Webhooks: one HTTPS POST a notice, signed, to one receiver that the configuration names.
//!
//! No redirects, no proxies from the environment, no plain HTTP, answers bounded, and no connection to a private address
//! unless the configuration names its network: the address that was checked is the address that is connected to.

use std::{
    error::Error, fmt, future::poll_fn, path::PathBuf, pin::Pin, str::FromStr, sync::Arc, time::Duration,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body::Body;
use ipnet::IpNet;

use self::{body::Message, signature::Keys};
use super::{
    mail::without_addresses,
    unsent::{Step, Unsent},
    words::Words,
};
use crate::{
    client::{Client, ClientBounds, ClientError, Endpoint, Outgoing, Reach, Streaming, Unusable},
    clock::Now,
    crash::{Point, point},
    notice::Delivery,
    secret::Secret,
    wire::Broken,
};

pub(super) mod answer;
mod body;
mod signature;
mod url;

pub(crate) use url::{HookUrl, HookUrlFault};

/// For name, TCP and TLS together, at most.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer's body is waited for: nothing in it decides anything.
const BODY: Duration = Duration::from_secs(2);
/// Octets of an answer that are read, for the connection to be used again.
const WORDS: usize = 16 * 1024;
/// Octets of an answer that are shown.
const SHOWN: usize = 512;

/// How one receiver is told.
pub(crate) struct HookOptions {
    /// Where: `https://host[:port]/path`, without user, password or fragment. A secret, since for Slack and Teams it is
    /// all that one must know to post.
    pub url: Secret,
    /// Standard Webhooks secrets (`whsec_` and 24 to 64 bytes in base64), the current one first and, during a rotation,
    /// the previous one after it: every one of them signs. At least one for [`HookFormat::CloudEvents`]; for
    /// [`HookFormat::PagerDuty`] exactly one, which is the routing key and signs nothing.
    pub secrets: Vec<Secret>,
    /// What the receiver understands.
    pub format: HookFormat,
    /// Trust these CAs (PEM) instead of the platform's.
    pub ca_file: Option<PathBuf>,
    /// Networks that are not public and may be connected to all the same.
    pub private: Vec<IpNet>,
    /// For one attempt, from resolving the name to the answer's head; of it at most 10 s for name, TCP and TLS. Default
    /// 20 s.
    pub timeout: Duration,
}

/// What a receiver understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HookFormat {
    /// CloudEvents 1.0 in structured JSON: every fact.
    CloudEvents,
    /// A message of blocks for an incoming webhook of Slack.
    Slack,
    /// An adaptive card for a workflow of Teams.
    Teams,
    /// An event for PagerDuty's Events API v2.
    PagerDuty,
}

/// A webhook cannot be set up. Shows neither the URL nor a secret.
#[derive(Debug)]
pub(crate) enum HookFault {
    /// The URL is not `https://host[:port]/path`.
    Url(HookUrlFault),
    /// The host, its port or the CA file cannot be used.
    Client(Unusable),
    /// A secret is not `whsec_` and 24 to 64 bytes in base64.
    Secret,
    /// CloudEvents without a secret to sign with.
    Unsigned,
    /// PagerDuty without its routing key, or with something else: 32 letters and digits, once.
    RoutingKey,
}

/// One receiver.
pub(crate) struct Hook {
    aim: ArcSwap<Aim>,
}

/// Where and how, as the options say.
struct Aim {
    client: Client,
    target: String,
    keys: Keys,
    shape: Shape,
    timeout: Duration,
}

/// A format with what it needs.
enum Shape {
    CloudEvents,
    Slack,
    Teams,
    PagerDuty(Secret),
}

impl Hook {
    /// Sets the receiver up; reads the CA file; connects to nothing.
    ///
    /// # Errors
    /// When nothing could ever be sent with these options.
    pub(crate) fn new(options: &HookOptions) -> Result<Self, HookFault> {
        Ok(Self { aim: ArcSwap::from_pointee(Aim::new(options)?) })
    }

    /// From now on these options hold: another URL, other secrets, a CA file read again. What is under way ends as it began.
    ///
    /// # Errors
    /// As for [`Hook::new`]; then nothing is replaced.
    pub(crate) fn replace(&self, options: &HookOptions) -> Result<(), HookFault> {
        self.aim.store(Arc::new(Aim::new(options)?));
        Ok(())
    }

    /// Name, TCP, TLS; sends nothing.
    ///
    /// # Errors
    /// When the receiver cannot be reached, or is not whom its certificate has to name.
    pub(crate) async fn check(&self) -> Result<(), Unsent> {
        let aim = self.aim.load_full();
        aim.client.connect().await.map_err(Unsent::Hook)
    }

    /// Posts one delivery; gives what the receiver answered when it took it, without any address.
    ///
    /// # Errors
    /// When the receiver has not taken it, or may have taken it and did not say so.
    pub(super) async fn post(&self, words: &Words, delivery: &Delivery, now: Now) -> Result<String, Unsent> {
        let aim = self.aim.load_full();
        let request = aim.request(words, delivery, now)?;
        point(Point::HookPost);
        let answer = aim.exchange(request, now).await;
        point(Point::HookPosted);
        answer
    }

    /// Posts a document that is no notice.
    ///
    /// # Errors
    /// As for a notice.
    pub(super) async fn post_document(&self, id: &str, document: String, now: Now) -> Result<(), Unsent> {
        let aim = self.aim.load_full();
        let request = aim.outgoing(id.to_owned(), "application/json", document.into(), now);
        aim.exchange(request, now).await.map(|_| ())
    }

    /// Posts records, a line each.
    ///
    /// # Errors
    /// As for a notice.
    pub(super) async fn post_lines(&self, id: &str, lines: Vec<u8>, now: Now) -> Result<(), Unsent> {
        let aim = self.aim.load_full();
        let request = aim.outgoing(signature::id(id), "application/x-ndjson", lines.into(), now);
        aim.exchange(request, now).await.map(|_| ())
    }
}

impl Aim {
    fn new(options: &HookOptions) -> Result<Self, HookFault> {
        let url = options.url.expose_str().ok_or(HookUrlFault::Unreadable).and_then(HookUrl::read);
        let url = url.map_err(HookFault::Url)?;
        let (shape, keys) = match (options.format, options.secrets.as_slice()) {
            (HookFormat::PagerDuty, [key]) if is_routing_key(key) => (Shape::PagerDuty(key.clone()), &[][..]),
            (HookFormat::PagerDuty, _) => return Err(HookFault::RoutingKey),
            (HookFormat::CloudEvents, []) => return Err(HookFault::Unsigned),
            (HookFormat::CloudEvents, keys) => (Shape::CloudEvents, keys),
            (HookFormat::Slack, keys) => (Shape::Slack, keys),
            (HookFormat::Teams, keys) => (Shape::Teams, keys),
        };
        let keys = Keys::read(keys).ok_or(HookFault::Secret)?;
        let endpoint =
            Endpoint { host: url.host, port: url.port, address: None, ca_file: options.ca_file.clone() };
        let bounds = ClientBounds {
            connect: options.timeout.min(CONNECT),
            answer: options.timeout,
            idle_body: BODY,
            body: WORDS,
            pool: 4,
            pool_idle: Duration::from_secs(20),
            in_flight: 64,
        };
        let reach = Reach::Public { but: options.private.clone() };
        let client = Client::reaching(&endpoint, bounds, reach).map_err(HookFault::Client)?;
        Ok(Self { client, target: url.target, keys, shape, timeout: options.timeout })
    }

    fn request(&self, words: &Words, delivery: &Delivery, now: Now) -> Result<Outgoing, Unsent> {
        let id = signature::id(&delivery.message_id);
        let message = Message { id: &id, delivery };
        let words = || words.of(delivery);
        let (media, body) = match &self.shape {
            Shape::CloudEvents => ("application/cloudevents+json", message.cloud_event()),
            Shape::Slack => ("application/json", body::slack(&words()?)),
            Shape::Teams => ("application/json", body::teams(&words()?)),
            Shape::PagerDuty(key) => ("application/json", message.pager_duty(&words()?, key)),
        };
        Ok(self.outgoing(id, media, Bytes::from(body.to_string()), now))
    }

    fn outgoing(&self, id: String, media: &str, body: Bytes, now: Now) -> Outgoing {
        let seconds = now.timestamp().as_second();
        let mut headers = vec![
            ("host", self.client.authority().to_owned()),
            ("content-type", media.to_owned()),
            ("user-agent", concat!("connect-guard/", env!("CARGO_PKG_VERSION")).to_owned()),
        ];
        if !self.keys.is_empty() {
            headers.push(("webhook-signature", self.keys.sign(&id, seconds, &body)));
        }
        headers.push(("webhook-timestamp", seconds.to_string()));
        headers.push(("webhook-id", id));
        Outgoing { method: "POST", target: self.target.clone(), headers, body }
    }

    /// The status decides; the words after it are read as far as they come, and are never waited for long.
    async fn exchange(&self, request: Outgoing, now: Now) -> Result<String, Unsent> {
        self.heard(self.client.stream(request), now).await
    }

    async fn heard(
        &self,
        answer: impl Future<Output = Result<Streaming, ClientError>>,
        now: Now,
    ) -> Result<String, Unsent> {
        let answer = tokio::time::timeout(self.timeout, answer)
            .await
            .map_err(|_| Unsent::Timeout { step: Step::Post, after: self.timeout })?
            .map_err(Unsent::Hook)?;
        let status = answer.status;
        let retry_after = answer::retry_after(&answer.headers, now);
        let words = without_addresses(&words(answer.body).await);
        if (200..300).contains(&status) {
            return Ok(format!("{status} {words}").trim_end().to_owned());
        }
        Err(Unsent::Answered { status, words, retry_after })
    }
}

#[cfg(feature = "fuzzing")]
impl Hook {
    /// What a document that is no notice comes to when this is all that the receiver sends.
    pub(super) async fn hear<S>(&self, stream: S, now: Now) -> Result<String, Unsent>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let aim = self.aim.load_full();
        let request = aim.outgoing("1".to_owned(), "application/json", Bytes::from_static(b"{}"), now);
        aim.heard(aim.client.stream_over(stream, request), now).await
    }
}

/// The beginning of an answer's body. Dropped before its end, it closes the connection.
async fn words(mut body: Pin<Box<dyn Body<Data = Bytes, Error = Broken> + Send>>) -> String {
    let mut read = Vec::new();
    let reading = async {
        while let Some(Ok(frame)) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
            read.extend(frame.into_data().unwrap_or_default());
            if read.len() > WORDS {
                break;
            }
        }
    };
    // What has come until then is enough.
    drop(tokio::time::timeout(BODY, reading).await);
    read.truncate(SHOWN);
    String::from_utf8_lossy(&read).into_owned()
}

fn is_routing_key(key: &Secret) -> bool {
    key.expose_str()
        .map(str::trim)
        .is_some_and(|key| key.len() == 32 && key.bytes().all(|octet| octet.is_ascii_alphanumeric()))
}

impl HookFormat {
    /// Every format.
    pub(crate) const ALL: [Self; 4] = [Self::CloudEvents, Self::Slack, Self::Teams, Self::PagerDuty];

    /// The word for it in the configuration.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::CloudEvents => "cloudevents",
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::PagerDuty => "pagerduty",
        }
    }
}

impl FromStr for HookFormat {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|format| format.as_str() == word).ok_or(())
    }
}

impl fmt::Display for HookFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for HookFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(fault) => write!(f, "its url {fault}"),
            Self::Client(fault) => fault.fmt(f),
            Self::Secret => f.write_str("a secret is not `whsec_` and 24 to 64 bytes in base64"),
            Self::Unsigned => f.write_str("cloudevents are signed, and there is no secret to sign with"),
            Self::RoutingKey => {
                f.write_str("pagerduty takes one secret, a routing key of 32 letters and digits")
            }
        }
    }
}

impl Error for HookFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Client(fault) => Some(fault),
            Self::Url(fault) => Some(fault),
            Self::Secret | Self::Unsigned | Self::RoutingKey => None,
        }
    }
}
